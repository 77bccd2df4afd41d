"""What operators read in the morning: what is at risk, what lapses soon, what waits for them, and what has just happened.

Sums come from the worker's summaries; every other query walks the end of an index, so that the page costs the same over ten
thousand authorizations and a million.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.rows import dict_row
from sqlalchemy import Engine

from infra import escalated, escalations, waiting
from infra.chosen import creator_channels_of, policy_of
from infra.database import hot
from infra.escalated import Item
from infra.reports import summaries
from infra.reports.chores import Chore, chores
from infra.reports.summaries import IS_SOON, SOON, Portfolio, Wait
from infra.settings import Settings

LAPSING, ESCALATED, REQUESTED, LATELY, ASKED_NEXT = 12, 6, 5, 6, 5
# Among so many that end next, and the largest of all, the list is made: neither grows with the portfolio.
NEXT = 200
Row = dict[str, Any]

LAPSES = f"""
SELECT a.id, a.key, a.item_id, a.account_handle, a.state, a.condition, a.expires_at, a.at_risk, a.spend_a_day, a.currency,
    a.next_action, a.next_action_at, a.why, a.reference, creators.handle, advertisers.name AS advertiser,
    asked.times, asked.last_at
FROM (
    SELECT * FROM authorizations WHERE {IS_SOON} AND expires_at IS NOT NULL AND id IN (
        SELECT unnest(%(largest)s::int8[]) UNION ALL
        (SELECT id FROM authorizations WHERE {IS_SOON} AND expires_at IS NOT NULL ORDER BY expires_at, id LIMIT {NEXT})
    )
    ORDER BY coalesce(at_risk, 0) DESC, expires_at, id LIMIT %(limit)s
) AS a
LEFT JOIN creators ON creators.id = a.creator_id
LEFT JOIN advertisers ON advertisers.advertiser_id = a.advertiser_id
LEFT JOIN LATERAL (
    SELECT count(*) AS times, max(sent_at) AS last_at FROM asks
    WHERE authorization_id = a.id AND period_ends_at = a.expires_at AND sent_at IS NOT NULL
) AS asked ON true
ORDER BY coalesce(at_risk, 0) DESC, expires_at, a.id
"""
# The most money among those that climbed last, each authorization with its last step.
ESCALATIONS = f"""
SELECT last.id FROM (
    SELECT DISTINCT ON (authorization_id) id, authorization_id
    FROM (SELECT * FROM escalations WHERE resolved_at IS NULL ORDER BY opened_at DESC LIMIT {NEXT}) AS open
    ORDER BY authorization_id, id DESC
) AS last JOIN authorizations ON authorizations.id = last.authorization_id
ORDER BY coalesce(at_risk, 0) DESC, last.id DESC LIMIT %(limit)s
"""
OPEN = "SELECT count(DISTINCT authorization_id) FROM (SELECT * FROM escalations WHERE resolved_at IS NULL LIMIT 1000) AS open"
LAST = """
SELECT seq, received_at, type, last.key, sender, coalesce(last.outcome, pending.status, 'ready') AS outcome, last.reason,
    note, creators.handle, authorizations.id
FROM (SELECT * FROM inbox ORDER BY seq DESC LIMIT %(limit)s) AS last
LEFT JOIN pending USING (seq)
LEFT JOIN authorizations ON authorizations.key = last.key
LEFT JOIN LATERAL (
    SELECT note FROM history WHERE authorization_id = authorizations.id AND history.seq = last.seq
    ORDER BY id DESC LIMIT 1
) AS told ON last.reason = 'code_refused'
LEFT JOIN creators ON creators.id = creator_id
ORDER BY seq DESC
"""
ASKS = """
SELECT a.id, a.key, a.item_id, a.account_handle, a.next_action_at, a.expires_at, creators.handle
FROM (
    SELECT * FROM authorizations WHERE next_action = 'ask' ORDER BY next_action_at, id LIMIT %(limit)s
) AS a LEFT JOIN creators ON creators.id = a.creator_id
ORDER BY next_action_at, a.id
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Today:
    """What the page shows. `open`: how many authorizations climbed, of which `escalated` are the ones with the most money."""

    now: datetime
    sums: Portfolio
    lapsing: Sequence[Row]
    chores: Sequence[Chore]
    escalated: Sequence[Item]
    open: int
    requested: Sequence[Row]
    waits: Sequence[Wait]
    asks: Sequence[Row]
    lately: Sequence[Row]

    @property
    def is_empty(self) -> bool:
        return not self.sums.states and not self.lately

    @property
    def has_nothing_to_do(self) -> bool:
        return not self.chores and not self.escalated

    @property
    def more_lapsing(self) -> int:
        """How many end within a week beside those that are listed."""
        return max(0, self.sums.ending_soon - len(self.lapsing))

    @property
    def largest(self) -> Mapping[str | None, Decimal]:
        """The largest amount of each currency in the list, for the pictures beside the amounts."""
        found: dict[str | None, Decimal] = {}
        for row in self.lapsing:
            found[row["currency"]] = max(found.get(row["currency"], Decimal()), row["at_risk"] or Decimal())
        return found


def read(engine: Engine, settings: Settings, *, now: datetime) -> Today:
    """Reads it all on one connection. Raises what the database raises."""
    with hot(engine) as connection:
        sums, waits = summaries.portfolio(connection, now=now), summaries.waits(connection)
        return Today(
            now=now,
            sums=sums,
            lapsing=_lapsing(connection, sums, now),
            chores=chores(connection, waits, now=now),
            escalated=_escalated(connection, settings, now),
            open=_number(connection, OPEN),
            requested=waiting.at_requested(connection, limit=REQUESTED),
            waits=waits,
            asks=_rows(connection, ASKS, limit=ASKED_NEXT),
            lately=_rows(connection, LAST, limit=LATELY),
        )


def _lapsing(connection: psycopg.Connection[Any], sums: Portfolio, now: datetime) -> list[Row]:
    rows = _rows(connection, LAPSES, limit=LAPSING, soon=now + SOON, largest=list(sums.largest))
    return waiting.with_messages(connection, rows)


def _escalated(connection: psycopg.Connection[Any], settings: Settings, now: datetime) -> list[Item]:
    ids = [row["id"] for row in _rows(connection, ESCALATIONS, limit=ESCALATED)]
    return climbed(connection, settings, ids, now=now)


def climbed(
    connection: psycopg.Connection[Any], settings: Settings, ids: Sequence[int], *, now: datetime
) -> list[Item]:
    """Those of these escalations that are not over yet, the most money first."""
    policy, channels = policy_of(settings), creator_channels_of(settings)
    items = [
        item
        for page in (escalations.open_ones(connection, ids=ids) if ids else ())
        for item in escalated.items_of(connection, page, now=now, policy=policy, channels=channels)
    ]
    return sorted(items, key=lambda item: item.most, reverse=True)


def _rows(connection: psycopg.Connection[Any], query: str, **values: Any) -> list[Row]:
    return connection.cursor(row_factory=dict_row).execute(query, values).fetchall()


def _number(connection: psycopg.Connection[Any], query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0
