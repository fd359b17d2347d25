"""Sends the service the events of AWS Lambda, through the runtime API that cargo-lambda emulates on loopback.

    venv/bin/python scripts/checks/lambda_check.py target/release/wail-serve MODEL RECORDING.wav

Runs in a network namespace where the recording has a public address, which also tests fetching from a URL. Prints the time of a cold
start: from starting the process to the answer to an event that was waiting for it. Needs unshare and ip (Debian: iproute2).
"""

import base64
import concurrent.futures
import contextlib
import functools
import http.server
import json
import os
import pathlib
import statistics
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wail_scripts import command_line
from wail_scripts.service import running

INSIDE = "WAIL_LAMBDA_CHECK"
# The emulator names functions after the programs of the workspace.
FUNCTION = "wail-serve"
RUNTIME = "127.0.0.1:9000"
HOST = "198.41.0.4:8080"
BOUNDARY = "a-boundary"


class Files(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def invoke(event):
    """The function's answer, or the message of its error."""
    url = f"http://{RUNTIME}/2015-03-31/functions/{FUNCTION}/invocations"
    request = urllib.request.Request(url, json.dumps(event).encode(), {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = json.load(response)
    except urllib.error.HTTPError as error:
        answer = json.load(error)
    return answer["errorMessage"] if isinstance(answer, dict) and "errorMessage" in answer else answer


def multipart(path):
    head = f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="file"; filename="{path.name}"\r\n\r\n'
    return head.encode() + path.read_bytes() + f"\r\n--{BOUNDARY}--\r\n".encode()


def post(url, path):
    """The service's answer over HTTP."""
    headers = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
    with urllib.request.urlopen(urllib.request.Request(f"{url}/predict", multipart(path), headers)) as response:
        return json.load(response)


def api_gateway_v1(path, body, **fields):
    """An event of a REST API of API Gateway."""
    context = {"resourcePath": path, "httpMethod": "POST", "path": path, "stage": "$default", "identity": {}}
    event = {"resource": path, "path": path, "httpMethod": "POST", "requestContext": context}
    return event | {"headers": {}, "body": body, "isBase64Encoded": False} | fields


def api_gateway_v2(path, body, **fields):
    """An event of an HTTP API of API Gateway, or of a function URL."""
    context = {"http": {"method": "POST", "path": path}, "stage": "$default"}
    event = {"version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "", "requestContext": context}
    return event | {"headers": {}, "body": body, "isBase64Encoded": False} | fields


def load_balancer(path):
    """An event of an application load balancer."""
    context = {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/wail/1"}}
    return {"requestContext": context, "httpMethod": "GET", "path": path, "queryStringParameters": {}, "headers": {}, "body": "",
            "isBase64Encoded": False}


def check(statement, holds, found):
    print(f"{'ok' if holds else 'FAILED'}: {statement}" + ("" if holds else f": {found}"))
    if not holds:
        sys.exit(1)


def check_events(recording, expected):
    """Sends one event of each kind; every prediction must be `expected`."""
    url = f"http://{HOST}/{recording.name}"
    by_url = json.dumps({"url": url})
    audio = base64.b64encode(recording.read_bytes()).decode()

    def is_answer(response, **changes):
        return response["statusCode"] == 200 and json.loads(response["body"]) == expected | changes

    answer = invoke({"url": url})
    check("an event with a URL gives the prediction", answer == expected, answer)
    answer = invoke({"body": by_url})
    check("a proxy event whose body is JSON with a URL", is_answer(answer), answer)
    answer = invoke({"body": audio, "isBase64Encoded": True})
    check("a proxy event whose body is audio in base64", is_answer(answer), answer)
    form = base64.b64encode(multipart(recording)).decode()
    headers = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
    answer = invoke(
        api_gateway_v1(
            "/predict", form, isBase64Encoded=True, headers=headers, queryStringParameters={"top_k": "1"},
            multiValueHeaders={name: [value] for name, value in headers.items()}, multiValueQueryStringParameters={"top_k": ["1"]},
        )
    )
    check("a form through a REST API", is_answer(answer, top_k=expected["top_k"][:1]), answer)
    answer = invoke(api_gateway_v1("/", by_url))
    check("a URL through a REST API", is_answer(answer), answer)
    answer = invoke(api_gateway_v2("/", audio, isBase64Encoded=True))
    check("audio through an HTTP API", is_answer(answer), answer)
    answer = invoke(load_balancer("/health"))
    check("a load balancer's health check", json.loads(answer["body"]) == {"status": "ok"}, answer)

    answer = invoke(api_gateway_v2("/", "", isBase64Encoded=False))
    check("an empty body is refused", answer["statusCode"] == 400, answer)
    answer = invoke({"url": "http://127.0.0.1:9000/cry.wav"})
    check("a private address is refused", isinstance(answer, str) and "not allowed" in answer, answer)
    for event in [{}, [], {"body": 1}, {"body": "%", "isBase64Encoded": True}]:
        answer = invoke(event)
        check(f"{json.dumps(event)} is refused", isinstance(answer, str), answer)
    answer = invoke({"url": url})
    check("the function still answers", answer == expected, answer)


@contextlib.contextmanager
def cold_start(serve, model, event):
    """The emulator and the function until the block ends: the answer to an event that was waiting, and the seconds from the function's start."""
    emulator = pathlib.Path(sys.executable).with_name("cargo-lambda")
    watch = [emulator, "lambda", "watch", "--only-lambda-apis", "--invoke-address", "127.0.0.1"]
    processes = [subprocess.Popen(watch, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)]
    environment = os.environ | {
        "AWS_LAMBDA_RUNTIME_API": f"http://{RUNTIME}/.rt/{FUNCTION}",
        "AWS_LAMBDA_FUNCTION_NAME": FUNCTION,
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
        "WAIL_MODEL": str(model.resolve()),
        "WAIL_ALLOW_URL_HOST": HOST,
    }
    try:
        time.sleep(2)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            waiting = pool.submit(invoke, event)
            time.sleep(0.5)
            started = time.monotonic()
            processes.append(subprocess.Popen([serve], env=environment, stderr=subprocess.DEVNULL))
            answer = waiting.result()
        yield answer, time.monotonic() - started
    finally:
        for process in processes:
            process.kill()
            process.wait()


def main():
    args = command_line.parser(__doc__, "serve", "model", "recording").parse_args()
    if INSIDE not in os.environ:
        os.environ[INSIDE] = "1"
        unshare = ["unshare", "--map-root-user", "--net", "sh", "-c"]
        setup = 'ip link set lo up && ip address add "$0/32" dev lo && exec "$@"'
        os.execvp("unshare", [*unshare, setup, HOST.split(":")[0], sys.executable, *sys.argv])

    with running(args.serve, args.model) as (_, url):
        expected = post(url, args.recording)
    host, port = HOST.split(":")
    files = http.server.ThreadingHTTPServer((host, int(port)), functools.partial(Files, directory=args.recording.parent))
    threading.Thread(target=files.serve_forever, daemon=True).start()
    event = {"body": base64.b64encode(args.recording.read_bytes()).decode(), "isBase64Encoded": True}
    seconds = []
    for _ in range(5):
        with cold_start(args.serve, args.model, event) as (answer, elapsed):
            check("the first answer", json.loads(answer["body"]) == expected, answer)
            seconds.append(elapsed)
    print(f"cold start to first answer, median of {len(seconds)}: {statistics.median(seconds):.3f} s")
    with cold_start(args.serve, args.model, event):
        check_events(args.recording, expected)


if __name__ == "__main__":
    main()
