"""What the year asks of creators: codes of four durations, ads with flights and spend, campaigns that are prolonged or stopped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from bench.renewals.draws import between, draw, lognormal, pick
from domain.events import Ad, AdStarted, AdStopped, AuthorizationRequested, CodeGranted, LifecycleEvent
from domain.money import cents

YEAR_BEGINS = datetime(2026, 1, 1, tzinfo=UTC)
YEAR_ENDS = YEAR_BEGINS + timedelta(days=365)

DURATIONS = ((0.15, 7), (0.50, 30), (0.20, 60), (0.15, 365))
CURRENCIES = ((0.45, "USD", 60.0), (0.35, "EUR", 55.0), (0.15, "GBP", 50.0), (0.05, "JPY", 9000.0))
ADVERTISERS = 60
# Codes of one creator often belong to one campaign: same advertiser and length, an end within some days.
SHARES_A_CAMPAIGN = 0.4
COVERED = 0.45
EXTRA_DAYS, EXTRA_SIGMA = 45.0, 0.9
PROLONGED, STOPPED_EARLY, HAS_CONTRACT_END, TWO_ADS = 0.20, 0.08, 0.12, 0.25


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """A campaign with one creator: its advertiser, the length of its codes and when the first of them ends."""

    number: int
    advertiser: int
    days: int
    first_end: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """One authorization before anybody renews it: its key, the days that were requested, and all that happens by itself."""

    key: str
    days: int
    currency: str
    events: Sequence[LifecycleEvent]


def counts_of_codes(seed: int, creators: int, authorizations: int) -> list[int]:
    """How many codes each creator has: at least one, most few, some many; together exactly `authorizations`."""
    weights = [lognormal(1, 0.8, seed, "codes", number) for number in range(creators)]
    share = max(0, authorizations - creators) / sum(weights)
    counts, carried = [], 0.0
    for weight in weights:
        carried += weight * share
        counts.append(1 + int(carried))
        carried -= int(carried)
    counts[-1] += authorizations - sum(counts) if authorizations >= creators else 0
    return counts


def stories(seed: int, creator: int, count: int) -> Iterator[Story]:
    """The codes of one creator."""
    frame: Frame | None = None
    for number in range(count):
        who = (seed, "code", creator, number)
        if frame is None or draw(*who, "campaign") >= SHARES_A_CAMPAIGN:
            frame = new_frame(number, *who)
        yield story(frame, f"{frame.advertiser:019d}/{creator:09d}{number:010d}", *who)


def new_frame(number: int, *who: object) -> Frame:
    """The first code of every campaign ends evenly over the year, so long ones began before it."""
    return Frame(
        number=number,
        advertiser=int(between(0, ADVERTISERS, *who, "advertiser")),
        days=pick(DURATIONS, *who, "days"),
        first_end=YEAR_BEGINS + timedelta(days=between(0, 365, *who, "end")),
    )


def story(frame: Frame, key: str, *who: object) -> Story:
    """The request, the grant, and the ads of one code."""
    apart = timedelta(days=between(-3, 3, *who, "apart"))
    ends_at = (frame.first_end + apart).replace(microsecond=0)
    begins_at = ends_at - timedelta(days=frame.days)
    total = wanted_days(frame.days, *who)
    _, currency, median = pick([(each[0], each) for each in CURRENCIES], "advertiser", frame.advertiser)
    contract = timedelta(days=total * between(0.8, 1.3, *who, "contract"))
    request = AuthorizationRequested(
        at=begins_at - timedelta(hours=30),
        days=frame.days,
        contract_ends_at=begins_at + contract if draw(*who, "has contract") < HAS_CONTRACT_END else None,
    )
    grant = CodeGranted(at=begins_at, starts_at=begins_at, expires_at=ends_at)
    ads = ads_of(begins_at, total, currency, median, *who)
    return Story(key=key, days=frame.days, currency=currency, events=(request, grant, *ads))


def wanted_days(days: int, *who: object) -> float:
    """How long the campaign is planned to run: within the first period, or beyond it."""
    if draw(*who, "covered") < COVERED:
        return days * between(0.3, 0.97, *who, "length")
    return days + lognormal(EXTRA_DAYS, EXTRA_SIGMA, *who, "length")


def ads_of(begins_at: datetime, total: float, currency: str, median: float, *who: object) -> Iterator[LifecycleEvent]:
    """One or two ads with the campaign's flight; a prolonged flight is known some days before it was to end, not earlier."""
    flight_end = begins_at + timedelta(days=total)
    starts_at = begins_at + timedelta(days=min(total / 4, between(0.1, 3, *who, "start")))
    for number in range(1 + (draw(*who, "two") < TWO_ADS)):
        spend = cents(Decimal(lognormal(median, 1.0, *who, "spend", number)))
        ad = Ad(ad_id=f"ad{number}", flight_end=flight_end, daily_spend=spend, currency=currency)
        yield AdStarted(at=starts_at, ad=ad)
        if draw(*who, "stopped") < STOPPED_EARLY:
            yield AdStopped(at=starts_at + (flight_end - starts_at) * between(0.2, 0.9, *who, "stop"), ad_id=ad.ad_id)
        elif draw(*who, "prolonged") < PROLONGED:
            told_at = max(starts_at, flight_end - timedelta(days=between(0, 10, *who, "told")))
            longer = flight_end + timedelta(days=between(14, 60, *who, "longer"))
            yield AdStarted(
                at=told_at + timedelta(minutes=1),
                ad=Ad(ad_id=ad.ad_id, flight_end=longer, daily_spend=spend, currency=currency),
            )
