"""Silence climbs to the other channel and to the owner: each once, grouped, and resolved by itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs

from domain.escalation import CLIMBS, Climb
from domain.hours import Hours
from domain.renewal import LAWS, Law, law_of
from infra.channel_urls import Channels
from infra.channels import Messenger
from infra.clock import HandClock
from infra.mail import Outcome
from infra.outbox import ABANDONED_AFTER, POWER_CUT
from infra.vault import Vault
from tests.office import DAY, Office
from tests.receiver import Receiver, receiver

HOUR = timedelta(hours=1)
DAYTIME = Hours(opens=time(9), closes=time(20), weekends=True)


@pytest.fixture(scope="module")
def _gateway() -> Iterator[Receiver]:
    with receiver() as here:
        yield here


@pytest.fixture
def room(_gateway: Receiver) -> Receiver:
    _gateway.taken.clear()
    _gateway.status, _gateway.delay = 200, 0.0
    return _gateway


@pytest.fixture
def office(engine: Engine, clock: HandClock, room: Receiver) -> Iterator[Office]:
    office = Office(engine, clock, room)
    yield office
    office.is_closed()


class PowerCut(BaseException):
    """The machine stops here."""


class Cut:
    """A messenger whose machine stops before or after the message has left."""

    def __init__(self, messenger: Messenger, *, is_sent: bool) -> None:
        self._messenger, self._is_sent = messenger, is_sent

    def send(self, url: str, *, title: str, body: str, is_bad: bool = False) -> Outcome:
        if self._is_sent:
            self._messenger.send(url, title=title, body=body, is_bad=is_bad)
        raise PowerCut


def test_a_year_of_one_silent_creator(office: Office) -> None:
    """Twelve periods: each time one text, one alert, and when a telephone call has helped, one word that it is over."""
    number = office.authorization(creator=office.creator(), left=30 * DAY)
    office.run("UPDATE ads SET flight_end = %s", office.clock.now() + 2000 * DAY)
    for period in range(12):
        ((begins_at, ends_at),) = office.run("SELECT starts_at, expires_at FROM authorizations WHERE id = %s", number)
        ladder = law_of(begins_at, ends_at).rungs

        # Ten and seven days before the end: two asks, and a day of silence. Nobody else hears of it.
        office.clock.set(ends_at - ladder[1] + DAY - HOUR)
        office.was_asked(number)
        office.climbs()
        assert (len(office.texts), len(office.alerts)) == (period, 2 * period)

        # Six days before: a text to the telephone.
        for _ in range(6):
            office.sleeps(HOUR)
        assert (len(office.texts), len(office.alerts)) == (period + 1, 2 * period)

        # Three days before: the owner hears, once, however often it is looked.
        office.clock.set(ends_at - ladder[2] + DAY)
        office.was_asked(number)
        for _ in range(12):
            office.sleeps(2 * HOUR)
        assert (len(office.texts), len(office.alerts)) == (period + 1, 2 * period + 1)

        # A call, an extension: over, told once.
        office.renewed(number)
        for _ in range(3):
            office.sleeps(4 * HOUR)
        assert (len(office.texts), len(office.alerts)) == (period + 1, 2 * period + 2)

    assert office.alerts == 12 * [
        "Everspark: 1 renewal needs you",
        "Everspark: Resolved: no renewal needs you any longer",
    ]
    assert office.steps() == 12 * [("other_channel", False), ("owner", False)]


def test_of_what_was_taken_back_the_alert_says_when_it_was_to_end(office: Office) -> None:
    at = office.clock.now() - HOUR
    withdrawn: dict[str, Any] = {"state": "revoked", "state_reason": "withdrawn", "state_since": at, "revoked_at": at}
    office.authorization(creator=office.creator(), left=10 * DAY, **withdrawn)

    office.climbs()

    ((_, body),) = office.room.at("room")
    assert "was taken back while it is needed; it was to end 2026-12-02 10:00 UTC, down for 1 h 0 min" in body


@pytest.mark.parametrize(("row", "law"), list(zip(CLIMBS, LAWS, strict=True)), ids=lambda each: f"{each.days} days")
@pytest.mark.parametrize("shorter", [0, 1])
def test_rows_are_found_at_the_very_instant_that_a_step_is_due(
    office: Office, row: Climb, law: Law, shorter: int
) -> None:
    days = law.days - shorter
    channel_left = law.rungs[row.channel_rung] - row.channel_silence
    owner_left = law.rungs[row.owner_rung] - row.owner_silence
    office.was_asked(office.authorization(1, creator=office.creator("a"), left=channel_left, days=days))
    office.authorization(2, creator=office.creator("b"), left=owner_left, days=days)

    office.climbs()

    assert office.steps() == [("other_channel", True), ("owner", True)]


def test_the_alert_has_cause_money_and_a_draft_to_paste(office: Office) -> None:
    number = office.authorization(creator=office.creator(locale="fr"), left=1.5 * DAY, reference="Winter <!here> 7")
    office.was_asked(number)

    office.climbs()

    ((title, body),) = office.room.at("room")
    assert title == "Everspark: 1 renewal needs you"
    assert "At risk: 3,000.00 EUR" in body
    assert "72/1 (Winter ‹!here› 7) @mia: the creator was asked and has not renewed; ends 2026-11-23 22:00 UTC" in body
    assert "Bonjour Mia, pourriez-vous prolonger de 365 jours" in body
    assert "https://www.tiktok.com/@mia/video/1" in body


def test_one_alert_for_all_with_the_number_and_the_money_of_each_currency(office: Office) -> None:
    for item in range(1, 21):
        spend = ("100", "EUR") if item % 2 else ("10", "USD")
        office.was_asked(office.authorization(item, creator=office.creator(f"c{item}"), left=1.5 * DAY, spend=spend))

    office.climbs()

    ((title, body),) = office.room.at("room")
    assert title == "Everspark: 20 renewals need you"
    assert "At risk: 30,000.00 EUR, 3,000.00 USD" in body
    assert "… and 15 more" in body


def test_more_of_the_same_waits_for_the_span_and_resolution_is_told_once(office: Office) -> None:
    numbers = [office.authorization(1, creator=office.creator("a"), left=1.5 * DAY)]
    office.was_asked(numbers[0])
    office.climbs()

    numbers.append(office.authorization(2, creator=office.creator("b"), left=1.6 * DAY))
    office.was_asked(numbers[1])
    office.sleeps(7 * HOUR)
    assert office.alerts == ["Everspark: 1 renewal needs you"]

    office.sleeps(HOUR)
    assert office.alerts[1:] == ["Everspark: 2 renewals need you"]

    office.renewed(numbers[0])
    office.sleeps(9 * HOUR)
    assert len(office.alerts) == 2

    office.renewed(numbers[1])
    office.sleeps(HOUR)
    office.sleeps(9 * HOUR)
    assert office.alerts[2:] == ["Everspark: Resolved: no renewal needs you any longer"]


def test_a_lapse_is_an_alert_of_its_own_with_how_long_it_is_down_and_money(office: Office) -> None:
    number = office.authorization(creator=office.creator(), left=2 * HOUR, spend=("240", "EUR"))
    office.was_asked(number)
    office.climbs()

    office.clock.advance(3 * HOUR)
    office.ended(number)
    office.climbs()

    assert office.alerts == [
        "Everspark: 1 renewal needs you",
        "Everspark: Resolved: no renewal needs you any longer",
        "Everspark: 1 authorization lapsed while it is needed",
    ]
    body = office.room.at("room")[-1][1]
    assert "Not delivered so far: 10.00 EUR" in body
    assert "down for 1 h 0 min, 10.00 EUR" in body

    office.renewed(number)
    office.sleeps(HOUR)
    assert office.alerts[-1] == "Everspark: Resolved: nothing that is needed is lapsed any longer"


@pytest.mark.parametrize(
    ("facts", "creator_facts", "cause"),
    [
        ({"condition": "removed"}, {}, "the post was removed"),
        ({"declined_at": datetime(2026, 11, 20, tzinfo=UTC)}, {}, "the creator declined"),
        ({}, {"opted_out_at": datetime(2026, 11, 20, tzinfo=UTC)}, "does not want to be asked"),
        ({}, {"payment_due_since": datetime(2026, 11, 20, tzinfo=UTC)}, "a payment to the creator is due"),
    ],
)
def test_hard_causes_go_to_the_owner_at_once_and_never_to_the_creator(
    office: Office, facts: dict[str, Any], creator_facts: dict[str, Any], cause: str
) -> None:
    number = office.authorization(creator=office.creator(**creator_facts), left=9 * DAY, **facts)
    office.was_asked(number)

    office.climbs()
    for _ in range(8):
        office.sleeps(DAY)

    ((_, body),) = office.room.at("room")
    assert cause in body
    assert "could we talk" in body
    assert "extend" not in body.split("To send to")[1]
    assert office.texts == []


def test_who_has_no_address_is_a_persons_matter(office: Office) -> None:
    office.authorization(creator=office.creator(email=None, phone=None), left=9 * DAY)

    office.climbs()

    assert "cannot be written to" in office.room.at("room")[0][1]


def test_a_first_request_that_nobody_answers_is_told_once_with_a_text_that_asks_for_the_code(office: Office) -> None:
    now = office.clock.now()
    number = office.authorization(
        creator=office.creator(locale="de"), state="requested", requested_at=now, starts_at=None, expires_at=None,
        days=60, next_action="lapse", next_action_at=now + 14 * DAY,
    )  # fmt: skip

    office.sleeps(7 * DAY - HOUR)
    assert office.alerts == []
    for _ in range(10):
        office.sleeps(HOUR)
    ((title, body),) = office.room.at("room")
    assert title == "Everspark: 1 renewal needs you"
    assert "has not given it; the request lapses soon; ends 2026-12-06 10:00 UTC" in body
    assert "Ihren Post für Werbung freigeben, für 60 Tage" in body
    assert office.texts == []

    office.renewed(number)
    office.sleeps(9 * HOUR)
    assert office.alerts[1:] == ["Everspark: Resolved: no renewal needs you any longer"]


def test_nothing_is_said_of_what_nothing_needs(office: Office) -> None:
    number = office.authorization(creator=office.creator(), left=1 * DAY)
    office.was_asked(number)
    office.run("UPDATE ads SET stopped_at = %s", office.clock.now())

    assert office.climbs().opened == 0
    assert office.room.taken == []


def test_one_text_for_all_posts_of_a_creator_that_climbed_together(office: Office) -> None:
    creator = office.creator()
    for item in (1, 2, 3):
        office.was_asked(office.authorization(item, creator=creator, left=3.5 * DAY))

    office.climbs()
    office.climbs()

    assert [path for path, *_ in office.room.taken] == ["phone/33612345678"]
    assert office.texts[0].startswith("Hello Mia! 3 of your TikTok posts")


def test_a_text_waits_for_the_creators_morning_and_is_dropped_when_opted_out(office: Office) -> None:
    office.rules = replace(office.rules, manners=replace(office.rules.manners, hours=DAYTIME))
    creator = office.creator(timezone="America/Los_Angeles")
    office.was_asked(office.authorization(creator=creator, left=3.5 * DAY), rungs=2)

    office.climbs()  # Ten in the morning, UTC: two at night over there.
    assert office.texts == []
    assert office.statuses("ask.channel") == ["owed"]

    office.sleeps(7 * HOUR - timedelta(minutes=1))
    assert office.texts == []
    office.run("UPDATE creators SET opted_out_at = %s", office.clock.now())
    office.sleeps(HOUR)
    assert office.texts == []
    assert office.statuses("ask.channel") == ["cancelled"]


def test_a_text_counts_for_the_weekly_cap_as_mails_do(office: Office) -> None:
    office.rules = replace(office.rules, manners=replace(office.rules.manners, weekly_cap=2, emergency_cap=2))
    number = office.authorization(creator=office.creator(), left=3.5 * DAY)
    ends_at = office.clock.now() + 3.5 * DAY
    for rung, days in ((0, 3), (1, 2)):
        office.asked_at(number, rung, ends_at, office.clock.now() - days * DAY)

    office.climbs()

    assert office.texts == []
    assert office.statuses("ask.channel") == ["owed"]


def test_tiktok_is_read_once_more_before_a_text_leaves(office: Office) -> None:
    now, item = office.clock.now(), 7300000000000000001
    office.run(
        "INSERT INTO advertisers (advertiser_id, connected_at, next_look_at, next_kpis_at, token)"
        " VALUES ('72', %s, %s, %s, 'sealed')", now, now, now,
    )  # fmt: skip
    office.was_asked(office.authorization(item, creator=office.creator(), left=3.5 * DAY))

    assert office.climbs().told.looking == 1
    assert (office.texts, office.statuses("ask.channel")) == ([], ["owed"])
    assert office.run("SELECT key FROM outbox WHERE kind = 'look.one'") == [(f"72/{item}",)]

    office.run("UPDATE outbox SET status = 'done', settled_at = %s WHERE kind = 'look.one'", office.clock.now())
    office.sleeps(timedelta(seconds=5))
    assert (len(office.texts), office.statuses("ask.channel")) == (1, ["done"])


def test_what_was_renewed_before_its_text_left_is_not_asked(office: Office) -> None:
    number = office.authorization(creator=office.creator(), left=3.5 * DAY)
    office.was_asked(number)
    office.room.status = 503
    office.climbs()

    office.room.status = 200
    office.renewed(number)
    office.sleeps(2 * HOUR)

    assert len(office.texts) == 1, "the try that was answered with 503"
    assert office.statuses("ask.channel") == ["cancelled"]


@pytest.mark.parametrize("is_sent", [False, True])
def test_after_a_power_cut_no_text_is_ever_sent_again(office: Office, *, is_sent: bool) -> None:
    office.was_asked(office.authorization(creator=office.creator(), left=3.5 * DAY))
    messenger = office.messenger
    office.messenger = Cut(messenger, is_sent=is_sent)
    with pytest.raises(PowerCut):
        office.climbs()

    office.messenger = messenger
    for _ in range(12):
        office.sleeps(ABANDONED_AFTER)

    assert len(office.texts) == int(is_sent)
    assert office.run("SELECT status, last_error FROM outbox WHERE kind = 'ask.channel'") == [("uncertain", POWER_CUT)]


def test_an_alert_lost_in_a_power_cut_is_repeated_after_the_span(office: Office) -> None:
    office.was_asked(office.authorization(creator=office.creator(phone=None), left=1.5 * DAY))
    messenger = office.messenger
    office.messenger = Cut(messenger, is_sent=False)
    with pytest.raises(PowerCut):
        office.climbs()
    office.messenger = messenger

    office.sleeps(HOUR)
    assert office.alerts == []

    office.sleeps(8 * HOUR)
    office.sleeps(9 * HOUR)
    assert office.alerts == ["Everspark: 1 renewal needs you"]


def test_only_the_address_that_got_nothing_is_tried_again(office: Office, room: Receiver) -> None:
    with receiver() as other:
        other.status = 503
        office.channels = Channels.parse(alert_urls=f"{room.url('room')} {other.url('other')}")
        office.was_asked(office.authorization(creator=office.creator(), left=1.5 * DAY))
        office.climbs()
        other.status = 200
        office.sleeps(HOUR)
        office.sleeps(HOUR)

        assert len(office.alerts) == 1
        assert len(other.at("other")) == 2
    assert office.statuses("alert") == ["done"]


def test_advertisers_in_trouble_and_stopped_endpoints_are_told_and_resolved(office: Office, vault: Vault) -> None:
    now = office.clock.now()
    office.run(
        "INSERT INTO advertisers (advertiser_id, connected_at, next_look_at, next_kpis_at, trouble)"
        " VALUES ('72', %s, %s, %s, 'TikTok refuses the token')", now, now, now,
    )  # fmt: skip
    office.run(
        "INSERT INTO endpoints (name, url, secret, created_at, failing_since, disabled_at)"
        " VALUES ('crm', 'https://crm.test', '', %s, %s, %s), ('off', 'https://off.test', '', %s, NULL, %s)",
        now, now, now, now, now,
    )  # fmt: skip
    office.climbs()
    office.sleeps(20 * HOUR)
    assert office.alerts == ["Everspark: TikTok refuses 1 advertiser", "Everspark: 1 webhook endpoint was stopped"]

    office.run("UPDATE advertisers SET trouble = NULL")
    office.run("UPDATE endpoints SET disabled_at = NULL")
    office.sleeps(HOUR)
    office.sleeps(20 * HOUR)
    assert office.alerts[2:] == [
        "Everspark: Resolved: TikTok answers for all advertisers again",
        "Everspark: Resolved: every webhook endpoint is served again",
    ]


def test_an_advertiser_with_an_address_of_its_own_is_told_there_alone(office: Office, room: Receiver) -> None:
    office.channels = Channels.parse(alert_urls=f"{room.url('room')} 73={room.url('own')}")
    for item, advertiser in ((1, "72"), (2, "73")):
        number = office.authorization(item, creator=office.creator(f"c{item}"), left=1.5 * DAY, advertiser=advertiser)
        office.was_asked(number)

    office.climbs()

    assert [(path, "72/1" in text, "73/2" in text) for path, _, text in room.taken if "phone" not in path] == [
        ("room", True, False),
        ("own", False, True),
    ]


def test_without_addresses_steps_are_open_and_nobody_is_told(office: Office) -> None:
    office.channels = Channels()
    office.was_asked(office.authorization(creator=office.creator(), left=1.5 * DAY))

    office.climbs()

    assert office.steps() == [("owner", True)]
    assert office.run("SELECT FROM outbox") == []


def test_links_go_to_the_creator_alone_and_addresses_nowhere(office: Office, room: Receiver) -> None:
    office.rules = replace(
        office.rules, link_to=lambda _connection, creator_id, _now: f"https://e.test/c/t0k{creator_id}"
    )
    office.channels = Channels.parse(
        alert_urls=f"json://user:s3cr3t@{room.base}/room", creator_url=f"json://gate:s3cr3t@{room.base}/phone/{{phone}}"
    )
    office.was_asked(office.authorization(creator=office.creator(), left=1.5 * DAY))

    with capture_logs() as lines:
        office.climbs()

    assert ["https://e.test/c/t0k1" in text for text in office.texts] == [True]
    assert "t0k1" not in room.at("room")[0][1]
    rows = office.run("SELECT payload::text, last_error, key, idempotency_key FROM outbox")
    kept = json.dumps([rows, lines], default=str)
    assert "s3cr3t" not in kept
    assert "t0k1" not in kept
    assert "33612345678" not in kept
    assert [line["event"] for line in lines] == ["escalations_climbed", "channel_sent", "channel_sent"]


def test_two_climbers_at_once_are_one(office: Office) -> None:
    office.was_asked(office.authorization(creator=office.creator(), left=1.5 * DAY))

    class Nested:
        """A second climb begins while the first is sending."""

        def __init__(self, messenger: Messenger) -> None:
            self._messenger = messenger

        def send(self, url: str, *, title: str, body: str, is_bad: bool = False) -> Outcome:
            assert office.climbs().opened == 0
            return self._messenger.send(url, title=title, body=body, is_bad=is_bad)

    office.messenger = Nested(office.messenger)
    office.climbs()

    assert (len(office.texts), len(office.alerts)) == (1, 1)
