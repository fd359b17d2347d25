"""Checks the service against its /openapi.json with schemathesis, and against FastAPI with requests that old clients may send.

    venv/bin/python scripts/checks/api_check.py target/release/wail-serve MODEL [--examples 30]

Fails on an answer of 5xx, on an answer that the document does not describe or whose schema differs, and on an invalid request that is
accepted. A valid request may be refused: random bytes are not a recording. Fails if the status of a request differs from FastAPI's, or
the path that it redirects to. Then sends bodies that only this service refuses.
"""

import contextlib
import gzip
import io
import pathlib
import subprocess
import sys
import threading
import time
import urllib.parse
import wave

import fastapi
import requests
import uvicorn

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wail_scripts import command_line
from wail_scripts.service import running


def recording():
    """A second of a square wave as a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", None))
        sound.writeframes(b"\x00\x10\x00\x10\x00\xf0\x00\xf0" * 2000)
    return file.getvalue()


@contextlib.contextmanager
def peer():
    """Address of a FastAPI service with two routes of the older service, until the block ends."""
    app = fastapi.FastAPI()
    app.get("/health")(lambda: {"status": "ok"})

    @app.post("/predict")
    def predict(file: fastapi.UploadFile, top_k: int = 3):
        return {"top_k": top_k, "bytes": len(file.file.read())}

    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


def differences(url, other):
    """Requests whose status or redirection differs between two services."""
    sound = recording()
    form = {"files": {"file": ("cry.wav", sound)}}
    for method, path, body in [
        ("GET", "/health", {}),
        ("GET", "/health/", {}),
        ("POST", "/health", {}),
        ("GET", "/nothing", {}),
        ("GET", "/nothing/", {}),
        ("GET", "/predict", {}),
        ("GET", "/predict/", {}),
        ("POST", "/predict", form),
        ("POST", "/predict/", form),
        ("POST", "/predict//", form),
        ("POST", "/predict/?top_k=2&other=%2F", form),
        ("POST", "/predict?top_k=x", form),
        ("POST", "/predict", {}),
        ("POST", "/predict", {"json": {"url": "https://example.org/cry.wav"}}),
        ("POST", "/predict", {"files": {"sound": ("cry.wav", sound)}}),
    ]:
        answers = []
        for service in [url, other]:
            answer = requests.request(method, service + path, allow_redirects=False, timeout=60, **body)
            target = urllib.parse.urlsplit(answer.headers.get("location", ""))
            answers.append((answer.status_code, target.path, target.query))
        if answers[0] != answers[1]:
            yield f"{method} {path} {sorted(body)}: {answers[0]}, and FastAPI {answers[1]}"
    followed = [requests.post(service + "/predict/", timeout=60, **form).status_code for service in [url, other]]
    if followed != [200, 200]:
        yield f"a redirected recording: {followed}"


def accepted(url):
    """Bodies that must be refused but are not. requests sends a whole body before it reads the answer."""
    for path in ["/predict", "/v1/classify", "/predict/"]:
        for body, headers, status in [
            (gzip.compress(recording()), {"content-encoding": "gzip"}, 415),
            (bytes(40 << 20), {}, 413),
            ((bytes(1 << 20) for _ in range(40)), {}, 413),
        ]:
            if path == "/predict/" and not isinstance(body, bytes):
                continue  # requests cannot send a generator again
            answer = requests.post(url + path, data=body, headers={"content-type": "audio/wav", **headers}, timeout=60)
            if answer.status_code != status:
                yield f"{path}: {answer.status_code} instead of {status}: {answer.text}"


def main():
    parser = command_line.parser(__doc__, "serve", "model")
    parser.add_argument("--examples", type=int, default=30)
    args = parser.parse_args()
    with running(args.serve, args.model) as (_, url):
        with peer() as other:
            wrong = [*differences(url, other), *accepted(url)]
        if wrong:
            sys.exit("\n".join(wrong))
        schemathesis = pathlib.Path(sys.executable).with_name("schemathesis")
        command = [schemathesis, "--no-color", "run", f"{url}/openapi.json", "--seed", "1", "--generation-deterministic"]
        command += ["--exclude-checks", "positive_data_acceptance", "--max-examples", str(args.examples)]
        sys.exit(subprocess.run(command).returncode)


if __name__ == "__main__":
    main()
