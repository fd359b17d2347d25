"""Publishes, serves and promotes models in a real S3 server on loopback, whose connections break, stall and lie.

    venv/bin/python scripts/checks/store.py target/release/wail target/release/wail-serve

Both programs need the cargo feature `cloud`. The server is moto; a proxy before it drops connections, slows answers down and changes
bytes. Checked: versions and checksums, the service with a published model and its reload under load, `wail promote` with a better, a
worse and a leaking candidate, two promotions at once, and training on a corpus in a bucket. Everything is in a temporary folder.
"""

import concurrent.futures
import contextlib
import http.client
import http.server
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wail_scripts import ROOT, command_line
from wail_scripts.service import address, stop

BUCKET = "wail-check"
MODELS = f"s3://{BUCKET}/models/cry"
# A server that is silent for longer counts as gone.
SILENCE_SECONDS = 2
BOUNDARY = "a-boundary"
ENCODER = ROOT / "models/wail-compact/model.onnx"


class Proxy(http.server.ThreadingHTTPServer):
    """Forwards requests to the S3 server, and does to the answer what `fault` says: fault(method, path) returns a name or None."""

    daemon_threads = True

    def __init__(self, upstream):
        super().__init__(("127.0.0.1", 0), Handler)
        self.upstream = upstream
        self.fault = lambda method, path: None
        self.lock = threading.Lock()
        self.requests = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass  # Connections break on purpose.

    @contextlib.contextmanager
    def failing(self, fault):
        self.requests.clear()
        self.fault = fault
        yield
        self.fault = lambda method, path: None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def forward(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        with self.server.lock:
            self.server.requests.append((self.command, self.path))
            fault = self.server.fault(self.command, self.path)
        if fault == "stall":
            time.sleep(4 * SILENCE_SECONDS)
        if fault == "drop":
            return self.cut()
        if callable(fault):
            fault()
        status, headers, content = self.ask(body)
        if fault == "drop the answer":
            return self.cut()
        if fault == "change a byte" and content:
            content = bytes([content[0] ^ 1]) + content[1:]
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in ("transfer-encoding", "connection", "content-length", "date", "server"):
                self.send_header(name, value)
        length = dict((name.lower(), value) for name, value in headers).get("content-length", "0") if self.command == "HEAD" else len(content)
        self.send_header("content-length", str(length))
        self.end_headers()
        if self.command == "HEAD":
            return None
        if fault == "drop in the middle":
            self.wfile.write(content[: len(content) // 2])
            return self.cut()
        if fault == "slow":
            for start in range(0, len(content), len(content) // 8 + 1):
                self.wfile.write(content[start : start + len(content) // 8 + 1])
                self.wfile.flush()
                time.sleep(SILENCE_SECONDS / 4)
            return None
        self.wfile.write(content)

    def ask(self, body):
        connection = http.client.HTTPConnection(*self.server.upstream, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("connection", "content-length")}
        connection.request(self.command, self.path, body, headers)
        answer = connection.getresponse()
        found = answer.status, answer.getheaders(), answer.read()
        connection.close()
        return found

    def cut(self):
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = forward


@contextlib.contextmanager
def s3():
    """moto's server behind the proxy."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    moto = pathlib.Path(sys.executable).with_name("moto_server")
    process = subprocess.Popen([moto, "-H", "127.0.0.1", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            with contextlib.suppress(OSError):
                request = urllib.request.Request(f"http://127.0.0.1:{port}/{BUCKET}", method="PUT")
                urllib.request.urlopen(request, timeout=5).read()
                break
            time.sleep(0.2)
        else:
            sys.exit("moto did not start")
        yield Proxy(("127.0.0.1", port))
    finally:
        stop(process)


def check(statement, holds, found=""):
    print(f"{'ok' if holds else 'FAILED'}: {statement}" + ("" if holds else f": {found}"), flush=True)
    if not holds:
        sys.exit(1)


class Programs:
    """Runs `wail` in a folder, with the store's settings in the environment."""

    def __init__(self, wail, serve, folder, port):
        self.wail, self.serve, self.folder = wail.resolve(), serve.resolve(), folder
        self.environment = os.environ | {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
            "WAIL_STORE_SECONDS": str(SILENCE_SECONDS),
        }

    def run(self, *arguments):
        command = [self.wail, *map(str, arguments)]
        return subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True)

    def expect(self, code, *arguments):
        """Standard output of a command that must end with `code`, and standard error of one that must fail."""
        found = self.run(*arguments)
        if found.returncode != code:
            sys.exit(f"wail {' '.join(map(str, arguments))}: exit code {found.returncode}, not {code}\n{found.stdout}{found.stderr}")
        return found.stdout if code == 0 else found.stderr

    @contextlib.contextmanager
    def service(self, model):
        command = [self.serve, "--model", model, "--listen", "127.0.0.1:0"]
        process = subprocess.Popen(command, cwd=self.folder, env=self.environment, stderr=subprocess.PIPE, text=True)
        try:
            yield process, address(process)
        finally:
            stop(process)


def train(programs):
    """Folders of three runs on one synthetic corpus: a weak one and two good ones; and a folder of other recordings."""
    programs.expect(0, "synth", "--out", "corpus", "--recordings", 160)
    programs.expect(0, "synth", "--out", "held-out", "--recordings", 320, "--seed", 8)
    keys = ["data.roots=['corpus']", "backbone.arch='resnet18-w8'", f"backbone.weights='{ENCODER}'", "features.image_size=112", "train.augmented_views=1"]

    def sweep(name, *more):
        arguments = [argument for key in [f"name='{name}'", *keys, *more] for argument in ("--set", key)]
        programs.expect(0, "--config", ROOT / "configs/quick.toml", *arguments)
        return next((programs.folder / "experiments").glob(f"{name}-*"))

    weak = sweep("weak", "train.epochs=1", "sweep.learning_rate=[1e-9]")
    good = sweep("good", "train.epochs=30")
    # With the split of the good one, and so with its gate: `promote` refuses a candidate with a worse gate.
    other = sweep("other", "train.epochs=30", "sweep.inner=[24]")
    return weak, good, other


def check_versions(programs, proxy, weak):
    """The version of the weak model, which becomes `production`."""
    first = programs.expect(0, "push", weak, MODELS, "--alias", "production").split()
    version = first[0].rsplit("/", 1)[1]
    check("a push prints the version and the alias", first == [f"{MODELS}/{version}", f"{MODELS}/production"], first)
    again = programs.expect(0, "push", weak, MODELS).split()
    check("the same model is the same version", again == first[:1], again)
    programs.expect(0, "pull", f"{MODELS}/production", "--output", "pulled")
    names = sorted(path.name for path in (programs.folder / "pulled").iterdir())
    check("a pull writes every file", {"model.onnx", "model.safetensors", "MODEL_CARD.md", "trained_on.csv"} <= set(names), names)
    recording = next((programs.folder / "held-out").rglob("*.wav"))
    answers = [programs.expect(0, "infer", recording, "--model", model, "--format", "json") for model in (weak, f"{MODELS}/production")]
    check("wail infer answers with a published model as with the run's", answers[0] == answers[1], answers)
    programs.expect(4, "pull", f"{MODELS}/staging")

    pushed = "versions/" + version
    for fault, code in [("drop in the middle", 1), ("drop", 1), ("stall", 1), ("change a byte", 4)]:
        started = time.monotonic()
        with proxy.failing(lambda method, path: fault if method == "GET" and path.endswith("model.onnx") else None):
            message = programs.expect(code, "pull", f"{MODELS}/production", "--output", f"never-{code}")
            n_tries = sum(path.endswith("model.onnx") for _, path in proxy.requests)
        check(f"always `{fault}`: exit code {code} after {time.monotonic() - started:.1f} s and {n_tries} tries", (n_tries > 1) == (code == 1), message)
        check("  the damaged file was not written", not (programs.folder / f"never-{code}/model.onnx").exists())
    for fault in ["drop in the middle", "drop", "stall", "slow"]:
        seen = []

        def once(method, path):
            if method == "GET" and path.endswith("model.onnx") and (not seen or fault == "slow"):
                seen.append(path)
                return fault

        shutil.rmtree(programs.folder / "pulled")
        with proxy.failing(once):
            programs.expect(0, "pull", f"{MODELS}/production", "--output", "pulled")
        check(f"once `{fault}`: the pull succeeds", seen and pushed in seen[0], seen)
    return version


def check_broken_pushes(programs, proxy, good):
    """The version of the good model."""
    for fault in ["drop", "drop the answer"]:
        seen = set()

        def once(method, path):
            if method == "PUT" and path not in seen:
                seen.add(path)
                return fault

        with proxy.failing(once):
            found = programs.run("push", good, MODELS)
        complete = [path for path in seen if path.endswith("manifest.json")]
        check(f"`{fault}` at each write: exit code {found.returncode}", found.returncode in (0, 1), found.stderr)
        check("  it says 0 only if the version is complete", (found.returncode == 0) == bool(complete and fault != "drop"), found.stderr)
    version = programs.expect(0, "push", good, MODELS).strip().rsplit("/", 1)[1]
    programs.expect(0, "pull", f"{MODELS}/{version}", "--output", "good-pulled")
    check("after broken pushes the version is complete", (programs.folder / "good-pulled/model.onnx").is_file())
    return version


def check_promotions(programs, proxy, weak, good, other, version):
    over = ["--over", f"{MODELS}/production"]
    message = programs.expect(1, "promote", good, *over, "--data", "corpus")
    check("a candidate that was trained on the recordings leaks", "the candidate was trained on" in message, message)
    message = programs.expect(1, "promote", weak, *over, "--data", "held-out")
    check("a candidate that is not better stays out", "not shown to be better" in message, message)
    message = programs.expect(1, "promote", f"{MODELS}/{version}", *over, "--data", "held-out", "--margin", 0.9)
    check("the margin counts", "not above 0.9" in message, message)
    text = programs.expect(0, "promote", good, *over, "--data", "held-out", "--dry-run")
    check("a dry run compares and leaves the alias", "--dry-run leaves the alias" in text, text)

    # Both have compared before either writes the alias.
    barrier = threading.Barrier(2)

    def wait(method, path):
        return (lambda: barrier.wait(600)) if method == "PUT" and "/aliases/" in path else None

    def promote(model):
        return programs.run("promote", model, *over, "--data", "held-out")

    with proxy.failing(wait), concurrent.futures.ThreadPoolExecutor() as pool:
        found = list(pool.map(promote, [good, other]))
    codes = sorted(one.returncode for one in found)
    check("of two promotions at once, one succeeds and one says `again`", codes == [0, 75], [one.stdout + one.stderr for one in found])
    winner = next(one.stdout.split()[-1] for one in found if one.returncode == 0)
    check("  and says why", any("somebody else moved it" in one.stderr for one in found))
    now = programs.expect(0, "push", good, MODELS).strip(), programs.expect(0, "push", other, MODELS).strip()
    check("  the alias names the winner's version", f"{MODELS}/{winner}" in now, (winner, now))
    print("\n".join(f"      {line}" for line in next(one.stdout for one in found if one.returncode == 0).splitlines()))


def check_corpus(programs, proxy):
    """Trains on the recordings in the bucket and compares with the run on the folder; a second run reads no recording."""
    # Without the file that says that they are synthetic, which is part of a run's identity.
    names = sorted(path.relative_to(programs.folder / "corpus").as_posix() for path in (programs.folder / "corpus").rglob("*.wav"))
    for name in names:
        copy = programs.folder / "recordings" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(programs.folder / "corpus" / name, copy)
        url = f"http://{proxy.upstream[0]}:{proxy.upstream[1]}/{BUCKET}/recordings/{name}"
        request = urllib.request.Request(url, copy.read_bytes(), {"content-type": "audio/wav"}, method="PUT")
        urllib.request.urlopen(request, timeout=60).read()

    def sweep(root, out):
        arguments = ["--config", ROOT / "configs/quick.toml", "--set", f"data.roots=['{root}']", "--out", out]
        with proxy.failing(lambda method, path: None):
            programs.expect(0, *arguments)
            n_read = sum(method == "GET" and path.split("?")[0].endswith(".wav") for method, path in proxy.requests)
        return next((programs.folder / out).iterdir()), n_read

    local, _ = sweep("recordings", "from-folder")
    remote, n_read = sweep(f"s3://{BUCKET}/recordings", "from-bucket")
    check(f"a corpus in a bucket: each of {len(names)} recordings is read once", n_read == len(names), n_read)
    same = all((local / name).read_bytes() == (remote / name).read_bytes() for name in ["predictions.csv", "leaderboard.csv", "manifest.csv"])
    check("  the run is the one on the folder", local.name == remote.name and same, (local, remote))
    _, n_read = sweep(f"s3://{BUCKET}/recordings", "again")
    check("  a second run reads no recording", n_read == 0, n_read)


def get(url):
    with urllib.request.urlopen(url, timeout=60) as response:
        return json.load(response)


def post(url, recording):
    head = f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    body = head.encode() + recording + f"\r\n--{BOUNDARY}--\r\n".encode()
    request = urllib.request.Request(f"{url}/v1/classify", body, {"content-type": f"multipart/form-data; boundary={BOUNDARY}"})
    with urllib.request.urlopen(request, timeout=60) as response:
        return response.status, json.load(response)["model"]["version"]


def until(holds, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.1)
    return False


def check_service(programs, proxy, first):
    """The service starts with a version, then with an alias that moves."""
    recording = next((programs.folder / "held-out").rglob("*.wav")).read_bytes()
    with programs.service(f"{MODELS}/{first}") as (_, url):
        check("the service says which version it serves", get(f"{url}/v1/model")["model"]["version"] == first)
    # An alias of its own, which is moved below.
    programs.expect(0, "push", "pulled", MODELS, "--alias", "served")
    with programs.service(f"{MODELS}/served") as (process, url):
        before = get(f"{url}/v1/model")["model"]["version"]
        answers, is_over = [], threading.Event()

        def client():
            while not is_over.is_set():
                answers.append(post(url, recording))

        clients = [threading.Thread(target=client) for _ in range(3)]
        for thread in clients:
            thread.start()
        programs.expect(0, "push", "good-pulled", MODELS, "--alias", "served")
        process.send_signal(signal.SIGHUP)
        changed = until(lambda: get(f"{url}/v1/model")["model"]["version"] != before)
        with proxy.failing(lambda method, path: "drop"):
            process.send_signal(signal.SIGHUP)
            time.sleep(3 * SILENCE_SECONDS)
        kept = get(f"{url}/v1/model")["model"]["version"]
        is_over.set()
        for thread in clients:
            thread.join()
        versions = [version for _, version in answers]
        check("SIGHUP takes the version that the alias names now", changed and kept != before, (before, kept))
        check(f"no request of {len(answers)} was lost meanwhile", all(status == 200 for status, _ in answers))
        check("  and both versions answered", {before, kept} == set(versions), set(versions))
        check("a reload that fails leaves the model that was there", post(url, recording) == (200, kept))


def main():
    arguments = command_line.parser(__doc__, "wail", "serve").parse_args()
    with tempfile.TemporaryDirectory() as folder, s3() as proxy:
        programs = Programs(arguments.wail, arguments.serve, pathlib.Path(folder), proxy.server_address[1])
        weak, good, other = train(programs)
        first = check_versions(programs, proxy, weak)
        version = check_broken_pushes(programs, proxy, good)
        check_promotions(programs, proxy, weak, good, other, version)
        check_service(programs, proxy, first)
        check_corpus(programs, proxy)


if __name__ == "__main__":
    main()
