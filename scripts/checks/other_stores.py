"""Publishes, moves and reads models in a store of Google's and of Azure's protocol on loopback.

    venv/bin/python scripts/checks/other_stores.py target/release/wail [--azurite node_modules/.bin/azurite-blob]

`wail` needs the cargo feature `cloud`. For gs:// a small server here does what the documentation of Google's XML API says of the requests
that Wail makes (https://cloud.google.com/storage/docs/xml-api/put-object-upload): generations, and writes on the condition of one. For
az:// Azurite, Microsoft's own emulator, is started if its path is given (`npm install azurite`). Checked: versions, files, an alias that
moves, and one that somebody else moves first. store.py checks an S3 server whose connections break as well. Standard library only.
"""

import base64
import contextlib
import hashlib
import hmac
import http.server
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from email.utils import formatdate
from xml.sax.saxutils import escape

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from store import Proxy
from wail_scripts import ROOT, command_line
from wail_scripts.service import stop

MODEL = ROOT / "models/wail-compact"
# The account that every copy of Azurite knows: https://learn.microsoft.com/azure/storage/common/storage-use-azurite
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


class Google(http.server.ThreadingHTTPServer):
    """Objects by path, each with its generation."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), GoogleHandler)
        self.lock = threading.Lock()
        self.objects = {}
        self.generation = 0
        threading.Thread(target=self.serve_forever, daemon=True).start()


class GoogleHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", generation=None, content=b""):
        self.send_response(status)
        if generation is not None:
            self.send_header("x-goog-generation", str(generation))
            self.send_header("etag", f'"{hashlib.md5(content).hexdigest()}"')
            self.send_header("last-modified", formatdate(usegmt=True))
        self.send_header("content-length", str(len(content if self.command == "HEAD" else body)))
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self):
        content = self.rfile.read(int(self.headers.get("content-length", 0)))
        path = urllib.parse.unquote(self.path.split("?")[0])
        with self.server.lock:
            _, now = self.server.objects.get(path, (b"", 0))
            wanted = self.headers.get("x-goog-if-generation-match")
            if wanted is not None and int(wanted) != now:
                return self.answer(412)
            self.server.generation += 1
            self.server.objects[path] = content, self.server.generation
            return self.answer(200, generation=self.server.generation, content=content)

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        path, query = urllib.parse.unquote(url.path), dict(urllib.parse.parse_qsl(url.query))
        if query.get("list-type") == "2":
            start = path.rstrip("/") + "/"
            found = sorted((name[len(start) :], *found) for name, found in self.server.objects.items() if name.startswith(start))
            contents = [
                f"<Contents><Key>{escape(name)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
                f'<ETag>"{hashlib.md5(content).hexdigest()}"</ETag><Size>{len(content)}</Size></Contents>'
                for name, content, _ in found
                if name.startswith(query.get("prefix", ""))
            ]
            return self.answer(200, f"<ListBucketResult>{''.join(contents)}</ListBucketResult>".encode())
        if path not in self.server.objects:
            return self.answer(404)
        content, generation = self.server.objects[path]
        return self.answer(200, b"" if self.command == "HEAD" else content, generation, content)

    do_HEAD = do_GET


@contextlib.contextmanager
def google():
    """Address in a bucket, the server's port, and the environment that leads to a port."""

    def environment(port):
        key = {"gcs_base_url": f"http://127.0.0.1:{port}", "disable_oauth": True, "client_email": "", "private_key": "", "private_key_id": ""}
        return {"GOOGLE_SERVICE_ACCOUNT_KEY": json.dumps(key), "GOOGLE_ALLOW_HTTP": "true"}

    server = Google()
    yield "gs://bucket/models/cry", server.server_address[1], environment
    server.shutdown()


@contextlib.contextmanager
def azure(azurite, folder):
    """As google()."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [azurite, "--silent", "--blobPort", str(port), "--location", folder, "--skipApiVersionCheck"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60
        while not create_container(port):
            if time.monotonic() > until:
                sys.exit("Azurite did not start")
            time.sleep(0.2)

        def environment(port):
            return {"AZURE_STORAGE_USE_EMULATOR": "true", "AZURITE_BLOB_STORAGE_URL": f"http://127.0.0.1:{port}"}

        yield "az://bucket/models/cry", port, environment
    finally:
        stop(process)


def create_container(port):
    """Whether it exists now; https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key says how to sign."""
    date = formatdate(usegmt=True)
    text = "PUT" + "\n" * 12 + f"x-ms-date:{date}\nx-ms-version:2021-08-06\n/{ACCOUNT}/{ACCOUNT}/bucket\nrestype:container"
    signature = base64.b64encode(hmac.digest(base64.b64decode(KEY), text.encode(), "sha256")).decode()
    headers = {"x-ms-date": date, "x-ms-version": "2021-08-06", "Authorization": f"SharedKey {ACCOUNT}:{signature}"}
    url = f"http://127.0.0.1:{port}/{ACCOUNT}/bucket?restype=container"
    try:
        return urllib.request.urlopen(urllib.request.Request(url, headers=headers, method="PUT"), timeout=5).status == 201
    except OSError as error:
        return getattr(error, "code", None) == 409


def check(wail, folder, store, port, environment):
    """Versions, an alias that moves, and a lost race in `store`."""
    proxy = Proxy(("127.0.0.1", port))

    def expect(code, *arguments, port=proxy.server_address[1]):
        command = [wail, *map(str, arguments)]
        found = subprocess.run(command, cwd=folder, env=os.environ | environment(port), capture_output=True, text=True)
        if found.returncode != code:
            sys.exit(f"FAILED: {store}: wail {' '.join(map(str, arguments))} ended with {found.returncode}\n{found.stdout}{found.stderr}")
        return found.stdout if code == 0 else found.stderr

    expect(4, "pull", f"{store}/production")
    first = expect(0, "push", MODEL, store, "--alias", "production").split()
    again = expect(0, "push", MODEL, store).split()
    assert again == first[:1], (first, again)
    expect(0, "pull", f"{store}/production", "--output", "pulled")
    names = sorted(path.name for path in MODEL.iterdir())
    for name in names:
        assert (folder / "pulled" / name).read_bytes() == (MODEL / name).read_bytes(), name
    (folder / "pulled/MODEL_CARD.md").write_text("# Another card\n")
    second = expect(0, "push", "pulled", store, "--alias", "production").split()
    assert second[0] != first[0] and second[1] == first[1], (first, second)
    expect(0, "pull", f"{store}/production", "--output", "moved")
    assert (folder / "moved/MODEL_CARD.md").read_text() == "# Another card\n"
    # Somebody else moves the alias after it was read and before it is written.
    moved = []

    def race(method, path):
        if method == "PUT" and "/aliases/" in urllib.parse.unquote(path) and not moved:
            moved.append(path)
            return lambda: expect(0, "push", MODEL, store, "--alias", "production", port=port)
        return None

    with proxy.failing(race):
        (folder / "moved/MODEL_CARD.md").write_text("# A third card\n")
        message = expect(75, "push", "moved", store, "--alias", "production")
    assert moved and "somebody else" in message, message
    expect(0, "pull", f"{store}/production", "--output", "kept")
    assert (folder / "kept/MODEL_CARD.md").read_bytes() == (MODEL / "MODEL_CARD.md").read_bytes()
    print(f"ok: {store}: a version, again the same, {len(names)} files as they were, an alias that moves, and one that somebody else moves first")


def main():
    parser = command_line.parser(__doc__, "wail")
    parser.add_argument("--azurite", type=pathlib.Path)
    arguments = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folders = [pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in range(3)]
        check(arguments.wail.resolve(), folders[0], *stack.enter_context(google()))
        if arguments.azurite:
            check(arguments.wail.resolve(), folders[1], *stack.enter_context(azure(arguments.azurite.resolve(), folders[2])))


if __name__ == "__main__":
    main()
