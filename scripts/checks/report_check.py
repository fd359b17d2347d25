"""Opens reports in headless Chromium and fails if one is not displayed properly.

    venv/bin/python scripts/checks/report_check.py experiments/*/report.html [--pictures DIR]

On a phone and on a desktop, in light and in dark. Console messages, errors, requests, horizontal scrolling, broken images, text that its
chart cuts off, unstyled shapes and tables that do not sort are problems. --pictures keeps screenshots and a print-out (PDF).
Needs Chromium (Debian: apt-get install chromium).
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wail_scripts import browser, command_line

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


CHECKS = {
    "pixels of horizontal scrolling": browser.SIDEWAYS,
    "broken images": BROKEN_PICTURES,
    "text cut off": CUT_TEXT,
    "shapes in a placeholder colour": UNPAINTED,
    "tables that do not sort": SORT,
}


def check(chromium, file, pictures):
    """The problems of one report, as a list of texts."""
    problems = []
    url = file.resolve().as_uri()
    for screen, page in browser.screens(chromium):
        report = lambda text: problems.append(f"{screen}: {text}")
        browser.watch(page, report, url)
        page.goto(url, wait_until="load")
        if pictures:
            page.screenshot(path=pictures / f"{file.parent.name}-{file.stem}-{screen}.png", full_page=True)
        for name, script in CHECKS.items():
            if found := page.evaluate(script):
                report(f"{name}: {found}")
        if pictures and screen == "desktop-light":
            page.pdf(path=pictures / f"{file.parent.name}-{file.stem}.pdf", format="A4", print_background=True)
    return problems


def main():
    parser = command_line.parser(__doc__)
    parser.add_argument("reports", nargs="+", type=pathlib.Path)
    parser.add_argument("--pictures", type=pathlib.Path)
    args = parser.parse_args()
    if args.pictures:
        args.pictures.mkdir(parents=True, exist_ok=True)
    with browser.chromium() as chromium:
        problems = {file: check(chromium, file, args.pictures) for file in args.reports}
    browser.finish(problems)


if __name__ == "__main__":
    main()
