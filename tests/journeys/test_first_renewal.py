"""The main job as one story: signed events in, the authorization moves, time passes, the creator is asked by e-mail."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from infra.clock import HandClock
from infra.database import hot
from infra.vault import Vault
from tests.postbox import Postbox, postbox
from tests.service import KEY, Service, service

CREATOR = {
    "handle": "ana.dances",
    "name": "Ana",
    "email": "ana@creators.test",
    "locale": "fr",
    "timezone": "Europe/Paris",
}


@pytest.fixture
def box() -> Iterator[Postbox]:
    with postbox() as served:
        yield served


@pytest.fixture
def everspark(engine: Engine, clock: HandClock, vault: Vault, box: Postbox) -> Iterator[Service]:
    with service(engine=engine, clock=clock, vault=vault, smtp_url=box.url) as running:
        yield running


def day(month: int, number: int, hour: int = 10) -> datetime:
    return datetime(2026 if month > 10 else 2027, month, number, hour, tzinfo=UTC)


def granted(everspark: Service, *, days: int = 30) -> None:
    """An authorization that is asked for, granted for `days`, and used by an ad until the end of February."""
    now = everspark.clock.now()
    everspark.hears("authorization.requested", route="code", days=days, creator=CREATOR)
    everspark.hears("code.granted", starts_at=now.isoformat(), expires_at=(now + timedelta(days=days)).isoformat())
    spend = {"amount": "120.00", "currency": "EUR"}
    everspark.hears("ad.started", ad={"ad_id": "9001", "flight_end": day(2, 28).isoformat(), "daily_spend": spend})
    everspark.settles()


def test_a_code_that_a_campaign_needs_is_renewed_in_time(everspark: Service, box: Postbox) -> None:
    # 22 November: requested
    answer = everspark.hears("authorization.requested", route="code", days=30, creator=CREATOR)
    everspark.settles()

    assert (answer.status_code, answer.json()["new"]) == (202, True)
    assert (everspark.authorization.state, everspark.authorization.next_action) == ("requested", "lapse")

    # The creator grants 30 days, and an ad goes live that runs until the end of February
    granted(everspark)

    assert (everspark.authorization.state, everspark.authorization.expires_at) == ("active", day(12, 22))
    assert (everspark.authorization.next_action, everspark.authorization.why) == ("ask", "renewal_needed")

    # 11 December: the window is not open yet
    everspark.sleeps(day(12, 11) - everspark.clock.now())

    assert box.taken == []

    # 13 December: ten days before the end fell on a Saturday, on which nobody is written to
    everspark.sleeps(day(12, 13) - everspark.clock.now())

    assert box.taken == []
    assert (everspark.authorization.decided_why, everspark.authorization.withheld_why) == (
        "renewal_needed",
        "quiet_hours",
    )

    # 14 December: Monday morning in Paris
    everspark.sleeps(day(12, 14) - everspark.clock.now())

    [ask] = box.taken
    assert "ana@creators.test" in ask["To"]
    assert ask["Content-Language"] == "fr"

    # The creator extends by 60 days: nobody is asked until the next window, 20 days before the new end
    everspark.hears("authorization.extended", expires_at=day(2, 20).isoformat())
    everspark.settles()
    everspark.sleeps(day(1, 30) - everspark.clock.now(), step=timedelta(days=1))

    assert len(box.taken) == 1
    assert (everspark.authorization.state, everspark.authorization.expires_at) == ("active", day(2, 20))

    # 1 February, the Monday after: the flight ends eight days after the code
    everspark.sleeps(day(2, 1, hour=16) - everspark.clock.now())

    assert len(box.taken) == 2


def test_silence_climbs_the_ladder_and_ends_in_expiry(everspark: Service, box: Postbox) -> None:
    granted(everspark)

    everspark.sleeps(timedelta(days=40))

    with hot(everspark.engine) as connection:
        asks = connection.execute("SELECT rung, urgency, sent_at::date::text FROM asks ORDER BY id").fetchall()
    assert asks == [
        (0, "window", "2026-12-14"),  # from Saturday to Monday
        (1, "window", "2026-12-15"),
        (2, "window", None),  # due on the 18th, when the week's two messages were used up, until after the weekend
        (3, "emergency", "2026-12-21"),  # where the next one takes its place
        (4, "after_end", "2026-12-23"),
        (5, "after_end", "2026-12-28"),
    ]
    assert len(box.taken) == 5
    assert len({message["Message-ID"] for message in box.taken}) == 5
    assert (everspark.authorization.state, everspark.authorization.state_reason) == ("expired", "period_ended")
    assert (everspark.authorization.next_action, everspark.authorization.why) == (None, "ladder_climbed")

    # An extension revives it: TikTok's own remedy for an expired code, and the ad resumes
    everspark.hears("authorization.extended", expires_at=day(1, 31).isoformat())
    everspark.settles()

    assert (everspark.authorization.state, everspark.authorization.state_reason) == ("active", "revived")


def test_nobody_is_asked_when_every_flight_ends_before_the_code(everspark: Service, box: Postbox) -> None:
    now = everspark.clock.now()
    everspark.hears("authorization.requested", route="code", days=30, creator=CREATOR)
    everspark.hears("code.granted", starts_at=now.isoformat(), expires_at=(now + timedelta(days=30)).isoformat())
    everspark.hears("ad.started", ad={"ad_id": "9001", "flight_end": (now + timedelta(days=20)).isoformat()})
    everspark.settles()

    assert (everspark.authorization.next_action, everspark.authorization.why) == ("expire", "covered")

    everspark.sleeps(timedelta(days=40))

    assert (everspark.authorization.state, box.taken) == ("expired", [])


def test_an_ad_heard_of_before_its_grant_waits_for_it(everspark: Service) -> None:
    everspark.hears("ad.started", ad={"ad_id": "9001", "daily_spend": {"amount": "20.00", "currency": "EUR"}})
    everspark.settles()

    assert everspark.story == []

    now = everspark.clock.now()
    everspark.hears("code.granted", starts_at=now.isoformat(), expires_at=(now + timedelta(days=30)).isoformat())
    everspark.settles()

    assert everspark.story == [
        ("code.granted", "moved", "authorized"),
        ("ad.started", "moved", "active"),
    ]


def test_an_unanswered_request_lapses(everspark: Service) -> None:
    everspark.hears("authorization.requested", route="code", days=30, creator=CREATOR)
    everspark.settles()

    everspark.sleeps(timedelta(days=15))

    assert (everspark.authorization.state, everspark.authorization.state_reason) == ("expired", "request_lapsed")


def test_a_submitted_code_waits_for_tiktok_and_is_sealed(everspark: Service) -> None:
    code = "#" + "aB3/" * 15 + "xY9="
    everspark.hears("authorization.requested", route="code", days=30, creator=CREATOR)

    everspark.hears("code.submitted", code=f"hi! here you go: {code} thanks")
    everspark.settles()

    [check] = everspark.owed
    assert (check.kind, check.status, check.last_error) == ("code.check", "owed", "waiting for TikTok")
    assert everspark.story[-1] == ("code.submitted", "waiting", "requested")
    assert code not in str(check.payload)
    assert check.key == KEY


def test_the_same_delivery_twice_is_one_event(everspark: Service) -> None:
    answers = [
        everspark.hears("authorization.requested", event_id="msg_same", route="code", days=30, creator=CREATOR).json()
        for _ in range(2)
    ]
    everspark.settles()

    assert answers == [{"id": "msg_same", "new": True}, {"id": "msg_same", "new": False}]
    assert len(everspark.story) == 1


def test_quotes_backslashes_and_line_breaks_are_only_text(everspark: Service) -> None:
    name, note = 'Ana "A" \\ back\\nslash \u00e9 \U0001f600', 'two\nlines, a \t and "quotes"'
    creator = CREATOR | {"name": name}
    everspark.hears("authorization.requested", route="code", days=30, creator=creator, reference=name, note=note)
    everspark.settles()

    assert (everspark.authorization.state, everspark.authorization.reference) == ("requested", name)


def test_nobody_is_asked_about_what_ended_long_ago(everspark: Service, box: Postbox) -> None:
    now = everspark.clock.now()
    begin, end = now - timedelta(days=90), now - timedelta(days=60)
    everspark.hears("authorization.requested", at=begin, route="code", days=30, creator=CREATOR)
    everspark.hears("code.granted", at=begin, starts_at=begin.isoformat(), expires_at=end.isoformat())
    everspark.hears("ad.started", at=begin, ad={"ad_id": "9001", "flight_end": day(2, 28).isoformat()})
    everspark.settles()

    everspark.sleeps(timedelta(days=2))

    assert (everspark.authorization.state, everspark.authorization.why) == ("expired", "too_late_to_ask")
    assert box.taken == []


def test_after_a_downtime_over_the_end_the_creator_is_asked_once(everspark: Service, box: Postbox) -> None:
    granted(everspark)

    everspark.sleeps(timedelta(days=31, hours=2), step=timedelta(days=31, hours=2))
    everspark.sleeps(timedelta(minutes=10), step=timedelta(minutes=1))

    assert everspark.authorization.state == "expired"
    assert len(box.taken) == 1


def test_who_has_just_extended_by_a_week_is_not_asked_again_at_once(everspark: Service, box: Postbox) -> None:
    granted(everspark)
    everspark.sleeps(timedelta(days=29))
    asked = len(box.taken)

    everspark.hears("authorization.extended", expires_at=(everspark.clock.now() + timedelta(days=8)).isoformat())
    everspark.settles()
    everspark.sleeps(timedelta(days=3))

    assert len(box.taken) == asked
    # On 24 December, five days before the new end
    everspark.sleeps(day(12, 24, hour=18) - everspark.clock.now())
    assert len(box.taken) == asked + 1


def test_early_events_are_not_tried_again_for_nothing(everspark: Service) -> None:
    for number in range(5):
        everspark.hears("ad.started", ad={"ad_id": str(number)})
        everspark.settles()
    with hot(everspark.engine) as connection:
        handled = connection.execute("SELECT seq, handled_at FROM inbox ORDER BY seq").fetchall()

    everspark.clock.advance(timedelta(hours=1))
    everspark.hears("ad.started", ad={"ad_id": "5"})
    everspark.settles()

    with hot(everspark.engine) as connection:
        assert connection.execute("SELECT seq, handled_at FROM inbox ORDER BY seq LIMIT 5").fetchall() == handled


def test_a_code_of_an_unusual_shape_is_accepted_with_a_warning(everspark: Service) -> None:
    everspark.hears("authorization.requested", route="code", days=30, creator=CREATOR)

    everspark.hears("code.submitted", code="#" + "aB3/" * 12)
    everspark.settles()

    with hot(everspark.engine) as connection:
        [(note,)] = connection.execute("SELECT note FROM history WHERE event = 'code.submitted'").fetchall()
    assert "not the usual shape" in note
