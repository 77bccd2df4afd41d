"""The room among people in a hurry, and among names that nobody expects: clicked twice, left open, restarted, hostile."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine

from domain.people import Role
from infra.clock import HandClock
from infra.vault import Vault
from simulator.characters import Character
from tests.browser.looking import PHONE
from tests.browser.test_room_journeys import MONDAY, comes_in, heading, is_still_the_same, opened, signed_in, stays_open
from tests.operator import PASSWORD
from tests.portfolio import Post, holds
from tests.workday import Workday, workday

HOSTILE = "<img src=x onerror='window.isHacked=1'>"
# A word without an end, and letters that turn the rest of a line round.
LONG, TURNED = "w" * 90, "\u202e\u05d0\u05d1\u05d2 ٣٤ 💥"
WIDTH = "document.documentElement.scrollWidth"
LARGEST = 100_000


@pytest.fixture
def day(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[Workday]:
    clock.set(MONDAY)
    with workday(engine=engine, clock=clock, vault=vault) as day:
        yield day


def previews(page: Page) -> None:
    """A snooze of all that there is, ready to be confirmed."""
    page.goto("/acts/preview?act=snooze&everything=1&query=")
    page.get_by_label("Until, in UTC").fill("2026-12-24T09:00")


def test_clicked_twice_it_is_done_once(browser: Browser, day: Workday) -> None:
    holds(day.engine, [Post(number=1)], now=day.clock.now())
    page = signed_in(browser, day)
    previews(page)

    page.get_by_role("main").get_by_role("button", name="Snooze").dblclick()

    expect(page.get_by_role("heading", name="Done")).to_be_visible()
    assert len(day.asks("SELECT FROM bulks")) == 1
    page.get_by_role("button", name="Undo").dblclick()
    expect(page.get_by_text("It takes act 1 back")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_who_was_away_too_long_signs_in_again_and_nothing_was_done(browser: Browser, day: Workday) -> None:
    holds(day.engine, [Post(number=1)], now=day.clock.now())
    page = opened(browser, day)
    comes_in(page, day.first_link())
    previews(page)

    day.clock.advance(timedelta(hours=13))
    page.get_by_role("main").get_by_role("button", name="Snooze").click()

    expect(heading(page, "Sign in")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("Your session has ended, and nothing was done")
    page.get_by_label("E-mail address").fill("ada@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_label("Until, in UTC")).to_be_visible()
    assert day.asks("SELECT FROM bulks") == []


def test_the_answer_to_a_form_stays_true_and_keeps_what_is_typed(browser: Browser, day: Workday) -> None:
    holds(day.engine, [Post(number=1)], now=day.clock.now())
    page, refused = signed_in(browser, day), list[str]()
    page.on("response", lambda answer: refused.append(answer.url) if answer.status == 405 else None)
    page.goto("/creators/1")
    page.get_by_role("button", name="Make a fresh link").click()
    expect(page.get_by_text("It works for 30 days")).to_be_visible()
    stays_open(page)
    page.get_by_label("Away from").fill("2026-12-24")

    day.does("UPDATE creators SET phone = '+33612345678', opted_out_at = %s", day.clock.now())

    expect(page.get_by_text("+33612345678")).to_be_visible()
    expect(page.get_by_role("button", name="May be asked again")).to_be_visible()
    expect(page.get_by_label("Away from")).to_have_value("2026-12-24")
    assert "/c/" in page.locator(".once input").input_value()
    assert is_still_the_same(page)
    assert refused == []


def test_a_page_that_is_open_while_the_service_starts_anew_hears_again(browser: Browser, day: Workday) -> None:
    day.connects("Maison Alba")
    post = day.holds(day.knows("ana.dances", Character.SILENT), days=30, flight=60, daily=60)
    page = signed_in(browser, day)
    page.goto("/authorizations/1")
    stays_open(page)

    day.starts()
    day.hears("authorization.revoked", post)

    expect(page.get_by_role("region", name="The whole story")).to_contain_text("Taken back")
    assert is_still_the_same(page)


def test_no_name_is_more_than_a_name(browser: Browser, day: Workday) -> None:
    names = [HOSTILE, LONG, TURNED]
    creators = [f"{number}.{name}" for number, name in enumerate(names)]
    posts = [Post(number=number, creator=each, ends=number + 2) for number, each in enumerate(creators)]
    holds(day.engine, posts, now=day.clock.now())
    for number, name in enumerate(names):
        creator = {"handle": f"some.body{number}", "name": name}
        asked = {"route": "code", "days": 30, "creator": creator, "reference": name}
        day.hears("authorization.requested", f"740000000000000000{number}", **asked)
    day.rests()
    page = signed_in(browser, day, Role.ADMIN, viewport=PHONE)
    day.does("UPDATE users SET name = %s", HOSTILE + LONG)
    previews(page)
    page.get_by_role("main").get_by_role("button", name="Snooze").click()
    expect(page.get_by_role("heading", name="Done")).to_be_visible()

    numbers = range(1, 7)
    pages = ["/", "/authorizations", "/creators", "/events", "/people", "/acts", "/calendar", "/forecast", "/audit"]
    pages += [f"/{what}/{number}" for what in ("authorizations", "creators") for number in numbers]
    pages += [f"/events/{number}" for number in range(1, 4)]
    for path in pages:
        answer = page.goto(path)
        assert answer is not None
        assert answer.ok, path
        assert page.evaluate("window.isHacked") is None, path
        assert page.evaluate(WIDTH) <= PHONE["width"], path


MANY_ADS = """
INSERT INTO ads (authorization_id, ad_id, started_at, flight_end, daily_spend, currency)
SELECT 1, 'ad' || number, %s, %s, 10, 'EUR' FROM generate_series(1, 500) AS number
"""
MANY_LINES = """
INSERT INTO history (authorization_id, seq, at, recorded_at, event, outcome, from_state, to_state, reason)
SELECT 1, number, now, now - number * interval '1 minute', 'ad.started', 'stayed', 'active', 'active', 'ad_started'
FROM generate_series(1, 2000) AS number, (SELECT %s::timestamptz AS now) AS clock
"""


def test_an_authorization_with_a_long_life_is_still_a_page(browser: Browser, day: Workday) -> None:
    now: datetime = day.clock.now()
    holds(day.engine, [Post(number=1)], now=now)
    day.does(MANY_ADS, now, now + timedelta(days=40))
    day.does(MANY_LINES, now)
    page = signed_in(browser, day, viewport=PHONE)

    page.goto("/authorizations/1")

    assert len(page.content().encode()) < LARGEST
    assert page.evaluate(WIDTH) <= PHONE["width"]
    expect(page.get_by_label("Ads", exact=True).get_by_role("row")).to_have_count(1 + 20)
    expect(page.get_by_text("481 more")).to_be_visible()
    page.get_by_role("link", name="Further back").click()
    expect(page.get_by_role("link", name="Back to the newest")).to_be_visible()
