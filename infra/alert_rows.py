"""The table `alerts`: which conditions of the service hold or are open, since when, and when they were resolved.

What was told of them, and when, is the outbox row of the alert (infra.alerts).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import psycopg
from psycopg.rows import class_row

from domain.watching import Watched

Connection = psycopg.Connection[Any]

COLUMNS = "name, sentence, holds, since, seen_at, opened_at, resolved_at"
IS_OPEN = "opened_at IS NOT NULL AND resolved_at IS NULL"
UNSETTLED = f"SELECT {COLUMNS} FROM alerts WHERE holds OR ({IS_OPEN})"
OPEN = f"SELECT {COLUMNS} FROM alerts WHERE {IS_OPEN} ORDER BY opened_at, name"
KEEP = """
INSERT INTO alerts (name, sentence, holds, since, seen_at, opened_at, resolved_at)
VALUES (%(name)s, %(sentence)s, %(holds)s, %(since)s, %(seen_at)s, %(opened_at)s, %(resolved_at)s)
ON CONFLICT (name) DO UPDATE SET sentence = excluded.sentence, holds = excluded.holds, since = excluded.since,
    seen_at = excluded.seen_at, opened_at = excluded.opened_at, resolved_at = excluded.resolved_at
"""
# What was over before it had lasted was nothing.
FORGET = "DELETE FROM alerts WHERE NOT holds AND opened_at IS NULL"
SENTENCES = "SELECT name, sentence FROM alerts"


def unsettled(connection: Connection) -> dict[str, Watched]:
    """What holds, or is open, by name."""
    with connection.cursor(row_factory=class_row(Watched)) as cursor:
        return {each.name: each for each in cursor.execute(UNSETTLED)}


def keep(connection: Connection, watched: Sequence[Watched]) -> None:
    """As they stand now."""
    connection.cursor().executemany(KEEP, [asdict(each) for each in watched])
    connection.execute(FORGET)


def open_ones(connection: Connection) -> list[Watched]:
    """The longest open first."""
    with connection.cursor(row_factory=class_row(Watched)) as cursor:
        return cursor.execute(OPEN).fetchall()


def sentences(connection: Connection) -> dict[str, str]:
    """What is wrong, or was, by name."""
    return dict(connection.execute(SENTENCES).fetchall())
