"""Every page of the room in a real browser, at phone and desktop widths, light and dark, for everybody."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ViewportSize
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
    "/authorizations/{advertiser:int}/{subject}",
    "/imports/sample.csv",
    "/imports/{id:int}.csv",
}
TROUBLES = ("/authorizations/99999", "/nowhere")


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


def test_the_keys_are_explained(browser: Browser, house: str, engine: Engine, clock: HandClock) -> None:
    for scheme in ("light", "dark"):
        admin = session_of(engine, clock, Role.ADMIN)
        page = context_of(browser, f"{admin}@{house}", DESKTOP, scheme, bypass_csp=True).new_page()
        page.goto("/authorizations")

        page.keyboard.press("?")

        assert "the next row" in page.get_by_role("dialog", name="Keys").inner_text()
        looked_at(page, DESKTOP, f"keys-{scheme}")


def _name(path: str) -> str:
    return path.partition("?")[0].strip("/").replace("/", "-") + "".join(filter(str.isalpha, path.partition("?")[2]))
