"""Removes what nobody needs any more: events long handled, effects long settled, old rows of the sweep ledger, old links."""

from __future__ import annotations

from datetime import datetime, timedelta

from infra import links
from scheduler.leadership import Turn, as_leader

BATCH = 500
EVERY = timedelta(hours=1)
# The ledger grows by some 35,000 rows a day; doctor and readyz look at days, not at months.
LEDGER_IS_KEPT = timedelta(days=7)

# A page of the table in the order of its arrival, whatever is removable in it, and whether older rows may follow. What
# is kept on purpose (unhandled, failed, waiting for a person or for TikTok) is walked over; the walk ends at the first
# young page.
INBOX = f"""
WITH page AS (SELECT seq, received_at, handled_at, outcome FROM inbox WHERE seq > %(after)s ORDER BY seq LIMIT {BATCH}),
gone AS (
    DELETE FROM inbox USING page
    WHERE inbox.seq = page.seq AND page.handled_at < %(cutoff)s
    AND (page.outcome <> 'waiting' OR NOT EXISTS (
        SELECT FROM outbox WHERE outbox.key = inbox.key AND kind = 'code.check' AND status IN ('owed', 'paying', 'uncertain')
    ))
    AND NOT EXISTS (SELECT FROM pending WHERE pending.seq = page.seq)
    RETURNING inbox.seq
)
SELECT max(seq), count(*) FILTER (WHERE received_at < %(cutoff)s), (SELECT count(*) FROM gone) FROM page
"""
OUTBOX = f"""
WITH page AS (SELECT id, created_at FROM outbox WHERE id > %(after)s ORDER BY id LIMIT {BATCH}),
gone AS (
    DELETE FROM outbox USING page
    WHERE outbox.id = page.id AND outbox.settled_at < %(cutoff)s
    AND (outbox.status IN ('done', 'cancelled') OR (outbox.status = 'failed' AND outbox.kind LIKE 'hook.%%'))
    RETURNING outbox.id
)
SELECT max(id), count(*) FILTER (WHERE created_at < %(cutoff)s), (SELECT count(*) FROM gone) FROM page
"""
LEDGER = f"""
WITH page AS (
    SELECT id FROM sweeps WHERE started_at < %(cutoff)s ORDER BY started_at LIMIT {BATCH}
),
gone AS (DELETE FROM sweeps USING page WHERE sweeps.id = page.id RETURNING sweeps.id)
SELECT 0, count(*), (SELECT count(*) FROM gone) FROM page
"""


def prune(turn: Turn) -> int:
    """How many rows were removed."""
    kept = timedelta(days=turn.settings.prune_after_days)
    cutoffs = {INBOX: kept, OUTBOX: kept, LEDGER: min(kept, LEDGER_IS_KEPT)}
    removed = sum(_walk(turn, query, turn.now - age) for query, age in cutoffs.items())
    with as_leader(turn) as connection:
        return removed + links.prune(connection, before=turn.now - kept)


def _walk(turn: Turn, query: str, cutoff: datetime) -> int:
    removed, after, has_old = 0, 0, True
    while has_old and not turn.is_stopping():
        with as_leader(turn) as connection:
            row = connection.execute(query, {"after": after, "cutoff": cutoff}).fetchone()
        if row is None or row[0] is None:
            break
        after, has_old = row[0], bool(row[1])
        removed += row[2]
    return removed
