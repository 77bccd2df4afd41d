"""Gauges of money and of advertisers: read from the sums that the worker made, and from what the last looks came to."""

from __future__ import annotations

from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine

from infra.clock import HandClock
from infra.database import hot
from infra.metrics import Metrics
from infra.reports import summaries
from tests.portfolio import Post, holds

SOON, LATER = Post(number=1, ends=6, flight=26, spend="50"), Post(number=2, ends=40, flight=50, spend="10")
DOLLAR = Post(number=3, ends=5, flight=15, spend="30", currency="USD")
ADVERTISER = """
INSERT INTO advertisers (advertiser_id, token, connected_at, next_look_at, next_kpis_at, trouble)
VALUES (%s, %s, now(), now(), now(), %s)
"""


def scraped(engine: Engine, clock: HandClock) -> dict[tuple[str, ...], float]:
    """What one scrape says: (name, label values …) with its value."""
    metrics = Metrics()
    metrics.watch(engine, clock)
    families = text_string_to_metric_families(metrics.page().decode())
    return {(each.name, *each.labels.values()): each.value for family in families for each in family.samples}


def test_money_at_risk_is_told_by_currency_and_how_old_it_is(engine: Engine, clock: HandClock) -> None:
    holds(engine, [SOON, LATER, DOLLAR], now=clock.now())
    summaries.write(engine, now=clock.now(), remedy_of=lambda _reason: None)
    clock.advance(timedelta(seconds=90))

    found = scraped(engine, clock)

    assert found["everspark_money_at_risk", "EUR"] == pytest.approx(1100)
    assert found["everspark_money_at_risk_week", "EUR"] == pytest.approx(1000)
    assert found["everspark_money_at_risk_week", "USD"] == pytest.approx(300)
    assert found["everspark_sums_age_seconds",] == 90


def test_what_has_no_currency_is_called_unknown(engine: Engine, clock: HandClock) -> None:
    holds(engine, [SOON], now=clock.now())
    with hot(engine) as connection:
        connection.execute("UPDATE authorizations SET currency = NULL")
    summaries.write(engine, now=clock.now(), remedy_of=lambda _reason: None)

    assert scraped(engine, clock)["everspark_money_at_risk", "unknown"] == pytest.approx(1000)


def test_before_the_first_sums_nothing_is_said_of_money(engine: Engine, clock: HandClock) -> None:
    holds(engine, [SOON], now=clock.now())

    names = {name for name, *_ in scraped(engine, clock)}

    assert "everspark_authorizations" in names
    assert names.isdisjoint({"everspark_money_at_risk", "everspark_money_at_risk_week", "everspark_sums_age_seconds"})


def test_advertisers_are_told_by_how_they_stand(engine: Engine, clock: HandClock) -> None:
    with hot(engine) as connection:
        connection.execute(ADVERTISER, ["71", b"sealed", None])
        connection.execute(ADVERTISER, ["72", b"sealed", "the token was refused"])
        connection.execute(ADVERTISER, ["73", None, "it was disconnected"])

    found = scraped(engine, clock)

    assert (found["everspark_advertisers", "well"], found["everspark_advertisers", "failing"]) == (1, 1)
