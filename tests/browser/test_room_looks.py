"""Every page of the room in a real browser, at phone and desktop widths, light and dark, for everybody."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ViewportSize, expect
from sqlalchemy import Engine

from domain.people import Role
from infra import invitations
from infra.broker import make_broker, make_nudges
from infra.clock import HandClock
from infra.database import hot
from infra.settings import load
from infra.vault import Vault
from tests import showroom
from tests.browser.looking import DESKTOP, LARGEST, PHONE, Load, context_of, looked_at, looked_at_in_the_dark
from tests.operator import session_of
from tests.serving import serving
from web.main import make_app
from web.room.routes import PAGES

# An example of each page that is for looking, by its path in the route table; of some more than one.
EXAMPLES: dict[str, tuple[str, ...]] = {
    "/": ("/",),
    "/forecast": ("/forecast",),
    "/authorizations": (
        "/authorizations",
        "/authorizations?state=active&advertiser=7200000000000000001&left_to=40&sort=money",
        "/authorizations?search=nobody",
        "/authorizations?left_to=soon&search=%23",
    ),
    "/authorizations/{id:int}": ("/authorizations/1",),
    "/calendar": ("/calendar",),
    "/creators": ("/creators", "/creators?search=nobody"),
    "/creators/{id:int}": ("/creators/1",),
    "/advertisers": ("/advertisers",),
    "/advertisers/{id}": (f"/advertisers/{showroom.ADVERTISER}",),
    "/acts": ("/acts",),
    "/acts/preview": tuple(f"/acts/preview?act={act}&everything=1&query=left_to%3D7" for act in ("snooze", "revoke")),
    "/acts/{id:int}": ("/acts/1", "/acts/2"),
    "/escalations": ("/escalations",),
    "/imports": ("/imports",),
    "/imports/{id:int}": ("/imports/1",),
    "/events": ("/events", "/events?outcome=quarantined", "/events?outcome=parked"),
    "/events/{seq:int}": ("/events/1", "/events/12"),
    "/outbox": ("/outbox", "/outbox?status=failed"),
    "/outbox/{id:int}": ("/outbox/1",),
    "/sweeps": ("/sweeps", "/sweeps?job=expire&loud"),
    "/producers": ("/producers",),
    "/people": ("/people",),
    "/tokens": ("/tokens",),
    "/audit": ("/audit", "/audit?actor=nobody"),
    "/settings": ("/settings",),
    "/account": ("/account",),
}
# A stream, sheets, and an address that only leads to another one.
NO_PAGES = {
    "/live",
    "/authorizations.csv",
    "/forecast/lapses.csv",
    "/forecast/messages.csv",
    "/authorizations/{advertiser:int}/{subject}",
    "/imports/sample.csv",
    "/imports/{id:int}.csv",
}
TROUBLES = ("/authorizations/99999", "/nowhere")
# From the narrowest phone to a desk; on either side of where cards become rows, and the menu goes to the side.
WIDTHS = (320, 390, 740, 768, 900, 1024, 1152, 1280, 1440)
WIDER = """[...document.querySelectorAll('.scroll')].filter(box => box.scrollWidth > box.clientWidth)
    .map(box => [box.ariaLabel ?? box.getAttribute('aria-labelledby'), box.scrollWidth, box.clientWidth])"""
# The colour of a placeholder and the one behind it, each as red, green and blue.
PLACEHOLDERS = """[...document.querySelectorAll('[placeholder]')].map(field => [
    getComputedStyle(field, '::placeholder').color, getComputedStyle(field).backgroundColor,
].map(colour => colour.match(/[0-9.]+/g).slice(0, 3).map(Number)))"""
READABLE = 4.5  # to one, by WCAG 2.2 AA


@pytest.fixture
def house(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[str]:
    app = make_app(settings=load(), engine=engine, vault=vault, clock=clock, nudges=make_nudges(make_broker("")))
    with serving(app) as client:
        yield str(client.base_url)


def test_each_page_of_the_table_has_an_example() -> None:
    shown = {page.path for page in PAGES if "GET" in page.methods}

    assert shown - NO_PAGES == set(EXAMPLES)


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_everybody_can_read_every_page(
    browser: Browser, house: str, engine: Engine, clock: HandClock, vault: Vault, viewport: ViewportSize
) -> None:
    showroom.opens(engine, clock, vault)
    admin = session_of(engine, clock, Role.ADMIN)
    # The policy stands aside for axe, which has to run its own.
    page = context_of(browser, f"{admin}@{house}", viewport, "light", bypass_csp=True).new_page()
    load_of = Load(page)

    for path in (*(path for examples in EXAMPLES.values() for path in examples), *TROUBLES):
        assert load_of.opens(page, path) < LARGEST, path
        name = f"{_name(path)}-{viewport['width']}"
        looked_at(page, viewport, f"{name}-light")
        looked_at_in_the_dark(page, f"{name}-dark")


@pytest.mark.parametrize(("viewport", "scheme"), [(PHONE, "light"), (DESKTOP, "dark")], ids=["phone", "desktop"])
def test_an_empty_house_teaches_and_everybody_can_read_it(
    browser: Browser, house: str, engine: Engine, clock: HandClock, viewport: ViewportSize, scheme: str
) -> None:
    with hot(engine) as connection:
        link = invitations.make_first(connection, now=clock.now())
    outside = context_of(browser, house, viewport, scheme, bypass_csp=True).new_page()
    for path in ("/sign-in", f"/welcome/{link}"):
        outside.goto(path)
        looked_at(outside, viewport, f"door-{_name(path)[:8]}-{viewport['width']}-{scheme}")
    page = context_of(
        browser, f"{session_of(engine, clock, Role.ADMIN)}@{house}", viewport, scheme, bypass_csp=True
    ).new_page()

    for path in (path for path in EXAMPLES if "{" not in path and path != "/acts/preview"):
        page.goto(path)
        looked_at(page, viewport, f"empty-{_name(path)}-{viewport['width']}-{scheme}")


def test_a_page_reflows_at_the_width_of_a_page_that_is_enlarged_four_times(
    browser: Browser, house: str, engine: Engine, clock: HandClock, vault: Vault
) -> None:
    showroom.opens(engine, clock, vault)
    narrow = ViewportSize(width=320, height=640)
    page = context_of(browser, f"{session_of(engine, clock, Role.ADMIN)}@{house}", narrow, "light").new_page()

    for path in (path for examples in EXAMPLES.values() for path in examples):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= narrow["width"], path


def test_no_table_is_wider_than_its_place_at_any_width(
    browser: Browser, house: str, engine: Engine, clock: HandClock, vault: Vault
) -> None:
    showroom.opens(engine, clock, vault)
    page = context_of(browser, f"{session_of(engine, clock, Role.ADMIN)}@{house}", DESKTOP, "light").new_page()

    for path in (path for examples in EXAMPLES.values() for path in examples):
        page.goto(path)
        page.evaluate("document.querySelectorAll('.scroll details').forEach(fold => (fold.open = true))")
        for width in WIDTHS:
            page.set_viewport_size(ViewportSize(width=width, height=900))
            assert page.evaluate(WIDER) == [], (path, width)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_a_field_suggests_can_be_read(
    browser: Browser, house: str, engine: Engine, clock: HandClock, scheme: str
) -> None:
    page = context_of(browser, f"{session_of(engine, clock, Role.ADMIN)}@{house}", DESKTOP, scheme).new_page()

    for path in ("/audit", "/events", "/imports"):
        page.goto(path)
        found = page.evaluate(PLACEHOLDERS)
        assert found
        assert all(contrast(*colours) >= READABLE for colours in found), path


def test_the_menu_is_closed_again_where_it_fills_the_screen(
    browser: Browser, house: str, engine: Engine, clock: HandClock
) -> None:
    lying = ViewportSize(width=844, height=390)
    admin = session_of(engine, clock, Role.ADMIN)
    page = context_of(browser, f"{admin}@{house}", lying, "light", java_script_enabled=False).new_page()
    page.goto("/")

    page.get_by_role("button", name="Menu").click()
    page.get_by_role("link", name="Settings").scroll_into_view_if_needed()
    page.get_by_role("button", name="Close").click()

    expect(page.get_by_role("link", name="Settings")).to_be_hidden()


def test_the_keys_are_explained(browser: Browser, house: str, engine: Engine, clock: HandClock) -> None:
    for scheme in ("light", "dark"):
        admin = session_of(engine, clock, Role.ADMIN)
        page = context_of(browser, f"{admin}@{house}", DESKTOP, scheme, bypass_csp=True).new_page()
        page.goto("/authorizations")

        page.keyboard.press("?")

        assert "the next row" in page.get_by_role("dialog", name="Keys").inner_text()
        looked_at(page, DESKTOP, f"keys-{scheme}")


def contrast(one: list[float], other: list[float]) -> float:
    """Of two colours, by WCAG: from 1 to 21."""
    darker, lighter = sorted(map(luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: list[float]) -> float:
    red, green, blue = (part / 255 for part in colour)
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in (red, green, blue)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _name(path: str) -> str:
    return path.partition("?")[0].strip("/").replace("/", "-") + "".join(filter(str.isalpha, path.partition("?")[2]))
