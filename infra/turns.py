"""Whose turn it is to be looked at: advertisers claimed one by one, and when each is due again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg

from domain.authorization import State
from domain.events import Route
from domain.looking import Glance
from domain.money import DAYS_LOOKED_BACK
from infra.advertisers import CONTEXT
from infra.vault import Vault

# Longer than a page takes, and a look prolongs its claim by the way; one that a power cut ended is taken up by another then.
LOOK_IS_LOST_AFTER = timedelta(minutes=10)
# Below this gap a look would show what the last one did: TikTok itself needs longer to pass changes on.
MINIMUM_GAP = timedelta(seconds=60)
# The gap counts attempts: one that was interrupted, and brought forward by hints, would otherwise follow the next at once.
WANTS_LOOK = """
(next_look_at <= %(due)s AND (tried_at IS NULL OR tried_at <= %(now)s - %(gap)s::interval)
 AND (rests_until IS NULL OR rests_until <= %(now)s))
"""
IS_DUE = f"""
token IS NOT NULL AND (looking_until IS NULL OR looking_until <= %(now)s)
AND (next_kpis_at <= %(due)s OR {WANTS_LOOK})
"""
CLAIM = f"""
UPDATE advertisers SET looking_until = %(until)s,
    next_look_at = CASE WHEN chosen.wants_look THEN %(until)s ELSE advertisers.next_look_at END,
    tried_at = CASE WHEN chosen.wants_look THEN %(now)s ELSE advertisers.tried_at END
FROM (
    SELECT advertiser_id, next_kpis_at <= %(due)s AS wants_kpis,
        {WANTS_LOOK} AS wants_look
    FROM advertisers WHERE {IS_DUE} AND (%(only)s::text IS NULL OR advertiser_id = %(only)s)
    ORDER BY least(next_look_at, next_kpis_at), advertiser_id LIMIT 1 FOR UPDATE SKIP LOCKED
) AS chosen
WHERE advertisers.advertiser_id = chosen.advertiser_id
RETURNING advertisers.advertiser_id, token, bc_id, name, wants_look, wants_kpis, spent_at, looked_at,
    failed_looks
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """An advertiser whose turn it is, claimed until `until`; what it is due for, and how many looks failed in a row."""

    advertiser_id: str
    sealed: bytes
    bc_id: str | None
    wants_look: bool
    wants_kpis: bool
    spent_at: datetime | None
    looked_at: datetime | None
    failed_looks: int
    until: datetime


def claim(
    connection: psycopg.Connection[Any], *, now: datetime, due_at: datetime | None = None, only: str | None = None
) -> Turn | None:
    """The advertiser that has been due longest, for one looker alone; None where none is.

    `due_at`: what falls due after this instant is left for the next call, or a looker that is slower than the pace of
    its advertisers would never end.

    The next look is set to the claim's end, so that a hint during the look, which brings it forward, can be told.
    """
    until = now + LOOK_IS_LOST_AFTER
    values = {"now": now, "due": due_at or now, "gap": MINIMUM_GAP, "until": until, "only": only}
    row = connection.execute(CLAIM, values).fetchone()
    if row is None:
        return None
    advertiser_id, sealed, bc_id, _, wants_look, wants_kpis, spent_at, looked_at, failed_looks = row
    return Turn(
        advertiser_id=advertiser_id,
        sealed=bytes(sealed),
        bc_id=bc_id,
        wants_look=wants_look,
        wants_kpis=wants_kpis,
        spent_at=spent_at,
        looked_at=looked_at,
        failed_looks=failed_looks,
        until=until,
    )


def opened(turn: Turn, vault: Vault) -> str:
    """The token in the clear. Raises UnsealError under another key."""
    return vault.unseal(turn.sealed, context=CONTEXT)


LOOKED = """
UPDATE advertisers SET looked_at = coalesce(%(looked_at)s, looked_at),
    next_look_at = CASE
        WHEN next_look_at < %(until)s AND %(rests)s::timestamptz IS NULL THEN least(next_look_at, %(next)s) ELSE %(next)s END,
    failed_looks = %(failed)s, rests_until = %(rests)s
WHERE advertiser_id = %(advertiser_id)s
"""


def looked(
    connection: psycopg.Connection[Any],
    turn: Turn,
    *,
    looked_at: datetime | None,
    next_at: datetime,
    failed_looks: int = 0,
    is_rest: bool = False,
) -> None:
    """Notes a look: a complete one at `looked_at`, or None for one that was interrupted.

    A hint that came meanwhile wins, but not over a rest: TikTok, or the token, needs that time.
    """
    values = {
        "looked_at": looked_at,
        "until": turn.until,
        "next": next_at,
        "failed": failed_looks,
        "rests": next_at if is_rest else None,
        "advertiser_id": turn.advertiser_id,
    }
    connection.execute(LOOKED, values)


def prolong(connection: psycopg.Connection[Any], turn: Turn, *, held_until: datetime, until: datetime) -> bool:
    """Keeps a claim that is held until `held_until` until `until`; False where another has taken it over."""
    query = "UPDATE advertisers SET looking_until = %s WHERE advertiser_id = %s AND looking_until = %s"
    return connection.execute(query, [until, turn.advertiser_id, held_until]).rowcount > 0


def spent(connection: psycopg.Connection[Any], turn: Turn, *, spent_at: datetime | None, next_at: datetime) -> None:
    """Notes a reading of the KPIs, None for one that was interrupted."""
    query = "UPDATE advertisers SET spent_at = coalesce(%s, spent_at), next_kpis_at = %s WHERE advertiser_id = %s"
    connection.execute(query, [spent_at, next_at, turn.advertiser_id])


def release(connection: psycopg.Connection[Any], turn: Turn, *, held_until: datetime | None = None) -> None:
    """Gives the advertiser back; a claim that another has taken over meanwhile stands."""
    query = "UPDATE advertisers SET looking_until = NULL WHERE advertiser_id = %s AND looking_until = %s"
    connection.execute(query, [turn.advertiser_id, held_until or turn.until])


def due(connection: psycopg.Connection[Any], *, now: datetime) -> int:
    """How many advertisers wait for a look or for a reading of their KPIs."""
    query = f"SELECT count(*) FROM advertisers WHERE {IS_DUE}"
    row = connection.execute(query, {"now": now, "due": now, "gap": MINIMUM_GAP}).fetchone()
    return int(row[0]) if row else 0


# One group for each way in which a pace can differ, with its earliest end: a handful of rows, however many there are.
# An ask is open while its period's end has not moved. A day's money is the mean of the days that had any.
GLANCES = """
WITH mine AS (
    SELECT id, state, route, expires_at, coalesce(ladder_from, starts_at) AS ladder_begins_at,
        EXISTS (SELECT FROM ads WHERE authorization_id = a.id AND started_at IS NOT NULL
            AND (stopped_at IS NULL OR stopped_at < started_at)) AS is_wanted,
        EXISTS (SELECT FROM asks WHERE authorization_id = a.id AND period_ends_at = a.expires_at) AS has_open_ask
    FROM authorizations AS a WHERE advertiser_id = %(advertiser_id)s
), spends AS (
    SELECT authorization_id, avg(spend) AS a_day FROM kpis JOIN mine ON mine.id = authorization_id
    WHERE day >= %(since)s AND spend > 0 GROUP BY authorization_id
)
SELECT state, route, min(expires_at), (array_agg(ladder_begins_at ORDER BY expires_at NULLS LAST))[1], is_wanted,
    has_open_ask, coalesce(max(a_day), 0)
FROM mine LEFT JOIN spends ON authorization_id = id GROUP BY state, route, is_wanted, has_open_ask
"""


def glances(connection: psycopg.Connection[Any], advertiser_id: str, *, now: datetime) -> list[Glance]:
    """What the pace of the next look depends on."""
    values = {"advertiser_id": advertiser_id, "since": (now - DAYS_LOOKED_BACK * timedelta(days=1)).date()}
    return [
        Glance(
            state=State(state),
            route=Route(route),
            expires_at=expires_at,
            ladder_begins_at=begins_at,
            is_wanted=is_wanted,
            has_open_ask=has_open_ask,
            spend_a_day=spend_a_day,
        )
        for state, route, expires_at, begins_at, is_wanted, has_open_ask, spend_a_day in connection.execute(
            GLANCES, values
        )
    ]
