"""Headless Chromium for the checks of pages: on a phone and on a desktop, in light and in dark."""

import contextlib
import shutil
import sys

from playwright.sync_api import sync_playwright

SIZES = {"phone": (390, 844), "desktop": (1280, 900)}
SCHEMES = ["light", "dark"]
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@contextlib.contextmanager
def chromium(*arguments):
    """The system's Chromium until the block ends."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        sys.exit("Chromium is not installed; on Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", *arguments])
        yield browser
        browser.close()


def screens(browser, **options):
    """A name such as `phone-dark` and a fresh page, for each size and colour scheme."""
    for size, (width, height) in SIZES.items():
        for scheme in SCHEMES:
            context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, **options)
            yield f"{size}-{scheme}", context.new_page()
            context.close()


def watch(page, report, own, expected=lambda message: False):
    """Reports console messages that are not expected, errors, and requests for URLs that do not start with `own`."""
    page.on("console", lambda message: expected(message) or report(f"console: {message.text}"))
    page.on("pageerror", lambda error: report(f"error: {error}"))
    page.on("request", lambda request: request.url.startswith((own, "data:", "blob:")) or report(f"requests {request.url}"))


def finish(problems):
    """Prints the problems of each page, {name: problems}, and exits 1 if there are any."""
    for name, found in problems.items():
        print(f"{name}: {'OK' if not found else f'{len(found)} problems'}")
        for problem in found:
            print(f"  {problem}")
    sys.exit(any(problems.values()))
