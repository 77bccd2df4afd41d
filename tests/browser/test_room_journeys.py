"""What people do in the room, told as stories over the whole service, in a real browser and by the product's own workers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect
from sqlalchemy import Engine

from domain.people import Role
from infra.clock import HandClock
from infra.vault import Vault
from simulator.characters import Character
from tests.browser.looking import DESKTOP, PHONE
from tests.operator import COOKIE, PASSWORD, Operator, person, session_of
from tests.portfolio import Post, holds
from tests.workday import ADVERTISER, HOUR, MINUTE, Workday, workday
from web.room.routes import PAGES

MONDAY = datetime(2026, 11, 23, 10, tzinfo=UTC)
# Milliseconds, on a machine that does much else.
PATIENCE = 20_000
expect.set_options(timeout=PATIENCE)


@pytest.fixture
def day(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[Workday]:
    """Monday morning."""
    clock.set(MONDAY)
    with workday(engine=engine, clock=clock, vault=vault) as day:
        yield day


def opened(browser: Browser, day: Workday, viewport: ViewportSize = DESKTOP, **more: Any) -> Page:
    """A browser of its own, in which nobody is signed in."""
    page = browser.new_context(viewport=viewport, base_url=day.url, locale="en-GB", **more).new_page()
    page.set_default_timeout(PATIENCE)
    return page


def signed_in(browser: Browser, day: Workday, role: Role = Role.OPERATOR, **more: Any) -> Page:
    page = opened(browser, day, **more)
    cookie = session_of(day.engine, day.clock, role)
    page.context.add_cookies([{"name": COOKIE, "value": cookie, "url": day.url}])
    return page


def comes_in(page: Page, link: str, *, email: str = "ada@example.com") -> None:
    """By a one-time link, for the first time."""
    page.goto(link)
    page.get_by_label("Your name").fill("Ada")
    if page.get_by_label("E-mail address").is_editable():
        page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("The same again").fill(PASSWORD)
    page.get_by_role("button", name="Come in").click()
    expect(heading(page, "Today")).to_be_visible()


def heading(page: Page, name: str | re.Pattern[str]) -> Locator:
    return page.get_by_role("heading", name=name, level=1)


def stays_open(page: Page) -> None:
    """From here on the page must not be loaded anew, and hears what changes."""
    page.wait_for_selector("html[data-stream=on]", state="attached")
    page.evaluate("window.isTheSamePage = true")


def is_still_the_same(page: Page) -> bool:
    return bool(page.evaluate("window.isTheSamePage === true"))


# --- The first morning


def asks_now(page: Page) -> None:
    """From Today to a confirmed ask, and back to the authorization's page."""
    lapses = page.get_by_label("Ends within 7 days")
    expect(lapses.get_by_role("row").nth(1)).to_contain_text("1,800 EUR")
    expect(lapses.get_by_role("row").nth(1)).to_contain_text("not yet")
    lapses.get_by_role("link", name="@ana.dances").click()
    page.get_by_role("button", name="Ask now").click()
    expect(page.get_by_role("heading", name="It concerns this one")).to_be_visible()
    page.get_by_role("main").get_by_role("button", name="Ask now").click()
    expect(page.get_by_role("heading", name="Done")).to_be_visible()
    page.get_by_role("link", name="The authorization").click()
    expect(heading(page, "@ana.dances")).to_be_visible()


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_what_lapses_is_found_and_asked_for_and_its_extension_is_seen_live(
    browser: Browser, day: Workday, viewport: ViewportSize
) -> None:
    # Ana gave her code for a week; the ad runs for five weeks, and she would be asked days from now
    day.connects("Maison Alba")
    post = day.holds(day.knows("ana.dances", Character.PROMPT), days=7, flight=37, daily=60)
    day.sleeps(MINUTE)

    # Monday morning: the first person comes in by the link of the first start, and sees what lapses, with its money
    page = opened(browser, day, viewport)
    comes_in(page, day.first_link())
    expect(page.get_by_label("Money at risk and authorizations")).to_contain_text("1,800 EUR")
    asks_now(page)
    stays_open(page)
    story, standing = page.get_by_role("region", name="The whole story"), page.locator("#standing")
    expect(standing).to_contain_text("2026-11-30 10:00 UTC")

    # Minutes later the mail is with Ana; the page says so by itself
    day.sleeps(3 * MINUTE)
    [mail] = day.mail.taken
    assert "ana.dances@creators.test" in mail["To"]
    expect(story).to_contain_text("Message to the creator")

    # In the afternoon she has extended it in her app, and told nobody; the look at TikTok finds it
    day.sleeps(8 * HOUR, step=HOUR)
    [code] = [day.world.code_of(post)]
    assert code is not None
    expect(standing).to_contain_text(f"{code.end_at:%Y-%m-%d %H:%M} UTC")
    expect(standing).not_to_contain_text("2026-11-30 10:00 UTC")
    expect(story).to_contain_text("Extended")
    assert is_still_the_same(page)

    # And there is nothing left to do
    page.goto("/")
    expect(page.get_by_text("Nothing ends within a week.")).to_be_visible()


def test_a_creator_answers_on_their_own_page_and_the_operator_s_page_shows_it(browser: Browser, day: Workday) -> None:
    day.connects("Maison Alba")
    post = day.holds(day.knows("ana.dances", Character.SILENT), days=7, flight=37, daily=60)
    day.sleeps(MINUTE)
    operator, creator = signed_in(browser, day), opened(browser, day, PHONE, java_script_enabled=False)
    operator.goto("/")
    asks_now(operator)
    stays_open(operator)
    day.sleeps(3 * MINUTE)

    # Ana opens the link of the mail on her phone, extends in the app, and says so
    [mail] = day.mail.taken
    html = mail.get_body(("html",))
    assert html is not None
    creator.set_content(html.get_content())
    creator.get_by_role("link", name="Open your page").click()
    code = day.world.extend(post, days=60)
    expect(creator.get_by_text("Please extend it")).to_be_visible()
    creator.get_by_role("button", name="I have extended it").click()

    expect(operator.locator("#standing")).to_contain_text(f"{code.end_at:%Y-%m-%d %H:%M} UTC")
    assert is_still_the_same(operator)
    if (again := creator.get_by_role("link", name="Look again")).is_visible():
        again.click()
    expect(creator.get_by_text("TikTok shows the new end")).to_be_visible()


# --- Acting on many


def test_everything_that_a_filter_matches_is_snoozed_and_stands_as_before_after_the_undo(
    browser: Browser, day: Workday
) -> None:
    # Six posts of three creators end within a week; one of the creators had asked for rest until December
    posts = [Post(number=number, creator=f"creator.{number % 3}", ends=number) for number in range(1, 7)]
    later = [Post(number=number, creator="somebody.else", ends=number + 10) for number in range(7, 10)]
    holds(day.engine, [*posts, Post(number=10, creator=None, ends=2), *later], now=day.clock.now())
    rest = MONDAY + timedelta(days=8)
    day.does("UPDATE creators SET snoozed_until = %s WHERE handle = 'creator.1'", rest)
    page = signed_in(browser, day)

    # The operator filters, and chooses all that matches
    page.goto("/authorizations")
    page.get_by_label("Days left, at most").fill("7")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("heading", name="7 authorizations")).to_be_visible()
    page.get_by_label("All 7 that match").check()
    page.get_by_role("button", name="Snooze…").click()

    # The preview tells whom it concerns, and whom not
    expect(page.get_by_role("heading", name="It concerns 6 of 7, by 3 creators")).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text("1: it is not known who its creator is")
    page.get_by_label("Until, in UTC").fill("2026-12-24T09:00")
    page.get_by_role("main").get_by_role("button", name="Snooze: 6").click()

    # A worker does it, and the page tells how far it has come
    expect(page.get_by_role("heading", name="Done")).to_be_visible()
    expect(page.get_by_role("region", name="Done")).to_contain_text(re.compile(r"done\s*6\s*left out\s*1"))
    day.rests()
    assert snoozed(day) == {
        "creator.0": "2026-12-24",
        "creator.1": "2026-12-24",
        "creator.2": "2026-12-24",
        "somebody.else": None,
    }

    # It was a mistake: what stood before stands again
    page.get_by_role("button", name="Undo").click()
    expect(heading(page, re.compile("^Undo of Snooze"))).to_be_visible()
    expect(page.get_by_role("heading", name="Done")).to_be_visible()
    day.rests()
    assert snoozed(day) == {"creator.0": None, "creator.1": "2026-12-01", "creator.2": None, "somebody.else": None}
    page.goto("/acts")
    expect(page.get_by_label("Acts", exact=True).get_by_role("row").nth(2)).to_contain_text("undone")
    page.goto("/creators")
    page.get_by_role("link", name="@creator.1").click()
    expect(page.get_by_role("region", name="Facts")).to_contain_text("2026-12-01 10:00 UTC")


def snoozed(day: Workday) -> dict[str, str | None]:
    """Until which day each creator is, if at all."""
    rows = day.asks("SELECT handle, snoozed_until FROM creators ORDER BY handle")
    found = {row["handle"]: row["snoozed_until"] for row in rows}
    return {handle: f"{until:%Y-%m-%d}" if until and until > MONDAY else None for handle, until in found.items()}


# --- What raised an error

BROKEN, MENDED = (
    "ALTER TABLE authorizations ADD CONSTRAINT broken CHECK (reference IS DISTINCT FROM 'Winter')",
    "ALTER TABLE authorizations DROP CONSTRAINT IF EXISTS broken",
)


@pytest.fixture
def broken(day: Workday) -> Iterator[None]:
    """A release in which events of the campaign `Winter` raise; the next one does not."""
    day.does(BROKEN)
    yield
    day.does(MENDED)


@pytest.mark.usefixtures("broken")
def test_an_event_that_raised_is_read_and_replayed_and_so_are_all_that_match(browser: Browser, day: Workday) -> None:
    for number in range(3):
        creator = {"handle": "ana.dances", "email": "ana@creators.test"}
        asked: dict[str, Any] = {"route": "code", "days": 30, "creator": creator, "reference": "Winter"}
        day.hears("authorization.requested", f"740000000000000000{number}", **asked)
    day.sleeps(8 * MINUTE)
    page = signed_in(browser, day)

    # Today leads to what waits in quarantine, with the traceback of each
    page.goto("/")
    page.get_by_role("link", name="3 events raised an error").click()
    expect(page.get_by_label("Events", exact=True).get_by_role("row")).to_have_count(1 + 3)
    page.get_by_role("link", name="authorization.requested").first.click()
    expect(page.get_by_role("region", name="The last error")).to_contain_text("CheckViolation")
    expect(page.get_by_role("region", name="What it said")).to_contain_text("7400000000000000002")

    # Replayed too early, it comes back; nothing is lost by it
    page.get_by_role("button", name="Replay it").click()
    day.sleeps(8 * MINUTE)
    expect(page.get_by_role("button", name="Replay it")).to_be_visible()

    # The next release has the mistake mended: the same event is applied, while its page is open
    day.does(MENDED)
    page.get_by_role("button", name="Replay it").click()
    expect(page.locator("#event .story")).to_contain_text("requested")
    expect(page.get_by_role("button", name="Replay it")).to_have_count(0)

    # And the others, all at once, by what they have in common
    page.goto("/events?outcome=quarantined")
    page.get_by_label("From", exact=True).fill("crm")
    page.get_by_role("button", name="Filter").click()
    page.get_by_text("Replay all 2 that match").click()
    page.get_by_role("button", name="Yes, replay all 2").click()
    expect(page.get_by_role("status")).to_contain_text("2 are ready again")
    expect(page.get_by_role("heading", name="Nothing raised an error")).to_be_visible()
    day.rests()
    assert [row["state"] for row in day.asks("SELECT state FROM authorizations")] == ["requested"] * 3
    replayed = day.asks("SELECT about FROM audit WHERE act = 'events.replayed' ORDER BY id")
    assert [row["about"]["count"] for row in replayed] == [1, 1, 2]


# --- Who may only read

# What a viewer may send is about themselves.
STREAM, BY_KEY = "/live", "/authorizations/{advertiser:int}/{subject}"
THEIR_OWN = {"/sign-out", "/account/password", "/views", "/views/{id:int}/delete"}
FORMS = "[...document.forms].filter(form => form.method === 'post').map(form => new URL(form.action).pathname)"
TRACES = "SELECT (SELECT count(*) FROM inbox) AS heard, (SELECT count(*) FROM bulks) AS acts, (SELECT count(*) FROM audit) AS done"


def address_of(path: str) -> str:
    """An address of this route, about something that is there."""
    path = path.replace("{advertiser:int}/{subject}", f"{ADVERTISER}/1").replace("{id}", ADVERTISER)
    return re.sub(r"\{\w+:int\}", "1", path)


@pytest.fixture
def busy(day: Workday) -> Workday:
    """One of everything that could be acted on, and an event that needs a person."""
    day.connects("Maison Alba")
    post = day.holds(day.knows("ana.dances", Character.SILENT), days=7, flight=37, daily=60)
    admin = Operator(day.http, day.engine, day.clock, Role.ADMIN)
    admin.opens("/account")
    admin.sends("/acts", act="snooze", nonce="1", until="2026-12-24T09:00", key=f"{ADVERTISER}/{post}")
    forms: dict[str, dict[str, Any]] = {
        "/creators/1/links": {},
        "/views": {"name": "All", "query": ""},
        "/tokens": {"name": "crm", "scope": "read", "days": "30"},
        "/imports": {"pasted": f"advertiser,post,end date\n{ADVERTISER},7400000000000000001,soon"},
    }
    for path, fields in forms.items():
        admin.opens("/account")
        assert admin.sends(path, **fields).status_code < 400, path
    day.hears("authorization.revoked", post)
    day.hears("ad.started", post, ad={"ad_id": "9999"})
    day.sleeps(MINUTE)
    return day


def test_a_viewer_reads_every_page_and_finds_nothing_to_press(browser: Browser, busy: Workday) -> None:
    page = signed_in(browser, busy, Role.VIEWER)
    theirs = [route.path for route in PAGES if "GET" in route.methods and Role.VIEWER.may(route.role)]
    pages = [path for path in theirs if path not in (STREAM, BY_KEY) and not path.endswith(".csv")]
    assert len(pages) > 15

    for path in [*pages, "/events?outcome=parked"]:
        answer = page.goto(address_of(path))
        assert answer is not None
        assert answer.status == 200, path
        sent_to = {re.sub(r"\d+", "{id:int}", each) for each in page.evaluate(FORMS)}
        assert sent_to <= THEIR_OWN, path


def test_what_a_viewer_sends_by_hand_is_refused(busy: Workday) -> None:
    viewer = Operator(busy.http, busy.engine, busy.clock, Role.VIEWER)
    before = busy.asks(TRACES)
    others = [route.path for route in PAGES if "POST" in route.methods and route.path not in THEIR_OWN]
    assert len(others) > 20

    for path in others:
        viewer.opens("/account")  # where the token of their own session stands
        assert "csrf" in viewer.page.text
        answer = viewer.sends(
            address_of(path), act="ask", key=f"{ADVERTISER}/1", everything="1", nonce="2", role="admin"
        )
        assert answer.status_code == 403, path
        assert "and yours is viewer" in viewer.text

    assert busy.asks(TRACES) == before


# --- By keyboard, and without scripts


def tabs_to(page: Page, wanted: Locator) -> None:
    """By Tab alone, as somebody does who has no mouse."""
    for _ in range(80):
        if wanted.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {wanted}")


def test_a_creator_is_found_and_snoozed_by_keyboard_alone(browser: Browser, day: Workday) -> None:
    posts = [Post(number=number, creator=f"creator.{number}", ends=number) for number in range(1, 5)]
    holds(day.engine, posts, now=day.clock.now())
    page = signed_in(browser, day)
    page.goto("/")

    # The keys are told by `?`; `/` leads from anywhere to the search
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("choose the row")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("open the row")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("creator")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("search=creator"))
    expect(page.get_by_role("checkbox", name="Choose all of this page")).to_be_visible()

    # Down and up, and two are chosen
    for key in "jjkxjx":
        page.keyboard.press(key)
    expect(page.get_by_text("2 chosen")).to_be_visible()
    expect(page.get_by_role("checkbox", name="Choose @creator.1")).to_be_checked()
    tabs_to(page, page.get_by_role("button", name="Snooze…"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="It concerns 2 of 2, by 2 creators")).to_be_visible()
    tabs_to(page, page.get_by_label("Until, in UTC"))
    # The twelfth of December, at nine in the morning: the same in whichever order this machine writes days and months.
    page.keyboard.type("12122026")
    page.keyboard.press("Tab")
    page.keyboard.type("0900a")
    expect(page.get_by_label("Until, in UTC")).to_have_value("2026-12-12T09:00")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="Done")).to_be_visible()
    day.rests()
    assert [snoozed(day)[f"creator.{number}"] for number in range(1, 5)] == ["2026-12-12", "2026-12-12", None, None]

    # Enter opens the row
    page.goto("/authorizations")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(heading(page, "@creator.1")).to_be_visible()


def test_without_scripts_one_signs_in_finds_asks_and_reads_what_came_of_it(browser: Browser, day: Workday) -> None:
    day.connects("Maison Alba")
    day.holds(day.knows("ana.dances", Character.PROMPT), days=7, flight=37, daily=60)
    day.sleeps(MINUTE)
    person(day.engine, day.clock)
    page = opened(browser, day, java_script_enabled=False)

    page.goto("/")
    page.get_by_label("E-mail address").fill("ada.operator@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    asks_now(page)
    day.sleeps(8 * HOUR, step=HOUR)
    page.reload()

    expect(page.get_by_role("region", name="The whole story")).to_contain_text("Message to the creator")
    expect(page.get_by_role("region", name="The whole story")).to_contain_text("Extended")


# --- People


def test_an_operator_is_invited_promoted_and_sent_away(browser: Browser, day: Workday) -> None:
    # The admin makes a link for Lin, which is shown once
    admin = signed_in(browser, day, Role.ADMIN)
    admin.goto("/people")
    admin.get_by_label("E-mail address").fill("lin@example.com")
    admin.get_by_role("radio", name="operator").check()
    admin.get_by_role("button", name="Make a link", exact=True).click()
    link = admin.get_by_label("A link for lin@example.com").last.input_value()
    admin.goto("/people")
    assert link not in admin.content()

    # Lin comes in by it, and whoever has it later does not
    lin, thief = opened(browser, day), opened(browser, day)
    comes_in(lin, link)
    thief.goto(link)
    expect(heading(thief, "There is nothing here")).to_be_visible()
    expect(thief.get_by_role("main")).to_contain_text("This link was used")
    lin.goto("/tokens")
    expect(heading(lin, "Not allowed")).to_be_visible()
    admin.reload()

    # Another role counts from the next click
    admin.get_by_label("Role of lin@example.com", exact=True).select_option("admin")
    admin.get_by_role("button", name="Change the role of lin@example.com").click()
    expect(admin.get_by_label("Role of lin@example.com", exact=True)).to_have_value("admin")
    lin.reload()
    expect(heading(lin, "API tokens")).to_be_visible()

    # And who is sent away is out, also where a page was left open
    lin.goto("/")
    stays_open(lin)
    admin.get_by_role("button", name="Disable lin@example.com").click()
    expect(admin.get_by_role("button", name="Enable lin@example.com")).to_be_visible()
    expect(heading(lin, "Sign in")).to_be_visible()
    lin.get_by_label("E-mail address").fill("lin@example.com")
    lin.get_by_label("Password").fill(PASSWORD)
    lin.get_by_role("button", name="Sign in").click()
    expect(lin.get_by_role("alert")).to_be_visible()
