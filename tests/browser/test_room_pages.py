"""The pages of one authorization, of creators, advertisers and the calendar in a real browser."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import Engine

from infra import inbox
from infra.broker import make_broker, make_nudges
from infra.chosen import policy_of
from infra.clock import HandClock
from infra.database import hot
from infra.inbox import Letter
from infra.settings import load
from infra.vault import Vault
from tests import agency
from tests.browser.looking import DESKTOP, PHONE, context_of
from tests.operator import session_of
from tests.serving import serving
from web.main import make_app
from worker.drain import drain


@pytest.fixture
def address(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[str]:
    agency.opens(engine, clock, vault)
    app = make_app(settings=load(), engine=engine, vault=vault, clock=clock, nudges=make_nudges(make_broker("")))
    with serving(app) as client:
        yield f"{session_of(engine, clock)}@{client.base_url}"


def test_without_scripts_one_goes_from_the_calendar_to_an_act_and_nothing_is_refused(
    browser: Browser, address: str
) -> None:
    page, complaints = context_of(browser, address, PHONE, "light", java_script_enabled=False).new_page(), list[str]()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("requestfailed", lambda request: complaints.append(request.url))

    page.goto("/calendar")
    expect(page.get_by_role("img", name="At risk, EUR, day by day")).to_be_visible()
    page.goto(f"/advertisers/{agency.ADVERTISER}")
    page.get_by_label("The most at risk").get_by_role("link", name="@maya.moves").click()
    page.get_by_role("heading", name="@maya.moves", level=1).wait_for()
    expect(page.get_by_role("img", name="The lifecycle: it is active now")).to_be_visible()
    assert page.get_by_role("button", name="Unbind").is_disabled()
    event = page.locator("details.raw details", has_text="authorization.requested")
    assert not event.is_visible()
    page.get_by_text("The events as they came").click()
    event.locator("summary").click()
    expect(event.get_by_text("crm", exact=True)).to_be_visible()

    page.get_by_role("button", name="Look now").click()
    page.get_by_role("heading", name="Look now", level=1).wait_for()
    assert complaints == []


def test_a_creator_is_snoozed_and_a_link_is_made_and_taken_back(browser: Browser, address: str) -> None:
    page = context_of(browser, address, DESKTOP, "light").new_page()

    page.goto("/creators")
    page.get_by_role("link", name="@maya.moves").click()
    page.get_by_role("button", name="Make a fresh link").click()
    assert "/c/" in page.get_by_label("A link to maya.moves's page").last.input_value()
    page.get_by_role("button", name="Take back all that work").click()
    assert page.get_by_label("Links to their page").get_by_text("revoked").count() >= 2
    expect(page.get_by_role("button", name="Take back")).to_have_count(0)

    page.get_by_label("Not to be asked before").fill("2027-02-01")
    page.get_by_role("button", name="Snooze").click()
    assert page.get_by_role("status").inner_text().startswith("Noted")


def test_what_happens_stands_on_an_open_page_moments_later(
    browser: Browser, address: str, engine: Engine, clock: HandClock
) -> None:
    page = context_of(browser, address, DESKTOP, "light").new_page()
    page.goto("/authorizations/1")
    page.get_by_text("Where it may go from here").click()
    page.keyboard.press("k")
    oldest = page.locator(".story > li:last-child strong").inner_text()
    letter = Letter(
        sender="producer:crm",
        event_id="live",
        type="authorization.revoked",
        key=agency.KEY,
        occurred_at=clock.now(),
        data=json.dumps({"advertiser_id": agency.ADVERTISER, "post": {"item_id": agency.POST}}).encode(),
    )
    page.locator("html[data-stream=on]").wait_for()

    with hot(engine) as connection:
        inbox.accept(connection, [letter], now=clock.now())
    drain(engine, clock, policy_of(load()), inbox.mailbox_of(agency.KEY))

    page.get_by_role("img", name="The lifecycle: it is revoked now").wait_for()
    assert "Taken back" in page.locator("#told").inner_text()
    expect(page.get_by_text("when the creator grants it").first).to_be_visible()
    expect(page.locator(".story > li:focus strong")).to_have_text(oldest)
