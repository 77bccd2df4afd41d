"""report/integrated/get: basic reports of auction ads, by level, by day, by hour or in one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from simulator.asked import Asked
from simulator.campaigns import Ad
from simulator.catalogue import parameter
from simulator.reports import Figures, metric, total
from simulator.transport import Endpoint, check_advertiser
from simulator.world import World

DAY, HOUR = "stat_time_day", "stat_time_hour"
LEVELS: Mapping[str, tuple[str, Callable[[Ad], str]]] = {
    "AUCTION_AD": ("ad_id", lambda ad: ad.ad_id),
    "AUCTION_ADGROUP": ("adgroup_id", lambda ad: ad.group.adgroup_id),
    "AUCTION_CAMPAIGN": ("campaign_id", lambda ad: ad.campaign.campaign_id),
    "AUCTION_ADVERTISER": ("advertiser_id", lambda ad: ad.advertiser_id),
}
FILTERS: Mapping[str, Callable[[Ad], str]] = {f"{name}s": read for name, read in list(LEVELS.values())[:3]}
LONGEST = {DAY: 30, HOUR: 1, None: 365}
# Metrics that TikTok knows and this simulation does not count.
UNCOUNTED = frozenset(
    (
        *("reach", "frequency", "cost_per_1000_reached", "video_play_actions", "video_watched_2s", "video_watched_6s"),
        *("video_views_p25", "video_views_p50", "video_views_p75", "video_views_p100", "average_video_play"),
        *("engaged_view", "likes", "comments", "shares", "follows", "profile_visits"),
        *("complete_payment", "complete_payment_roas"),
    )
)
MOST_ADVERTISERS = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Counted:
    """One row: what was counted for `key` (of the level) at `when` (None for the whole range); `ad` gives the names."""

    key: str
    when: date | datetime | None
    ad: Ad
    figures: Figures


def get(world: World, asked: Asked) -> object:
    asked.choice("report_type", ("BASIC",))
    asked.choice("service_type", ("AUCTION",), "AUCTION")
    asked.choice("query_mode", ("REGULAR",), "REGULAR")
    level = asked.choice("data_level", tuple(LEVELS))
    moment = _dimensions(asked, level)
    metrics = asked.words("metrics", default=("spend", "impressions"))
    advertiser_ids = _advertisers(world, asked)
    counted = _grouped(_counted(world, asked, advertiser_ids, level, moment))
    rows, page_info = asked.page(_ordered(asked, counted), default=10, most=1000)
    shown = [_row(world, each, level, moment, metrics) for each in rows]
    answer: dict[str, Any] = {"list": shown, "page_info": page_info}
    if asked.flag("enable_total_metrics", default=False):
        everything = total(each.figures for each in counted)
        answer["total_metrics"] = {name: value for name in metrics if (value := metric(name, everything)) is not None}
    return answer


def _dimensions(asked: Asked, level: str) -> str | None:
    """The time dimension, if one is asked for. The other one is the level's own."""
    wanted, own = asked.words("dimensions"), LEVELS[level][0]
    moments = [each for each in wanted if each in (DAY, HOUR)]
    if own not in wanted or len(wanted) != 1 + len(moments) or len(moments) > 1:
        raise parameter(
            f"dimensions: {wanted} doesn't fit data_level {level}, use {own} and at most one of {DAY}, {HOUR}"
        )
    return moments[0] if moments else None


def _advertisers(world: World, asked: Asked) -> list[str]:
    ids = asked.words("advertiser_ids", most=MOST_ADVERTISERS) or [asked.text("advertiser_id")]
    for each in ids:
        if asked.token is not None:
            check_advertiser(world, asked.token, each)
    return ids


def _range(asked: Asked, moment: str | None) -> tuple[date, date]:
    if moment is None and asked.flag("query_lifetime", default=False):
        return date(2000, 1, 1), date(2100, 1, 1)
    start, end = _day(asked, "start_date"), _day(asked, "end_date")
    longest = LONGEST[moment]
    if not start <= end < start + timedelta(days=longest):
        raise parameter(f"start_date, end_date: the range must be 1 to {longest} days with these dimensions")
    return start, end


def _day(asked: Asked, name: str) -> date:
    try:
        return date.fromisoformat(asked.text(name))
    except ValueError:
        raise parameter(f"{name}: Not a valid date, the format is YYYY-MM-DD.") from None


def _counted(
    world: World, asked: Asked, advertiser_ids: Sequence[str], level: str, moment: str | None
) -> Iterator[Counted]:
    start, end = _range(asked, moment)
    read, is_wanted = LEVELS[level][1], _filter(asked)
    for ad in (ad for each in advertiser_ids for ad in world.ads_of(each)):
        if not is_wanted(ad):
            continue
        when: date | datetime
        for when, figures in world.hours_of(ad, start) if moment == HOUR else world.days_of(ad, start, end):
            yield Counted(key=read(ad), when=when if moment else None, ad=ad, figures=figures)


def _filter(asked: Asked) -> Callable[[Ad], bool]:
    wanted: list[tuple[Callable[[Ad], str], frozenset[str]]] = []
    for each in asked.documents("filtering"):
        read = FILTERS.get(str(each.get("field_name")))
        if read is None or each.get("filter_type") != "IN":
            raise parameter(f"filtering: {each.get('field_name')} {each.get('filter_type')} is not supported")
        try:
            wanted.append((read, msgspec.json.decode(str(each.get("filter_value")), type=frozenset[str])))
        except msgspec.DecodeError:
            raise parameter("filtering.filter_value: must be a JSON array of strings, as text") from None
    return lambda ad: all(read(ad) in ids for read, ids in wanted)


def _grouped(counted: Iterator[Counted]) -> list[Counted]:
    """One row for each key and time."""
    rows: dict[tuple[str, object], Counted] = {}
    for each in counted:
        held = rows.get((each.key, each.when))
        figures = held.figures + each.figures if held else each.figures
        rows[each.key, each.when] = Counted(key=each.key, when=each.when, ad=each.ad, figures=figures)
    return sorted(rows.values(), key=lambda each: (str(each.when), each.key))


def _ordered(asked: Asked, counted: list[Counted]) -> list[Counted]:
    name = asked.optional("order_field")
    if name is None:
        return counted
    is_falling = asked.choice("order_type", ("ASC", "DESC"), "DESC") == "DESC"
    return sorted(counted, key=lambda each: _rank(name, each), reverse=is_falling)


def _rank(name: str, counted: Counted) -> Decimal:
    value = metric(name, counted.figures)
    if value is None:
        raise parameter(f"order_field: {name} is not a metric")
    return Decimal(-1) if value == "-" else Decimal(value)


def _row(world: World, counted: Counted, level: str, moment: str | None, metrics: Sequence[str]) -> dict[str, Any]:
    dimensions = {LEVELS[level][0]: counted.key}
    if moment == DAY:
        dimensions[DAY] = f"{counted.when:%Y-%m-%d} 00:00:00"
    if moment == HOUR:
        dimensions[HOUR] = f"{counted.when:%Y-%m-%d %H}:00:00"
    return {"dimensions": dimensions, "metrics": {name: _value(world, name, counted) for name in metrics}}


def _value(world: World, name: str, counted: Counted) -> str:
    """A metric or an attribute."""
    if (value := metric(name, counted.figures)) is not None:
        return value
    if name in UNCOUNTED:
        return "0"
    ad = counted.ad
    attributes = {
        "currency": world.advertisers[ad.advertiser_id].currency,
        "campaign_id": ad.campaign.campaign_id,
        "campaign_name": ad.campaign.name,
        "adgroup_id": ad.group.adgroup_id,
        "adgroup_name": ad.group.name,
        "ad_name": ad.name,
        "tiktok_item_id": ad.item_id or "-",
    }
    if name not in attributes:
        raise parameter(f"metrics: {name} is not valid")
    return attributes[name]


ENDPOINTS = [Endpoint(path="report/integrated/get", method="GET", handler=get)]
