"""Overloads `wail-serve` and checks the promises of docs/serve.md. Needs wrk and 2 cores; takes 13 minutes with --minutes 10.

    python3 scripts/bench/service_load.py target/release/wail-serve MODEL RECORDINGS [--minutes 1]

Measures the capacity; sends many more requests for --minutes, while another client requests /livez; connects 500 clients that send a byte a
second; restarts the service repeatedly on a socket that stays open. Exits 1 if a promise is broken.
"""

import concurrent.futures
import http.client
import os
import pathlib
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
import urllib.parse

from wrk import load

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wail_scripts import command_line
from wail_scripts.service import address, running, stop

FAILED = []


def promise(text, holds):
    """Prints whether a promise is kept, and remembers it if not."""
    print(f"{'kept' if holds else 'BROKEN'}: {text}", flush=True)
    if not holds:
        FAILED.append(text)


def percentile_99(seconds):
    return 1000 * statistics.quantiles(seconds, n=100)[98]


def ask(connection, path, body=None):
    """Status and seconds of one request."""
    started = time.perf_counter()
    headers = {"content-type": "audio/wav"} if body else {}
    connection.request("POST" if body else "GET", path, body, headers)
    response = connection.getresponse()
    response.read()
    return response.status, time.perf_counter() - started


def connect(url):
    return http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=60)


class Sampler(threading.Thread):
    """Calls `measure` every `interval` seconds until it is stopped, and keeps the results."""

    def __init__(self, interval, measure):
        super().__init__(daemon=True)
        self.interval, self.measure, self.found, self.over = interval, measure, [], threading.Event()

    def run(self):
        while not self.over.wait(self.interval):
            self.found.append(self.measure())

    def stop(self):
        self.over.set()
        self.join()
        return self.found


def resident_mib(process):
    return int(pathlib.Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def overload(process, url, files, minutes):
    """Sends more requests than the service can answer."""
    capacity = load(url, files, 4, 10)
    capacity = capacity["statuses"]["200"] / capacity["seconds"]
    print(f"capacity: {capacity:.1f} answers a second")
    connection = connect(url)
    lives = Sampler(0.02, lambda: ask(connection, "/livez")[1])
    memory = Sampler(1, lambda: resident_mib(process))
    lives.start(), memory.start()
    # With this pause between requests, all clients together send more than twice the capacity, however fast the answers arrive.
    found = load(url, files, 256, round(60 * minutes), pause_seconds=256 / (8 * capacity))
    alive, resident = percentile_99(lives.stop()), memory.stop()
    rate = sum(found["statuses"].values()) / found["seconds"]
    print(f"{rate:.0f} requests a second for {found['seconds']:.0f} s, {rate / capacity:.1f} times the capacity: {found['statuses']}")
    promise("only 200 and 503", set(found["statuses"]) == {"200", "503"} and not found["broken"])
    promise("the load is at least twice the capacity", rate > 2 * capacity)
    served = found["statuses"]["200"] / found["seconds"]
    promise(f"at least three quarters of the capacity are served: {served:.1f} answers a second", served > 0.75 * capacity)
    promise(f"/livez answers within 50 ms for 99 of 100: {alive:.1f} ms", alive < 50)
    tenth = max(10, len(resident) // 10)
    before, after = statistics.median(resident[5 : 5 + tenth]), statistics.median(resident[-tenth:])
    promise(f"memory grows by less than 10 %: from {before:.0f} to {after:.0f} MiB, {max(resident):.0f} at most", after < 1.1 * before)


def slow_clients(url, body):
    """Compares latencies without and with 500 clients that send a byte a second."""

    def healthy():
        connection = connect(url)
        answers = [ask(connection, "/v1/classify", body) for _ in range(200)]
        promise("all requests are answered", all(status == 200 for status, _ in answers))
        return percentile_99([seconds for _, seconds in answers])

    before = healthy()
    host = urllib.parse.urlsplit(url)
    clients = [socket.create_connection((host.hostname, host.port)) for _ in range(500)]

    def send_slowly():
        for byte in b"POST /v1/classify HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n" + b"x" * 1000:
            for client in clients:
                try:
                    client.send(bytes([byte]))
                except OSError:
                    pass
            time.sleep(1)

    threading.Thread(target=send_slowly, daemon=True).start()
    during = healthy()
    # Both figures are noisy: one in a hundred of 200 answers is two.
    promise(f"500 slow clients change little: 99 of 100 answers within {before:.0f} ms without, {during:.0f} ms with them", during < 1.5 * before + 10)


def restarts(serve, model, body):
    """A new process takes over the socket, then the old one gets SIGTERM; clients open a connection for each request."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1024)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"

        def start():
            environment = os.environ | {"LISTEN_FDS": "1"}
            script = 'exec 3<&"$0"; export LISTEN_PID=$$; exec "$@"'
            command = ["bash", "-c", script, str(listener.fileno()), serve, "--model", model]
            process = subprocess.Popen(command, env=environment, pass_fds=[listener.fileno()], stderr=subprocess.PIPE, text=True)
            address(process)
            return process

        process, over = start(), threading.Event()

        def client():
            statuses = []
            while not over.is_set():
                connection = connect(url)
                try:
                    statuses.append(ask(connection, "/v1/classify", body)[0])
                except OSError as error:
                    statuses.append(repr(error))
                connection.close()
            return statuses

        with concurrent.futures.ThreadPoolExecutor() as pool:
            clients = [pool.submit(client) for _ in range(4)]
            for _ in range(10):
                time.sleep(1)
                new = start()
                process.send_signal(signal.SIGTERM)
                if process.wait() != 0:
                    sys.exit("the old process did not exit with status 0 after SIGTERM")
                process = new
            over.set()
            statuses = [status for client in clients for status in client.result()]
        stop(process)
        promise(f"10 restarts lose none of {len(statuses)} requests", set(statuses) == {200})


def main():
    parser = command_line.parser(__doc__, "serve", "model", "recordings")
    parser.add_argument("--minutes", type=float, default=1)
    args = parser.parse_args()
    files = sorted(args.recordings.rglob("*.wav"))[:64]
    with running(args.serve, args.model) as (process, url):
        overload(process, url, files, args.minutes)
        slow_clients(url, files[0].read_bytes())
    restarts(args.serve, args.model, files[0].read_bytes())
    if FAILED:
        sys.exit(1)


if __name__ == "__main__":
    main()
