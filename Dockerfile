# docker build --tag wail . && docker run --rm --publish 127.0.0.1:8000:8000 wail
FROM rust:1.95-bookworm AS build
WORKDIR /source
COPY . .
RUN cargo build --release --workspace --locked

# docker build --target wail --tag wail-train . makes an image of the command line, for training on a cluster.
FROM gcr.io/distroless/cc-debian12:nonroot AS wail
COPY --from=build /source/target/release/wail /usr/local/bin/wail
WORKDIR /work
ENTRYPOINT ["/usr/local/bin/wail"]

# glibc and an unprivileged user; no shell, no package manager.
FROM gcr.io/distroless/cc-debian12:nonroot
WORKDIR /
COPY --from=build /source/target/release/wail-serve /usr/local/bin/wail-serve
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=4s --start-period=10s CMD ["/usr/local/bin/wail-serve", "check"]
ENTRYPOINT ["/usr/local/bin/wail-serve"]
CMD ["--listen", "0.0.0.0:8000"]
