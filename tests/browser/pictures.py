"""Takes the README's pictures of a demo that runs: `python -m tests.browser.pictures [address] [folder]`.

They come as Chromium makes them; with a palette of 256 colours, which any tool for PNGs gives them, they are half as large.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from tests.browser.conftest import ARGUMENTS

ADDRESS, FOLDER = "http://127.0.0.1:8080", "docs/pictures"
DESK, PHONE = ViewportSize(width=1200, height=860), ViewportSize(width=390, height=860)
MOST_AT_RISK = "/authorizations?state=active&sort=money"


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """`opens_first`: the page of the first row of the list at `path`, not the list."""

    name: str
    path: str
    scheme: str = "light"
    opens_first: bool = False

    @property
    def size(self) -> ViewportSize:
        return PHONE if "phone" in self.name else DESK


PICTURES = (
    Picture(name="today", path="/?still"),
    Picture(name="authorizations", path=MOST_AT_RISK),
    Picture(name="authorization-dark", path=MOST_AT_RISK, scheme="dark", opens_first=True),
    Picture(name="calendar", path="/calendar"),
    Picture(name="creator", path="/creators", opens_first=True),
    Picture(name="advertiser", path="/advertisers", opens_first=True),
    Picture(name="forecast-dark", path="/forecast", scheme="dark"),
    Picture(name="events", path="/events"),
    Picture(name="message-dark", path="/outbox?kind=ask.mail", scheme="dark", opens_first=True),
    Picture(name="sweeps", path="/sweeps"),
    Picture(name="today-phone", path="/?still"),
    Picture(name="authorization-phone-dark", path=MOST_AT_RISK, scheme="dark", opens_first=True),
)


def main(address: str = ADDRESS, folder: str = FOLDER) -> None:
    Path(folder).mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        for picture in PICTURES:
            opened(browser, address, picture).screenshot(path=Path(folder) / f"{picture.name}.png")
        browser.close()


def opened(browser: Browser, address: str, picture: Picture) -> Page:
    page = browser.new_page(
        viewport=picture.size,
        color_scheme=picture.scheme,  # type: ignore[arg-type]  # literals elsewhere
        base_url=address,
    )
    page.goto(picture.path)
    if picture.opens_first:
        first = page.locator("main tbody tr").first.get_by_role("link").first
        page.goto(first.get_attribute("href") or picture.path)
    return page


if __name__ == "__main__":
    main(*sys.argv[1:])
