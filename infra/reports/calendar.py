"""What ends in the days ahead, and what is to be asked: counted by day from now, as a filter of the list counts days left."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg

from domain.digest import sums
from domain.money import Amounts
from infra.tables import RUNNING

Connection = psycopg.Connection[Any]
A_DAY = timedelta(days=1)

# Whose end is past though nobody has said so yet has no day left, as in the list.
ENDS = f"""
SELECT greatest(0, floor(date_part('epoch', expires_at - %(now)s) / 86400)::int4), currency, count(*),
    count(*) FILTER (WHERE at_risk > 0), coalesce(sum(at_risk), 0), coalesce(sum(spend_a_day) FILTER (WHERE at_risk > 0), 0)
FROM authorizations
WHERE {RUNNING} AND expires_at IS NOT NULL AND expires_at < %(until)s GROUP BY 1, 2
"""
ASKS = """
SELECT greatest(0, floor(date_part('epoch', next_action_at - %(now)s) / 86400)::int4), count(*)
FROM authorizations WHERE next_action = 'ask' AND next_action_at < %(until)s GROUP BY 1
"""


@dataclass(kw_only=True, slots=True)
class Day:
    """The day from `begins_at` on, `number` days from now. `needed`: of the `ends`, those that something outlasts."""

    number: int
    begins_at: datetime
    ends: int = 0
    needed: int = 0
    asks: int = 0
    at_risk: defaultdict[str | None, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    stops: defaultdict[str | None, Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    @property
    def is_quiet(self) -> bool:
        return not self.ends and not self.asks


@dataclass(frozen=True, kw_only=True, slots=True)
class Stretch:
    """The first so many days together."""

    days: int
    ends: int
    needed: int
    at_risk: Amounts


def days(connection: Connection, *, now: datetime, count: int) -> list[Day]:
    """Each of the next `count` days."""
    found = [Day(number=number, begins_at=now + number * A_DAY) for number in range(count)]
    values = {"now": now, "until": now + count * A_DAY}
    for number, currency, ends, needed, at_risk, stops in connection.execute(ENDS, values):
        day = found[number]
        day.ends += ends
        day.needed += needed
        if at_risk:
            day.at_risk[currency] += at_risk
        if stops:
            day.stops[currency] += stops
    for number, asks in connection.execute(ASKS, values):
        found[number].asks += asks
    return found


def told(found: list[Day]) -> dict[str, Any]:
    """As it is kept: amounts as text, so that nothing is rounded on the way; quiet days are left out."""
    return {"days": [_told(day) for day in found if not day.is_quiet]}


def kept(body: Mapping[str, Any], *, at: datetime, count: int) -> list[Day]:
    """The days that were told `at` that instant."""
    found = [Day(number=number, begins_at=at + number * A_DAY) for number in range(count)]
    for each in body["days"]:
        day = found[each["number"]]
        day.ends, day.needed, day.asks = each["ends"], each["needed"], each["asks"]
        day.at_risk.update({currency or None: Decimal(amount) for currency, amount in each["at_risk"].items()})
        day.stops.update({currency or None: Decimal(amount) for currency, amount in each["stops"].items()})
    return found


def _told(day: Day) -> dict[str, Any]:
    amounts = {"at_risk": day.at_risk, "stops": day.stops}
    return {"number": day.number, "ends": day.ends, "needed": day.needed, "asks": day.asks} | {
        name: {currency or "": str(amount) for currency, amount in money.items()} for name, money in amounts.items()
    }


def stretch(found: list[Day], count: int) -> Stretch:
    """What the first `count` days come to."""
    first = found[:count]
    return Stretch(
        days=count,
        ends=sum(day.ends for day in first),
        needed=sum(day.needed for day in first),
        at_risk=sums(day.at_risk for day in first),
    )
