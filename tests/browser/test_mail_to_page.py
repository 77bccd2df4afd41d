"""The mail as a real SMTP server received it: read and followed in a real browser, answered there, and then silence."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.message import EmailMessage

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from sqlalchemy import Engine

from infra.broker import make_broker, make_nudges
from infra.clock import HandClock
from infra.database import hot
from infra.settings import load
from infra.vault import Vault
from tests.brand import POST, Brand, brand
from tests.browser.looking import found_nothing
from tests.browser.test_creator_page import DESKTOP, PHONE, pictured
from tests.postbox import Postbox, postbox
from tests.serving import serving
from web.main import make_app

# A Monday, a little less than eight days before the end; the ad flies for thirty days more than the code lasts.
ASKED_AFTER, FLIGHT = timedelta(days=22), timedelta(days=60)
A_MINUTE = timedelta(minutes=1)
# Milliseconds, on a machine that does much else.
PATIENCE = 20_000
# A mail is no page: it has no landmarks.
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
SENTENCE = "Hi! Here it is: {}\nSent from my phone"


class Day:
    """The brand's story on the day of the ask: the service at work, a mail in the postbox, and a browser to read it."""

    def __init__(self, story: Brand, box: Postbox, browser: Browser) -> None:
        self.story, self.box, self._browser = story, box, browser

    @property
    def mail(self) -> EmailMessage:
        """The only one so far."""
        [mail] = self.box.taken
        return mail

    def reads(self, *, viewport: object = PHONE, scheme: str = "light", scripts: bool = False) -> Page:
        """The mail's HTML, as a mail program shows it."""
        html = self.mail.get_body(("html",))
        assert html is not None
        context = self._browser.new_context(
            viewport=viewport,  # type: ignore[arg-type]  # literals elsewhere
            color_scheme=scheme,  # type: ignore[arg-type]
            java_script_enabled=scripts,
            bypass_csp=scripts,
            locale="en-GB",
        )
        page = context.new_page()
        page.set_content(html.get_content())
        return page

    def follows(self, page: Page) -> Locator:
        """The mail's link to the page; what it shows of the post."""
        page.get_by_role("link", name="Open your page").click()
        card = page.get_by_role("article")
        expect(card).to_have_count(1)
        return card

    def stays_silent(self) -> bool:
        """Whether no further mail comes, by the end of the flight."""
        self.passes(FLIGHT)
        return len(self.box.taken) == 1

    def passes(self, span: timedelta) -> None:
        self.story.desk.sleeps(span, step=timedelta(days=1))


def is_told(card: Locator, button: str, words: str) -> None:
    """Presses the button; the page tells what came of it, at once or when it is asked again."""
    card.get_by_role("button", name=button).click()
    expect(card.get_by_role("status")).to_be_visible(timeout=PATIENCE)
    if (again := card.get_by_role("link", name="Look again")).is_visible():
        again.click()
    expect(card.get_by_text(words)).to_be_visible(timeout=PATIENCE)


@pytest.fixture
def day(engine: Engine, clock: HandClock, vault: Vault, browser: Browser) -> Iterator[Day]:
    app = make_app(settings=load(), engine=engine, vault=vault, clock=clock, nudges=make_nudges(make_broker("")))
    with (
        postbox() as box,
        serving(app) as web,
        brand(engine=engine, clock=clock, vault=vault, smtp_url=box.url, public_url=str(web.base_url)) as story,
    ):
        story.asks(creator={"handle": "ana.dances", "name": "Ana", "email": "ana@creators.test", "timezone": "UTC"})
        story.desk.settles()
        story.pastes(story.mints().value)
        with hot(engine) as connection:
            connection.execute("UPDATE advertisers SET name = 'Maison Alba'")
        flight = story.clock.now() + FLIGHT
        story.desk.hears("ad.started", ad={"ad_id": "9001", "flight_end": flight.isoformat()})
        story.waits(days=ASKED_AFTER.days)
        story.desk.sleeps(A_MINUTE, step=A_MINUTE)
        yield Day(story, box, browser)


@contextmanager
def at_work(story: Brand) -> Iterator[None]:
    """The worker meanwhile, in a thread of its own, as in production."""
    is_over = threading.Event()

    def work() -> None:
        while not is_over.wait(0.1):
            story.desk.settles()

    thread = threading.Thread(target=work, name="worker")
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def test_silence_brings_the_next_mail(day: Day) -> None:
    """What the other stories show would show nothing, if no further mail came anyway."""
    assert not day.stays_silent()


def test_a_code_is_pasted_and_that_was_the_last_mail(day: Day) -> None:
    # As TikTok does it: the extended code is the old one, with a later end.
    code = day.story.world.extend(POST, days=60)
    page = day.reads()
    pictured(page, "mail-phone-light")

    card = day.follows(page)
    pictured(page, "page-1-asked")
    card.get_by_text("No “Extend” there? Send a code").click()
    card.get_by_label("Code, or the whole message").fill(SENTENCE.format(code.value))
    pictured(page, "page-2-pasted")
    with at_work(day.story):
        is_told(card, "Send the code", "TikTok accepted the code. The authorization lasts until")
    pictured(page, "page-3-accepted")

    expect(page.get_by_text("Nothing to do")).to_be_visible()
    assert code.value not in page.content()
    assert day.story.desk.authorization.expires_at == code.end_at
    assert day.stays_silent()


def test_an_extension_is_seen_at_tiktok_and_that_was_the_last_mail(day: Day) -> None:
    page = day.reads()
    card = day.follows(page)

    with at_work(day.story):
        is_told(card, "I have extended it", "TikTok still shows the end Tuesday 22 December 2026")
        pictured(page, "page-4-not-extended")
        day.story.clock.advance(A_MINUTE)
        code = day.story.world.extend(POST, days=60)
        is_told(card, "I have extended it", "TikTok shows the new end: Saturday 20 February 2027")
    pictured(page, "page-5-extended")

    expect(page.get_by_text("Nothing to do")).to_be_visible()
    assert day.story.desk.authorization.expires_at == code.end_at
    assert day.stays_silent()


def test_one_click_on_the_header_and_no_further_mail_comes(day: Day) -> None:
    """RFC 8058: the mail program posts to the address of the header, with neither cookies nor an origin."""
    address = str(day.mail["List-Unsubscribe"]).strip("<>")
    field, _, value = str(day.mail["List-Unsubscribe-Post"]).partition("=")

    answer = httpx.post(address, data={field: value})

    assert answer.status_code == 200
    assert "we write to this address no more" in answer.text
    assert day.stays_silent()


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_the_mail(day: Day, viewport: dict[str, int], scheme: str) -> None:
    page = day.reads(viewport=viewport, scheme=scheme, scripts=True)
    pictured(page, f"mail-{viewport['width']}-{scheme}")

    found_nothing(page, f"mail-{viewport['width']}-{scheme}", rules=RULES)
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    assert page.get_by_role("link", name="Open your page").bounding_box()["height"] >= 44  # type: ignore[index]
    day.follows(page)
    pictured(page, f"page-{viewport['width']}-{scheme}")


def test_the_mail_is_what_mail_programs_expect(day: Day) -> None:
    mail, text = day.mail, day.mail.get_body(("plain",))
    assert text is not None
    pages = {word.strip("<>") for word in text.get_content().split() if "/c/" in word}
    html = day.reads().locator("a").evaluate_all("links => links.map(link => link.href)")

    assert mail["To"] == "Ana <ana@creators.test>"
    assert mail["Message-ID"]
    assert mail["Date"]
    assert mail["Auto-Submitted"]
    # Text and HTML lead to the same pages.
    assert pages == {link for link in html if "/c/" in link}
    assert str(mail["List-Unsubscribe"]).strip("<>") in html
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
