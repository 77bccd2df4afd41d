"""What ads spend and bring, by authorization and day: read from the report, revised while TikTok revises it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import Engine

from domain.posts import AdDay
from infra import kpis
from infra.clock import HandClock
from infra.database import hot
from infra.vault import Vault
from simulator.accounts import Advertiser
from simulator.ads import Ad
from tests.journeys.looking import DAY, HOUR, Lookout, key_of, lookout
from worker.spending import window


@pytest.fixture
def watch(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[Lookout]:
    with lookout(engine, clock, vault) as ready:
        yield ready


@pytest.fixture
def brand(watch: Lookout) -> Advertiser:
    return watch.connects()


@pytest.fixture
def ads(watch: Lookout, brand: Advertiser) -> list[Ad]:
    """Two ads of one post that have delivered for three days, known here since their first."""
    post = watch.binds(brand, watch.creator())
    found = [watch.advertises(brand, post) for _ in range(2)]
    watch.looks()
    watch.passes(3 * DAY)
    return found


def test_days_are_summed_by_authorization(watch: Lookout, brand: Advertiser, ads: list[Ad]) -> None:
    looked = watch.looks()

    rows = watch.asks("SELECT * FROM kpis ORDER BY day")
    assert looked.kpis == len(rows)
    assert {row["currency"] for row in rows} == {"EUR"}
    for row in rows[1:-2]:
        assert row["spend"] > 0
    held = watch.held(key_of(brand, watch.world.post(ads[0].item_id or "")))
    assert {row["authorization_id"] for row in rows} == {held["id"]}


def test_days_that_did_not_change_are_not_written_again(
    watch: Lookout, brand: Advertiser, ads: list[Ad], engine: Engine
) -> None:
    watch.looks()
    (ad_id,) = {ad.ad_id for ad in ads[:1]}
    day = AdDay(
        ad_id=ad_id,
        day=date(2026, 1, 2),
        spend=Decimal("10.50"),
        impressions=1000,
        clicks=10,
        conversions=Decimal(1),
        currency="EUR",
    )

    with hot(engine) as connection:
        first = kpis.save(connection, brand.advertiser_id, [day])
        again = kpis.save(connection, brand.advertiser_id, [day])
        unknown = kpis.save(connection, brand.advertiser_id, [replace(day, ad_id="another")])

    assert (first, again, unknown) == (1, 0, 0)


def test_the_report_is_read_every_few_hours_only(watch: Lookout, ads: list[Ad]) -> None:
    watch.looks()
    calls = len(watch.world.calls_of("report/integrated/get"))

    watch.looks(after=HOUR)
    assert len(watch.world.calls_of("report/integrated/get")) == calls
    watch.looks(after=4 * HOUR)
    assert len(watch.world.calls_of("report/integrated/get")) == calls + 1


def test_the_window_covers_what_may_be_revised(clock: HandClock) -> None:
    now = clock.now()

    assert window(None, now) == (date(2026, 10, 24), date(2026, 11, 22))
    assert window(now - 4 * HOUR, now) == (date(2026, 11, 15), date(2026, 11, 22))
    assert window(now - 90 * DAY, now) == window(None, now)
