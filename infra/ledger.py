"""The ledger of sweeps: one row for each job and slot, so that a missed sweep is visible and none runs twice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg
from psycopg.rows import class_row

# Every job that has a ledger, in the order in which people read them.
JOBS = ("expire", "lapse", "remind", "look", "climb", "rescue", "summarize", "vows", "prune")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ERROR_CHARACTERS = 2000

OPEN = """
INSERT INTO sweeps (job, slot, fence, started_at) VALUES (%(job)s, %(slot)s, %(fence)s, %(now)s)
ON CONFLICT (job, slot) DO NOTHING RETURNING id
"""
CLOSE = "UPDATE sweeps SET ended_at = %(now)s, found = %(found)s, error = %(error)s WHERE id = %(id)s"
FAIL = "UPDATE sweeps SET error = %(error)s WHERE id = %(id)s"
# One probe of the index (job, slot) for each job: the ledger may be long.
LAST = """
SELECT last.job, last.slot, last.started_at, last.ended_at, last.found, last.error
FROM unnest(%(jobs)s::text[]) WITH ORDINALITY AS wanted (job, place)
CROSS JOIN LATERAL (SELECT * FROM sweeps WHERE sweeps.job = wanted.job ORDER BY slot DESC LIMIT 1) AS last
ORDER BY wanted.place
"""
# What was before the first run that is known (the house was not there yet) is no gap.
GAP = """
SELECT max(started_at - before) FROM (
    SELECT started_at, lag(started_at, 1, begins_at) OVER (ORDER BY started_at) AS before
    FROM (
        SELECT started_at FROM sweeps WHERE job = %(job)s AND slot >= %(since)s AND ended_at IS NOT NULL
        UNION ALL SELECT %(now)s::timestamptz
    ) AS runs
    CROSS JOIN (
        SELECT greatest(%(since)s::timestamptz, (
            SELECT started_at FROM sweeps WHERE job = %(job)s ORDER BY slot LIMIT 1
        )) AS begins_at
    ) AS span
) AS gaps
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sweep:
    """One run. `ended_at` None: still running, or crashed. `error` beside an end: what the vows found broken."""

    job: str
    slot: datetime
    started_at: datetime
    ended_at: datetime | None
    found: int | None
    error: str | None

    @property
    def has_failed(self) -> bool:
        """Whether it crashed."""
        return self.error is not None and self.ended_at is None

    @property
    def is_broken(self) -> bool:
        """Whether it came to its end, and found what must not be."""
        return self.error is not None and self.ended_at is not None


def slot_of(now: datetime, interval: timedelta) -> datetime:
    """The instant floored to the interval, counted from 1970: the same on every machine."""
    return now - (now - EPOCH) % interval


def begin(connection: psycopg.Connection, *, job: str, slot: datetime, fence: int, now: datetime) -> int | None:
    """Opens the row of a sweep; None when this slot has already been swept."""
    values = {"job": job, "slot": slot, "fence": fence, "now": now}
    row = connection.execute(OPEN, values).fetchone()
    return None if row is None else int(row[0])


def end(connection: psycopg.Connection, sweep_id: int, *, found: int, error: str | None, now: datetime) -> None:
    """Closes the row; `error` holds the broken vows."""
    cut = error and error[:ERROR_CHARACTERS]
    connection.execute(CLOSE, {"id": sweep_id, "found": found, "error": cut, "now": now})


def fail(connection: psycopg.Connection, sweep_id: int, *, error: str) -> None:
    """Notes why a sweep crashed; it stays without an end."""
    connection.execute(FAIL, {"id": sweep_id, "error": error[:ERROR_CHARACTERS]})


def last_sweeps(connection: psycopg.Connection) -> list[Sweep]:
    """The newest row of each job that ever ran, in the order of JOBS."""
    with connection.cursor(row_factory=class_row(Sweep)) as cursor:
        return cursor.execute(LAST, {"jobs": list(JOBS)}).fetchall()


def longest_gap(connection: psycopg.Connection, job: str, *, since: datetime, now: datetime) -> timedelta:
    """The longest time without a finished sweep of this job, from `since`, or its first run where that came later, to `now`."""
    row = connection.execute(GAP, {"job": job, "since": since, "now": now}).fetchone()
    return row[0] if row is not None and row[0] is not None else timedelta(0)
