"""The page at `/forecast` in a real browser: at phone and desktop widths, light and dark, for everybody."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect
from sqlalchemy import Engine

from infra.broker import make_broker, make_nudges
from infra.clock import HandClock
from infra.settings import load
from infra.vault import Vault
from tests.browser.looking import DESKTOP, PHONE, found_nothing
from tests.operator import COOKIE, session_of
from tests.portfolio import Post, holds
from tests.serving import serving
from web.main import make_app

# On how many lines each word stands.
WORDS = """zones => zones.flatMap(zone => [...zone.childNodes].filter(part => part.data).map(part => {
    const range = document.createRange();
    range.selectNode(part);
    return range.getClientRects().length;
}))"""


@pytest.fixture
def address(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[str]:
    """Forty posts of ten creators, in two currencies; one creator has no address, and one post no creator."""
    posts = [
        Post(
            number=number,
            creator=f"creator.number.{number % 10}" if number else None,
            ends=1 + number * 0.9,
            days=(7, 30, 60, 365)[number % 4],
            flight=60 if number % 3 else None,
            spend=str(40 + number * 37 % 900),
            currency="EUR" if number % 5 else "USD",
            zone=("Europe/Paris", "America/Los_Angeles", None)[number % 3],
            has_email=number % 10 != 3,
        )
        for number in range(40)
    ]
    holds(engine, posts, now=clock.now())
    app = make_app(settings=load(), engine=engine, vault=vault, clock=clock, nudges=make_nudges(make_broker("")))
    with serving(app) as client:
        yield f"{session_of(engine, clock)}@{client.base_url}"


def opened(
    browser: Browser, address: str, viewport: ViewportSize, scheme: str, *, scripts: bool
) -> tuple[Page, list[str]]:
    """Without scripts, save where axe has to run its own; then the policy stands aside for it. As an operator, whose cookie
    stands in the address before an @.
    """
    cookie, _, address = address.rpartition("@")
    context = browser.new_context(
        viewport=viewport,
        color_scheme=scheme,  # type: ignore[arg-type]  # literals elsewhere
        java_script_enabled=scripts,
        bypass_csp=scripts,
    )
    context.add_cookies([{"name": COOKIE, "value": cookie, "url": address}])
    page, complaints = context.new_page(), list[str]()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("requestfailed", lambda request: complaints.append(request.url))
    page.goto(address)
    return page, complaints


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_it(browser: Browser, address: str, viewport: ViewportSize, scheme: str) -> None:
    page, _ = opened(browser, f"{address}/forecast", viewport, scheme, scripts=True)

    if folder := os.environ.get("EVERSPARK_PICTURES"):
        page.screenshot(path=Path(folder) / f"forecast-{viewport['width']}-{scheme}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    assert page.evaluate("[...document.querySelectorAll('.scroll')].every(box => box.scrollWidth <= box.clientWidth)")
    words = "[...document.querySelectorAll('.tiles dt')].every(word => word.scrollWidth <= word.clientWidth)"
    assert page.evaluate(words)
    found_nothing(page, f"forecast-{viewport['width']}-{scheme}")


def test_on_a_phone_each_fact_has_its_name_and_no_zone_is_broken_in_a_word(browser: Browser, address: str) -> None:
    page, _ = opened(browser, f"{address}/forecast", PHONE, "light", scripts=True)

    asked = page.get_by_label("The largest lapses").locator("td").nth(3)
    assert asked.evaluate("cell => getComputedStyle(cell, '::before').display") != "none"
    zones = page.get_by_label("The next messages").locator("small", has_text="America")
    assert zones.count() > 0
    assert zones.evaluate_all(WORDS) == [1] * (2 * zones.count())


def test_its_times_tell_the_reader_s_own_on_hover(browser: Browser, address: str) -> None:
    page, complaints = opened(browser, f"{address}/forecast", DESKTOP, "light", scripts=True)

    for name in ("The largest lapses", "The next messages"):
        at = page.get_by_label(name).locator("time").first
        at.hover()
        expect(at).to_have_attribute("title", re.compile(r"^2026-\d\d-\d\d \d\d:\d\d:\d\d UTC\n.*2026"))
        expect(at).to_have_text(re.compile(r"^2026-\d\d-\d\d \d\d:\d\d$"))
    assert complaints == []


def test_without_scripts_it_is_found_in_the_menu_and_nothing_is_refused(browser: Browser, address: str) -> None:
    page, complaints = opened(browser, f"{address}/account", PHONE, "light", scripts=False)

    page.get_by_role("button", name="Menu").click()
    page.get_by_role("link", name="Forecast").click()

    expect(page.get_by_role("heading", name="Forecast")).to_be_visible()
    expect(page.get_by_role("img", name="Messages and lapses of each day")).to_be_visible()
    assert page.get_by_label("The largest lapses").get_by_role("row").count() > 5
    assert complaints == []
