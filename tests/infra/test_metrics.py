"""What a process counts from its start on, and gauges: of money (from the sums that the worker made), of advertisers, of sweeps."""

from __future__ import annotations

import socket
from datetime import timedelta

import httpx
import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine

from infra.clock import HandClock
from infra.database import hot
from infra.ledger import JOBS
from infra.metrics import REFUSALS, Metrics
from infra.reports import summaries
from tests.portfolio import Post, holds
from tests.serving import free_port

SOON, LATER = Post(number=1, ends=6, flight=26, spend="50"), Post(number=2, ends=40, flight=50, spend="10")
DOLLAR = Post(number=3, ends=5, flight=15, spend="30", currency="USD")
ADVERTISER = """
INSERT INTO advertisers (advertiser_id, token, connected_at, next_look_at, next_kpis_at, trouble)
VALUES (%s, %s, now(), now(), now(), %s)
"""
SWEPT = "INSERT INTO sweeps (job, slot, fence, started_at, ended_at, found, error) VALUES (%s, %s, 1, %s, %s, 0, %s)"


def scraped(engine: Engine, clock: HandClock) -> dict[tuple[str, ...], float]:
    """What one scrape says: (name, label values …) with its value."""
    metrics = Metrics()
    metrics.watch(engine, clock)
    families = text_string_to_metric_families(metrics.page().decode())
    return {(each.name, *each.labels.values()): each.value for family in families for each in family.samples}


def test_every_way_to_refuse_is_counted_from_0_on_so_that_the_first_refusal_is_growth() -> None:
    page = Metrics().page().decode()

    for status in REFUSALS:
        assert f'everspark_deliveries_refused_total{{status="{status}"}} 0.0\n' in page


def test_when_a_count_began_is_not_shown() -> None:
    metrics = Metrics()
    metrics.accepted(new=1, again=0)
    metrics.drained(outcomes={"moved": 1}, seconds=0.1)
    metrics.swept("expire", found=1, seconds=0.1)

    assert "_created" not in metrics.page().decode()


def test_a_process_without_pages_shows_its_counts_on_a_port_of_its_own() -> None:
    metrics, port = Metrics(), free_port()
    metrics.swept("expire", found=3, seconds=0.1)

    metrics.serve(host="127.0.0.1", port=port)

    page = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    assert 'everspark_sweep_announced_total{job="expire"} 3.0\n' in page


def test_a_port_that_is_taken_is_told_and_stops_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, structlog.testing.capture_logs() as logs:
        port = other.getsockname()[1]
        Metrics().serve(host="127.0.0.1", port=port)

    (line,) = logs
    assert (line["event"], line["log_level"], line["port"]) == ("metrics_not_served", "warning", port)
    assert "in use" in line["error"]
    assert "EVERSPARK_METRICS_PORT" in line["remedy"]


def test_a_sweep_is_as_old_as_its_last_end_whatever_the_vows_found_and_however_often_it_raised(
    engine: Engine, clock: HandClock
) -> None:
    now, minutes = clock.now(), timedelta(minutes=1)
    with hot(engine) as connection:
        for job, ago, has_ended, error in (
            ("climb", 50, True, None),
            ("climb", 5, False, "KeyError: 'x'"),
            ("vows", 2, True, "asks_are_made: broken by a/1"),
        ):
            at = now - ago * minutes
            connection.execute(SWEPT, [job, at, at, at if has_ended else None, error])

    ages = {
        job: value for (name, *labels), value in scraped(engine, clock).items() if "sweep_age" in name for job in labels
    }

    assert ages == {"climb": 3000, "vows": 120}
    assert set(ages) < set(JOBS)


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
