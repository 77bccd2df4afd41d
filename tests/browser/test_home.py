"""The page at `/` in a real browser: at phone and desktop widths, light and dark."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from sqlalchemy import Engine

from infra.broker import make_broker, make_nudges
from infra.clock import HandClock
from infra.settings import load
from infra.vault import Vault
from tests.service import ADVERTISER, POST, service
from tests.serving import serving
from web.main import make_app

PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium on this machine: .ci/run installs it")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def address(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[str]:
    """A server with one active authorization."""
    now = clock.now()
    with service(engine=engine, clock=clock, vault=vault) as everspark:
        ends = (now + timedelta(days=30)).isoformat()
        everspark.hears("code.granted", starts_at=now.isoformat(), expires_at=ends)
        everspark.hears("ad.started", ad={"ad_id": "9001"})
        everspark.settles()
    nudges = make_nudges(make_broker(""))
    with serving(make_app(settings=load(), engine=engine, vault=vault, clock=clock, nudges=nudges)) as client:
        yield str(client.base_url)


def opened(browser: Browser, address: str, viewport: dict[str, int], scheme: str) -> tuple[Page, list[str]]:
    context = browser.new_context(viewport=viewport, color_scheme=scheme)  # type: ignore[arg-type]  # literals elsewhere
    page, complaints = context.new_page(), list[str]()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("requestfailed", lambda request: complaints.append(request.url))
    page.goto(address)
    return page, complaints


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_and_loads_nothing_that_is_refused(
    browser: Browser, address: str, viewport: dict[str, int], scheme: str
) -> None:
    page, complaints = opened(browser, address, viewport, scheme)

    assert page.get_by_role("rowheader", name=f"{ADVERTISER}/{POST}").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    assert page.evaluate("[...document.querySelectorAll('.scroll')].every(box => box.scrollWidth <= box.clientWidth)")
    assert complaints == []


def test_dark_is_dark(browser: Browser, address: str) -> None:
    grounds = [
        opened(browser, address, PHONE, scheme)[0].evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    ]

    assert grounds == ["rgb(251, 250, 248)", "rgb(23, 24, 27)"]
