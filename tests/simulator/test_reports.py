"""Reports of the simulated TikTok: texts for numbers, delivered days only, the advertiser's days, figures that change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from simulator.accounts import Advertiser
from simulator.reports import Figures, metric
from tests.simulator.stage import DAY, START, Stage, staged

METRICS = ["spend", "impressions", "clicks", "ctr", "cpc", "cpm", "conversion", "cost_per_conversion", "currency"]


@pytest.fixture
def stage() -> Iterator[Stage]:
    with staged() as stage:
        yield stage


def report(stage: Stage, start: date, end: date, **more: Any) -> Mapping[str, Any]:
    wanted = {
        "report_type": "BASIC",
        "data_level": "AUCTION_AD",
        "dimensions": ["ad_id", "stat_time_day"],
        "metrics": METRICS,
        "start_date": str(start),
        "end_date": str(end),
        "page_size": 1000,
    }
    return stage.get("report/integrated/get", **(wanted | more))


def today(stage: Stage) -> date:
    return stage.world.now().date()


def spend(stage: Stage, start: date, end: date, **more: Any) -> list[Decimal]:
    return [Decimal(row["metrics"]["spend"]) for row in report(stage, start, end, **more)["data"]["list"]]


def test_numbers_are_texts_and_a_day_costs_about_the_daily_budget(stage: Stage) -> None:
    ad = stage.ad(daily=60)
    stage.clock.advance(3 * DAY)

    answer = report(stage, START.date(), today(stage))

    rows = answer["data"]["list"]
    assert [row["dimensions"]["stat_time_day"][:10] for row in rows] == [str(START.date() + i * DAY) for i in range(4)]
    assert rows[0]["dimensions"] == {"ad_id": ad.ad_id, "stat_time_day": "2026-03-02 00:00:00"}
    full = rows[1]["metrics"]
    assert all(isinstance(value, str) for value in full.values())
    assert Decimal(50) < Decimal(full["spend"]) <= 60
    assert Decimal(full["ctr"]) == round(Decimal(full["clicks"]) * 100 / Decimal(full["impressions"]), 2)
    assert full["currency"] == "EUR"
    assert answer["data"]["page_info"]["total_number"] == 4


def test_days_without_delivery_have_no_rows(stage: Stage) -> None:
    stage.ad()
    stage.clock.advance(35 * DAY)
    stage.world.extend(stage.item_id, days=30)
    stage.clock.advance(2 * DAY)

    rows = report(stage, START.date() + 25 * DAY, START.date() + 40 * DAY)["data"]["list"]

    shown = [row["dimensions"]["stat_time_day"][:10] for row in rows]
    assert "2026-04-01" in shown  # the code ended on its morning
    assert "2026-04-03" not in shown
    assert "2026-04-06" in shown  # extended
    assert len(shown) == 9


def test_the_day_is_the_advertisers(stage: Stage) -> None:
    stage.world.advertisers[stage.advertiser_id].time_zone = "Pacific/Auckland"
    stage.ad()
    stage.clock.advance(timedelta(hours=1))

    (row,) = report(stage, START.date(), today(stage) + DAY)["data"]["list"]

    assert row["dimensions"]["stat_time_day"] == "2026-03-02 00:00:00"
    stage.clock.advance(timedelta(hours=2))  # 12:00 UTC, one in the morning over there
    assert len(report(stage, START.date(), today(stage) + DAY)["data"]["list"]) == 2


def test_a_day_of_twenty_three_hours_has_twenty_three_rows(stage: Stage) -> None:
    stage.ad()
    stage.clock.advance(28 * DAY)
    day = "2026-03-29"  # Paris puts its clocks forward

    rows = report(
        stage, date(2026, 3, 29), date(2026, 3, 29), dimensions=["ad_id", "stat_time_hour"], metrics=["spend"]
    )["data"]["list"]

    hours = [row["dimensions"]["stat_time_hour"] for row in rows]
    assert len(hours) == 23
    assert hours[0] == f"{day} 00:00:00"
    assert f"{day} 02:00:00" not in hours


def test_figures_are_revised_for_some_days_and_then_stand(stage: Stage) -> None:
    stage.ad(daily=5000)
    stage.clock.advance(2 * DAY)
    first = START.date() + DAY

    def seen() -> tuple[str, str]:
        (row,) = report(stage, first, first)["data"]["list"]
        return row["metrics"]["spend"], row["metrics"]["conversion"]

    fresh = seen()
    stage.clock.advance(DAY)
    later = seen()
    stage.clock.advance(2 * DAY)
    final = seen()
    stage.clock.advance(5 * DAY)

    assert int(fresh[1]) < int(later[1]) < int(final[1])
    assert Decimal(final[0]) < Decimal(fresh[0])
    assert seen() == final


@pytest.mark.parametrize(
    ("dimensions", "days", "is_fine"),
    [
        (["ad_id", "stat_time_day"], 30, True),
        (["ad_id", "stat_time_day"], 31, False),
        (["ad_id", "stat_time_hour"], 1, True),
        (["ad_id", "stat_time_hour"], 2, False),
        (["ad_id"], 365, True),
        (["ad_id"], 366, False),
        (["ad_id", "stat_time_day"], 0, False),
        (["campaign_id"], 1, False),
        (["ad_id", "country_code"], 1, False),
    ],
)
def test_ranges_and_dimensions_have_limits(stage: Stage, dimensions: list[str], days: int, *, is_fine: bool) -> None:
    answer = report(stage, START.date(), START.date() + (days - 1) * DAY, dimensions=dimensions)

    assert answer["code"] == (0 if is_fine else 40002)


def test_levels_add_up_and_totals_come_when_asked_for(stage: Stage) -> None:
    stage.ad()
    stage.ad()
    stage.clock.advance(3 * DAY)
    start, end = START.date(), today(stage)
    by_ad = sum(spend(stage, start, end))

    for level, own in (("ADGROUP", "adgroup_id"), ("CAMPAIGN", "campaign_id"), ("ADVERTISER", "advertiser_id")):
        rows = spend(stage, start, end, data_level=f"AUCTION_{level}", dimensions=[own, "stat_time_day"])
        assert sum(rows) == by_ad
    totals = report(stage, start, end, dimensions=["ad_id"], enable_total_metrics=True)["data"]["total_metrics"]
    assert Decimal(totals["spend"]) == by_ad
    assert "currency" not in totals


def test_rows_can_be_filtered_ordered_and_paged(stage: Stage) -> None:
    ads = [stage.ad(daily=daily) for daily in (30, 90, 60)]
    stage.clock.advance(DAY)
    start, end = START.date(), today(stage)

    falling = spend(stage, start, end, dimensions=["ad_id"], order_field="spend")
    wanted = [{"field_name": "ad_ids", "filter_type": "IN", "filter_value": f'["{ads[1].ad_id}"]'}]

    assert falling == sorted(falling, reverse=True)
    assert spend(stage, start, end, dimensions=["ad_id"], filtering=wanted) == falling[:1]
    page = report(stage, start, end, dimensions=["ad_id"], page=2, page_size=2)["data"]
    assert len(page["list"]) == 1
    assert page["page_info"] == {"page": 2, "page_size": 2, "total_number": 3, "total_page": 2}
    assert report(stage, start, end, page_size=1001)["code"] == 40002
    assert report(stage, start, end, metrics=["nonsense"])["code"] == 40002


def test_the_same_seed_gives_the_same_figures(stage: Stage) -> None:
    with staged() as other:
        for each in (stage, other):
            each.ad()
            each.clock.advance(3 * DAY)

        assert report(stage, START.date(), today(stage))["data"] == report(other, START.date(), today(other))["data"]


def test_several_advertisers_need_a_token_for_each(stage: Stage) -> None:
    foreign: Advertiser = stage.world.add_advertiser("Somebody")

    answer = report(stage, START.date(), START.date(), advertiser_ids=[stage.advertiser_id, foreign.advertiser_id])

    assert answer["code"] == 40001


def test_a_quotient_without_a_divisor_is_a_dash() -> None:
    assert metric("cpc", Figures(spend=Decimal("1.50"))) == "-"
    assert metric("ctr", Figures(impressions=200, clicks=3)) == "1.50"
    assert metric("spend", Figures()) == "0.00"
