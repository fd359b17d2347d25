"""Makes the pictures of the README from real runs: docs/images/report.png and docs/images/page.png.

    python3 -m venv venv && venv/bin/pip install -r scripts/requirements.txt
    venv/bin/python scripts/docs/images.py target/release/wail target/release/wail-serve ../shared/data --work /tmp/wail-images

The data folder holds cry512/raw and weights/yamnet.tflite. The report is that of configs/yamnet.toml with three repeats of the folds and
without the gate. The run takes some five minutes on two cores; a finished run in --work is reused. The page shows what the
model in the box answers about one recording. Needs Chromium and pngquant (Debian: apt-get install chromium pngquant).
docs/images/architecture.svg is drawn by hand.
"""

import argparse
import contextlib
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading

from playwright.sync_api import expect, sync_playwright

ROOT = pathlib.Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images"
RECORDING = "hungry/F4A0C710-AC2D-42E0-8EA9-3E4CAC31EE20-1430318416-1.0-m-04-hu.wav"
KEYS = ["name=yamnet", 'data.roots=["data/raw"]', "backbone.weights=yamnet.tflite", "data.split.repeats=3", "gate.enabled=false"]
WIDTH = 820
MAX_BYTES = 200_000


def report_of_a_run(wail, data, work):
    """Path of the report of a finished run in `work`, where the recordings and weights are links, so that the report shows no local path."""
    for name, target in [("data/raw", data / "cry512" / "raw"), ("yamnet.tflite", data / "weights" / "yamnet.tflite")]:
        link = work / name
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(target)
    keys = [argument for key in KEYS for argument in ["--set", key]]
    result = subprocess.run([wail, "--config", ROOT / "configs" / "yamnet.toml", *keys], cwd=work, stdout=subprocess.PIPE, text=True, check=True)
    return work / re.search(r"^report +(\S+)", result.stdout, re.MULTILINE)[1]


@contextlib.contextmanager
def service(serve):
    """Address of a service with the model in the box, on a free port, until the block ends."""
    process = subprocess.Popen([serve, "--listen", "127.0.0.1:0"], cwd=tempfile.gettempdir(), stderr=subprocess.PIPE, text=True)
    try:
        address = next((found[1] for line in process.stderr if (found := re.search(r"listening address=(\S+)", line))), None)
        if address is None:
            sys.exit("the service does not start")
        threading.Thread(target=process.stderr.read, daemon=True).start()  # or its pipe fills up
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait()


def save(page, name, height):
    """Writes the upper `height` pixels of a page, in 256 colours."""
    path = IMAGES / name
    page.set_viewport_size({"width": WIDTH, "height": height})
    page.evaluate("document.activeElement.blur(), scrollTo(0, 0)")
    page.screenshot(path=path)
    subprocess.run(["pngquant", "--force", "--output", path, path], check=True)
    if path.stat().st_size > MAX_BYTES:
        sys.exit(f"{path}: {path.stat().st_size} bytes, more than {MAX_BYTES}; take a smaller part of the page")
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size} bytes")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wail", type=pathlib.Path)
    parser.add_argument("serve", type=pathlib.Path)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("--work", type=pathlib.Path, help="folder for the run and its caches; a temporary one unless given")
    args = parser.parse_args()
    wail, serve, data = (path.resolve() for path in [args.wail, args.serve, args.data])
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None or shutil.which("pngquant") is None:
        sys.exit("Chromium or pngquant is not installed; on Debian: apt-get install chromium pngquant")
    IMAGES.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        work = args.work.resolve() if args.work else pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        report = report_of_a_run(wail, data, work)
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": 900})
        page.goto(report.as_uri())
        save(page, "report.png", 1290)
        page.goto(stack.enter_context(service(serve)))
        page.locator("#file").set_input_files(data / "cry512" / "raw" / RECORDING)
        expect(page.locator("#status")).to_contain_text("Done", timeout=60_000)
        save(page, "page.png", 1290)
        browser.close()


main()
