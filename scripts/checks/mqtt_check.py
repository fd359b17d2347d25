"""Runs `wail-serve --monitor` with a real MQTT broker and a webhook, and takes the broker away in the middle.

    venv/bin/python scripts/checks/mqtt_check.py target/release/wail-serve MODEL

MODEL must take the made sound for a cry, as models/wail-compact does. Checked: Home Assistant's discovery message and that every topic
that it names has a state; a cry turns the sensor on and off; after the broker was killed with -9 during a cry, and started again without
any memory of it, discovery and state are right and no episode message is missing, in order; discovery is sent again when Home Assistant
starts; the last will says offline when the program is killed with -9; a restart corrects what was retained; SIGTERM says offline. The
webhook fails at first; each of its deliveries must arrive in order, with the signature that Python computes. Prints how long the sensor
takes to turn on. Needs Debian's mosquitto.
"""

import collections
import contextlib
import hashlib
import hmac
import http.server
import itertools
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

import paho.mqtt.client
import requests

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wail_scripts import command_line, voice
from wail_scripts.service import running

BLOCK_SECONDS = 0.05
SECRET, PASSWORD = "hook secret", "mqtt password"
EPISODE, CRYING, AVAILABLE = "wail/nursery/episode", "wail/nursery/crying", "wail/available"
DISCOVERY = "homeassistant/device/wail_nursery/config"
MONITOR = """\
[[source]]
name = "nursery"
command = ["cat", {pipe}]
sample_rate = {rate}
[episodes]
hold_seconds = 2
[mqtt]
broker = "mqtt://localhost:{port}"
user = "wail"
password_file = "mqtt-password"
[[webhook]]
url = "http://127.0.0.1:{hook}/hook"
secret_file = "hook-secret"
"""
BROKER = """\
listener {port} 127.0.0.1
allow_anonymous false
password_file {folder}/passwords
persistence false
"""


def fail(problem):
    sys.exit(f"FAILED: {problem}")


def wait_for(condition, problem, seconds=60):
    """What `condition` returns once that is true."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            fail(problem)
        time.sleep(0.02)
    return found


class Microphone:
    """A named pipe with sound in real time: a cry or silence."""

    def __init__(self, path):
        os.mkfifo(path)
        self.path, self.is_crying = path, False
        size = int(voice.RATE * BLOCK_SECONDS)
        cry = voice.cry()
        self.cry = [cry[start : start + size].tobytes() for start in range(0, len(cry), size)]
        self.silence = bytes(2 * size)
        threading.Thread(target=self.play, daemon=True).start()

    def play(self):
        while True:
            # The next listener, after one has gone.
            with contextlib.suppress(BrokenPipeError), open(self.path, "wb", buffering=0) as pipe:
                begin = time.monotonic()
                for block, of_cry in enumerate(itertools.cycle(self.cry), 1):
                    pipe.write(of_cry if self.is_crying else self.silence)
                    time.sleep(max(0.0, begin + block * BLOCK_SECONDS - time.monotonic()))


class Broker:
    """Mosquitto, which forgets everything when it ends."""

    def __init__(self, folder):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.config = folder / "mosquitto.conf"
        self.config.write_text(BROKER.format(port=self.port, folder=folder))
        for user, password in [("wail", PASSWORD), ("check", "check")]:
            create = [] if (folder / "passwords").exists() else ["-c"]
            subprocess.run(["mosquitto_passwd", "-b", *create, folder / "passwords", user, password], check=True)
        # It runs as another user when it is started as root.
        (folder / "passwords").chmod(0o644)
        folder.chmod(0o755)
        self.start()

    def start(self):
        program = shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin")
        self.process = subprocess.Popen([program, "-c", self.config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill(self):
        self.process.kill()
        self.process.wait()


class Subscriber:
    """A client that keeps every message since the last `forget`."""

    def __init__(self, port):
        self.messages = collections.defaultdict(list)
        self.subscriptions = 0
        self.client = paho.mqtt.client.Client(paho.mqtt.client.CallbackAPIVersion.VERSION2)
        self.client.username_pw_set("check", "check")
        self.client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self.client.on_subscribe = self.note_subscription
        self.client.on_message = lambda _, __, message: self.messages[message.topic].append(message)
        self.client.reconnect_delay_set(1, 1)
        self.client.connect_async("127.0.0.1", port)
        self.client.loop_start()

    def note_subscription(self, *_):
        self.subscriptions += 1

    def subscribed(self, times):
        wait_for(lambda: self.subscriptions == times, "the check cannot subscribe")

    def forget(self):
        self.messages.clear()

    def payloads(self, topic):
        return [message.payload.decode() for message in list(self.messages[topic])]

    def last(self, topic):
        return next(reversed(self.payloads(topic)), None)

    def expect(self, topic, payload, what):
        wait_for(lambda: self.last(topic) == payload, f"{what}: {topic} is {self.last(topic)!r} and not {payload!r}")


class Hook(http.server.ThreadingHTTPServer):
    """A webhook's receiver that fails twice before it takes anything; keeps what it took."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), HookHandler)
        self.failures, self.ids, self.taken = 2, [], []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class HookHandler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        expected = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        is_signed = hmac.compare_digest(self.headers["x-wail-signature"], expected)
        self.server.ids.append(self.headers["x-wail-delivery"])
        if self.server.failures > 0:
            self.server.failures -= 1
            self.send_response(503)
        else:
            self.server.taken.append((is_signed, self.headers["x-wail-event"], json.loads(body)))
            self.send_response(204)
        self.send_header("content-length", "0")
        self.end_headers()


def told(bodies):
    """("start" or "end", number of the episode) of each message, in order; at least once may be twice."""
    every = [(body["event"], body["episode"]["id"]) for body in bodies]
    return list(dict.fromkeys(every))


def check_discovery(subscriber):
    wait_for(lambda: subscriber.last(DISCOVERY), "there is no discovery message")
    device = json.loads(subscriber.last(DISCOVERY))
    if not {"device", "origin", "components"} <= device.keys() or not device["device"]["identifiers"] or not device["origin"]["name"]:
        fail(f"discovery lacks what Home Assistant needs: {device}")
    components = device["components"].values()
    if sorted(component["platform"] for component in components) != ["binary_sensor", "sensor", "sensor"]:
        fail(f"other entities than expected: {components}")
    topics = [component["state_topic"] for component in components] + [entry["topic"] for entry in device["availability"]]
    for topic in topics:
        wait_for(lambda: subscriber.last(topic), f"discovery names {topic}, which has no message")
    if len({component["unique_id"] for component in components}) != 3:
        fail(f"ids are not unique: {components}")


def check(serve, model, folder, broker):
    hook, microphone = Hook(), Microphone(folder / "microphone")
    (folder / "mqtt-password").write_text(PASSWORD + "\n")
    (folder / "hook-secret").write_text(SECRET + "\n")
    settings = folder / "monitor.toml"
    pipe = json.dumps(str(microphone.path))
    settings.write_text(MONITOR.format(pipe=pipe, rate=voice.RATE, port=broker.port, hook=hook.server_address[1]))
    subscriber = Subscriber(broker.port)
    subscriber.subscribed(1)

    with running(serve, model, "--monitor", settings) as (process, url):
        episodes = lambda: requests.get(f"{url}/v1/episodes", timeout=10).json()["episodes"]
        check_discovery(subscriber)
        for topic in [AVAILABLE, "wail/nursery/available"]:
            subscriber.expect(topic, "online", "at the start")
        subscriber.expect(CRYING, "OFF", "at the start")

        began = time.monotonic()
        microphone.is_crying = True
        subscriber.expect(CRYING, "ON", "during a cry")
        print(f"the sensor is on {time.monotonic() - began:.1f} s after the cry began")
        attributes = json.loads(subscriber.last("wail/nursery/attributes"))
        if not {"reason", "probability", "cry_score", "level_dbfs", "began"} <= attributes.keys():
            fail(f"attributes are missing: {attributes}")
        microphone.is_crying = False
        subscriber.expect(CRYING, "OFF", "after a cry")

        microphone.is_crying = True
        subscriber.expect(CRYING, "ON", "during the second cry")
        wait_for(lambda: len(subscriber.payloads(EPISODE)) >= 3, "the second start is missing")
        broker.kill()
        microphone.is_crying = False
        wait_for(lambda: len(episodes()) == 2 and "ended" in episodes()[0], "the second cry does not end")
        microphone.is_crying = True
        wait_for(lambda: len(episodes()) == 3, "the third cry does not begin")
        before = subscriber.payloads(EPISODE)
        # The check must subscribe before the program connects: nobody keeps episode messages for it.
        process.send_signal(signal.SIGSTOP)
        subscriber.forget()
        broker.start()
        subscriber.subscribed(2)
        process.send_signal(signal.SIGCONT)
        check_discovery(subscriber)
        subscriber.expect(CRYING, "ON", "after the broker's restart")
        subscriber.expect(AVAILABLE, "online", "after the broker's restart")
        microphone.is_crying = False
        subscriber.expect(CRYING, "OFF", "after the third cry")
        expected = [(event, number) for number in [1, 2, 3] for event in ["start", "end"]]
        arrived = lambda: told(map(json.loads, before + subscriber.payloads(EPISODE)))
        wait_for(lambda: len(arrived()) >= 6, f"episode messages are missing: {arrived()}")
        if arrived() != expected:
            fail(f"other episode messages than expected: {arrived()}")

        sent = len(subscriber.payloads(DISCOVERY))
        subscriber.client.publish("homeassistant/status", "online")
        wait_for(lambda: len(subscriber.payloads(DISCOVERY)) > sent, "discovery is not sent again when Home Assistant starts")

        microphone.is_crying = True
        subscriber.expect(CRYING, "ON", "during the fourth cry")
        process.kill()
        subscriber.expect(AVAILABLE, "offline", "after kill -9")
        process.wait()
        microphone.is_crying = False

    with running(serve, model, "--monitor", settings) as (process, url):
        subscriber.expect(AVAILABLE, "online", "after the restart")
        subscriber.expect(CRYING, "OFF", "after the restart")
        expected += [("start", 4), ("end", 4)]
        wait_for(lambda: arrived() == expected, f"the interrupted episode has no end: {arrived()}")
        process.terminate()
        for topic in [AVAILABLE, "wail/nursery/available"]:
            subscriber.expect(topic, "offline", "after SIGTERM")
        process.wait()

    if told(body for _, _, body in hook.taken) != expected or not all(is_signed for is_signed, _, _ in hook.taken):
        fail(f"the webhook got {[(is_signed, event, body['episode']['id']) for is_signed, event, body in hook.taken]}")
    if any(event != body["event"] for _, event, body in hook.taken) or len(set(hook.ids[:3])) != 1:
        fail(f"the webhook's headers differ from its messages, or repeated deliveries have other ids: {hook.ids}")
    print(f"{len(expected)} episode messages and deliveries, in order: OK")


def main():
    arguments = command_line.parser(__doc__, "serve", "model").parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        broker = Broker(folder)
        try:
            check(arguments.serve, arguments.model, folder, broker)
        finally:
            broker.kill()


if __name__ == "__main__":
    main()
