"""Uses the service's page in headless Chromium and fails if something is wrong with it.

    venv/bin/python scripts/checks/page_check.py target/release/wail-serve MODEL [--pictures DIR]

On a phone and on a desktop, in light and in dark: drops a file, records from the microphone (Chromium's fake one, which plays a WAV file),
drops a file that is not audio, and does everything from the keyboard. Console errors, requests to other hosts, horizontal scrolling and
findings of axe-core are problems. Then opens /docs and /redoc. Redoc asks another host for its logo; the content policy blocks that.
--pictures keeps screenshots. Needs Chromium (Debian: apt-get install chromium).
"""

import math
import pathlib
import re
import struct
import sys
import tempfile
import wave

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wail_scripts import browser, command_line
from wail_scripts.service import running

INK = """id => {
    const canvas = document.getElementById(id);
    return new Set(new Uint32Array(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.buffer)).size;
}"""
DROP = """([name, bytes]) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([new Uint8Array(bytes)], name));
    document.getElementById("drop").dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
}"""


def sound(path):
    """Writes nine seconds of a tone that comes and goes, as a cry does."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        for i in range(9 * 16000):
            t = i / 16000
            loud = max(0.0, math.sin(2 * math.pi * t / 1.5))
            file.writeframes(struct.pack("<h", int(12000 * loud * math.sin(2 * math.pi * (450 + 60 * math.sin(4 * t)) * t))))


def check_page(chromium, url, recording, pictures):
    """The problems of the page, as a list of texts."""
    problems = []
    content = list(recording.read_bytes())
    for screen, page in browser.screens(chromium, permissions=["microphone"], base_url=url):
        report = lambda text: problems.append(f"{screen}: {text}")
        # Chromium logs the service's refusal of the file that is not audio.
        expected = lambda message: message.type != "error" or "400 (Bad Request)" in message.text
        browser.watch(page, report, url, expected)

        def inspect(state):
            if pictures:
                page.screenshot(path=pictures / f"page-{state}-{screen}.png", full_page=True)
            if pixels := page.evaluate(browser.SIDEWAYS):
                report(f"{state}: {pixels} pixels of horizontal scrolling")
            for found in Axe().run(page).response["violations"]:
                report(f"{state}: axe: {found['id']}: {found['help']}: {[node['target'] for node in found['nodes']]}")

        page.goto("/")
        expect(page.get_by_text("not a medical device")).to_be_visible()
        inspect("start")

        page.evaluate(DROP, ["cry.wav", content])
        expect(page.locator("#result")).to_be_visible(timeout=60000)
        expect(page.locator("#status")).to_contain_text("Done", timeout=60000)
        expect(page.locator("#warnings")).to_contain_text("only the first 7 s were used")
        shares = [float(text.split()[0]) for text in page.locator("#bars .share span").all_text_contents()]
        if abs(sum(shares) - 100) > 0.5 or shares != sorted(shares, reverse=True):
            report(f"shares {shares}")
        if not re.match(r"Most likely|Not sure|This does not sound", page.locator("#verdict").inner_text()):
            report("no verdict")
        for picture in ["waveform", "spectrogram"]:
            if page.evaluate(INK, picture) < 2:
                report(f"the {picture} is empty")
        inspect("dropped")

        if page.locator("#why-row").is_visible():
            before = page.evaluate(INK, "spectrogram")
            page.get_by_role("button", name="Why this answer?").click()
            expect(page.locator("#because")).to_contain_text(re.compile("depends most on|No single part"), timeout=60000)
            if page.evaluate(INK, "spectrogram") == before:
                report("the explanation is not drawn")
            inspect("explained")
        else:
            report("the answer cannot be explained")

        page.locator("#file").focus()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Stop")).to_be_focused()
        expect(page.locator("#status")).to_contain_text("Recording, 2 of 7", timeout=20000)
        page.keyboard.press("Enter")
        expect(page.locator("#status")).to_contain_text("Done", timeout=60000)
        expect(page.locator("#warnings")).to_contain_text("of sound; the model expects 7 s")
        if page.evaluate(INK, "spectrogram") < 100:
            report("the microphone gave silence")
        inspect("recorded")

        page.evaluate(DROP, ["song.txt", list(b"this is not audio")])
        expect(page.get_by_role("alert")).to_contain_text("It did not work", timeout=20000)
        expect(page.locator("#result")).to_be_hidden()
        inspect("error")
    return problems


def check_documents(chromium, url):
    """The problems of /docs and /redoc."""
    problems = []
    blocked = "https://cdn.redoc.ly/redoc/logo-mini.svg"
    for path in ["/docs", "/redoc"]:
        page = chromium.new_page(base_url=url)
        page.on("console", lambda m: m.type == "error" and blocked not in m.text and problems.append(f"{path}: console: {m.text}"))
        page.on("response", lambda r: r.url.startswith((url, "data:", "blob:")) or problems.append(f"{path}: loads {r.url}"))
        page.goto(path)
        expect(page.get_by_text("Classify one recording").first).to_be_visible(timeout=30000)
        page.close()
    return problems


def main():
    parser = command_line.parser(__doc__, "serve", "model")
    parser.add_argument("--pictures", type=pathlib.Path)
    args = parser.parse_args()
    if args.pictures:
        args.pictures.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        recording = pathlib.Path(folder) / "cry.wav"
        sound(recording)
        microphone = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
        microphone.append(f"--use-file-for-fake-audio-capture={recording}")
        with running(args.serve, args.model) as (_, url), browser.chromium(*microphone) as chromium:
            problems = {
                "the page": check_page(chromium, url, recording, args.pictures),
                "/docs and /redoc": check_documents(chromium, url),
            }
    browser.finish(problems)


if __name__ == "__main__":
    main()
