"""The message of several asks, as a mail program reads it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from html import unescape
from html.parser import HTMLParser
from typing import Any

import icalendar
import pytest

from infra.access_mail import Invitation, compose_invitation
from infra.ask_mail import LOCALES, DigestMail, compose_digest, sender_of
from infra.mail import POLICY
from infra.mail_examples import NOW, URGENCIES, example

SENDER = sender_of("Everspark <everspark@brand.test>")
LINK = "https://everspark.test/c/17.1800000000." + "a" * 86
NBSP = "\u00a0"
HOSTILE = "Eve\r\nBcc: all@x.test\r\n\r\n<img src=x onerror=alert(1)>{{ 7 * 7 }}\u202e\0"
LAST_TAP = {"en": "Extend", "fr": "Prolonger", "es": "Ampliar", "de": "Verlängern"}


def received(digest: DigestMail, *, now: datetime = NOW, **given: Any) -> EmailMessage:
    """As it comes out of a mailbox: written to bytes and parsed again."""
    message = compose_digest(digest, sender=SENDER, now=now, **{"link": LINK, **given})
    return message_from_bytes(message.as_bytes(policy=POLICY), policy=default)


def text_of(message: EmailMessage, kind: str = "plain") -> str:
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n").replace(NBSP, " ")


def read_in(message: EmailMessage) -> str:
    """The words of the HTML part without its tags."""
    page = re.sub(r"<style>.*?</style>", "", text_of(message, "html"), flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def links_of(message: EmailMessage) -> list[str]:
    found: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.extend(value or "" for name, value in attrs if tag == "a" and name == "href")

    Reader().feed(text_of(message, "html"))
    return found


def calendar_of(message: EmailMessage) -> list[Any]:
    (part,) = (part for part in message.walk() if part.get_content_type() == "text/calendar")
    return list(icalendar.Calendar.from_ical(part.get_content()).events)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("urgency", URGENCIES)
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("link", [LINK, None])
@pytest.mark.parametrize("has_account", [False, True])
@pytest.mark.parametrize("is_bare", [False, True])
def test_every_kind_of_message_reads_whole(
    locale: str, urgency: str, count: int, link: str | None, *, has_account: bool, is_bare: bool
) -> None:
    digest = example(locale=locale, count=count, urgency=urgency, has_account=has_account, is_bare=is_bare)

    message = received(digest, link=link)

    assert message["Content-Language"] == locale
    assert message["Subject"][0].isupper() or message["Subject"][0].isdigit()
    assert f'<html lang="{locale}">' in text_of(message, "html")
    for body in (message["Subject"], text_of(message), read_in(message)):
        assert not re.search(r"\bNone\b|[{}]|  \S.*\bundefined\b", body)
    assert "\n\n\n" not in text_of(message)
    assert all(line == line.rstrip() for line in text_of(message).splitlines())
    if not (has_account and count == 1):
        for body in (text_of(message), read_in(message)):
            places = [body.index(tap) for tap in ("•••", "Ad settings", "Ad authorization")[locale == "en" :]]
            assert places == sorted(places)
            assert LAST_TAP[locale] in body


@pytest.mark.parametrize("locale", LOCALES)
def test_items_keep_their_order_their_days_and_their_ends(locale: str) -> None:
    digest = example(locale=locale, count=3)

    for body in (text_of(received(digest)), read_in(received(digest))):
        titles = [body.index(item.title) for item in digest.items if item.title]
        assert titles == sorted(titles)
        assert body.index("30 ") < body.index("60 ")
    posts = [link for link in links_of(received(digest)) if "tiktok.com" in link]
    assert posts == [f"https://www.tiktok.com/@lina.dances/video/{item.item_id}" for item in digest.items]


@pytest.mark.parametrize(
    ("locale", "said"),
    [
        ("en", "Tuesday 22 December 2026, 10:03 (Europe/London)"),
        ("fr", "mardi 22 décembre 2026 à 11 h 03 (Europe/Paris)"),
        ("es", "martes 22 de diciembre de 2026, 11:03 h (Europe/Madrid)"),
        ("de", "Dienstag, 22. Dezember 2026, 11:03 Uhr (Europe/Berlin)"),
    ],
)
def test_the_end_is_told_with_its_weekday_on_the_creators_own_clock(locale: str, said: str) -> None:
    message = received(example(locale=locale))

    assert said in text_of(message)
    assert said in read_in(message)


def test_one_ask_names_post_brand_and_days() -> None:
    message = received(example())

    assert message["Subject"] == "Please extend your TikTok ad authorization by 30 days"
    for body in (text_of(message), read_in(message)):
        assert "Northwind Shoes runs your TikTok post “Three ways to wear winter boots” as an ad" in body
        assert "Spring collection" in body


def test_the_same_days_for_all_are_said_in_the_subject_and_in_the_steps() -> None:
    digest = example(count=2)
    digest = replace(digest, items=tuple(replace(item, days=60) for item in digest.items))

    message = received(digest)

    assert message["Subject"] == "Please extend your 2 TikTok ad authorizations by 60 days"
    assert 'Tap "Extend" and choose 60 days.' in text_of(message)


def test_brands_are_named_for_each_post_where_they_differ() -> None:
    digest = example(count=2)
    digest = replace(digest, items=(digest.items[0], replace(digest.items[1], brand="Fjord")))

    body = text_of(received(digest))

    assert "TikTok posts of yours run as ads" in body
    assert "1. Three ways to wear winter boots, for Northwind Shoes" in body
    assert "2. Get ready with me: first snow, for Fjord" in body


@pytest.mark.parametrize(
    ("locale", "answer", "contact"),
    [
        ("en", "just answer this message", "tell your contact at the brand, and TikTok’s link"),
        ("fr", "répondez simplement à ce message et", "dites-le à votre contact chez la marque et"),
        ("es", "responde a este mensaje y", "díselo a tu contacto en la marca y"),
        ("de", "Antworte einfach auf diese Nachricht, und", "Sag es deinem Kontakt bei der Marke, und"),
    ],
)
def test_access_to_the_account_is_proposed_where_it_was_advised_and_nowhere_else(
    locale: str, answer: str, contact: str
) -> None:
    advised = example(locale=locale, count=3)
    told, answered = received(advised), received(advised, reply_to="Lea <lea@brand.test>")
    silent = received(replace(advised, proposes_access=False))

    for read in (text_of, read_in):
        assert read(told).count(contact) == read(answered).count(answer) == 1
        assert contact not in read(silent)
        assert answer not in read(silent)


@pytest.mark.parametrize("locale", LOCALES)
def test_a_message_about_a_hundred_posts_with_long_captions_stays_small(locale: str) -> None:
    """Mail programs cut off what is beyond some 100 kB."""
    digest = example(locale=locale, count=100)
    items = [
        replace(item, title="ü" * 120, brand=f"Maison Alba {number}" + "x" * 60, reference="R" * 100)
        for number, item in enumerate(digest.items)
    ]
    message = received(replace(digest, items=tuple(items)))

    assert len(text_of(message, "html").encode()) < 50_000
    assert len(text_of(message).encode()) < 50_000


@pytest.mark.parametrize("locale", LOCALES)
def test_of_many_posts_twenty_are_listed_and_the_page_has_the_others(locale: str) -> None:
    digest = example(locale=locale, count=22)
    whole, without_page = received(digest), received(digest, link=None)

    more = {"en": "And 2 more: your page", "fr": "Et 2 de plus : votre page"}
    more |= {"es": "Y 2 más: tu página", "de": "Und 2 weitere: Deine Seite"}
    for read in (text_of, read_in):
        assert more[locale] in read(whole).replace(NBSP, " ")
        assert more[locale] not in read(without_page)
    assert "22" in whole["Subject"]
    assert [sum("tiktok.com" in link for link in links_of(each)) for each in (whole, without_page)] == [20, 22]


def test_french_stops_and_quotation_marks_stay_with_their_words() -> None:
    message = received(example(locale="fr", urgency="emergency"))

    for kind in ("plain", "html"):
        part = message.get_body((kind,))
        assert part is not None
        page = re.sub(r"<style>.*?</style>", "", part.get_content(), flags=re.DOTALL)
        assert not re.search(r"« | [»:;!?]", page)


class TestUrgency:
    @pytest.mark.parametrize(
        ("urgency", "count", "subject", "banner"),
        [
            ("emergency", 1, "30 hours left: please extend your TikTok ad authorization", "Only 30 hours left"),
            ("emergency", 3, "30 hours left: please renew 3 TikTok ad permissions", "Only 30 hours left for the first"),
            ("last_resort", 1, "8 hours left: extend your TikTok ad authorization now", "Last call: 8 hours left"),
            ("last_resort", 3, "8 hours left: renew 3 TikTok ad permissions now", "Last call: 8 hours left"),
            (
                "after_end",
                1,
                "Your TikTok ad authorization has ended: please extend it by 30 days",
                "Ended: the ads have stopped",
            ),
            ("after_end", 3, "1 of your 3 TikTok ads has stopped: please renew", "1 of 3 has ended"),
        ],
    )
    def test_is_heard(self, urgency: str, count: int, subject: str, banner: str) -> None:
        message = received(example(urgency=urgency, count=count))

        assert message["Subject"] == subject
        assert banner in read_in(message)

    def test_is_of_the_moment_of_writing(self) -> None:
        digest = example(urgency="last_resort")

        message = received(digest, now=NOW + timedelta(hours=9))

        assert message["Subject"].startswith("Your TikTok ad authorization has ended")

    def test_all_ended(self) -> None:
        message = received(example(count=3), now=NOW + timedelta(days=30))

        assert message["Subject"] == "Your 3 TikTok ads have stopped: please renew"
        assert "They have ended, and the ads have stopped" in text_of(message)

    def test_an_ask_after_an_end_that_moved_has_no_hurry(self) -> None:
        digest = example()

        message = received(replace(digest, urgency="after_end"))

        assert message["Subject"] == "Please extend your TikTok ad authorization by 30 days"


class TestTheHeaders:
    def test_one_click_ends_the_mail_and_its_address_stays_whole(self) -> None:
        raw = compose_digest(example(), sender=SENDER, now=NOW, link=LINK).as_bytes(policy=POLICY)

        assert f"List-Unsubscribe: <{LINK}/stop>\r\n".encode() in raw
        assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in raw
        assert f"{LINK}/stop" in links_of(received(example()))

    def test_without_a_page_there_is_nothing_to_click(self) -> None:
        message = received(example(), link=None)

        assert message["List-Unsubscribe"] is None
        assert message["List-Unsubscribe-Post"] is None
        assert all("tiktok.com" in link for link in links_of(message))

    def test_answers_go_where_the_setting_says(self) -> None:
        message = received(example(), reply_to="Team Lina <team@brand.test>")

        assert message["Reply-To"] == "Team Lina <team@brand.test>"
        assert "Just answer this message" in text_of(message)
        assert "not read" not in text_of(message)

    def test_without_the_setting_it_says_that_nobody_reads_answers(self) -> None:
        message = received(example())

        assert message["Reply-To"] is None
        assert "replies are not read" in text_of(message)

    def test_the_rest(self) -> None:
        message = received(replace(example(), idempotency_key="creator/7/12"))

        assert message["Message-ID"] == "<creator%2F7%2F12@brand.test>"
        assert message["Date"].datetime == NOW
        assert message["Auto-Submitted"] == "auto-generated"
        assert message.get_content_type() == "multipart/alternative"


class TestTheCalendar:
    def test_brings_each_end_that_is_to_come(self) -> None:
        digest = example(count=3, urgency="after_end")

        message = received(digest, attach_calendar=True)

        assert message.get_content_type() == "multipart/mixed"
        assert message["Content-Language"] == "en"
        events = calendar_of(message)
        assert [event.end for event in events] == [item.period_ends_at for item in digest.items[1:]]
        assert events[0]["SUMMARY"] == "TikTok ad authorization ends: Get ready with me: first snow"
        assert events[0]["URL"] == "https://www.tiktok.com/@lina.dances/video/7300000000000000002"
        assert str(events[0]["UID"]).endswith("@brand.test")
        assert text_of(message).startswith("Hello Lina")

    def test_a_later_end_moves_the_entry(self) -> None:
        digest = example()
        later = replace(digest, items=(replace(digest.items[0], period_ends_at=NOW + timedelta(days=40)),))

        (first,) = calendar_of(received(digest, attach_calendar=True))
        (second,) = calendar_of(received(later, now=NOW + timedelta(days=1), attach_calendar=True))

        assert first["UID"] == second["UID"]
        assert first["SEQUENCE"] < second["SEQUENCE"]

    def test_is_left_out_where_nothing_is_to_come(self) -> None:
        message = received(example(urgency="after_end"), attach_calendar=True)

        assert message.get_content_type() == "multipart/alternative"


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("count", [1, 2])
def test_what_strangers_wrote_breaks_nothing(locale: str, count: int) -> None:
    digest = example(locale=locale, count=count)
    items = tuple(
        replace(
            item, brand=f"{HOSTILE}{number}", title=HOSTILE, reference=HOSTILE, item_url="https://x.test/\r\nBcc: y@z"
        )
        for number, item in enumerate(digest.items)
    )

    message = received(replace(digest, name=HOSTILE, items=items), attach_calendar=True)

    assert message["Bcc"] is None
    assert message["To"].addresses[0].addr_spec == "lina@example.com"
    assert "<img" not in text_of(message, "html")
    assert "{{ 7 * 7 }}" in text_of(message)
    assert "\u202e" not in text_of(message) + text_of(message, "html")
    assert all(str(event["SUMMARY"]).count("\n") == 0 for event in calendar_of(message))
    assert all("x.test" not in link for link in links_of(message))


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "https://x.test/c/1\r\nBcc: y@z", 'https://x.test/"onclick=', ""]
)
def test_a_page_that_is_no_address_is_left_out(link: str) -> None:
    message = received(example(), link=link)

    assert message["List-Unsubscribe"] is None
    assert all("tiktok.com" in link for link in links_of(message))


@pytest.mark.parametrize("locale", LOCALES)
def test_the_invitation_in_every_language(locale: str) -> None:
    link = "https://www.tiktok.com/business/authorize?token=x"
    invitation = Invitation(
        idempotency_key="access/1",
        email="lina@example.com",
        name="Lina",
        locale=locale,
        handle="lina.dances",
        advertiser_id="7200000000000000001",
        reference="Spring",
        link=link,
    )

    message = compose_invitation(invitation, sender=SENDER, now=datetime(2026, 12, 1, tzinfo=UTC))

    assert message["Content-Language"] == locale
    assert links_of(message) == [link]
    assert link in text_of(message)
    assert f'<html lang="{locale}">' in text_of(message, "html")
