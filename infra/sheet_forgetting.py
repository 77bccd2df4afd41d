"""The codes of a sheet that is over, or that nobody applied, are taken away: some in each transaction, however many there are."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import psycopg

from infra.bulk_tables import STOPPED

# A transaction with so many takes tens of milliseconds.
CODES_AT_ONCE = 1_000
FULL = "is_forgotten AND emptied_at IS NULL"


def forget(connection: psycopg.Connection[Any], number: int, *, now: datetime) -> None:
    """Nothing of it is applied any more; the first of its rows as they were sent are gone, the others follow. The report stays."""
    connection.execute("UPDATE imports SET is_forgotten = true, place = 0 WHERE id = %s", [number])
    _empty(connection, number, 0, now=now)


def forget_old(connection: psycopg.Connection[Any], *, before: datetime, now: datetime) -> int:
    """Ends the sheets from before an instant that nobody applied, or that stopped by the way; returns how many."""
    query = f"""
    UPDATE imports SET status = 'done', ended_at = coalesce(ended_at, %s), claimed_until = NULL, is_forgotten = true, place = 0
    WHERE emptied_at IS NULL AND NOT is_forgotten AND created_at < %s AND {STOPPED}
    """
    return connection.execute(query, [now, before]).rowcount


def empty_some(connection: psycopg.Connection[Any], *, now: datetime) -> bool:
    """Takes CODES_AT_ONCE codes away of a sheet that is forgotten; False where there is none, or others are at it."""
    query = f"SELECT id, place FROM imports WHERE {FULL} ORDER BY created_at, id LIMIT 1 FOR UPDATE SKIP LOCKED"
    row = connection.execute(query.encode()).fetchone()
    if row is None:
        return False
    _empty(connection, row[0], row[1], now=now)
    return True


EMPTY = """
WITH page AS (
    SELECT line FROM sheet_rows WHERE import_id = %(id)s AND line > %(place)s AND sealed IS NOT NULL ORDER BY line LIMIT %(limit)s
),
emptied AS (
    UPDATE sheet_rows SET sealed = NULL FROM page WHERE import_id = %(id)s AND sheet_rows.line = page.line RETURNING sheet_rows.line
)
UPDATE imports SET place = greatest(place, (SELECT max(line) FROM emptied)),
    emptied_at = CASE WHEN (SELECT count(*) FROM emptied) < %(limit)s THEN %(now)s END
WHERE id = %(id)s
"""


def _empty(connection: psycopg.Connection[Any], number: int, place: int, *, now: datetime) -> None:
    """One statement over at most CODES_AT_ONCE rows beyond the line `place`, whose import this transaction holds."""
    connection.execute(EMPTY, {"id": number, "place": place, "limit": CODES_AT_ONCE, "now": now})
