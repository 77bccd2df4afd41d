"""Nudges what nobody handled: the guarantee behind queue messages that may be lost, doubled or flushed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import psycopg

from infra import bulks, hooks, sheets
from infra.inbox import MAILBOXES
from infra.outbox import EFFECTS, PAYABLE
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
    SELECT FROM outbox WHERE status IN ('owed', 'paying', 'uncertain') AND due_at <= %(now)s AND kind = ANY(%(kinds)s)
    AND (status = ANY(%(open)s) OR (status = 'paying' AND claimed_at < %(lost)s))
)
"""


def rescue(turn: Turn) -> int:
    """How many had to be nudged: mailboxes, and each other kind of work as one. Younger mail is left to its own nudge."""
    with as_leader(turn) as connection:
        neglected = neglected_mailboxes(connection, turn)
        has_messages = has_unpaid(connection, turn, PAYABLE, "owed")
        has_calls = has_unpaid(connection, turn, EFFECTS, "owed", "uncertain")
        has_hooks = hooks.is_any_due(connection, now=turn.now)
        has_bulks = bulks.is_any_neglected(connection, now=turn.now)
        has_imports = sheets.is_any_neglected(connection, now=turn.now)
    if neglected:
        turn.nudges.mailboxes(neglected)
    if has_messages:
        turn.nudges.outbox()
    if has_calls:
        turn.nudges.calls()
    if has_hooks:
        turn.nudges.hooks()
    if has_bulks:
        turn.nudges.bulks()
    if has_imports:
        turn.nudges.imports()
    return len(neglected) + has_messages + has_calls + has_hooks + has_bulks + has_imports


def neglected_mailboxes(connection: psycopg.Connection, turn: Turn) -> set[int]:
    interval = timedelta(seconds=turn.settings.sweep_seconds)
    values = {"last": MAILBOXES - 1, "now": turn.now, "before": turn.now - interval}
    return {row[0] for row in connection.execute(NEGLECTED, values)}


def has_unpaid(connection: psycopg.Connection, turn: Turn, kinds: Sequence[str], *open_: str) -> bool:
    """Whether a row of these kinds is due in one of these states, or was claimed by somebody who is gone."""
    lost = turn.now - PAYER_IS_LOST_AFTER
    values = {"kinds": list(kinds), "open": list(open_), "now": turn.now, "lost": lost}
    row = connection.execute(UNPAID, values).fetchone()
    return row is not None and bool(row[0])
