"""What ends in the days ahead, and what is to be asked: counted by date (UTC), as a filter of the list finds it by `ends_from`
and `ends_to`; and what the first so many days come to, as one finds it by `left_to`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg

from domain.money import Amounts
from infra.tables import RUNNING

Connection = psycopg.Connection[Any]
A_DAY = timedelta(days=1)
STRETCHES = (7, 30, 90)
WITHIN = " ".join(f"WHEN expires_at <= %(within_{days})s THEN {days}" for days in STRETCHES)

# What is overdue is so today: an end that is past though nobody has said so yet, an ask that nobody has made.
ENDS = f"""
SELECT greatest(0, (expires_at AT TIME ZONE 'UTC')::date - %(today)s), CASE {WITHIN} END, currency, count(*),
    count(*) FILTER (WHERE at_risk > 0), coalesce(sum(at_risk), 0), coalesce(sum(spend_a_day) FILTER (WHERE at_risk > 0), 0)
FROM authorizations
WHERE {RUNNING} AND expires_at IS NOT NULL AND expires_at <= %(until)s GROUP BY 1, 2, 3
"""
ASKS = """
SELECT greatest(0, (next_action_at AT TIME ZONE 'UTC')::date - %(today)s), count(*)
FROM authorizations WHERE next_action = 'ask' AND next_action_at <= %(until)s GROUP BY 1
"""


def no_money() -> defaultdict[str | None, Decimal]:
    return defaultdict(Decimal)


@dataclass(kw_only=True, slots=True)
class Ends:
    """How many end. `needed`: of these, those that something outlasts; `at_risk`: what their end puts at risk."""

    ends: int = 0
    needed: int = 0
    at_risk: defaultdict[str | None, Decimal] = field(default_factory=no_money)

    def add(self, ends: int, needed: int, at_risk: Amounts) -> None:
        self.ends += ends
        self.needed += needed
        for currency, amount in at_risk.items():
            self.at_risk[currency] += amount


@dataclass(kw_only=True, slots=True)
class Day(Ends):
    """A date in UTC, `number` days from today. `stops`: the spend a day that ends with those that are needed."""

    number: int
    day: date
    asks: int = 0
    stops: defaultdict[str | None, Decimal] = field(default_factory=no_money)

    @property
    def is_quiet(self) -> bool:
        return not self.ends and not self.asks


@dataclass(kw_only=True, slots=True)
class Stretch(Ends):
    """What ends within so many days of 24 hours."""

    days: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Ahead:
    """Each date from today to the one on which so many days of 24 hours are over: of that, only what ends before they are."""

    days: list[Day]
    stretches: list[Stretch]


def ahead(connection: Connection, *, now: datetime, count: int) -> Ahead:
    """What ends, and is to be asked, within `count` days of 24 hours."""
    found = nothing(now, count)
    values = {"today": today(now), "until": now + count * A_DAY}
    for number, within, currency, ends, needed, at_risk, stops in connection.execute(
        ENDS, values | {f"within_{days}": now + days * A_DAY for days in STRETCHES}
    ):
        day = found.days[number]
        for each in (day, *(stretch for stretch in found.stretches if stretch.days >= within)):
            each.add(ends, needed, {currency: at_risk} if at_risk else {})
        if stops:
            day.stops[currency] += stops
    for number, asks in connection.execute(ASKS, values):
        found.days[number].asks += asks
    return found


def nothing(now: datetime, count: int) -> Ahead:
    """The same days while nothing is known to happen on them."""
    return Ahead(
        days=[Day(number=number, day=today(now) + number * A_DAY) for number in range(count + 1)],
        stretches=[Stretch(days=days) for days in STRETCHES if days <= count],
    )


def today(now: datetime) -> date:
    return now.astimezone(UTC).date()


def told(found: Ahead) -> dict[str, Any]:
    """As it is kept: amounts as text, so that nothing is rounded on the way; quiet days are left out."""
    days = [
        {"number": day.number, "asks": day.asks, "stops": _texts(day.stops)} | _told(day)
        for day in found.days
        if not day.is_quiet
    ]
    return {"days": days, "stretches": [_told(stretch) for stretch in found.stretches]}


def kept(body: Mapping[str, Any], *, at: datetime, count: int) -> Ahead:
    """What was told `at` that instant."""
    found = nothing(at, count)
    for stretch, each in zip(found.stretches, body["stretches"], strict=True):
        stretch.add(each["ends"], each["needed"], _amounts(each["at_risk"]))
    for each in body["days"]:
        day = found.days[each["number"]]
        day.add(each["ends"], each["needed"], _amounts(each["at_risk"]))
        day.asks = each["asks"]
        day.stops.update(_amounts(each["stops"]))
    return found


def _told(found: Ends) -> dict[str, Any]:
    return {"ends": found.ends, "needed": found.needed, "at_risk": _texts(found.at_risk)}


def _texts(money: Amounts) -> dict[str, str]:
    return {currency or "": str(amount) for currency, amount in money.items()}


def _amounts(texts: Mapping[str, str]) -> dict[str | None, Decimal]:
    return {currency or None: Decimal(amount) for currency, amount in texts.items()}
