"""What authorizations are worth stands in their rows: as stated when they are saved, as measured when reports were read."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.rows import dict_row
from sqlalchemy import Engine

from domain.posts import AdDay
from domain.worth import measured
from infra import appraisals, authorizations, kpis
from infra.clock import HandClock
from infra.database import hot
from tests.portfolio import Post, holds

POST = Post(ends=10, flight=20, spend="30", currency="EUR")
KEPT = "SELECT spend_a_day, at_risk, currency FROM authorizations ORDER BY id"


def kept(engine: Engine) -> list[dict[str, Any]]:
    with hot(engine) as connection:
        return connection.cursor(row_factory=dict_row).execute(KEPT).fetchall()


def spent(engine: Engine, clock: HandClock, *days: tuple[int, str, str | None], appraise: bool = True) -> None:
    """The report of the post's ad: days ago, spend, currency."""
    now = clock.now()
    report = [
        AdDay(
            ad_id="1",
            day=now.date() - timedelta(days=ago),
            spend=Decimal(spend),
            impressions=10,
            clicks=1,
            conversions=Decimal(0),
            currency=currency,
        )
        for ago, spend, currency in days
    ]
    with hot(engine) as connection:
        kpis.save(connection, POST.advertiser, report)
        appraisals.measure(connection, POST.advertiser, now=now)
        if appraise:
            appraisals.appraise(connection, appraisals.in_question(connection, POST.advertiser), now=now)


def test_what_was_stated_is_kept_with_the_row(engine: Engine, clock: HandClock) -> None:
    holds(engine, [POST, Post(number=2, ends=10, flight=5, spend="30"), Post(number=3, spend="0")], now=clock.now())

    assert kept(engine) == [
        {"spend_a_day": 30, "at_risk": 300, "currency": "EUR"},
        {"spend_a_day": 30, "at_risk": 0, "currency": "EUR"},
        {"spend_a_day": None, "at_risk": None, "currency": None},
    ]


def test_what_was_measured_goes_before_it_until_it_is_older_than_a_week(engine: Engine, clock: HandClock) -> None:
    holds(engine, [POST], now=clock.now())

    spent(engine, clock, (0, "900", "EUR"), (1, "50", "EUR"), (2, "70", "EUR"), (3, "0", "EUR"))
    assert kept(engine) == [{"spend_a_day": 40, "at_risk": 400, "currency": "EUR"}]

    clock.advance(timedelta(days=9))
    spent(engine, clock)
    assert kept(engine) == [{"spend_a_day": 30, "at_risk": 300, "currency": "EUR"}]


def test_saving_keeps_to_what_was_measured(engine: Engine, clock: HandClock) -> None:
    holds(engine, [POST], now=clock.now())
    spent(engine, clock, (1, "50", "USD"), (1, "8", None), appraise=False)

    with hot(engine) as connection:
        known = authorizations.load(connection, [POST.key])
        authorizations.save(connection, list(known.values()), {}, now=clock.now())

    assert known[POST.key].measured == {"USD": 50, "": 8}
    assert kept(engine) == [{"spend_a_day": 50, "at_risk": 500, "currency": "USD"}]


def test_what_no_longer_spends_is_worth_nothing(engine: Engine, clock: HandClock) -> None:
    holds(engine, [POST], now=clock.now())
    spent(engine, clock, (1, "50", "EUR"))
    with hot(engine) as connection:
        connection.execute("UPDATE ads SET lost_at = %s", [clock.now()])

    spent(engine, clock)

    assert kept(engine) == [{"spend_a_day": None, "at_risk": None, "currency": None}]


def test_nothing_is_written_where_nothing_changed(engine: Engine, clock: HandClock) -> None:
    holds(engine, [POST], now=clock.now())
    spent(engine, clock, (1, "50", "EUR"))

    with hot(engine) as connection:
        assert appraisals.appraise(connection, [POST.key, "7200/unknown"], now=clock.now()) == 0


REPORTS = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 10_000).map(lambda cents: str(Decimal(cents) / 100))),
    unique_by=lambda each: each[0],
    max_size=6,
)


@given(REPORTS)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_database_measures_as_the_domain_does(
    engine: Engine, clock: HandClock, report: list[tuple[int, str]]
) -> None:
    holds(engine, [POST], now=clock.now())
    with hot(engine) as connection:
        connection.execute("DELETE FROM kpis")
    spent(engine, clock, *((ago, spend, "EUR") for ago, spend in report))

    with hot(engine) as connection:
        days = kpis.days_of(connection, [POST.key], now=clock.now())[POST.key]
        found = authorizations.load(connection, [POST.key])[POST.key].measured

    assert {currency or None: amount for currency, amount in found.items()} == measured(days, now=clock.now())


@pytest.mark.parametrize("count", [0, 3])
def test_keys_in_question_are_those_of_one_advertiser(engine: Engine, clock: HandClock, count: int) -> None:
    others = [Post(number=9, advertiser="7200000000000000002")]
    mine = [Post(number=number) for number in range(1, count + 1)]
    holds(engine, [*mine, *others], now=clock.now())

    with hot(engine) as connection:
        found = appraisals.in_question(connection, POST.advertiser)

    assert found == [each.key for each in mine]
