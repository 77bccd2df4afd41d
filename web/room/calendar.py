"""The page at `/calendar`: what ends in the next 90 days, by money and by count, and when creators are to be asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import urlencode

from starlette.responses import Response

from domain.authorization import RUNNING_STATES
from domain.filters import Filter, pairs_of
from infra.database import snapshot
from infra.reports import summaries
from infra.reports.calendar import Day
from web.room.calls import Call, Desk, Page

DAYS = summaries.DAYS_AHEAD
# The picture's own units; it is stretched to the page.
STEP, HEIGHT = 10, 60
A_WEEK = 7
MOST_CURRENCIES = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """One day: its whole height, and how much of it, from the ground, is `solid` (needed beyond its end)."""

    x: int
    height: float
    solid: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """One measure of all days, on a scale of its own. `kind`: `money`, `ends` or `asks`."""

    kind: str
    name: str
    most: Decimal
    bars: tuple[Bar, ...]


def shown(desk: Desk, call: Call) -> Response:
    """The picture, and the same as a table of those days that are not quiet."""
    with snapshot(desk.engine) as connection:
        ahead = summaries.ahead(connection, now=call.now)
    return desk.render(
        call,
        "room/calendar.html",
        most_days=DAYS,
        days=ahead.days,
        rows=[(day, link_of(day)) for day in ahead.days if not day.is_quiet],
        charts=list(charts(ahead.days)),
        weeks=range(STEP * A_WEEK, STEP * DAYS, STEP * A_WEEK),
        width=STEP * len(ahead.days),
        stretches=ahead.stretches,
    )


def link_of(day: Day) -> str:
    """The list of what a day counts: today what is overdue too, on the last date what ends within so many days of 24 hours."""
    wanted = Filter(
        state=RUNNING_STATES,
        left_to=DAYS if day.number == DAYS else None,
        ends_from=day.day if day.number else None,
        ends_to=day.day,
    )
    return f"/authorizations?{urlencode(pairs_of(wanted))}"


def charts(days: Sequence[Day]) -> Iterator[Chart]:
    """Money at risk for each of the largest currencies, then the ends, then the asks; what is nowhere is left out."""
    for currency in currencies_of(days)[:MOST_CURRENCIES]:

        def at_risk(day: Day, currency: str | None = currency) -> Decimal:
            return day.at_risk.get(currency, Decimal())

        yield chart("money", f"At risk, {currency or 'without a currency'}", days, at_risk, at_risk)
    if any(day.ends for day in days):
        yield chart("ends", "Ends", days, lambda day: Decimal(day.ends), lambda day: Decimal(day.needed))
    if any(day.asks for day in days):
        yield chart("asks", "Creators to be asked", days, lambda day: Decimal(day.asks), lambda day: Decimal(day.asks))


def currencies_of(days: Sequence[Day]) -> list[str | None]:
    """Those that most days have money in come first: amounts of two cannot be compared."""
    found = {currency for day in days for currency in day.at_risk}
    return sorted(found, key=lambda each: (-sum(each in day.at_risk for day in days), each or ""))


def chart(
    kind: str, name: str, days: Sequence[Day], whole: Callable[[Day], Decimal], solid: Callable[[Day], Decimal]
) -> Chart:
    """Its largest day fills the height."""
    most = max(map(whole, days))

    def height(value: Decimal) -> float:
        return round(float(value / most) * HEIGHT, 1)

    bars = [
        Bar(x=day.number * STEP + 1, height=height(whole(day)), solid=height(solid(day))) for day in days if whole(day)
    ]
    return Chart(kind=kind, name=name, most=most, bars=tuple(bars))


PAGES = (Page(path="/calendar", handler=shown),)
