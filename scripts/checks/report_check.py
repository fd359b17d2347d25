"""Opens reports in headless Chromium and fails if one is not fit to be shown.

    python -m venv venv && venv/bin/pip install -r scripts/requirements-report.txt
    venv/bin/python scripts/report_check.py experiments/*/report.html [--pictures DIR]

On a phone and on a desk, light and dark: no console message or error, no request that leaves the page, no sideways scrolling, no picture
that is broken, no text cut off by its chart, columns that sort where there are any. --pictures keeps screenshots and a print-out (PDF).
"""

import argparse
import pathlib
import shutil
import sys

from playwright.sync_api import sync_playwright

SIZES = {"phone": (390, 844), "desk": (1280, 900)}

SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
BROKEN_PICTURES = "[...document.images].filter(image => !image.complete || !image.naturalWidth).length"
CUT_TEXT = """[...document.querySelectorAll("svg text")].filter(text => {
    const inner = text.getBoundingClientRect(), outer = text.closest("svg").getBoundingClientRect();
    return inner.left < outer.left - 8 || inner.right > outer.right + 8 || inner.top < outer.top - 8 || inner.bottom > outer.bottom + 8;
}).map(text => text.textContent)"""
UNPAINTED = """[...document.querySelectorAll("svg [fill], svg [stroke]")].filter(shape => {
    const style = getComputedStyle(shape);
    return [style.fill, style.stroke].some(colour => /^rgba?\\(([1-4]), \\1, \\1\\b/.test(colour));
}).length"""
SORT = """() => [...document.querySelectorAll("table.sortable")].filter(table => {
    const values = () => [...table.tBodies[0].rows].map(row => row.cells[1].textContent);
    const sorted = list => list.every((value, i) => i == 0 || !(list[i - 1] - value > 0));
    const button = table.tHead.rows[0].cells[1].querySelector("button");
    button.click();
    const rising = sorted(values());
    button.click();
    return !(rising && sorted(values().reverse()));
}).length"""


def check(browser, page_path, pictures):
    problems = []
    url = page_path.resolve().as_uri()
    for size, (width, height) in SIZES.items():
        for scheme in ["light", "dark"]:
            context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
            page = context.new_page()
            told = lambda text: problems.append(f"{size}, {scheme}: {text}")
            page.on("console", lambda message: told(f"console: {message.text}"))
            page.on("pageerror", lambda error: told(f"error: {error}"))
            page.on("request", lambda r: r.url == url or r.url.startswith(("data:", "blob:")) or told(f"asks for {r.url}"))
            page.goto(url, wait_until="load")
            if pictures:
                page.screenshot(path=pictures / f"{page_path.parent.name}-{page_path.stem}-{size}-{scheme}.png", full_page=True)
            for name, script in [
                ("pixels of sideways scrolling", SIDEWAYS),
                ("broken pictures", BROKEN_PICTURES),
                ("text cut off", CUT_TEXT),
                ("shapes in a stand-in colour", UNPAINTED),
                ("tables that do not sort", SORT),
            ]:
                if found := page.evaluate(script):
                    told(f"{name}: {found}")
            if pictures and (size, scheme) == ("desk", "light"):
                page.pdf(path=pictures / f"{page_path.parent.name}-{page_path.stem}.pdf", format="A4", print_background=True)
            context.close()
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="+", type=pathlib.Path)
    parser.add_argument("--pictures", type=pathlib.Path)
    args = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("there is no Chromium; on Debian: apt-get install chromium")
    if args.pictures:
        args.pictures.mkdir(parents=True, exist_ok=True)
    failed = False
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for path in args.pages:
            problems = check(browser, path, args.pictures)
            print(f"{path}: {'fine' if not problems else ''}")
            for problem in problems:
                print(f"  {problem}")
            failed |= bool(problems)
        browser.close()
    sys.exit(failed)


main()
