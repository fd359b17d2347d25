"""Uses the monitor's page in headless Chromium while `wail-serve --monitor` listens, and fails if something is wrong with it.

    venv/bin/python scripts/checks/monitor_page_check.py target/release/wail-serve MODEL [--pictures DIR]

One source plays a made cry whenever the check wants it, another cannot be started. On a phone and on a desktop, in light and in dark: an
episode appears while it lasts, in the state of its source, in the timeline and in the list; it is opened with the keyboard, its sound is
played, and it is reviewed; then the service is killed and started again, which the page must say. Console errors, requests to other
hosts, horizontal scrolling and findings of axe-core are problems. Then, once: a service that no longer sends anything, notifications, the
page without HTTPS, the access token, and a service without a monitor. --pictures keeps screenshots. Needs Chromium (Debian: apt-get
install chromium).
"""

import contextlib
import json
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import urllib.request

from page_check import OTHER_HOST, sound
from playwright.sync_api import expect

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wail_scripts import browser, command_line, service

# Writes faint noise in real time, and the samples of a WAV file over and over for as long as a file exists.
PLAYER = """
import os, pathlib, random, sys, time
cry, wanted = pathlib.Path(sys.argv[1]).read_bytes()[44:], pathlib.Path(sys.argv[2])
size = 3200
noise = bytes(byte for _ in range(size // 2) for byte in random.choice([b"\\0\\0", b"\\1\\0"]))
started, n, at = time.monotonic(), 0, 0
while True:
    at = (at + size) % (len(cry) - size) if wanted.exists() else 0
    os.write(1, cry[at : at + size] if wanted.exists() else noise)
    n += 1
    time.sleep(max(0, started + n * 0.1 - time.monotonic()))
"""
LENGTH = """audio => new Promise((resolve) => {
    const resolved = () => resolve(audio.duration);
    audio.readyState ? resolved() : audio.addEventListener("loadedmetadata", resolved);
})"""
# Keeps the last notification of a page that seems to be in the background.
IN_BACKGROUND = """
window.Notification = class extends EventTarget {
    static permission = "default";
    static async requestPermission() { return (this.permission = "granted"); }
    constructor(title) { super(); document.documentElement.dataset.notified = title; }
};
Object.defineProperty(document, "hidden", { get: () => true });"""
LOST = "ERR_CONNECTION_REFUSED"
BROKEN = "ERR_INCOMPLETE_CHUNKED_ENCODING"


class Nursery:
    """A monitor's configuration and what its microphone hears."""

    def __init__(self, folder):
        self.config, self.reviews = folder / "monitor.toml", folder / "wail-monitor/reviews.csv"
        self._cry = folder / "cry"
        recording = folder / "cry.wav"
        sound(recording)
        command = [sys.executable, "-c", PLAYER, str(recording), str(self._cry)]
        self.config.write_text(f"""
[[source]]
name = "nursery"
command = {json.dumps(command)}

[[source]]
name = "camera"
command = ["no-such-program"]

[episodes]
hold_seconds = 2

[clips]
""")

    @contextlib.contextmanager
    def crying(self):
        self._cry.touch()
        try:
            yield
        finally:
            self._cry.unlink()


class Serve:
    """A service that can be killed and started again at the same address."""

    def __init__(self, *command):
        self._command, self._address = [str(argument) for argument in command], "127.0.0.1:0"
        self.start()

    def start(self):
        self._process = subprocess.Popen([*self._command, "--listen", self._address], stderr=subprocess.PIPE, text=True)
        self.url = service.address(self._process)
        self._address = self.url.removeprefix("http://")

    def kill(self):
        self._process.kill()
        self._process.wait()

    @contextlib.contextmanager
    def frozen(self):
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def episodes(self):
        with urllib.request.urlopen(f"{self.url}/v1/episodes") as answer:
            return json.load(answer)["episodes"]


def check_night(chromium, serve, nursery, pictures):
    """The problems of the page while an episode begins, lasts, ends and is reviewed, and when the service ends."""
    problems = []
    for screen, page in browser.screens(chromium, base_url=serve.url):
        watched = browser.Watched(screen, page, serve.url, pictures, problems, LOST, BROKEN)
        page.get_by_role("link", name="Baby monitor").click()
        line = page.locator("#sources li").filter(has_text="nursery").locator(".line")
        expect(line).to_have_text(re.compile("^Quiet since"), timeout=20000)
        camera = page.locator("#sources li").filter(has_text="camera")
        expect(camera).to_contain_text("Not listening since")
        expect(camera).to_contain_text("no-such-program cannot be started")
        watched.inspect("monitor-quiet")
        n_known = page.locator("#episodes > li").count()

        with nursery.crying():
            expect(line).to_have_text(re.compile(r"^Crying for \d+:\d\d$"), timeout=20000)
            expect(page.locator("#news")).to_have_text(re.compile("^Crying: nursery. Since "))
            expect(page).to_have_title(re.compile("^Crying: nursery"))
            expect(page.locator("#episodes > li")).to_have_count(n_known + 1)
            expect(page.locator("#episodes > li").first).to_contain_text("still crying")
            expect(page.locator("#timeline a.lasting")).to_have_count(1)
            expect(page.get_by_role("meter", name="Cry score")).to_be_visible()
            watched.inspect("monitor-crying")
        expect(line).to_have_text(re.compile("^Quiet since"), timeout=30000)
        expect(page.locator("#news")).to_have_text(re.compile(r"^nursery: it ended after \d+:\d\d minutes\.$"))

        page.get_by_role("group", name="nursery").get_by_role("link").last.focus()
        page.keyboard.press("Enter")
        episode = page.locator("#episodes > li").first
        expect(episode.locator("summary")).to_be_focused()
        expect(episode.locator("summary")).to_contain_text(re.compile(r"\d+:\d\d minutes"))
        episode.get_by_role("button", name="Play the sound").click()
        if (seconds := page.locator("audio").evaluate(LENGTH)) < 5:  # it begins 5 s before the episode
            watched.report(f"the sound of an episode takes {seconds} s")
        episode.get_by_role("button", name="Not a cry").click()
        expect(episode.get_by_role("status")).to_have_text("Saved: not a cry.")
        expect(page.locator("#timeline a.not_a_cry")).to_have_count(1)
        episode.get_by_label("Reason").select_option("hungry")
        episode.get_by_role("button", name="It was a cry").focus()
        page.keyboard.press("Enter")
        expect(episode.get_by_role("status")).to_have_text("Saved: a cry, hungry.")
        expect(episode.locator("summary")).to_contain_text("reviewed: a cry, hungry")
        watched.inspect("monitor-reviewed")
        if (review := serve.episodes()[0]["review"]) != {"verdict": "cry", "label": "hungry"}:
            watched.report(f"the service has the review {review}")
        if len(rows := nursery.reviews.read_text().splitlines()) != n_known + 2:
            watched.report(f"the table of reviews is {rows}")
        expect(page.locator("#reviewed")).to_contain_text(f"can learn from {n_known + 1}, ")

        page.get_by_role("button", name="Earlier night").click()
        expect(page.locator("#summary")).to_have_text("No crying was heard.")
        page.get_by_role("button", name="Later night").click()
        expect(page.locator("#episodes > li")).to_have_count(n_known + 1)
        expect(page.get_by_role("button", name="Later night")).to_be_disabled()

        serve.kill()
        expect(page.get_by_role("alert").first).to_have_text(re.compile("^No connection since .*. What happens now is not shown.$"))
        expect(line).to_have_text(re.compile("^Not known since"))
        watched.inspect("monitor-lost")
        serve.start()
        expect(page.locator("#error")).to_be_empty(timeout=20000)
        expect(line).to_have_text(re.compile("^Quiet since"), timeout=20000)
        expect(page.locator("#episodes > li").first).to_contain_text("reviewed: a cry, hungry")
    return problems


def check_frozen(chromium, serve):
    """Problems with a connection that stays, but on which nothing arrives."""
    problems = []
    page = chromium.new_page(base_url=serve.url)
    page.clock.install()
    browser.Watched("frozen", page, serve.url, None, problems, path="/monitor")
    line = page.locator("#sources .line").first
    expect(line).to_have_text(re.compile("^Quiet since"))
    with serve.frozen():
        page.clock.run_for(25000)
        expect(line).to_have_text(re.compile("^Not known since"))
    expect(line).to_have_text(re.compile("^Quiet since"), timeout=30000)
    page.close()
    return problems


def check_notifications(chromium, serve, nursery):
    """Problems with notifications, which need a click first."""
    problems = []
    page = chromium.new_page(base_url=serve.url)
    page.add_init_script(IN_BACKGROUND)
    browser.Watched("notifications", page, serve.url, None, problems, path="/monitor")
    page.get_by_role("button", name="Notify me").click()
    expect(page.locator("#notifications")).to_have_text(re.compile("^You are notified of crying"))
    expect(page.get_by_role("button", name="Notify me")).to_be_hidden()
    with nursery.crying():
        expect(page.locator("html")).to_have_attribute("data-notified", "Crying: nursery", timeout=20000)
    page.close()

    page = chromium.new_page(base_url=serve.url)
    page.add_init_script("Object.defineProperty(Notification, 'permission', { get: () => 'denied' });")
    browser.Watched("notifications", page, serve.url, None, problems, path="/monitor")
    expect(page.locator("#notifications")).to_have_text(re.compile("^The browser blocks notifications"))
    page.close()
    return problems


def check_insecure(chromium, url, url_with_token, token):
    """Problems with the page over HTTP from another host, where browsers do not notify, and the service answers only with a token."""
    problems = []
    url, url_with_token = [url.replace("127.0.0.1", OTHER_HOST) for url in [url, url_with_token]]
    page = chromium.new_page(base_url=url)
    browser.Watched("without a token", page, url, None, problems, "403 (Forbidden)", path="/monitor")
    expect(page.get_by_role("alert").first).to_have_text(re.compile("^This monitor has no access token"))
    page.close()

    page = chromium.new_page(base_url=url_with_token)
    watched = browser.Watched("insecure", page, url_with_token, None, problems, "401 (Unauthorized)", path="/monitor")
    enter(page, token)
    expect(page.locator("#notifications")).to_have_text(re.compile("^Browsers notify only over HTTPS"))
    expect(page.get_by_role("button", name="Notify me")).to_be_hidden()
    watched.inspect("monitor-insecure")
    page.close()
    return problems


def enter(page, token):
    page.get_by_label("Access token").fill(token)
    page.keyboard.press("Enter")


def check_token(chromium, url, token, pictures):
    """Problems with a monitor that needs an access token."""
    problems = []
    for screen, page in browser.screens(chromium, base_url=url):
        watched = browser.Watched(screen, page, url, pictures, problems, "401 (Unauthorized)", path="/monitor")
        expect(page.get_by_role("alert").first).to_have_text("This service needs an access token. Please enter it.")
        expect(page.get_by_label("Access token")).to_be_focused()
        watched.inspect("monitor-token")
        enter(page, "wrong")
        expect(page.get_by_role("alert").first).to_have_text("This access token is wrong. Please check it.")
        enter(page, token)
        expect(page.get_by_role("heading", name="nursery")).to_be_visible()
        expect(page.get_by_label("Access token")).to_be_hidden()
        page.get_by_role("link", name="Ask about a recording").click()
        page.get_by_role("link", name="Baby monitor").click()
        expect(page.get_by_role("heading", name="nursery")).to_be_visible()
    return problems


def check_none(chromium, url):
    """Problems with a service without a monitor."""
    problems = []
    page = chromium.new_page(base_url=url)
    with page.expect_response("**/v1/monitor"):
        browser.Watched("no monitor", page, url, None, problems, "404 (Not Found)")
    expect(page.get_by_role("link", name="Baby monitor")).to_be_hidden()
    page.goto("/monitor")
    expect(page.get_by_role("alert").first).to_have_text("No monitor runs at this service.")
    expect(page.get_by_role("heading", name="Now")).to_be_hidden()
    page.close()
    return problems


def main():
    parser = command_line.parser(__doc__, "serve", "model")
    parser.add_argument("--pictures", type=pathlib.Path)
    args = parser.parse_args()
    if args.pictures:
        args.pictures.mkdir(parents=True, exist_ok=True)
    command = [args.serve.resolve(), "--model", args.model.resolve()]
    with contextlib.ExitStack() as stack:
        folders = [pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in range(2)]
        nursery, protected = [Nursery(folder) for folder in folders]
        token = folders[1] / "token"
        token.write_text("s3cret")
        serve = Serve(*command, "--monitor", nursery.config)
        stack.callback(lambda: serve.kill())
        _, url_with_token = stack.enter_context(service.running(args.serve, args.model, "--monitor", protected.config, "--token-file", token))
        _, url_without = stack.enter_context(service.running(args.serve, args.model))
        chromium = stack.enter_context(browser.chromium(f"--host-resolver-rules=MAP {OTHER_HOST} 127.0.0.1"))
        problems = {
            "the monitor": check_night(chromium, serve, nursery, args.pictures),
            "a frozen service": check_frozen(chromium, serve),
            "notifications": check_notifications(chromium, serve, nursery),
            "without HTTPS": check_insecure(chromium, serve.url, url_with_token, token.read_text()),
            "the access token": check_token(chromium, url_with_token, token.read_text(), args.pictures),
            "without a monitor": check_none(chromium, url_without),
        }
    browser.finish(problems)


if __name__ == "__main__":
    main()
