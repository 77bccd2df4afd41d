"""The creator's page over HTTP: opened by the link of the mail, and each answer that a creator can give."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from string import Formatter
from typing import Any

import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs

from domain.events import CodeRefused, Condition, Route
from domain.refusals import REFUSALS, Who
from domain.sightings import Sighting
from infra import advertisers, links, sightings
from infra.chosen import policy_of
from infra.clock import HandClock
from infra.database import hot
from infra.inbox import accept, mailbox_of
from infra.letters import letter
from infra.links import Visit
from infra.vault import Vault
from tests.brand import ADVERTISER, KEY, POST, Brand, brand
from tests.visitor import Visitor, link_to, text_of
from web.creator.answers import Complaint
from web.creator.pages import MANY, Pages
from web.creator.posts import LONGEST_TITLE, MOST_POSTS, Card, Need
from web.creator.scene import Asked, Scene
from web.creator.speech import LANGUAGES, language_for, speech
from worker.drain import drain
from worker.effects import perform

HANDLE = "ana.dances"
NOW = datetime(2026, 12, 1, 10, tzinfo=UTC)


@pytest.fixture
def story(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[Brand]:
    """Asked for thirty days, and nothing given yet."""
    with brand(engine=engine, clock=clock, vault=vault) as story:
        story.asks()
        story.desk.settles()
        yield story


@pytest.fixture
def granted(story: Brand) -> Brand:
    """Given for thirty days, with an ad that flies for sixty; a little less than eight days are left."""
    story.pastes(story.mints().value)
    flight = story.clock.now() + timedelta(days=60)
    story.desk.hears("ad.started", ad={"ad_id": "9001", "flight_end": flight.isoformat()})
    story.desk.settles()
    story.clock.advance(timedelta(days=22))
    return story


def visitor(story: Brand, **more: Any) -> Visitor:
    token = link_to(story.desk.engine, story.desk.vault, HANDLE, now=story.clock.now())
    visitor = Visitor(story.desk.http, token, **more)
    visitor.opens()
    return visitor


def letters(story: Brand, sender: str = "creator") -> list[tuple[Any, ...]]:
    query = "SELECT type, key, data, sealed IS NOT NULL FROM inbox WHERE sender = %s ORDER BY seq"
    with hot(story.desk.engine) as connection:
        return connection.execute(query, [sender]).fetchall()


def sees(story: Brand, **shown: Any) -> None:
    """A look at TikTok is over."""
    now = story.clock.now()
    facts = {"caption": "Morning routine #ad"}
    sighting = Sighting(key=KEY, auth_status="AUTHORIZED", status="", facts=facts, seen_at=now, **shown)
    with hot(story.desk.engine) as connection:
        sightings.save(connection, [sighting])


def test_the_page_tells_what_to_do_for_a_post(granted: Brand) -> None:
    with hot(granted.desk.engine) as connection:
        connection.execute("UPDATE creators SET timezone = 'Europe/Paris'")
        connection.execute("UPDATE advertisers SET name = 'Maison Alba'")
    ends_at = granted.desk.authorization.expires_at
    sees(granted, ends_at=ends_at)

    page = visitor(granted)

    assert page.page.status_code == 200
    for said in (
        "One post needs something from you.",
        "Morning routine #ad",
        "Maison Alba",
        "Please extend it",
        "Tuesday 22 December 2026, 11:00 (Europe/Paris)",
        "7 days",
        "Tap “Ad authorization”.",
        "Tap “Extend” and choose 60 days.",
    ):
        assert said in page.text
    assert f"https://www.tiktok.com/@{HANDLE}/video/" in page.page.text


def test_a_request_is_answered_with_a_pasted_message(story: Brand) -> None:
    code = story.mints()
    page = visitor(story)
    assert "The brand asks for your authorization" in page.text
    assert "choose 30 days, and copy the code" in page.text

    with capture_logs() as logs:
        sent = page.sends("code", code=f"Hi! my code:\n{code.value}\nthanks")

    assert "We have your code and are checking it with TikTok." in page.follows(sent)
    assert [(type_, key, is_sealed) for type_, key, _, is_sealed in letters(story)] == [("code.submitted", KEY, True)]
    story.desk.settles()
    assert "TikTok accepted the code. The authorization lasts until" in page.follows(sent)
    assert "All is well" in page.text
    assert code.value not in str(logs) + str(letters(story))
    assert page.token not in str(logs)


def test_a_post_that_is_renewed_asks_nothing_more(granted: Brand) -> None:
    page = visitor(granted)
    sent = page.sends("extended")
    assert "Thank you. We are looking at TikTok." in page.follows(sent)

    granted.clock.advance(timedelta(minutes=1))
    ends_at = granted.desk.authorization.expires_at
    assert ends_at is not None
    sees(granted, ends_at=ends_at + timedelta(days=60))

    assert "TikTok shows the new end: Saturday 20 February 2027" in page.follows(sent)
    assert letters(granted)[0][:2] == ("look.wanted", KEY)


def test_an_extension_that_tiktok_does_not_show_is_told(granted: Brand) -> None:
    page = visitor(granted)
    sent = page.sends("extended")

    granted.clock.advance(timedelta(minutes=1))
    sees(granted, ends_at=granted.desk.authorization.expires_at)

    assert "TikTok still shows the end Tuesday 22 December 2026, 10:00 (UTC)" in page.follows(sent)


def test_the_worker_looks_at_once_and_the_page_tells_what_tiktok_shows(granted: Brand) -> None:
    """The whole way, as far as TikTok and back."""
    page = visitor(granted)
    granted.world.extend(POST, days=60)
    granted.clock.advance(timedelta(minutes=1))

    sent = page.sends("extended")
    granted.desk.settles()

    assert "TikTok shows the new end: Saturday 20 February 2027" in page.follows(sent)
    page.opens()
    assert "All is well" in page.text


@pytest.mark.parametrize(
    ("status", "said"), [("done", "TikTok does not show this authorization"), ("failed", "TikTok did not answer us")]
)
def test_a_look_that_found_nothing_is_told(granted: Brand, status: str, said: str) -> None:
    page = visitor(granted)
    sent = page.sends("extended")
    now = granted.clock.now() + timedelta(seconds=1)
    row = "VALUES ('look.one', %s, %s, '{}', %s, %s, %s, %s)"
    with hot(granted.desk.engine) as connection:
        columns = "kind, key, idempotency_key, payload, status, due_at, created_at, settled_at"
        connection.execute("DELETE FROM sightings")
        connection.execute("UPDATE advertisers SET looked_at = NULL")
        connection.execute(
            f"INSERT INTO outbox ({columns}) {row}".encode(), [KEY, f"look.one-{KEY}", status, now, now, now]
        )

    assert said in page.follows(sent)


def test_without_a_connection_nobody_is_promised_a_look(granted: Brand) -> None:
    with hot(granted.desk.engine) as connection:
        advertisers.disconnect(connection, ADVERTISER)
    page = visitor(granted)

    assert "we cannot look ourselves" in page.follows(page.sends("extended"))


def test_a_no_needs_a_reason_and_ends_the_asking(granted: Brand) -> None:
    page = visitor(granted)

    assert page.sends("decline").status_code == 422
    assert letters(granted) == []
    sent = page.sends("decline", reason="payment", more="since\tMay\x00")

    assert "You said no, and the brand is told." in page.follows(sent)
    granted.desk.settles()
    assert letters(granted)[0][2]["reason"] == "a payment is still open: since May"
    page.opens()
    assert "You said no; it ends by itself" in page.text
    assert "Nothing to do" in page.text


def test_a_reminder_is_put_off_to_a_day_of_the_creators_calendar(granted: Brand) -> None:
    with hot(granted.desk.engine) as connection:
        connection.execute("UPDATE creators SET timezone = 'America/New_York'")
    page = visitor(granted)

    for wrong in ("", "tomorrow", "2026-12-14", "2027-12-01", "9999-99-99"):
        answer = page.sends("later", until=wrong)
        assert answer.status_code == 422
        assert "Choose a day from Tuesday 15 December 2026" in text_of(answer)
    sent = page.sends("later", until="2026-12-20")

    assert "We do not write to you before Sunday 20 December 2026." in page.follows(sent)
    assert letters(granted) == [
        ("creator.snoozed", f"creator/{HANDLE}", {"until": "2026-12-20T05:00:00Z"}, False),
    ]


@pytest.mark.parametrize(
    ("what", "given", "note"),
    [
        ("stop", {}, "You asked us not to write to you."),
        ("later", {"until": "2026-12-20"}, "We write to you again from Sunday 20 December 2026."),
    ],
)
def test_silence_can_be_taken_back(granted: Brand, what: str, given: dict[str, Any], note: str) -> None:
    page = visitor(granted)
    page.sends(what, **given)
    granted.desk.settles()
    page.opens()
    assert note in page.text

    sent = page.sends("resume")

    assert "We write to you again when a post needs something from you." in page.follows(sent)
    assert note not in page.text
    granted.desk.settles()
    page.opens()
    assert note not in page.text
    assert "Write to me again" not in page.text
    with hot(granted.desk.engine) as connection:
        query = "SELECT opted_out_at, coalesce(snoozed_until, '-infinity') > %s FROM creators WHERE handle = %s"
        assert connection.execute(query, [granted.clock.now(), HANDLE]).fetchall() == [(None, False)]


def test_who_stops_the_messages_again_at_once_is_heard(granted: Brand) -> None:
    page = visitor(granted)
    for what in ("stop", "resume", "stop"):
        page.opens()
        page.sends(what)
        granted.clock.advance(timedelta(seconds=2))
        granted.desk.settles()

    page.opens()
    assert "You asked us not to write to you." in page.text


def test_one_click_in_the_mail_program_ends_all_messages(granted: Brand) -> None:
    page = visitor(granted)
    page.opens("/stop")
    assert letters(granted) == []
    assert "Stop all messages" in page.text

    # As RFC 8058 has it: no cookies, no origin, no form of ours.
    answer = page.posts("/stop", {"List-Unsubscribe": "One-Click"})

    assert answer.status_code == 200
    assert "Done: we write to this address no more." in text_of(answer)
    assert [each[:2] for each in letters(granted)] == [("creator.opted_out", f"creator/{HANDLE}")]


def test_a_form_sent_twice_counts_once_and_another_code_from_the_same_form_counts(story: Brand) -> None:
    page = visitor(story)
    first, second = story.mints().value, "#" + "Zz9" * 21 + "="

    answers = [page.sends("code", code=code) for code in (first, first, second)]

    assert [answer.status_code for answer in answers] == [303] * 3
    assert answers[0].headers["location"] == answers[1].headers["location"] != answers[2].headers["location"]
    assert len(letters(story)) == 2


def test_text_without_a_code_is_answered_at_the_field(story: Brand) -> None:
    page = visitor(story)

    answer = page.sends("code", code="<script>alert(1)</script> I will do it tomorrow")

    assert answer.status_code == 422
    assert "There is no code in this." in text_of(answer)
    assert 'aria-invalid="true"' in answer.text
    assert "<script>" not in answer.text
    assert letters(story) == []


SPOKEN = list(LANGUAGES)


@pytest.mark.parametrize(
    ("symbol", "language"), [(row.symbol, SPOKEN[place % len(SPOKEN)]) for place, row in enumerate(REFUSALS)]
)
def test_each_refusal_is_told_with_its_next_step(story: Brand, symbol: str, language: str) -> None:
    page = visitor(story, language=language)
    sent = page.sends("code", code=story.mints().value)
    with hot(story.desk.engine) as connection:
        refused = CodeRefused(at=story.clock.now(), reason=symbol, said="what TikTok said")
        accept(connection, [letter(KEY, refused, event_id=symbol)], now=story.clock.now())
    story.desk.tiktok = None
    story.desk.settles()

    cause, step = (said.replace("\u00a0", " ") for said in speech(language).refusal(symbol))
    assert f"{cause} {step}" in page.follows(sent)
    # Who comes back later is told too.
    page.opens()
    assert f"{cause} {step}" in page.text


def test_every_refusal_that_creators_can_mend_is_translated() -> None:
    theirs = {row.symbol for row in REFUSALS if row.who is Who.CREATOR}

    for words in LANGUAGES.values():
        assert theirs <= set(words.REFUSALS)
        assert all(cause.strip() and step.strip() for cause, step in words.REFUSALS.values())
    for symbol in theirs:
        told = {speech(language).refusal(symbol) for language in LANGUAGES}
        assert len(told) == len(LANGUAGES), symbol


def test_the_languages_say_the_same_things() -> None:
    english = LANGUAGES["en"]
    for words in LANGUAGES.values():
        assert set(words.WORDS) == set(english.WORDS)
        assert set(words.REFUSALS) == set(english.REFUSALS)
        for word, text in words.WORDS.items():
            assert places(text) == places(english.WORDS[word]), word


def test_french_stops_and_quotation_marks_stay_with_their_words() -> None:
    for word, text in LANGUAGES["fr"].WORDS.items():
        said = speech("fr").say(word, **dict.fromkeys(places(text), "x"))
        assert not re.search(r"« | [»:;!?]", said), word


def places(text: str) -> set[str]:
    """What a sentence leaves open."""
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize(
    ("locale", "accepted", "chosen", "expected"),
    [
        (None, "", "", "en"),
        (None, "nl, de-AT;q=0.8, fr;q=0.9", "", "fr"),
        (None, "*;q=x, ;;, es-MX", "", "es"),
        (None, "fr;q=0, it", "", "en"),
        ("de_CH.UTF-8", "fr", "", "de"),
        ("pt-BR", "fr", "", "fr"),
        ("de", "fr", "es", "es"),
        ("de", "fr", "xx", "de"),
    ],
)
def test_the_language_is_the_chosen_one_else_the_creators_else_the_browsers(
    locale: str | None, accepted: str, chosen: str, expected: str
) -> None:
    assert language_for(chosen=chosen, locale=locale, accepted=accepted) == expected


def test_the_page_is_small_also_with_many_posts(story: Brand) -> None:
    for number in range(60):
        post = {"item_id": f"73000000000000001{number:02}"}
        story.desk.hears("authorization.requested", post=post, route="code", days=30, creator={"handle": HANDLE})
    story.desk.settles()

    for language in LANGUAGES:
        page = visitor(story, language=language)
        assert len(page.page.content) < 50_000


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("need", [Need.WANTED, Need.EXTEND, Need.RUNS])
@pytest.mark.parametrize("count", [MANY, MOST_POSTS])
def test_the_page_is_small_whatever_the_captions_are(language: str, need: Need, count: int) -> None:
    cards = [a_card(number, need) for number in range(count)]
    visit = Visit(link_id=1, creator_id=1, handle="h" * 24, locale=None, timezone=None, is_first=False)
    answered = Complaint(word="bad_code", field="code", post=cards[-1].id)
    scene = Scene(visit=visit, cards=cards, now=NOW, proposes_access=True)
    asked = Asked(base="/c/" + "1" * 70, query="?lang=fr")

    html = Pages(is_simulation=True).posts(scene, asked, speech(language, "America/Argentina/Buenos_Aires"), answered)

    assert len(html.encode()) < 50_000
    assert html.count("<article") == count


def a_card(number: int, need: Need) -> Card:
    """With as much to say as there can be."""
    item_id = str(7300000000000000001 + number)
    return Card(
        id=1000 + number,
        key=f"{ADVERTISER}/{item_id}",
        item_id=item_id,
        account=None,
        title="日" * LONGEST_TITLE + "…",
        link=f"https://www.tiktok.com/@{'h' * 24}/video/{item_id}",
        brand="Ü" * 60,
        need=need,
        condition=Condition.PRIVATE,
        route=Route.CODE,
        days=365,
        ends_at=NOW + timedelta(days=3),
        shown_until=None,
        seen_at=NOW,
        is_missing=False,
        is_connected=True,
        last="code.refused",
        last_reason="mention_multiple_videos",
        last_at=NOW,
    )


def test_a_link_is_noted_as_opened_once(story: Brand) -> None:
    opened_at = story.clock.now()
    page = visitor(story)
    story.clock.advance(timedelta(hours=1))
    page.opens()

    with hot(story.desk.engine) as connection:
        assert connection.execute("SELECT opened_at FROM links").fetchall() == [(opened_at,)]


def test_what_ended_can_be_brought_back(granted: Brand) -> None:
    granted.clock.advance(timedelta(days=9))
    token = link_to(granted.desk.engine, granted.desk.vault, HANDLE, now=granted.clock.now())
    page = Visitor(granted.desk.http, token)
    page.opens()

    assert "extending it brings it back" in page.text
    assert "Ended" in page.text


def test_what_ended_and_nobody_needs_asks_nothing(granted: Brand) -> None:
    with hot(granted.desk.engine) as connection:
        connection.execute("DELETE FROM ads")
        connection.execute("UPDATE authorizations SET needed_until = NULL")
    granted.clock.advance(timedelta(days=9))

    page = visitor(granted)

    assert "No brand uses one of your posts at present." in page.text
    assert "xtend" not in page.text


def test_old_links_are_forgotten(story: Brand) -> None:
    visitor(story)
    with hot(story.desk.engine) as connection:
        assert links.prune(connection, before=story.clock.now() + timedelta(days=29)) == 0
        assert links.prune(connection, before=story.clock.now() + timedelta(days=31)) == 1


def test_a_new_end_is_told_once_the_post_beside_it_shows_it(granted: Brand) -> None:
    """The look is over, and its letter lies in the mailbox: the page does not thank and ask in one breath."""
    page = visitor(granted)
    granted.world.extend(POST, days=60)
    granted.clock.advance(timedelta(minutes=1))
    sent = page.sends("extended")
    drain(granted.desk.engine, granted.clock, policy_of(granted.desk.settings), mailbox_of(KEY))
    assert granted.desk.tiktok is not None
    perform(granted.desk.engine, granted.clock, granted.desk.tiktok, granted.desk.vault)

    assert "Thank you. We are looking at TikTok." in page.follows(sent)
    granted.desk.settles()
    assert "TikTok shows the new end: Saturday 20 February 2027" in page.follows(sent)
    assert "Please extend it" not in page.text


def test_the_code_that_runs_is_told_as_known_until_its_end_moves(story: Brand) -> None:
    code = story.mints().value
    page = visitor(story)
    first = page.sends("code", code=code)
    story.desk.settles()
    assert "TikTok accepted the code. The authorization lasts until" in page.follows(first)
    flight = story.clock.now() + timedelta(days=200)
    story.desk.hears("ad.started", ad={"ad_id": "9001", "flight_end": flight.isoformat()})
    story.waits(days=25)
    assert "Please extend it" in visitor(story).text

    page.opens()
    again = page.sends("code", code=code)
    assert "We have your code and are checking it with TikTok." in page.follows(again)
    story.desk.settles()
    assert "it is the one that we know already, and its end has not moved" in page.follows(again)

    story.world.extend(POST, days=60)
    story.clock.advance(timedelta(minutes=1))
    page.opens()
    extended = page.sends("code", code=code)
    story.desk.settles()
    assert "TikTok accepted the code. The authorization lasts until" in page.follows(extended)


def test_fewer_days_than_were_asked_for_are_told(story: Brand) -> None:
    flight = story.clock.now() + timedelta(days=40)
    story.pastes(story.mints(days=7).value)
    story.desk.hears("ad.started", ad={"ad_id": "9001", "flight_end": flight.isoformat()})
    story.desk.settles()

    assert "It runs, but for fewer than the 30 days that the brand asked for" in visitor(story).text

    story.world.extend(POST, days=60)
    story.clock.advance(timedelta(minutes=1))
    page = visitor(story)
    page.sends("extended")
    story.desk.settles()
    page.opens()
    assert "All is well" in page.text


def test_the_nearest_end_comes_first(story: Brand) -> None:
    """Also where nobody will be asked for it again before its end."""
    now = story.clock.now()
    for number, days in enumerate((2, 0.4, 3)):
        post = {"item_id": f"730000000000000009{number}"}
        begins, ends = now - timedelta(days=30 - days), now + timedelta(days=days)
        ad = {"ad_id": f"91{number}", "flight_end": (now + timedelta(days=60)).isoformat()}
        story.desk.hears("authorization.requested", post=post, route="code", days=30, creator={"handle": HANDLE})
        story.desk.hears("code.granted", post=post, starts_at=begins.isoformat(), expires_at=ends.isoformat())
        story.desk.hears("ad.started", post=post, ad=ad)
    story.desk.settles()
    with hot(story.desk.engine) as connection:
        climbed = (
            "UPDATE authorizations SET next_action = 'expire', next_action_at = expires_at, why = 'ladder_climbed'"
        )
        connection.execute(f"{climbed} WHERE item_id = '7300000000000000091'".encode())

    page = visitor(story)

    shown = re.findall(r"video/(\d+)", page.page.text)
    assert shown == ["7300000000000000091", "7300000000000000090", "7300000000000000092", POST]


def test_what_was_found_and_is_not_applied_yet_is_still_being_checked(story: Brand) -> None:
    """The check is over, and its letter lies in the mailbox: nobody is told that nothing changed."""
    page = visitor(story)
    sent = page.sends("code", code=story.mints().value)
    for _ in range(2):
        drain(story.desk.engine, story.clock, policy_of(story.desk.settings), mailbox_of(KEY))
    assert story.desk.tiktok is not None
    perform(story.desk.engine, story.clock, story.desk.tiktok, story.desk.vault)

    assert story.check[0] == "done"
    assert "We have your code and are checking it with TikTok." in page.follows(sent)
    story.desk.settles()
    assert "TikTok accepted the code." in page.follows(sent)
