"""How long work goes on and rests: acts and imports of any size take a share of the machine, and webhooks have the others."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import psycopg

from infra.bulk_tables import OPEN

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
    """What one batch did. `must_rest`: nothing, since the mailboxes have enough to do."""

    mailboxes: frozenset[int] = frozenset()
    must_rest: bool = False


def rest_after(batch: Batch, took: timedelta) -> timedelta:
    """How long to rest after a batch that took so long."""
    return BACKLOG_REST if batch.must_rest else min(max(TIMES * took, SHORTEST), LONGEST)


BACKLOG = """
SELECT count(*) FROM (
    SELECT FROM pending WHERE status = 'ready' AND (try_at IS NULL OR try_at <= %s) LIMIT %s
) AS waiting
"""


def backlog(connection: psycopg.Connection[Any], *, now: datetime) -> int:
    """How many events are ready and not taken; counted no further than matters."""
    row = connection.execute(BACKLOG, [now, MOST_BACKLOG + 1]).fetchone()
    return int(row[0]) if row else 0


def tend(
    connection: psycopg.Connection[Any], table: Literal["bulks", "imports"], *, now: datetime, only: int | None = None
) -> None:
    """All that are open, or one of them, are in good hands: those that wait for their turn too. None waits for a lock."""
    query = f"""
    UPDATE {table} SET claimed_until = %s WHERE id IN (
        SELECT id FROM {table} WHERE {OPEN} AND coalesce(id = %s::int8, true) FOR UPDATE SKIP LOCKED
    )
    """
    connection.execute(query.encode(), [now + TENDED_FOR, only])
