"""Advertisers as operators see them: what is exposed, what covers it, how the connection to TikTok fares, what looks cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.rows import dict_row

from domain.authorization import RUNNING_STATES
from domain.money import Amounts
from infra import waiting
from infra.tables import AT_RISK, RUNNING
from infra.tiktok.sizes import MOST_POSTS, MOST_ROWS

Connection = psycopg.Connection[Any]
Row = dict[str, Any]

FACTS = """
known.name, known.bc_id, known.token IS NOT NULL AS is_connected, known.connected_at, known.looked_at, known.next_look_at,
known.spent_at, known.tried_at, known.failed_looks, known.rests_until, known.trouble, known.advertiser_id IS NOT NULL AS is_kept
"""
# Each step is one probe of two indexes, however many authorizations an advertiser has.
PAGE = f"""
WITH RECURSIVE walk (advertiser_id, place) AS (
    SELECT least((SELECT min(advertiser_id) FROM authorizations WHERE advertiser_id > %(after)s),
                 (SELECT min(advertiser_id) FROM advertisers WHERE advertiser_id > %(after)s)), 1
    UNION ALL
    SELECT least((SELECT min(advertiser_id) FROM authorizations AS a WHERE a.advertiser_id > walk.advertiser_id),
                 (SELECT min(advertiser_id) FROM advertisers AS a WHERE a.advertiser_id > walk.advertiser_id)), place + 1
    FROM walk WHERE walk.advertiser_id IS NOT NULL AND place < %(limit)s
)
SELECT walk.advertiser_id, {FACTS}
FROM walk LEFT JOIN advertisers AS known ON known.advertiser_id = walk.advertiser_id
WHERE walk.advertiser_id IS NOT NULL ORDER BY place
"""
ONE = f"""
SELECT %(id)s AS advertiser_id, {FACTS}
FROM (SELECT) AS nothing LEFT JOIN advertisers AS known ON known.advertiser_id = %(id)s
WHERE known.advertiser_id IS NOT NULL OR EXISTS (SELECT FROM authorizations WHERE advertiser_id = %(id)s)
"""
EXPOSED = f"""
SELECT advertiser_id, currency, state, count(*), count(*) FILTER (WHERE {AT_RISK}),
    coalesce(sum(spend_a_day) FILTER (WHERE {RUNNING}), 0), coalesce(sum(at_risk) FILTER (WHERE {RUNNING}), 0)
FROM authorizations WHERE advertiser_id = ANY(%s) GROUP BY advertiser_id, currency, state
"""
LARGEST = f"""
SELECT authorizations.id, key, item_id, account_handle, handle, state, expires_at, next_action, next_action_at, why, at_risk,
    spend_a_day, currency
FROM authorizations LEFT JOIN creators ON creators.id = creator_id
WHERE advertiser_id = %(id)s AND {AT_RISK} ORDER BY at_risk DESC, authorizations.id DESC LIMIT %(limit)s
"""
SIZES = """
SELECT (SELECT count(*) FROM sightings WHERE advertiser_id = %(id)s),
    (SELECT count(*) FROM ads JOIN authorizations ON authorizations.id = authorization_id WHERE advertiser_id = %(id)s),
    EXISTS (SELECT FROM authorizations WHERE advertiser_id = %(id)s AND route = 'account')
"""
# To choose from: who is found by the name is called by it. Whoever has the same name comes next in this order.
NAMES = """
SELECT CASE WHEN count(*) OVER (PARTITION BY lower(name)) = 1 AND length(name) <= 40 THEN name ELSE advertiser_id END
FROM (SELECT * FROM advertisers ORDER BY lower(name), advertiser_id LIMIT %(limit)s + 1) AS first
ORDER BY lower(name), advertiser_id LIMIT %(limit)s
"""
CALLED = "SELECT advertiser_id FROM advertisers WHERE lower(name) = lower(%s) ORDER BY advertiser_id LIMIT %s"


@dataclass(frozen=True, kw_only=True, slots=True)
class Exposure:
    """`uncovered`: how many in force end before what needs them does; `states`: how many stand where."""

    states: dict[str, int]
    running: int
    uncovered: int
    spend_a_day: Amounts
    at_risk: Amounts

    @property
    def held(self) -> int:
        return sum(self.states.values())

    @property
    def covered(self) -> float | None:
        """The share of those in force that last as long as what needs them; None where none is in force."""
        return (self.running - self.uncovered) / self.running if self.running else None


NOTHING = Exposure(states={}, running=0, uncovered=0, spend_a_day={}, at_risk={})


@dataclass(frozen=True, kw_only=True, slots=True)
class Looking:
    """What looks cost: calls for one, the time between two, and calls a day at that pace. Counted by pages, hence about so."""

    calls: int
    every: timedelta | None

    @property
    def calls_a_day(self) -> int | None:
        return round(self.calls * (timedelta(days=1) / self.every)) if self.every else None


def page(connection: Connection, *, after: str = "", limit: int) -> list[Row]:
    """Advertisers by id: those that are connected, and those that only authorizations name."""
    return connection.cursor(row_factory=dict_row).execute(PAGE, {"after": after, "limit": limit}).fetchall()


def names(connection: Connection, *, limit: int) -> list[str]:
    """Of those that were ever connected, by name; the id where a name is missing, very long, or not of one alone."""
    return [name for (name,) in connection.execute(NAMES, {"limit": limit})]


def called(connection: Connection, name: str, *, limit: int) -> list[str]:
    """The ids of those that have this name, whatever its case."""
    return [number for (number,) in connection.execute(CALLED, [name, limit])]


def one(connection: Connection, advertiser_id: str) -> Row | None:
    """The facts of one advertiser; None where nothing is known of it."""
    return connection.cursor(row_factory=dict_row).execute(ONE, {"id": advertiser_id}).fetchone()


def exposures(connection: Connection, ids: Sequence[str]) -> dict[str, Exposure]:
    """What each of these advertisers has in force and at risk."""
    by_advertiser: defaultdict[str, list[Any]] = defaultdict(list)
    for advertiser_id, *facts in connection.execute(EXPOSED, [list(ids)]):
        by_advertiser[advertiser_id].append(facts)
    return {each: _exposure(by_advertiser[each]) if each in by_advertiser else NOTHING for each in ids}


def _exposure(rows: Sequence[Any]) -> Exposure:
    states: defaultdict[str, int] = defaultdict(int)
    spend: defaultdict[str | None, Decimal] = defaultdict(Decimal)
    risk: defaultdict[str | None, Decimal] = defaultdict(Decimal)
    for currency, state, count, _, a_day, at_risk in rows:
        states[state] += count
        spend[currency] += a_day
        risk[currency] += at_risk
    return Exposure(
        states=dict(states),
        running=sum(states[state] for state in RUNNING_STATES),
        uncovered=sum(row[3] for row in rows),
        spend_a_day={currency: amount for currency, amount in spend.items() if amount},
        at_risk={currency: amount for currency, amount in risk.items() if amount},
    )


def at_risk(connection: Connection, advertiser_id: str, *, limit: int) -> list[Row]:
    """Those in force with the most money at risk."""
    rows = connection.cursor(row_factory=dict_row).execute(LARGEST, {"id": advertiser_id, "limit": limit}).fetchall()
    return waiting.with_messages(connection, rows)


def looking(connection: Connection, row: Row) -> Looking:
    """What looks at an advertiser cost at its present pace."""
    found = connection.execute(SIZES, {"id": row["advertiser_id"]}).fetchone()
    posts, ads, has_accounts = found or (0, 0, False)
    calls = max(1, -(-posts // MOST_POSTS)) + max(1, -(-ads // MOST_ROWS)) + has_accounts
    is_paced = row["is_connected"] and row["looked_at"] and row["next_look_at"] > row["looked_at"]
    return Looking(calls=calls, every=row["next_look_at"] - row["looked_at"] if is_paced else None)
