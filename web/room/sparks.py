"""Figures by day as small curves: what the ads of one authorization did lately."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

WIDTH, HEIGHT = 140, 32
A_DAY = timedelta(days=1)
MEASURES = ("spend", "impressions", "clicks", "conversions")


@dataclass(frozen=True, kw_only=True, slots=True)
class Spark:
    """One curve: `line` and `area` as SVG paths; `last` is that of the last complete day; `currency` of money only."""

    name: str
    currency: str | None
    total: Decimal
    last: Decimal
    most: Decimal
    line: str
    area: str


def sparks(rows: Sequence[dict[str, Any]], *, today: date, days: int) -> list[Spark]:
    """A curve for each measure that was ever above zero; of money, one for each currency."""
    span = [today - A_DAY * back for back in range(days, 0, -1)]
    found = []
    for name in MEASURES:
        currencies = (
            sorted({row["currency"] for row in rows}, key=lambda each: each or "") if name == "spend" else [None]
        )
        for currency in currencies:
            chosen = [row for row in rows if name != "spend" or row["currency"] == currency]
            values = series(chosen, name, span)
            if any(values):
                found.append(spark(name, currency, values))
    return found


def series(rows: Iterable[dict[str, Any]], name: str, span: Sequence[date]) -> list[Decimal]:
    """The value of each day; a day of which nothing is known delivered nothing."""
    by_day: dict[date, Decimal] = {}
    for row in rows:
        by_day[row["day"]] = by_day.get(row["day"], Decimal()) + Decimal(row[name])
    return [by_day.get(day, Decimal()) for day in span]


def spark(name: str, currency: str | None, values: Sequence[Decimal]) -> Spark:
    most = max(values)
    step = WIDTH / max(len(values) - 1, 1)
    points = [
        f"{place * step:.1f} {HEIGHT - 1 - float(value / most) * (HEIGHT - 3):.1f}"
        for place, value in enumerate(values)
    ]
    line = "M" + "L".join(points)
    return Spark(
        name=name,
        currency=currency,
        total=sum(values, Decimal()),
        last=values[-1],
        most=most,
        line=line,
        area=f"{line}L{WIDTH} {HEIGHT}L0 {HEIGHT}Z",
    )
