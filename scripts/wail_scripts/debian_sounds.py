"""Sounds from Debian packages with free licences, fetched by name and never committed. Needs Debian's apt and dpkg."""

import subprocess


def fetch(package, folder):
    """Downloads and unpacks a package below `folder`, once; returns the root of its files."""
    root, unfinished = folder / package, folder / f"{package}.unfinished"
    if not root.exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", "--quiet", package], cwd=folder, check=True)
        (archive,) = folder.glob(f"{package}_*.deb")
        subprocess.run(["dpkg", "-x", archive, unfinished], check=True)
        unfinished.rename(root)
    return root


def matching(shares, patterns, without):
    """Files below the folders `shares` that match one of `patterns` and whose names lack `without`, ordered by their paths there."""
    found = {file.relative_to(share): file for share in shares for pattern in patterns for file in share.glob(pattern)}
    return [file for _, file in sorted(found.items()) if file.is_file() and without not in file.name]
