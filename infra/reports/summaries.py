"""Sums over all authorizations, made by the worker once a minute and kept as rows: a page reads them at the same cost over
ten thousand authorizations and a million.

Money is kept by currency (empty where none is known) and as text, so that nothing is rounded on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.types.json import Jsonb
from sqlalchemy import Engine

from domain.money import ZERO
from infra import waiting
from infra.database import hot, snapshot
from infra.reports import calendar
from infra.reports.calendar import Ahead
from infra.tables import RUNNING

SOON = timedelta(days=7)
DAYS_AHEAD = 90
# How many of those that lapse soon are named, the largest first: more than any page shows.
MOST_NAMED, MOST_REASONS = 100, 20
# Another shape has another name: what an earlier version kept is never read as this one's.
PORTFOLIO, AHEAD, WAITS = "portfolio", "dates", "waits"

IS_SOON = f"{RUNNING} AND expires_at <= %(soon)s"
# One pass over the table; what is known of money is so of few columns.
BY_STATE = f"""
SELECT state, coalesce(currency, ''), count(*),
    count(*) FILTER (WHERE {IS_SOON}), count(*) FILTER (WHERE {IS_SOON} AND at_risk > 0),
    coalesce(sum(spend_a_day) FILTER (WHERE {RUNNING}), 0),
    coalesce(sum(spend_a_day) FILTER (WHERE {RUNNING} AND coalesce(at_risk, 0) = 0), 0),
    coalesce(sum(at_risk) FILTER (WHERE {RUNNING}), 0), coalesce(sum(at_risk) FILTER (WHERE {IS_SOON}), 0)
FROM authorizations GROUP BY 1, 2
"""
LARGEST = f"""
SELECT id FROM authorizations WHERE {IS_SOON} AND expires_at IS NOT NULL AND at_risk > 0
ORDER BY at_risk DESC, expires_at, id LIMIT {MOST_NAMED}
"""
SPENT_A_DAY = """
SELECT currency, sum(spend_a_day), count(*) FROM authorizations WHERE state = 'active' AND spend_a_day > 0
GROUP BY 1 ORDER BY 1
"""
# Of two who made them at once, the later instant stays.
KEEP = """
INSERT INTO summaries AS kept (name, at, body) VALUES (%s, %s, %s)
ON CONFLICT (name) DO UPDATE SET at = excluded.at, body = excluded.body WHERE kept.at <= excluded.at
"""
READ = "SELECT at, body FROM summaries WHERE name = %s"


@dataclass(frozen=True, kw_only=True, slots=True)
class Money:
    """One currency: what its ads spend a day, how much of that lasts as long as it is needed, and what is at risk."""

    currency: str | None
    spend_a_day: Decimal
    covered_a_day: Decimal
    at_risk: Decimal
    at_risk_soon: Decimal

    @property
    def coverage(self) -> float | None:
        """The share of a day's spend whose authorization lasts as long as it is needed."""
        return float(self.covered_a_day / self.spend_a_day) if self.spend_a_day else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Portfolio:
    """Everything at `at`. `ending_soon`: in force and over within SOON, `lapsing_soon` those whose end costs money.

    `largest` are the ids of the latter, the most money first.
    """

    at: datetime
    states: Mapping[str, int]
    money: tuple[Money, ...]
    ending_soon: int
    lapsing_soon: int
    largest: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Wait:
    """How many of one kind are owed and wait for one reason; `remedy` is empty where it is only their turn that they wait for."""

    what: str
    reason: str
    count: int
    remedy: str


def write(engine: Engine, *, now: datetime, remedy_of: Callable[[str], str | None]) -> None:
    """Makes them anew; `remedy_of` says what a person has to do about a reason. The reading locks nothing."""
    with snapshot(engine) as connection:
        made = {
            PORTFOLIO: _portfolio(connection, now),
            AHEAD: _ahead(connection, now),
            WAITS: _waits(connection, remedy_of),
        }
    with hot(engine) as connection:
        for name, body in made.items():
            connection.execute(KEEP, [name, now, Jsonb(body)])


def portfolio(connection: psycopg.Connection[Any], *, now: datetime) -> Portfolio:
    """As it was last summed up; before the first time it is summed up here."""
    at, body = _read(connection, PORTFOLIO) or (now, _portfolio(connection, now))
    return Portfolio(
        at=at,
        states=body["states"],
        money=tuple(_money(currency, amounts) for currency, amounts in body["money"].items()),
        ending_soon=body["ending_soon"],
        lapsing_soon=body["lapsing_soon"],
        largest=tuple(body["largest"]),
    )


def ahead(connection: psycopg.Connection[Any], *, now: datetime) -> Ahead:
    """The days of the calendar from the one on at which they were summed up last."""
    at, body = _read(connection, AHEAD) or (now, _ahead(connection, now))
    return calendar.kept(body, at=at, count=DAYS_AHEAD)


def spent_a_day(connection: psycopg.Connection[Any]) -> list[tuple[str | None, Decimal, int]]:
    """What all active ones spend a day, measured or stated, as it stands now: currency, amount, and how many of them that is."""
    return connection.execute(SPENT_A_DAY).fetchall()


def waits(connection: psycopg.Connection[Any]) -> tuple[Wait, ...]:
    """What was owed and waited when it was last summed up, the most frequent first."""
    _, body = _read(connection, WAITS) or (None, {"waits": []})
    return tuple(Wait(**each) for each in body["waits"])


def _portfolio(connection: psycopg.Connection[Any], now: datetime) -> dict[str, Any]:
    rows = connection.execute(BY_STATE, {"soon": now + SOON}).fetchall()
    largest = connection.execute(LARGEST, {"soon": now + SOON}).fetchall()
    states: dict[str, int] = {}
    money: dict[str, list[Decimal]] = {}
    for state, currency, count, _, _, *amounts in rows:
        states[state] = states.get(state, 0) + count
        if any(amounts):
            before = money.get(currency, [ZERO] * len(amounts))
            money[currency] = [sum(pair, ZERO) for pair in zip(before, amounts, strict=True)]
    return {
        "states": states,
        "ending_soon": sum(row[3] for row in rows),
        "lapsing_soon": sum(row[4] for row in rows),
        "money": {currency: [str(amount) for amount in money[currency]] for currency in sorted(money)},
        "largest": [id_ for (id_,) in largest],
    }


def _ahead(connection: psycopg.Connection[Any], now: datetime) -> dict[str, Any]:
    return calendar.told(calendar.ahead(connection, now=now, count=DAYS_AHEAD))


def _waits(connection: psycopg.Connection[Any], remedy_of: Callable[[str], str | None]) -> dict[str, Any]:
    named = waiting.whys(connection)[:MOST_REASONS]
    told = [
        Wait(what=waiting.NAMES[kind], reason=waiting.in_words(reason), count=count, remedy=remedy_of(reason) or "")
        for kind, reason, count in named
    ]
    return {"waits": [asdict(each) for each in told]}


def _read(connection: psycopg.Connection[Any], name: str) -> tuple[datetime, dict[str, Any]] | None:
    return connection.execute(READ, [name]).fetchone()


def _money(currency: str, amounts: Sequence[str]) -> Money:
    spend, covered, at_risk, soon = map(Decimal, amounts)
    return Money(
        currency=currency or None, spend_a_day=spend, covered_a_day=covered, at_risk=at_risk, at_risk_soon=soon
    )
