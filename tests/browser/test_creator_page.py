"""The creator's page in a real browser, without JavaScript: at phone and desktop widths, light and dark, and for everybody."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect
from sqlalchemy import Engine

from domain.events import CodeRefused
from domain.sightings import Sighting
from infra import advertisers, sightings
from infra.broker import make_broker, make_nudges
from infra.clock import HandClock
from infra.database import hot
from infra.inbox import accept
from infra.letters import letter
from infra.settings import load
from infra.vault import Vault
from tests.browser.looking import found_nothing
from tests.service import ADVERTISER, KEY, Service, service
from tests.serving import serving
from tests.visitor import link_to
from web.main import make_app

PHONE: ViewportSize = {"width": 390, "height": 844}
DESKTOP: ViewportSize = {"width": 1280, "height": 900}
NARROW: ViewportSize = {"width": 320, "height": 640}
HANDLE = "maya.moves"


@pytest.fixture
def desk(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[Service]:
    """Of one creator: a post that ends soon, one that is asked for and whose code was refused, and one that runs."""
    now = clock.now()
    creator = {"handle": HANDLE, "name": "Maya", "timezone": "Europe/Paris"}
    with service(engine=engine, clock=clock, vault=vault) as desk:
        for item, days in (("7300000000000000001", 5), ("7300000000000000003", 29)):
            post = {"item_id": item}
            desk.hears("authorization.requested", post=post, route="code", days=30, creator=creator)
            begins, ends = now - timedelta(days=30 - days), now + timedelta(days=days)
            desk.hears("code.granted", post=post, starts_at=begins.isoformat(), expires_at=ends.isoformat())
            flight = (now + timedelta(days=60)).isoformat()
            desk.hears("ad.started", post=post, ad={"ad_id": f"9{item}", "flight_end": flight})
        asked = {"item_id": "7300000000000000002"}
        desk.hears("authorization.requested", post=asked, route="code", days=60, creator=creator)
        desk.hears("code.submitted", post=asked, code="#" + "Ab1" * 21 + "=")
        desk.settles()
        with hot(engine) as connection:
            refused = letter(
                f"{ADVERTISER}/7300000000000000002", CodeRefused(at=now, reason="wrong_post"), event_id="1"
            )
            accept(connection, [refused], now=now)
            advertisers.connect(connection, vault, advertiser_id=ADVERTISER, token="t", now=now, name="Maison Alba")
            facts = {"caption": "Morgenroutine mit Serum, drei Schritte und viel Licht #anzeige #skincare"}
            seen = Sighting(
                key=KEY,
                auth_status="AUTHORIZED",
                status="",
                ends_at=now + timedelta(days=5),
                facts=facts,
                seen_at=now,
            )
            sightings.save(connection, [seen])
        desk.settles()
        yield desk


@contextmanager
def served(desk: Service) -> Iterator[str]:
    """The address of the creator's page on a real server."""
    nudges = make_nudges(make_broker(""))
    app = make_app(settings=load(), engine=desk.engine, vault=desk.vault, clock=desk.clock, nudges=nudges)
    token = link_to(desk.engine, desk.vault, HANDLE, now=desk.clock.now())
    with serving(app) as client:
        yield f"{client.base_url}/c/{token}"


@pytest.fixture
def address(desk: Service) -> Iterator[str]:
    with served(desk) as address:
        yield address


def opened(
    browser: Browser, address: str, viewport: ViewportSize, scheme: str, *, scripts: bool = False
) -> tuple[Page, list[str]]:
    """Without scripts, save where axe has to run its own; then the policy stands aside for it."""
    context = browser.new_context(
        viewport=viewport,
        color_scheme=scheme,  # type: ignore[arg-type]  # literals elsewhere
        java_script_enabled=scripts,
        bypass_csp=scripts,
        locale="en-GB",
    )
    page, complaints = context.new_page(), list[str]()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("requestfailed", lambda request: complaints.append(request.url))
    page.goto(address)
    return page, complaints


def pictured(page: Page, name: str) -> None:
    """Keeps a picture where EVERSPARK_PICTURES names a folder for them."""
    if folder := os.environ.get("EVERSPARK_PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@pytest.mark.parametrize("viewport", [NARROW, PHONE, DESKTOP], ids=["narrow", "phone", "desktop"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_and_use_it(browser: Browser, address: str, viewport: ViewportSize, scheme: str) -> None:
    for path in ("", "?lang=de", "/stop", "/none"):
        page, _ = opened(browser, address + path, viewport, scheme, scripts=True)
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")

        found_nothing(page, path)
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
        small = """[...document.querySelectorAll('a, button, summary, input:not([type=hidden]), select, textarea')]
            .filter(each => each.getClientRects().length && each.getBoundingClientRect().height < 24).length"""
        assert page.evaluate(small) == 0
        pictured(page, f"{viewport['width']}-{scheme}-{path.strip('/?').replace('=', '-') or 'posts'}-open")


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_loads_nothing_that_is_refused(browser: Browser, address: str, viewport: ViewportSize, scheme: str) -> None:
    page, complaints = opened(browser, address, viewport, scheme)

    expect(page.get_by_role("heading", name="Morgenroutine")).to_be_visible()
    expect(page.get_by_text("Open the post named here")).to_be_visible()
    pictured(page, f"{viewport['width']}-{scheme}-posts")
    assert complaints == []
    grounds = {"light": "rgb(251, 250, 248)", "dark": "rgb(23, 24, 27)"}
    assert page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor") == grounds[scheme]


def test_a_creator_answers_without_scripts(browser: Browser, desk: Service, address: str) -> None:
    page, _ = opened(browser, address, PHONE, "light")
    card = page.get_by_role("article", name="Morgenroutine")

    card.get_by_role("button", name="I have extended it").click()
    expect(card.get_by_text("We are looking at TikTok")).to_be_visible()
    pictured(page, "answered-extended")

    card = page.get_by_role("article", name="7300000000000000002")
    card.get_by_label("Code, or the whole message").fill("tomorrow, promise")
    card.get_by_role("button", name="Send the code").click()
    expect(card.get_by_text("There is no code in this")).to_be_visible()
    pictured(page, "answered-no-code")

    card.get_by_label("Code, or the whole message").fill("Here: #" + "Xy9" * 21 + "= bye")
    card.get_by_role("button", name="Send the code").click()
    expect(card.get_by_text("checking it with TikTok")).to_be_visible()

    page.get_by_text("Remind me later").click()
    page.get_by_label("Do not write to me before").fill("2026-11-30")
    page.get_by_role("button", name="Remind me then").click()
    expect(page.get_by_text("We do not write to you before Monday 30 November 2026")).to_be_visible()

    page.get_by_role("link", name="No more messages").click()
    page.get_by_role("button", name="Stop all messages").click()
    expect(page.get_by_text("we write to this address no more")).to_be_visible()
    desk.settles()
    with hot(desk.engine) as connection:
        rows = connection.execute("SELECT type FROM inbox WHERE sender = 'creator' ORDER BY seq").fetchall()
    assert [row[0] for row in rows] == ["look.wanted", "code.submitted", "creator.snoozed", "creator.opted_out"]

    page.get_by_role("link", name="Back to your posts").click()
    expect(page.get_by_text("You asked us not to write to you")).to_be_visible()
    pictured(page, "stopped")
    page.get_by_role("button", name="Write to me again").click()
    expect(page.get_by_text("We write to you again when a post")).to_be_visible()


def test_the_link_leaves_the_page_with_nobody(browser: Browser, address: str) -> None:
    page, _ = opened(browser, address, PHONE, "light")
    asked: list[dict[str, str]] = []
    page.on("request", lambda request: asked.append({"url": request.url, **request.headers}))

    page.reload()
    page.route("https://www.tiktok.com/**", lambda route: route.fulfill(body="elsewhere"))
    page.get_by_role("link", name="Open it in TikTok").first.click()
    page.wait_for_url("https://www.tiktok.com/**")

    token = address.rpartition("/")[2]
    assert len(asked) >= 2
    for request in asked:
        assert not request.get("referer")
        assert token not in request["url"] or request["url"] == address
