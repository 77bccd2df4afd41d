"""A quarantined event in a real browser: found from Today, mended, and replayed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser
from sqlalchemy import Engine

from domain.people import Role
from infra.broker import make_broker, make_nudges
from infra.clock import HandClock
from infra.database import hot
from infra.settings import load
from infra.vault import Vault
from tests import agency, showroom
from tests.browser.looking import DESKTOP, context_of
from tests.operator import session_of
from tests.serving import serving
from web.main import make_app


@pytest.fixture
def address(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[str]:
    agency.opens(engine, clock, vault)
    app = make_app(settings=load(), engine=engine, vault=vault, clock=clock, nudges=make_nudges(make_broker("")))
    showroom.quarantines(engine, clock)
    with serving(app) as client:
        yield f"{session_of(engine, clock, Role.ADMIN)}@{client.base_url}"


def test_a_quarantined_event_is_found_from_today_mended_and_replayed(
    browser: Browser, address: str, engine: Engine, clock: HandClock
) -> None:
    page = context_of(browser, address, DESKTOP, "light").new_page()
    page.goto("/")
    page.get_by_role("link", name="3 events raised an error").click()
    page.get_by_role("link", name="authorization.requested").first.click()
    assert "OverflowError" in page.get_by_role("region", name="The last error").inner_text()
    with hot(engine) as connection:
        connection.execute("UPDATE inbox SET occurred_at = received_at WHERE outcome = 'quarantined'")

    page.get_by_role("button", name="Replay it").click()
    page.get_by_role("status").wait_for()
    page.go_back()
    page.goto("/events?outcome=quarantined")
    page.get_by_role("checkbox", name="Choose event").first.check()
    page.get_by_role("button", name="Replay the ticked").click()
    assert page.get_by_role("status").inner_text().startswith("1 is ready again")
    page.get_by_text("Replay all 1 that match").click()
    page.get_by_role("button", name="Yes, replay all 1").click()
    page.get_by_role("heading", name="Nothing raised an error").wait_for()
    showroom.settles(engine, clock)

    page.goto("/events?outcome=moved&type=authorization.requested")
    assert page.get_by_label("Events", exact=True).get_by_role("row").count() == 1 + 1 + 3
