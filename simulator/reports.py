"""What ads cost and brought, day by day in the advertiser's time zone: drawn from the seed, revised for some days after."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from zoneinfo import ZoneInfo

from simulator.campaigns import Ad
from simulator.delivery import Watched

CENT = Decimal("0.01")
DAY_SECONDS = 86_400
# How much of a day's conversions are known on that day, after one day, after two …: attribution takes its time.
KNOWN_CONVERSIONS = (0.55, 0.8, 0.93)
# What a day's spend loses when invalid clicks are taken out of it afterwards.
INVALID_CLICKS = 0.02


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """What was counted; everything else is a quotient of these."""

    spend: Decimal = Decimal(0)
    impressions: int = 0
    clicks: int = 0
    conversions: int = 0

    def __add__(self, other: Figures) -> Figures:
        return Figures(
            spend=self.spend + other.spend,
            impressions=self.impressions + other.impressions,
            clicks=self.clicks + other.clicks,
            conversions=self.conversions + other.conversions,
        )


class Reports(Watched):
    """The rules of reports. Only what was delivered has rows."""

    def days_of(self, ad: Ad, start: date, end: date) -> Iterator[tuple[date, Figures]]:
        """The ad's delivered days from `start` to `end`, both included."""
        self.settle(ad)
        zone = self.zone(ad.advertiser_id)
        for day in _touched_days(ad, zone, start, end):
            begins, ends = _midnight(day, zone), _midnight(day + timedelta(days=1), zone)
            if (seconds := _delivered(ad, begins, ends)) > 0:
                yield day, self._figures(ad, day, seconds)

    def hours_of(self, ad: Ad, day: date) -> Iterator[tuple[datetime, Figures]]:
        """The ad's delivered hours of one day, as local time without a zone."""
        self.settle(ad)
        zone = self.zone(ad.advertiser_id)
        begins = _midnight(day, zone).astimezone(UTC)
        while begins.astimezone(zone).date() == day:
            ends = begins + timedelta(hours=1)
            if (seconds := _delivered(ad, begins, ends)) > 0:
                yield begins.astimezone(zone).replace(tzinfo=None), self._figures(ad, day, seconds)
            begins = ends

    def zone(self, advertiser_id: str) -> ZoneInfo:
        return ZoneInfo(self.advertiser(advertiser_id).time_zone)

    def _figures(self, ad: Ad, day: date, seconds: float) -> Figures:
        """About the daily budget, pro rata. The first figures are preliminary until `revision_days` have passed."""
        source = Random(f"{self.seed}:{ad.ad_id}:{day}")  # noqa: S311 - the same seed gives the same figures
        spread, price, interest, success = (source.uniform(0.92, 1.0), *_character(self.seed, ad))
        age = (self.now().astimezone(self.zone(ad.advertiser_id)).date() - day).days
        is_final = age >= self.switches.revision_days
        share = Decimal(str(spread * seconds / DAY_SECONDS * (1 - INVALID_CLICKS * is_final)))
        spend = (ad.daily * share).quantize(CENT, ROUND_HALF_UP)
        impressions = round(float(spend) / price * 1000)
        clicks = round(impressions * interest)
        known = 1.0 if is_final or age >= len(KNOWN_CONVERSIONS) else KNOWN_CONVERSIONS[max(0, age)]
        return Figures(spend=spend, impressions=impressions, clicks=clicks, conversions=round(clicks * success * known))


def total(figures: Iterable[Figures]) -> Figures:
    return sum(figures, Figures())


def metric(name: str, figures: Figures) -> str | None:
    """A metric as TikTok writes it, always a text, "-" where a quotient has no divisor; None for one not known here."""
    spend, shown, clicked, won = figures.spend, figures.impressions, figures.clicks, figures.conversions
    match name:
        case "spend" | "billed_cost" | "cash_spend":
            return str(spend.quantize(CENT))
        case "impressions":
            return str(shown)
        case "clicks":
            return str(clicked)
        case "conversion" | "real_time_conversion" | "result":
            return str(won)
        case "ctr":
            return _quotient(100 * clicked, shown)
        case "cpc":
            return _quotient(spend, clicked)
        case "cpm":
            return _quotient(spend * 1000, shown)
        case "cost_per_conversion" | "cost_per_result":
            return _quotient(spend, won)
        case "conversion_rate" | "conversion_rate_v2" | "result_rate":
            return _quotient(100 * won, clicked)
        case _:
            return None


def _quotient(above: Decimal | int, below: int) -> str:
    return str((Decimal(above) / below).quantize(CENT, ROUND_HALF_UP)) if below else "-"


def _character(seed: int, ad: Ad) -> tuple[float, float, float]:
    """What a thousand views cost, which share of views is clicked, and which share of clicks buys: each ad has its own."""
    source = Random(f"{seed}:{ad.ad_id}")  # noqa: S311 - the same seed gives the same figures
    return source.uniform(4, 9), source.uniform(0.006, 0.022), source.uniform(0.02, 0.06)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), tzinfo=zone)


def _touched_days(ad: Ad, zone: ZoneInfo, start: date, end: date) -> list[date]:
    """The local days that the ad's times of delivery touch, each once."""
    days: set[date] = set()
    for begins, ends in ad.spans:
        first = max(start, begins.astimezone(zone).date())
        last = min(end, ends.astimezone(zone).date())
        days.update(first + timedelta(days=step) for step in range((last - first).days + 1))
    return sorted(days)


def _delivered(ad: Ad, begins: datetime, ends: datetime) -> float:
    """For how many seconds the ad was delivered between two instants."""
    # Two instants with the same ZoneInfo are subtracted as wall-clock times: wrong where the clocks change.
    since, until = begins.timestamp(), ends.timestamp()
    return sum(max(0.0, min(until, b.timestamp()) - max(since, a.timestamp())) for a, b in ad.spans)
