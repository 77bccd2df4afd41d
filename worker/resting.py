"""How long work goes on and rests: acts and imports of any size take a share of the machine, and webhooks have the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
from sqlalchemy import Engine

from infra.bulk_tables import OPEN
from infra.clock import Clock
from infra.database import OUTAGES, hot
from infra.long_work import LongWork, P

# Three times what the batch took: a quarter of the time is for work, however slow the machine is.
TIMES = 3
# A batch that was quick has left work to the mailboxes all the same.
SHORTEST, LONGEST = timedelta(milliseconds=50), timedelta(seconds=20)
# With so much under way the mailboxes are never idle, and a webhook behind it waits for a fraction of a second.
MOST_BACKLOG = 1_000
# So long until the mailboxes are looked at again; a look costs a millisecond.
BACKLOG_REST = timedelta(milliseconds=250)
# So long after its last turn an open one counts as neglected, and a sweep nudges again; longer than any rest.
TENDED_FOR = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """What one batch did. `must_rest`: nothing, since others have enough to do. `times`: the rest, by what it took."""

    mailboxes: frozenset[int] = frozenset()
    must_rest: bool = False
    times: int = TIMES


class BatchError(Exception):
    """A batch of the piece of work `number` raised `error`; nothing of the batch is kept."""

    def __init__(self, number: int, error: Exception) -> None:
        super().__init__(number)
        self.number, self.error = number, error


def next_batch(
    engine: Engine,
    clock: Clock,
    work: LongWork[P],
    do: Callable[[psycopg.Connection[Any], P, datetime], Batch],
    *,
    only: int | None = None,
) -> Batch | None:
    """Some more of the one that has the turn, or of `only`, in one transaction; None where nothing is open, or others are at it.

    Raises BatchError, and what an outage raises.
    """
    number = None
    try:
        with hot(engine) as connection:
            number = _next(connection, work, only, now=clock.now())
            if number is None and not may_any_rest(connection, work):
                return None
            tend(connection, work, now=clock.now(), only=only)
            if number is None:
                return Batch(must_rest=True)
            if backlog(connection, now=clock.now()) > MOST_BACKLOG:
                return Batch(must_rest=True)
            return do(connection, work.need(connection, number), clock.now())
    except OUTAGES:
        raise
    except Exception as error:
        if number is None:
            raise
        raise BatchError(number, error) from error


def rest_after(batch: Batch, took: timedelta) -> timedelta:
    """How long to rest after a batch that took so long."""
    return BACKLOG_REST if batch.must_rest else min(max(batch.times * took, SHORTEST), LONGEST)


BACKLOG = """
SELECT count(*) FROM (
    SELECT FROM pending WHERE status = 'ready' AND (try_at IS NULL OR try_at <= %s) LIMIT %s
) AS waiting
"""


def backlog(connection: psycopg.Connection[Any], *, now: datetime) -> int:
    """How many events are ready and not taken; counted no further than matters."""
    row = connection.execute(BACKLOG, [now, MOST_BACKLOG + 1]).fetchone()
    return int(row[0]) if row else 0


def tend(connection: psycopg.Connection[Any], work: LongWork[P], *, now: datetime, only: int | None) -> None:
    """All that are open, or one of them, are in good hands: those that wait for their turn too. None waits for a lock."""
    query = f"""
    UPDATE {work.table} SET claimed_until = %s WHERE id IN (
        SELECT id FROM {work.table} WHERE {OPEN} AND coalesce(id = %s::int8, true) FOR UPDATE SKIP LOCKED
    )
    """
    connection.execute(query.encode(), [now + TENDED_FOR, only])


def may_any_rest(connection: psycopg.Connection[Any], work: LongWork[P]) -> bool:
    """Whether an open one may be resting. What it waited for may be over by now: not asked, so that no chain ends by it."""
    query = f"SELECT EXISTS (SELECT FROM {work.table} WHERE {OPEN} AND {work.may_rest})"
    row = connection.execute(query.encode()).fetchone()
    return row is not None and bool(row[0])


def _next(connection: psycopg.Connection[Any], work: LongWork[P], only: int | None, *, now: datetime) -> int | None:
    """Who has the row has the turn. The one with least to do first, so that a small one does not wait for a large one."""
    query = f"""
    SELECT id FROM {work.table} WHERE {OPEN} AND coalesce(id = %(only)s::int8, true) AND NOT ({work.may_rest} AND {work.rests})
    ORDER BY {work.left}, id LIMIT 1 FOR UPDATE SKIP LOCKED
    """
    row = connection.execute(query.encode(), {"only": only, "now": now}).fetchone()
    return int(row[0]) if row else None
