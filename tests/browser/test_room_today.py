"""Today in a real browser: at phone and desktop widths, light and dark, and how it stays true while it is open."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect
from sqlalchemy import Engine

from infra import advertisers
from infra.broker import make_broker, make_nudges
from infra.clock import HandClock
from infra.database import hot
from infra.settings import load
from infra.vault import Vault
from tests.browser.looking import DESKTOP, PHONE
from tests.operator import COOKIE, session_of
from tests.service import ADVERTISER, Service, service
from tests.serving import serving
from web.main import make_app
from web.simulation import Simulation

IS_HIDDEN = """hidden => {
    Object.defineProperty(document, 'hidden', { get: () => hidden, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
}"""
DAY = timedelta(days=1)


@pytest.fixture
def everspark(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[Service]:
    """One active authorization that ends in five days, ten before its ad, of a connected advertiser in trouble."""
    now = clock.now()
    with service(engine=engine, clock=clock, vault=vault) as everspark:
        creator = {"handle": "maya.moves", "name": "Maya"}
        everspark.hears("authorization.requested", route="code", days=30, creator=creator, reference="Winter 26")
        everspark.hears("code.granted", starts_at=(now - 25 * DAY).isoformat(), expires_at=(now + 5 * DAY).isoformat())
        flight, spend = now + 15 * DAY, {"amount": "120", "currency": "EUR"}
        everspark.hears("ad.started", ad={"ad_id": "9001", "flight_end": flight.isoformat(), "daily_spend": spend})
        everspark.settles()
        with hot(engine) as connection:
            advertisers.connect(connection, vault, advertiser_id=ADVERTISER, token="t", now=now, name="Maison Alba")
            advertisers.note_trouble(connection, ADVERTISER, "the token was revoked: connect the advertiser again")
        yield everspark


@contextmanager
def open_house(engine: Engine, clock: HandClock, vault: Vault, simulation: Simulation | None = None) -> Iterator[str]:
    """The address of a server."""
    nudges = make_nudges(make_broker(""))
    app = make_app(settings=load(), engine=engine, vault=vault, clock=clock, nudges=nudges, simulation=simulation)
    with serving(app) as client:
        yield str(client.base_url)


@pytest.fixture
def address(everspark: Service, engine: Engine, clock: HandClock, vault: Vault) -> Iterator[str]:
    """A real service."""
    with open_house(engine, clock, vault) as url:
        yield f"{session_of(engine, clock)}@{url}"


@pytest.fixture
def demo(everspark: Service, engine: Engine, clock: HandClock, vault: Vault) -> Iterator[str]:
    """The same as a simulation."""
    with open_house(engine, clock, vault, Simulation(day_seconds=10)) as url:
        yield url


def opened(
    browser: Browser, address: str, viewport: ViewportSize = DESKTOP, scheme: str = "light", **more: Any
) -> tuple[Page, list[str]]:
    """As an operator, whose cookie stands in the address before an @; a simulation lets in whoever comes."""
    cookie, _, address = address.rpartition("@")
    context = browser.new_context(viewport=viewport, color_scheme=scheme, **more)  # type: ignore[arg-type]
    if cookie:
        context.add_cookies([{"name": COOKIE, "value": cookie, "url": address}])
    page, complaints = context.new_page(), list[str]()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(request.url))
    page.goto(address)
    return page, complaints


def listens(page: Page) -> None:
    page.wait_for_selector("html[data-stream=on]", state="attached")


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", ["address", "demo"])
def test_the_page_fits_and_loads_nothing_that_is_refused(
    browser: Browser, kind: str, viewport: ViewportSize, scheme: str, request: pytest.FixtureRequest
) -> None:
    page, complaints = opened(browser, request.getfixturevalue(kind), viewport, scheme)

    listens(page)

    expect(page.get_by_role("rowheader", name="@maya.moves")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    assert page.evaluate("[...document.querySelectorAll('.scroll')].every(box => box.scrollWidth <= box.clientWidth)")
    assert complaints == []


def test_dark_is_dark(browser: Browser, address: str) -> None:
    grounds = [
        opened(browser, address, PHONE, scheme)[0].evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    ]

    assert grounds == ["rgb(251, 250, 248)", "rgb(23, 24, 27)"]


def test_what_lapses_is_told_with_its_person_its_money_and_its_end(browser: Browser, address: str) -> None:
    page, _ = opened(browser, address, java_script_enabled=False)

    row = page.get_by_label("Ends within 7 days").get_by_role("row").nth(1).inner_text()

    for said in ("@maya.moves", "Maison Alba, Winter 26", "1,200 EUR", "120 EUR a day", "in 5 d 0 h", "not yet"):
        assert said in row


def test_trouble_at_tiktok_is_told(browser: Browser, address: str) -> None:
    page, _ = opened(browser, address, PHONE)

    expect(page.get_by_text("The token was revoked: connect the advertiser again")).to_be_visible()


def test_a_creator_s_answer_is_seen_without_loading_the_page_again(
    browser: Browser, address: str, everspark: Service, clock: HandClock
) -> None:
    page, complaints = opened(browser, address)
    listens(page)
    page.evaluate("window.isTheSamePage = true")
    lapses = page.get_by_label("Ends within 7 days").get_by_role("link", name="@maya.moves")
    expect(lapses).to_be_visible()

    everspark.hears("authorization.extended", expires_at=(clock.now() + 35 * DAY).isoformat())
    everspark.settles()

    expect(page.get_by_text("Nothing ends within a week.")).to_be_visible()
    expect(page.locator("#lately")).to_contain_text("authorization.extended")
    assert page.evaluate("window.isTheSamePage")
    assert complaints == []


def test_what_lapses_appears_and_the_focus_stays_where_it_was(
    browser: Browser, address: str, everspark: Service, engine: Engine, clock: HandClock
) -> None:
    page, _ = opened(browser, address)
    listens(page)
    link = page.locator("#lapses").get_by_role("link", name="@maya.moves")
    link.focus()

    everspark.hears("post.changed", condition="removed")
    everspark.settles()

    expect(page.locator("#lapses")).to_contain_text("The post is removed")
    expect(link).to_be_focused()


def test_who_marks_a_text_is_not_disturbed(browser: Browser, address: str, everspark: Service) -> None:
    page, _ = opened(browser, address)
    listens(page)
    page.evaluate("getSelection().selectAllChildren(document.querySelector('#lapses tbody th strong'))")

    everspark.hears("post.changed", condition="removed")
    everspark.settles()

    expect(page.locator("#lately")).to_contain_text("post.changed")
    assert page.evaluate("getSelection().toString()") == "@maya.moves"
    expect(page.locator("#lapses")).not_to_contain_text("The post is removed")
    page.evaluate("getSelection().removeAllRanges()")
    expect(page.locator("#lapses")).to_contain_text("The post is removed")


def test_a_tab_in_the_back_lets_go_and_hears_later_what_it_missed(
    browser: Browser, address: str, everspark: Service
) -> None:
    page, _ = opened(browser, address)
    listens(page)

    page.evaluate(IS_HIDDEN, True)
    page.wait_for_selector("html[data-stream=paused]", state="attached")
    everspark.hears("post.changed", condition="removed")
    everspark.settles()
    page.evaluate(IS_HIDDEN, False)

    expect(page.locator("#lapses")).to_contain_text("The post is removed")


def test_times_tick_by_the_service_s_own_clock(browser: Browser, demo: str) -> None:
    """A day takes ten seconds: within one, hours pass."""
    page, _ = opened(browser, demo)
    left = page.locator("#lapses tbody time").first
    before = left.inner_text()

    expect(left).not_to_have_text(before)
    expect(page.get_by_role("complementary", name="Simulation").locator("time")).not_to_have_text("2026-11-22 10:00")


def test_what_is_left_goes_on_in_the_list_and_tells_the_exact_instant(browser: Browser, demo: str) -> None:
    page, complaints = opened(browser, f"{demo}/authorizations")
    left = page.locator("#list tbody time").first
    before = left.inner_text()

    expect(left).not_to_have_text(before)
    expect(left).to_have_text(re.compile(r"^(\d d )?\d+ h( \d+ min)?$"))
    left.hover()
    expect(left).to_have_attribute("title", re.compile(r"^2026-11-27 10:00:00 UTC\n.*2026"))
    assert complaints == []


def test_a_time_in_a_row_that_leads_on_tells_the_exact_instant_and_leads_there(
    browser: Browser, address: str, engine: Engine, clock: HandClock
) -> None:
    with hot(engine) as connection:
        query = "SELECT id, expires_at, 'owner', %s FROM authorizations"
        connection.execute(
            f"INSERT INTO escalations (authorization_id, period_ends_at, step, opened_at) {query}", [clock.now()]
        )
    page, _ = opened(browser, address)
    at = page.locator("#todo time")

    at.hover()

    expect(at).to_have_attribute("title", re.compile(r"^2026-11-27 10:00:00 UTC\n.*2026"))
    at.click()
    page.wait_for_url("**/authorizations/*")


def test_a_simulation_says_so_and_without_scripts_it_comes_again_until_it_is_held(browser: Browser, demo: str) -> None:
    page, _ = opened(browser, demo, PHONE, java_script_enabled=False)

    label = page.get_by_role("complementary", name="Simulation")
    assert "Nothing here is real" in label.inner_text()
    assert "2026-11-22 10:00 UTC, and a day takes 10" in label.inner_text()
    assert "(simulation)" in page.title()
    expect(page.locator("noscript meta[http-equiv=refresh]")).to_have_count(1)

    page.get_by_role("link", name="Hold still").click()
    page.wait_for_url("**/?still")
    expect(page.locator("meta[http-equiv=refresh]")).to_have_count(0)
    expect(page.get_by_role("complementary", name="Simulation")).to_be_visible()


def test_what_is_held_still_hears_nothing(browser: Browser, demo: str) -> None:
    page, _ = opened(browser, f"{demo}/?still")

    expect(page.locator("[data-live]")).to_have_count(0)
    assert page.evaluate("document.documentElement.dataset.stream") is None


def test_a_real_service_says_nothing_of_the_kind(browser: Browser, address: str) -> None:
    page, _ = opened(browser, address, PHONE, java_script_enabled=False)

    expect(page.get_by_role("complementary")).to_have_count(0)
    assert page.title() == "Today · Everspark"
    expect(page.locator("meta[http-equiv=refresh]")).to_have_count(0)
    expect(page.get_by_role("heading", name="Ends within 7 days")).to_be_visible()
