"""The page at `/` in a real browser: at phone and desktop widths, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page
from sqlalchemy import Engine

from infra import advertisers
from infra.broker import make_broker, make_nudges
from infra.clock import HandClock
from infra.database import hot
from infra.settings import load
from infra.vault import Vault
from tests.service import ADVERTISER, POST, service
from tests.serving import serving
from web.main import make_app
from web.pages import Simulation

PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


@pytest.fixture
def house(engine: Engine, clock: HandClock, vault: Vault) -> Engine:
    """One active authorization whose ad flies ten days longer than it lasts, of a connected advertiser."""
    now = clock.now()
    with service(engine=engine, clock=clock, vault=vault) as everspark:
        creator = {"handle": "maya.moves", "name": "Maya"}
        everspark.hears("authorization.requested", route="code", days=30, creator=creator)
        ends = (now + timedelta(days=30)).isoformat()
        everspark.hears("code.granted", starts_at=now.isoformat(), expires_at=ends)
        flight, spend = now + timedelta(days=40), {"amount": "120", "currency": "EUR"}
        everspark.hears("ad.started", ad={"ad_id": "9001", "flight_end": flight.isoformat(), "daily_spend": spend})
        everspark.settles()
    with hot(engine) as connection:
        advertisers.connect(connection, vault, advertiser_id=ADVERTISER, token="t", now=now, name="Maison Alba")
        advertisers.note_trouble(connection, ADVERTISER, "the token was revoked: connect the advertiser again")
    return engine


@contextmanager
def home(engine: Engine, clock: HandClock, vault: Vault, simulation: Simulation | None = None) -> Iterator[str]:
    """The address of a server."""
    nudges = make_nudges(make_broker(""))
    app = make_app(settings=load(), engine=engine, vault=vault, clock=clock, nudges=nudges, simulation=simulation)
    with serving(app) as client:
        yield str(client.base_url)


@pytest.fixture
def address(house: Engine, clock: HandClock, vault: Vault) -> Iterator[str]:
    """A real service."""
    with home(house, clock, vault) as url:
        yield url


@pytest.fixture
def demo(house: Engine, clock: HandClock, vault: Vault) -> Iterator[str]:
    """The same as a simulation."""
    with home(house, clock, vault, Simulation(day_seconds=10)) as url:
        yield url


def opened(browser: Browser, address: str, viewport: dict[str, int], scheme: str) -> tuple[Page, list[str]]:
    context = browser.new_context(viewport=viewport, color_scheme=scheme)  # type: ignore[arg-type]  # literals elsewhere
    page, complaints = context.new_page(), list[str]()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("requestfailed", lambda request: complaints.append(request.url))
    page.goto(address)
    return page, complaints


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", ["address", "demo"])
def test_the_page_fits_and_loads_nothing_that_is_refused(
    browser: Browser, kind: str, viewport: dict[str, int], scheme: str, request: pytest.FixtureRequest
) -> None:
    page, complaints = opened(browser, request.getfixturevalue(kind), viewport, scheme)

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


def test_what_lapses_next_is_told_with_its_person_its_money_and_its_why(browser: Browser, address: str) -> None:
    page, _ = opened(browser, address, DESKTOP, "light")

    row = page.get_by_role("region", name="What lapses next").get_by_role("row").nth(1).inner_text()

    for said in (
        "@maya.moves for Maison Alba",
        "30 d 0 h",
        "1\u202f200 EUR",
        "120 EUR a day",
        "active",
        "ask 2026-12-12",
    ):
        assert said in row
    assert "something that needs the authorization runs on after its end" in row


def test_on_a_phone_an_event_takes_two_lines(browser: Browser, address: str) -> None:
    page, _ = opened(browser, address, PHONE, "light")

    heights = page.evaluate("[...document.querySelectorAll('.events tbody tr')].map(row => row.offsetHeight)")

    assert len(heights) == 3
    assert max(heights) <= 64


def test_trouble_at_tiktok_is_told(browser: Browser, address: str) -> None:
    page, _ = opened(browser, address, PHONE, "light")

    assert page.get_by_text("Maison Alba: the token was revoked: connect the advertiser again").is_visible()


def test_a_simulation_says_so_and_comes_again_by_itself_until_it_is_held(browser: Browser, demo: str) -> None:
    page, _ = opened(browser, demo, PHONE, "light")

    label = page.get_by_role("complementary", name="Simulation")
    assert "Nothing here is real" in label.inner_text()
    assert "2026-11-22 10:00 UTC, and a day takes 10" in label.inner_text()
    assert "(simulation)" in page.title()
    assert page.locator("meta[http-equiv=refresh]").count() == 1

    page.get_by_role("link", name="Hold still").click()
    assert page.locator("meta[http-equiv=refresh]").count() == 0
    assert page.get_by_role("complementary", name="Simulation").is_visible()


def test_a_real_service_says_nothing_of_the_kind(browser: Browser, address: str) -> None:
    page, _ = opened(browser, address, PHONE, "light")

    assert page.get_by_role("complementary").count() == 0
    assert page.title() == "Everspark"
    assert page.locator("meta[http-equiv=refresh]").count() == 0
