"""Nudges what nobody handled: the guarantee behind queue messages that may be lost, doubled or flushed."""

from __future__ import annotations

from datetime import timedelta

import psycopg

from infra.inbox import MAILBOXES
from infra.outbox import PAYABLE
from scheduler.leadership import Turn, as_leader

# An effect whose payer has been silent for so long is looked at again; a payer's own time limit is shorter.
PAYER_IS_LOST_AFTER = timedelta(minutes=5)

# The oldest ready row of each mailbox stands for all of it: one probe of the partial index for each mailbox, however
# long the backlog.
NEGLECTED = """
SELECT boxes.number FROM generate_series(0, %(last)s) AS boxes (number)
CROSS JOIN LATERAL (
    SELECT seq, try_at FROM pending
    WHERE mailbox = boxes.number AND status = 'ready' AND (try_at IS NULL OR try_at <= %(now)s)
    ORDER BY seq LIMIT 1
) AS oldest
JOIN inbox USING (seq)
WHERE oldest.try_at IS NOT NULL OR inbox.received_at <= %(before)s
"""
UNPAID = """
SELECT EXISTS (
    SELECT FROM outbox WHERE status IN ('owed', 'paying') AND due_at <= %(now)s AND kind = ANY(%(kinds)s)
    AND (status = 'owed' OR claimed_at < %(lost)s)
)
"""


def rescue(turn: Turn) -> int:
    """How many mailboxes, and the outbox, had to be nudged. Younger mail is left to its own nudge."""
    with as_leader(turn) as connection:
        neglected = neglected_mailboxes(connection, turn)
        is_unpaid = has_unpaid(connection, turn)
    if neglected:
        turn.nudges.mailboxes(neglected)
    if is_unpaid:
        turn.nudges.outbox()
    return len(neglected) + is_unpaid


def neglected_mailboxes(connection: psycopg.Connection, turn: Turn) -> set[int]:
    interval = timedelta(seconds=turn.settings.sweep_seconds)
    values = {"last": MAILBOXES - 1, "now": turn.now, "before": turn.now - interval}
    return {row[0] for row in connection.execute(NEGLECTED, values)}


def has_unpaid(connection: psycopg.Connection, turn: Turn) -> bool:
    values = {"kinds": list(PAYABLE), "now": turn.now, "lost": turn.now - PAYER_IS_LOST_AFTER}
    row = connection.execute(UNPAID, values).fetchone()
    return row is not None and bool(row[0])
