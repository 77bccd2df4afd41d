"""What the page at `/` shows, read in a few queries that each walk an index or a small table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.rows import dict_row
from sqlalchemy import Engine

from domain.money import Amounts
from domain.worth import Worth, worth
from infra import authorizations, kpis, waiting
from infra.database import hot
from infra.sightings import CONFIRMED_AT

LAPSING, WAITING, EVENTS, ADVERTISERS = 12, 8, 15, 24
Row = dict[str, Any]

COUNTS = "SELECT state, count(*) FROM authorizations GROUP BY state"
NEXT = f"""
SELECT key, state, condition, expires_at, next_action, next_action_at, why, creators.handle,
    advertisers.name AS advertiser, {CONFIRMED_AT} AS confirmed_at
FROM (
    SELECT * FROM authorizations WHERE state IN ('authorized', 'active') AND expires_at IS NOT NULL
    ORDER BY expires_at, id LIMIT %(limit)s
) AS authorizations
LEFT JOIN creators ON creators.id = creator_id
LEFT JOIN advertisers USING (advertiser_id)
ORDER BY expires_at, authorizations.id
"""
LAST = """
SELECT seq, received_at, type, last.key, sender, coalesce(last.outcome, pending.status, 'ready') AS outcome, last.reason, note,
    creators.handle, advertisers.name AS advertiser
FROM (SELECT * FROM inbox ORDER BY seq DESC LIMIT %(limit)s) AS last
LEFT JOIN pending USING (seq)
LEFT JOIN authorizations ON authorizations.key = last.key
LEFT JOIN LATERAL (
    SELECT note FROM history WHERE authorization_id = authorizations.id AND history.seq = last.seq
    ORDER BY id DESC LIMIT 1
) AS told ON last.reason = 'code_refused'
LEFT JOIN creators ON creators.id = creator_id
LEFT JOIN advertisers USING (advertiser_id)
ORDER BY seq DESC
"""
FOR_PEOPLE = "SELECT status, count(*) FROM pending WHERE status IN ('parked', 'quarantined') GROUP BY status"
CONNECTED = """
SELECT advertiser_id, name, token IS NOT NULL AS is_connected, looked_at, trouble FROM advertisers
ORDER BY trouble IS NULL, advertiser_id LIMIT %(limit)s
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lapsing:
    """A running authorization that has an end, and what it is worth."""

    row: Row
    worth: Worth


@dataclass(frozen=True, kw_only=True, slots=True)
class Overview:
    """What the page shows."""

    now: datetime
    counts: Mapping[str, int]
    lapsing: list[Lapsing]
    waiting: list[Row]
    events: list[Row]
    for_people: Mapping[str, int]
    advertisers: list[Row]

    @property
    def is_empty(self) -> bool:
        return not self.counts and not self.events

    @property
    def at_risk(self) -> Amounts:
        """Of all authorizations that are shown, by currency."""
        sums: defaultdict[str | None, Decimal] = defaultdict(Decimal)
        for each in self.lapsing:
            for currency, amount in each.worth.at_risk.items():
                sums[currency] += amount
        return sums


def overview(engine: Engine, now: datetime) -> Overview:
    """Reads it all on one connection. Raises what the database raises."""
    with hot(engine) as connection:
        return Overview(
            now=now,
            counts=dict(connection.execute(COUNTS).fetchall()),
            lapsing=lapsing(connection, now),
            waiting=waiting.at_requested(connection, limit=WAITING),
            events=_rows(connection, LAST, EVENTS),
            for_people=dict(connection.execute(FOR_PEOPLE).fetchall()),
            advertisers=_rows(connection, CONNECTED, ADVERTISERS),
        )


def lapsing(connection: psycopg.Connection[Any], now: datetime) -> list[Lapsing]:
    """The authorizations that end next, the first to end first."""
    rows = _rows(connection, NEXT, LAPSING)
    keys = [row["key"] for row in rows]
    days, known = kpis.days_of(connection, keys, now=now), authorizations.load(connection, keys)
    return [
        Lapsing(row=row, worth=worth(known[row["key"]], days[row["key"]], now=now))
        for row in rows
        if row["key"] in known
    ]


def _rows(connection: psycopg.Connection[Any], query: str, limit: int) -> list[Row]:
    return connection.cursor(row_factory=dict_row).execute(query, {"limit": limit}).fetchall()
