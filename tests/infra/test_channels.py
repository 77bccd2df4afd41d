"""Apprise over real HTTP: what became of a message, and that nothing of an address is ever said."""

from __future__ import annotations

import logging
import socket
from io import StringIO
from typing import Any

import pytest

from infra import logs
from infra.channel_urls import EVERYBODY, BadChannel, Channels, fingerprint, number_of
from infra.channels import AppriseMessenger
from infra.drafts import LOCALES, Subject, draft, language_of, plain, post_of, short
from infra.mail import Outcome, Refused, Sent, TryLater, Unknown
from infra.settings import BadSettings, load
from tests.receiver import receiver
from worker.chosen import channels_of

SECRET = "T0KEN/B4RE/s3cr3t"


def send(url: str, **times: float) -> Outcome:
    return AppriseMessenger(**times).send(url, title="3 renewals need you", body="Line one\nline two")


def test_a_message_arrives_as_it_was_written() -> None:
    with receiver() as room:
        assert send(room.url(SECRET)) == Sent()

    assert room.taken == [(SECRET, "3 renewals need you", "Line one\nline two")]


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, Refused), (401, Refused), (404, Refused), (429, TryLater), (503, TryLater), (500, Unknown), (502, Unknown)],
)
def test_the_answer_decides_what_became_of_it(status: int, kind: type[Outcome]) -> None:
    with receiver() as room:
        room.status = status
        outcome = send(room.url(SECRET))

    assert isinstance(outcome, kind)
    assert str(status) in outcome.reason  # type: ignore[union-attr]


def test_nobody_there_means_certainly_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    assert send(f"json://127.0.0.1:{port}/{SECRET}") == TryLater(
        reason="the channel could not be reached", server_is_away=True
    )


def test_no_answer_in_time_means_that_nobody_knows() -> None:
    with receiver() as room:
        room.delay = 1.5
        outcome = send(room.url(SECRET), read_timeout=0.3)

    assert isinstance(outcome, Unknown)
    assert outcome.server_is_away
    assert len(room.taken) == 1


def test_an_address_that_no_service_knows_is_refused() -> None:
    assert isinstance(send(f"nosuch://{SECRET}"), Refused)
    assert AppriseMessenger().problem_of(f"nosuch://{SECRET}") is not None
    assert AppriseMessenger().problem_of("json://127.0.0.1/{phone}") is None


def test_nothing_of_an_address_is_logged_even_at_the_loudest() -> None:
    said = StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    logs.configure(log_format="json", level="debug", stream=said)
    try:
        with receiver() as room:
            for status in (200, 404, 500, 503):
                room.status = status
                outcome = send(room.url(SECRET))
                assert SECRET not in repr(outcome)
        outcome = send(room.url(SECRET))
        assert SECRET not in repr(outcome)
        send(f"slack://{SECRET}")
        send(f"nosuch://{SECRET}")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)

    assert "s3cr3t" not in said.getvalue()
    assert "T0KEN" not in said.getvalue()


def test_addresses_belong_to_an_advertiser_or_to_everybody() -> None:
    channels = Channels.parse(alert_urls=f"slack://{SECRET}, 7200=json://a/?x=1,2 mailto://u:p@h\n7200=tgram://b/c")

    assert channels.alerts == {
        EVERYBODY: (f"slack://{SECRET}", "mailto://u:p@h"),
        "7200": ("json://a/?x=1,2", "tgram://b/c"),
    }
    assert channels.owner_of("7200") == "7200"
    assert channels.owner_of("7201") == EVERYBODY
    assert "s3cr3t" not in repr(channels)
    assert "s3cr3t" not in fingerprint(f"slack://{SECRET}")
    assert Channels.parse() == Channels()


@pytest.mark.parametrize(
    "given", [{"alert_urls": "s3cr3t"}, {"creator_url": "twilio://s3cr3t"}, {"creator_url": "s3cr3t/{phone}"}]
)
def test_what_names_no_channel_is_refused_without_repeating_it(given: dict[str, str]) -> None:
    with pytest.raises(BadChannel) as raised:
        Channels.parse(**given)

    assert "s3cr3t" not in str(raised.value)


def test_the_settings_say_which_variable_and_never_its_value() -> None:
    with pytest.raises(BadSettings) as raised:
        load(alert_urls="s3cr3t")

    assert str(raised.value) == ("EVERSPARK_ALERT_URLS cannot be used: address number 1 does not read like slack://….")
    assert "s3cr3t" not in repr(load(alert_urls=f"slack://{SECRET}", creator_channel_url=f"json://{SECRET}/{{phone}}"))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"alert_urls": "nosuch://s3cr3t json://a/b"},
            "EVERSPARK_ALERT_URLS cannot be used: no service of Apprise knows 1",
        ),
        (
            {"creator_channel_url": "nosuch://s3cr3t/{phone}"},
            "EVERSPARK_CREATOR_CHANNEL_URL cannot be used: no service",
        ),
    ],
)
def test_an_address_that_no_service_knows_stops_the_start(given: dict[str, Any], told: str) -> None:
    with pytest.raises(BadSettings) as raised:
        channels_of(load(**given))

    assert str(raised.value).startswith(told)
    assert "s3cr3t" not in str(raised.value)
    assert channels_of(load(alert_urls="json://a/b")).alerts == {EVERYBODY: ("json://a/b",)}


def test_what_chats_read_as_markup_is_shown_and_does_nothing() -> None:
    assert plain("<b>x</b>\n`y`") == "‹b›x‹/b› 'y'"


@pytest.mark.parametrize(
    ("phone", "number"),
    [("+33 6 12 34 56 78", "33612345678"), ("0044 (20) 7946-0958", "442079460958"), ("0612345678", None), (None, None)],
)
def test_only_a_number_with_its_country_leads_anywhere(phone: str | None, number: str | None) -> None:
    channels = Channels.parse(creator_url="json://gateway/{phone}")

    assert number_of(phone) == number
    assert channels.to_creator(phone) == (f"json://gateway/{number}" if number else None)
    assert Channels().to_creator(phone) is None


MIA = Subject(handle="mia.makes", name="Mia <b>", locale="fr-FR", item_id="7300", item_url=None, days=60)


@pytest.mark.parametrize("language", LOCALES)
def test_texts_are_in_the_creators_language_and_name_post_days_and_link(language: str) -> None:
    subject = Subject(handle="mia", name="Mia", locale=f"{language}-XX", item_id="7", item_url=None, days=30)

    for text in (short([subject], link="https://e.test/c/1"), draft(subject, link="https://e.test/c/1")):
        assert "https://www.tiktok.com/@mia/video/7" in text
        assert "30" in text
        assert "https://e.test/c/1" in text
        assert "Mia" in text
    assert "30" not in draft(subject, may_extend=False)
    assert "2" in short([subject, subject], link=None)
    assert language_of(subject.locale) == language


def test_texts_are_different_in_each_language_and_hold_no_markup() -> None:
    texts = {draft(Subject(handle="a", name=None, locale=each, item_id="7", item_url=None, days=7)) for each in LOCALES}

    assert len(texts) == len(LOCALES)
    assert "<b>" not in draft(MIA)
    assert language_of("pt-BR") == "en"


def test_a_post_is_named_by_a_good_address_only() -> None:
    bad = Subject(handle=None, name=None, locale=None, item_id="7", item_url="javascript://x", days=7)

    assert post_of(bad) == "7"
