"""Uses the service's page in headless Chromium and fails if it is not fit to be used.

    python -m venv venv && venv/bin/pip install -r scripts/requirements-page.txt
    venv/bin/python scripts/page_check.py target/release/serve MODEL [--pictures DIR]

On a phone and on a desk, light and dark: a file is dropped, the microphone (Chromium's fake one, fed with a WAV file) is recorded, a file
that is no sound is told, everything works from the keyboard; no console error, no request that leaves the service, no sideways
scrolling, nothing that axe-core finds. Then /docs and /redoc come up, though the policy blocks the one thing that Redoc asks of others, its logo.
--pictures keeps screenshots.
"""

import argparse
import math
import pathlib
import re
import shutil
import struct
import sys
import tempfile
import wave

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

from service import running

SIZES = {"phone": (390, 844), "desk": (1280, 900)}
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
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
    """Nine seconds of a tone that comes and goes, as a cry does."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        for i in range(9 * 16000):
            t = i / 16000
            loud = max(0.0, math.sin(2 * math.pi * t / 1.5))
            file.writeframes(struct.pack("<h", int(12000 * loud * math.sin(2 * math.pi * (450 + 60 * math.sin(4 * t)) * t))))


def check(browser, url, recording, pictures):
    problems = []
    content = list(recording.read_bytes())
    for size, (width, height) in SIZES.items():
        for scheme in ["light", "dark"]:
            context = browser.new_context(
                viewport={"width": width, "height": height}, color_scheme=scheme, permissions=["microphone"], base_url=url
            )
            page = context.new_page()
            told = lambda text: problems.append(f"{size}, {scheme}: {text}")
            wanted = ["400 (Bad Request)"]  # Chromium's own line about the file that is no sound
            page.on("console", lambda m: m.type == "error" and not any(w in m.text for w in wanted) and told(f"console: {m.text}"))
            page.on("pageerror", lambda error: told(f"error: {error}"))
            page.on("request", lambda r: r.url.startswith((url, "data:", "blob:")) or told(f"asks for {r.url}"))

            def look(state):
                if pictures:
                    page.screenshot(path=pictures / f"page-{state}-{size}-{scheme}.png", full_page=True)
                if pixels := page.evaluate(SIDEWAYS):
                    told(f"{state}: {pixels} pixels of sideways scrolling")
                for found in Axe().run(page).response["violations"]:
                    told(f"{state}: axe: {found['id']}: {found['help']}: {[node['target'] for node in found['nodes']]}")

            page.goto("/")
            expect(page.get_by_text("no medical device")).to_be_visible()
            look("start")

            page.evaluate(DROP, ["cry.wav", content])
            expect(page.locator("#result")).to_be_visible(timeout=60000)
            expect(page.locator("#status")).to_contain_text("Done", timeout=60000)
            expect(page.locator("#warnings")).to_contain_text("only the first 7 s were used")
            shares = [float(text.split()[0]) for text in page.locator("#bars .share span").all_text_contents()]
            if abs(sum(shares) - 100) > 0.5 or shares != sorted(shares, reverse=True):
                told(f"shares {shares}")
            if not re.match(r"Most likely|Not sure|This does not sound", page.locator("#verdict").inner_text()):
                told("no verdict")
            for picture in ["waveform", "spectrogram"]:
                if page.evaluate(INK, picture) < 2:
                    told(f"the {picture} is empty")
            look("dropped")

            page.locator("#file").focus()
            page.keyboard.press("Tab")
            page.keyboard.press("Enter")
            expect(page.get_by_role("button", name="Stop")).to_be_focused()
            expect(page.locator("#status")).to_contain_text("Recording, 2 of 7", timeout=20000)
            page.keyboard.press("Enter")
            expect(page.locator("#status")).to_contain_text("Done", timeout=60000)
            expect(page.locator("#warnings")).to_contain_text("of sound; the model listens to 7 s")
            if page.evaluate(INK, "spectrogram") < 100:
                told("the microphone gave silence")
            look("recorded")

            page.evaluate(DROP, ["song.txt", list(b"this is no sound")])
            expect(page.get_by_role("alert")).to_contain_text("It did not work", timeout=20000)
            expect(page.locator("#result")).to_be_hidden()
            look("error")
            context.close()

    for path, word in [("/docs", "Classify one recording"), ("/redoc", "Classify one recording")]:
        page = browser.new_page(base_url=url)
        blocked = "https://cdn.redoc.ly/redoc/logo-mini.svg"
        page.on("console", lambda m: m.type == "error" and blocked not in m.text and problems.append(f"{path}: console: {m.text}"))
        page.on("response", lambda r: r.url.startswith((url, "data:", "blob:")) or problems.append(f"{path}: has an answer of {r.url}"))
        page.goto(path)
        expect(page.get_by_text(word).first).to_be_visible(timeout=30000)
        page.close()
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("serve", type=pathlib.Path)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--pictures", type=pathlib.Path)
    args = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("there is no Chromium; on Debian: apt-get install chromium")
    if args.pictures:
        args.pictures.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        recording = pathlib.Path(folder) / "cry.wav"
        sound(recording)
        microphone = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
        microphone.append(f"--use-file-for-fake-audio-capture={recording}")
        with running(args.serve, args.model) as (_, url):
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", *microphone])
            problems = check(browser, url, recording, args.pictures)
            browser.close()
    for problem in problems:
        print(problem)
    print("the page: " + (f"{len(problems)} problems" if problems else "fine"))
    sys.exit(bool(problems))


main()
