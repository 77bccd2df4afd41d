"""One creator of a chosen character, and the codes of a chosen calendar, for stories with dates."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from bench.renewals.campaigns import Story
from bench.renewals.everspark import Everspark
from bench.renewals.life import Life
from bench.renewals.people import CHARACTERS, Creator, Temper
from domain.events import Ad, AdStarted, AuthorizationRequested, CodeGranted, LifecycleEvent
from domain.patience import Holiday

# A Monday.
GRANTED = datetime(2026, 3, 2, 12, tzinfo=UTC)


def day(number: float) -> datetime:
    """The instant `number` days after the grant."""
    return GRANTED + timedelta(days=number)


def creator_like(
    name: str,
    *,
    seed: int = 1,
    zone: str = "Europe/Paris",
    holiday: tuple[float, float] | None = None,
    phone: bool = False,
) -> Creator:
    """A creator who grants what is asked for; `seed` picks the days on which this one pays attention."""
    character = next(each for each in CHARACTERS if each.name == name)
    away = () if holiday is None else (Holiday(begins_at=day(holiday[0]), ends_at=day(holiday[1])),)
    return Creator(
        handle=f"{name}.one",
        seed=seed,
        character=replace(character, extends_alone=0),
        temper=Temper(),
        place=ZoneInfo(zone),
        at_most_days=365,
        mutes_at=1000,
        holidays=away,
        tells_of_holidays=True,
        has_phone=phone,
    )


def code(name: str = "a", *, days: int = 30, flight: float = 55, begins: float = 0, advertiser: int = 1) -> Story:
    """A code for `days`, and an ad that runs until day `flight`."""
    start = day(begins)
    ad = Ad(ad_id="ad", flight_end=day(flight), daily_spend=Decimal(100), currency="EUR")
    events: tuple[LifecycleEvent, ...] = (
        AuthorizationRequested(at=start - timedelta(hours=20), days=days),
        CodeGranted(at=start, starts_at=start, expires_at=start + timedelta(days=days)),
        AdStarted(at=start + timedelta(hours=5), ad=ad),
    )
    return Story(key=f"{advertiser:019d}/{name}", days=days, currency="EUR", events=events)


def lived(creator: Creator, *codes: Story) -> Life:
    """The creator's year with Everspark."""
    life = Life(creator, codes)
    life.run(Everspark(life))
    return life


def told(life: Life) -> list[str]:
    """Each message by the creator's own clock, with its channel, its codes, the days asked for and how urgent it was."""
    return [
        " ".join((
            f"{each.at.astimezone(life.creator.place):%a %d %b %H:%M}",
            each.channel,
            "+".join(f"{item.key.partition('/')[2]}:{item.days}" for item in each.items),
            each.urgency,
        ))
        for each in life.messages
    ]  # fmt: skip
