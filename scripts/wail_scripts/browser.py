"""Headless Chromium for the checks of pages: on a phone and on a desktop, in light and in dark."""

import contextlib
import shutil
import sys

from axe_playwright_python.sync_playwright import Axe
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


class Watched:
    """A page of the service on one screen whose problems are reported. Errors in the console with one of `refusals` are expected, because
    Chromium logs what the service refuses; so is one at the question whether a monitor runs."""

    def __init__(self, screen, page, url, pictures, problems, *refusals, path="/"):
        self.screen, self.page, self.pictures, self.problems = screen, page, pictures, problems
        refused = lambda message: message.location["url"].endswith("/v1/monitor") or any(text in message.text for text in refusals)
        expected = lambda message: message.type != "error" or refused(message)
        watch(page, self.report, url, expected)
        page.goto(path)

    def report(self, text):
        self.problems.append(f"{self.screen}: {text}")

    def inspect(self, state):
        """Keeps a picture, and reports horizontal scrolling and what axe-core finds."""
        if self.pictures:
            self.page.evaluate("scrollTo(0, 0)")
            self.page.screenshot(path=self.pictures / f"page-{state}-{self.screen}.png", full_page=True)
        if pixels := self.page.evaluate(SIDEWAYS):
            self.report(f"{state}: {pixels} pixels of horizontal scrolling")
        for found in Axe().run(self.page).response["violations"]:
            self.report(f"{state}: axe: {found['id']}: {found['help']}: {[node['target'] for node in found['nodes']]}")


def finish(problems):
    """Prints the problems of each page, {name: problems}, and exits 1 if there are any."""
    for name, found in problems.items():
        print(f"{name}: {'OK' if not found else f'{len(found)} problems'}")
        for problem in found:
            print(f"  {problem}")
    sys.exit(any(problems.values()))
