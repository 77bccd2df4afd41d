"""What every page of the room must be to everybody: axe finds nothing, it fits, is light, and loads nothing from outside."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, BrowserContext, Page, Request, Response, ViewportSize

from tests.operator import COOKIE

PHONE, DESKTOP = ViewportSize(width=390, height=844), ViewportSize(width=1280, height=900)
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
# What the other colours of a page can break.
COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
# What passed is not reported node by node, and style sheets, which come from the page itself, are not fetched a second time.
BRIEFLY = {"resultTypes": ["violations"], "preload": False}
SMALL = """[...document.querySelectorAll('a, button, summary, input:not([type=hidden]), select')]
    .filter(each => each.getClientRects().length && each.getBoundingClientRect().height < 24
        && getComputedStyle(each).display !== 'inline' && !each.closest('label.choice'))
    .map(each => each.outerHTML.slice(0, 120))"""
# With its styles and modules, as they travel.
LARGEST = 100_000


def context_of(browser: Browser, address: str, viewport: ViewportSize, scheme: str, **more: Any) -> BrowserContext:
    """As somebody whose cookie stands in the address before an @; as nobody where there is none."""
    cookie, _, url = address.rpartition("@")
    context = browser.new_context(
        viewport=viewport,
        color_scheme=scheme,  # type: ignore[arg-type]  # literals elsewhere
        base_url=url,
        **more,
    )
    if cookie:
        context.add_cookies([{"name": COOKIE, "value": cookie, "url": url}])
    return context


def looked_at(page: Page, viewport: ViewportSize, name: str) -> None:
    """Everybody can read and use it; a picture is kept where EVERSPARK_PICTURES names a folder for them."""
    page.wait_for_load_state()  # what a form answers is there before its style sheet is
    if folder := os.environ.get("EVERSPARK_PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
    found_nothing(page, name)
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"], name
    assert page.evaluate(SMALL) == [], name
    assert len(page.content().encode()) < LARGEST, name


def looked_at_in_the_dark(page: Page, name: str) -> None:
    """The same page in its other colours: all else is as it was."""
    page.emulate_media(color_scheme="dark")
    if folder := os.environ.get("EVERSPARK_PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
    found_nothing(page, name, rules=COLOURS)
    page.emulate_media(color_scheme="light")


def found_nothing(page: Page, name: str, *, rules: dict[str, Any] = RULES) -> None:
    """Axe sees no offence against its rules."""
    page.wait_for_load_state()
    found = Axe().run(page, options=rules | BRIEFLY)
    assert found.violations_count == 0, f"{name}\n{found.generate_report()}"


class Load:
    """Everything that a page asks for to be shown: how much, and from where."""

    def __init__(self, page: Page) -> None:
        self._answers: list[Response] = []
        self._refused: list[str] = []
        self._sizes: dict[str, int] = {}
        page.on("response", self._note)
        page.on("requestfailed", self._note_failure)

    def opens(self, page: Page, path: str) -> int:
        """Its bytes as they travel to who comes for the first time, bodies alone; all of it is the service's own, and there."""
        self._answers.clear()
        self._refused.clear()
        answer = page.goto(path, wait_until="load")
        assert answer
        own, places = answer.url.split("/", 3)[2], {each.url.split("/", 3)[2] for each in self._answers}
        assert places == {own}, path
        assert self._refused == [], path
        assert [each.url for each in self._answers if each is not answer and each.status >= 400] == [], path
        return sum(self._size(each) for each in self._answers)

    def _size(self, answer: Response) -> int:
        """What a browser has kept travels no more: then as large as it was."""
        size = answer.request.sizes()["responseBodySize"]
        self._sizes[answer.url] = max(size, self._sizes.get(answer.url, 0))
        return self._sizes[answer.url]

    def _note(self, answer: Response) -> None:
        # How an open page stays true comes later, and comes again.
        if answer.request.resource_type not in ("fetch", "eventsource"):
            self._answers.append(answer)

    def _note_failure(self, request: Request) -> None:
        # What the next page interrupts was not refused.
        if "ABORTED" not in (request.failure or ""):
            self._refused.append(request.url)
