"""How periods end: each gets one row, and a lapse its report."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine

from everspark.endings import read
from infra import inbox
from infra.clock import HandClock
from infra.database import hot
from infra.inbox import Letter
from infra.vault import Vault
from tests.deliveries import letter
from tests.postbox import postbox
from tests.service import KEY, Service, service

CREATOR = {"handle": "ana.dances", "email": "ana@creators.test", "timezone": "Europe/Paris"}
BEGIN = datetime(2026, 11, 22, 10, tzinfo=UTC)
END = BEGIN + timedelta(days=30)
HOUR = timedelta(hours=1)


@pytest.fixture
def everspark(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[Service]:
    with postbox() as box, service(engine=engine, clock=clock, vault=vault, smtp_url=box.url) as running:
        yield running


def granted(everspark: Service, *, flight_days: int = 90) -> None:
    everspark.hears("authorization.requested", route="code", days=30, creator=CREATOR)
    everspark.hears("code.granted", starts_at=BEGIN.isoformat(), expires_at=END.isoformat())
    flight_end = (BEGIN + timedelta(days=flight_days)).isoformat()
    spend = {"amount": "120.00", "currency": "EUR"}
    everspark.hears("ad.started", ad={"ad_id": "9001", "flight_end": flight_end, "daily_spend": spend})
    everspark.settles()


def sleeps_until(everspark: Service, at: datetime) -> None:
    everspark.sleeps(at - everspark.clock.now(), step=timedelta(hours=12))


def extended(everspark: Service, days: int) -> None:
    everspark.hears("authorization.extended", expires_at=(END + timedelta(days=days)).isoformat())
    everspark.settles()


def hears_at_once(everspark: Service, *letters: Letter) -> None:
    """Events of all senders that one batch takes together, in this order."""
    with hot(everspark.engine) as connection:
        inbox.accept(connection, letters, now=everspark.clock.now())
    everspark.settles()


def of_ours(type_: str, at: datetime, **data: str) -> Letter:
    """An event that no producer may send."""
    body = json.dumps(data).encode()
    return Letter(sender="clock", event_id=f"{type_} {at}", type=type_, key=KEY, occurred_at=at, data=body)


def ended(at: datetime = END) -> Letter:
    return of_ours("period.ended", at, ends_at=at.isoformat())


def extension(days: float, at: datetime) -> Letter:
    return letter("authorization.extended", at, event_id=f"extended {at}", expires_at=END + timedelta(days=days))


def outcomes(everspark: Service) -> list[tuple[str, str | None]]:
    return [(ending["outcome"], ending["step"]) for ending in endings(everspark)]


def endings(everspark: Service) -> list[dict[str, Any]]:
    with hot(everspark.engine) as connection:
        return read(connection, now=everspark.clock.now())


def test_a_renewal_has_its_answer_time(everspark: Service) -> None:
    granted(everspark)
    sleeps_until(everspark, END - timedelta(days=6))
    extended(everspark, 30)

    [ending] = endings(everspark)
    assert (ending["period_ends_at"], ending["outcome"]) == (END, "renewed_by_extension")
    assert ending["answered_at"] - ending["asked_at"] > timedelta(days=1)
    assert (ending["minutes_down"], ending["lost"], ending["step"]) == (None, None, None)
    assert ending["in_words"] == "the creator extended the code in time"


def test_a_renewal_by_a_new_code_that_nobody_asked_for_has_none(everspark: Service) -> None:
    granted(everspark)
    later = (END + timedelta(days=30)).isoformat()
    everspark.hears("code.granted", starts_at=everspark.clock.now().isoformat(), expires_at=later)
    everspark.settles()

    [ending] = endings(everspark)
    assert (ending["outcome"], ending["asked_at"], ending["answered_in"]) == ("renewed_by_new_code", None, None)


def test_a_lapse_is_told_and_has_its_sum_when_it_is_over(everspark: Service) -> None:
    granted(everspark)
    sleeps_until(everspark, END + timedelta(days=1))

    [ending] = endings(everspark)
    assert (ending["outcome"], ending["step"]) == ("lapsed", "no_answer")
    assert ending["down_until"] is None
    assert 24 * 60 <= ending["minutes_down"] < 25 * 60
    assert [each["currency"] for each in ending["lost"]] == ["EUR"], "what it has cost so far"
    assert Decimal(120) <= Decimal(ending["lost"][0]["amount"]) < Decimal(125)

    sleeps_until(everspark, END + timedelta(days=2))
    extended(everspark, 30)

    [ending] = endings(everspark)
    lasted = ending["down_until"] - ending["down_from"]
    assert (ending["outcome"], ending["down_from"]) == ("lapsed", END)
    assert timedelta(days=2) <= lasted < timedelta(days=2, hours=1)
    lost = (Decimal(120) * Decimal(lasted.total_seconds()) / Decimal(86400)).quantize(Decimal("0.01"))
    assert ending["lost"] == [{"amount": str(lost), "currency": "EUR"}]
    assert ending["answered_at"] == ending["down_until"]


def test_what_nothing_needed_any_longer_did_not_lapse(everspark: Service) -> None:
    granted(everspark, flight_days=20)
    sleeps_until(everspark, END + timedelta(days=1))

    [ending] = endings(everspark)
    assert (ending["outcome"], ending["minutes_down"]) == ("not_needed", None)


def test_a_withdrawal_ends_the_period_before_its_time(everspark: Service) -> None:
    granted(everspark)
    sleeps_until(everspark, BEGIN + timedelta(days=3))
    everspark.hears("authorization.revoked", reason="left")
    everspark.settles()

    [ending] = endings(everspark)
    assert (ending["outcome"], ending["step"]) == ("lapsed", "withdrawn")
    assert ending["down_from"] < END


def test_an_extension_that_is_heard_late_was_in_time_all_the_same(everspark: Service) -> None:
    granted(everspark)
    sleeps_until(everspark, END + timedelta(days=1))
    everspark.hears("authorization.extended", at=END - HOUR, expires_at=(END + timedelta(days=30)).isoformat())
    everspark.settles()

    [ending] = endings(everspark)
    assert (ending["outcome"], ending["step"], ending["down_from"]) == ("renewed_by_extension", None, None)
    assert ending["in_words"] == "the creator extended the code in time"


def test_an_extension_after_the_end_is_a_lapse_also_where_the_end_is_not_noted_yet(everspark: Service) -> None:
    granted(everspark)
    everspark.clock.set(END + HOUR)

    hears_at_once(everspark, extension(30, END + HOUR))

    [ending] = endings(everspark)
    assert (ending["outcome"], ending["minutes_down"]) == ("lapsed", 60)
    assert ending["lost"] == [{"amount": "5.00", "currency": "EUR"}]


def test_an_end_and_all_that_follows_in_one_batch_are_told_as_if_they_came_apart(everspark: Service) -> None:
    granted(everspark)
    late, next_end = END + 2 * HOUR, END + timedelta(days=7)
    everspark.clock.set(next_end + 9 * HOUR)

    hears_at_once(everspark, ended(), extension(7, late), ended(next_end), extension(30, next_end + 3 * HOUR))

    assert outcomes(everspark) == [("lapsed", "nobody_asked"), ("lapsed", "nobody_asked")]
    assert [ending["minutes_down"] for ending in endings(everspark)] == [120, 180]


def test_a_correction_is_no_renewal(everspark: Service) -> None:
    granted(everspark)
    sleeps_until(everspark, BEGIN + timedelta(days=1))
    later = END + timedelta(days=2)
    hears_at_once(everspark, of_ours("period.corrected", everspark.clock.now(), expires_at=later.isoformat()))

    assert everspark.authorization.expires_at == later
    assert endings(everspark) == []


def test_a_withdrawn_account_is_a_lapse_until_access_is_given_again(everspark: Service) -> None:
    access: dict[str, Any] = {"post": None, "account": {"handle": "ana.dances"}}
    everspark.hears("authorization.requested", route="account", creator=CREATOR, **access)
    everspark.hears("code.granted", starts_at=BEGIN.isoformat(), **access)
    spend = {"amount": "240.00", "currency": "EUR"}
    everspark.hears("ad.started", ad={"ad_id": "9001", "daily_spend": spend}, **access)
    everspark.settles()
    everspark.clock.advance(timedelta(days=3))
    withdrawn_at = everspark.clock.now()
    everspark.hears("authorization.revoked", **access)
    everspark.settles()
    everspark.clock.advance(2 * HOUR)

    assert outcomes(everspark) == [("lapsed", "withdrawn")]
    assert endings(everspark)[0]["lost"] == [{"amount": "20.00", "currency": "EUR"}]

    everspark.clock.advance(HOUR)
    everspark.hears("code.granted", starts_at=everspark.clock.now().isoformat(), **access)
    everspark.settles()

    [ending] = endings(everspark)
    assert (ending["down_from"], ending["minutes_down"]) == (withdrawn_at, 180)
    assert ending["lost"] == [{"amount": "30.00", "currency": "EUR"}]


def test_what_was_taken_back_lapsed_until_the_new_grant_whatever_was_heard_between(everspark: Service) -> None:
    granted(everspark)
    everspark.clock.set(BEGIN + timedelta(days=5))
    everspark.hears("authorization.revoked")
    everspark.settles()
    # A grant that the withdrawal overtook, with a later end; it was taken back as well.
    later = (END + timedelta(days=9)).isoformat()
    everspark.hears("code.granted", at=BEGIN + HOUR, starts_at=(BEGIN + HOUR).isoformat(), expires_at=later)
    everspark.settles()
    everspark.clock.set(BEGIN + timedelta(days=6))
    now = everspark.clock.now()
    everspark.hears("code.granted", starts_at=now.isoformat(), expires_at=(now + timedelta(days=30)).isoformat())
    everspark.settles()

    [ending] = endings(everspark)
    assert (ending["outcome"], ending["step"], ending["minutes_down"]) == ("lapsed", "withdrawn", 24 * 60)


def test_a_request_that_overtook_the_end_does_not_hide_the_lapse(everspark: Service) -> None:
    granted(everspark)
    everspark.clock.set(END + HOUR)
    everspark.hears("authorization.requested", route="code", days=30, creator=CREATOR)
    everspark.settles()
    hears_at_once(everspark, ended())

    assert everspark.authorization.state == "requested"
    assert [outcome for outcome, _ in outcomes(everspark)] == ["lapsed"]


def test_an_ad_that_somebody_stops_is_down_no_longer(everspark: Service) -> None:
    granted(everspark)
    sleeps_until(everspark, END)
    everspark.clock.set(END + 6 * HOUR)
    everspark.hears("ad.stopped", ad={"ad_id": "9001"})
    everspark.settles()
    everspark.clock.advance(timedelta(days=3))

    [ending] = endings(everspark)
    assert (ending["minutes_down"], ending["lost"]) == (6 * 60, [{"amount": "30.00", "currency": "EUR"}])

    extended(everspark, 30)

    [ending] = endings(everspark)
    assert (ending["minutes_down"], ending["lost"]) == (6 * 60, [{"amount": "30.00", "currency": "EUR"}])


def test_each_currency_is_kept_and_what_was_measured_goes_before_what_was_stated(everspark: Service) -> None:
    granted(everspark)
    with hot(everspark.engine) as connection:
        connection.execute(
            "INSERT INTO kpis (authorization_id, day, currency, spend, impressions, clicks, conversions)"
            " VALUES (1, %(day)s, 'EUR', 240, 1, 0, 0), (1, %(day)s, 'JPY', 4800, 1, 0, 0)",
            {"day": (END - timedelta(days=2)).date()},
        )
    everspark.clock.set(END + HOUR)
    hears_at_once(everspark, ended())
    lost = [{"amount": "10.00", "currency": "EUR"}, {"amount": "200.00", "currency": "JPY"}]
    assert endings(everspark)[0]["lost"] == lost, "while it goes on"

    extended(everspark, 30)

    assert endings(everspark)[0]["lost"] == lost
    assert endings(everspark)[0]["down_until"] == END + HOUR


def test_what_was_not_needed_stays_so_when_it_comes_back(everspark: Service) -> None:
    granted(everspark, flight_days=20)
    sleeps_until(everspark, END + timedelta(days=1))
    extended(everspark, 30)

    assert outcomes(everspark) == [("not_needed", None)]


def test_a_lapse_that_goes_on_is_told_of_its_own_period_alone(everspark: Service) -> None:
    granted(everspark)
    sleeps_until(everspark, END - timedelta(days=6))
    extended(everspark, 7)
    sleeps_until(everspark, END + timedelta(days=8))

    renewed, lapsed = endings(everspark)
    assert (renewed["outcome"], renewed["minutes_down"], renewed["lost"]) == ("renewed_by_extension", None, None)
    assert lapsed["outcome"] == "lapsed"
    assert lapsed["minutes_down"] >= 24 * 60
