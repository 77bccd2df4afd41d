"""Removes what nobody needs any more: events long handled, effects long settled, old links, sweep rows, acts and their marks,
sheets, their reports and the codes that nobody applied, the audit log, counts of deliveries, and what the API answered a day ago.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from infra import links, sheet_forgetting
from infra.api_answers import KEPT_FOR as ANSWERS_ARE_KEPT
from infra.bulk_tables import STOPPED
from infra.deliveries import KEPT_FOR as DELIVERIES_ARE_KEPT
from infra.ledger import JOBS
from infra.tables import quoted
from scheduler.leadership import Turn, as_leader

BATCH = 500
EVERY = timedelta(hours=1)
# The ledger grows by some 35,000 rows a day; doctor and readyz look at days, not at months.
LEDGER_IS_KEPT = timedelta(days=7)
# So long a sheet that was checked waits for somebody to apply it; its codes are not kept for longer.
SHEETS_WAIT = timedelta(days=7)

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
# Of each job the last run that came to its end stays, however old: without it nobody could say for how long the job has failed.
LEDGER = f"""
WITH last AS (
    SELECT run.id FROM unnest(ARRAY[{quoted(JOBS)}]) AS jobs (name) CROSS JOIN LATERAL
    (SELECT id FROM sweeps WHERE job = name AND ended_at IS NOT NULL ORDER BY slot DESC LIMIT 1) AS run
),
page AS (
    SELECT id FROM sweeps WHERE started_at < %(cutoff)s AND id NOT IN (SELECT id FROM last)
    ORDER BY started_at LIMIT {BATCH}
),
gone AS (DELETE FROM sweeps USING page WHERE sweeps.id = page.id RETURNING sweeps.id)
SELECT 0, count(*), (SELECT count(*) FROM gone) FROM page
"""
# How authorizations stood before an act that ended, or stands still, since long ago: by then nobody takes it back.
MARKS = f"""
WITH page AS (
    SELECT bulk_id, authorization_id FROM bulks JOIN bulk_marks ON bulk_id = bulks.id
    WHERE {STOPPED} AND coalesce(ended_at, bulks.created_at) < %(cutoff)s LIMIT {BATCH}
),
gone AS (
    DELETE FROM bulk_marks USING page
    WHERE bulk_marks.bulk_id = page.bulk_id AND bulk_marks.authorization_id = page.authorization_id RETURNING page.bulk_id
)
SELECT 0, count(*), (SELECT count(*) FROM gone) FROM page
"""
# The report of a sheet, long after the last of its rows was applied or forgotten.
REPORTS = f"""
WITH page AS (
    SELECT import_id, line FROM imports JOIN sheet_rows ON import_id = imports.id
    WHERE emptied_at < %(cutoff)s LIMIT {BATCH}
),
gone AS (
    DELETE FROM sheet_rows USING page
    WHERE sheet_rows.import_id = page.import_id AND sheet_rows.line = page.line RETURNING page.line
)
SELECT 0, count(*), (SELECT count(*) FROM gone) FROM page
"""
# Acts and imports are kept for as long as the audit log speaks of them. An act is kept for the one that takes it back.
BULKS = f"""
WITH page AS (
    SELECT id FROM bulks WHERE {STOPPED} AND coalesce(ended_at, created_at) < %(cutoff)s
    AND NOT EXISTS (SELECT FROM bulk_marks WHERE bulk_id = bulks.id)
    AND NOT EXISTS (SELECT FROM bulks AS undo WHERE undo.undo_of = bulks.id) LIMIT {BATCH}
),
gone AS (DELETE FROM bulks USING page WHERE bulks.id = page.id RETURNING page.id)
SELECT 0, count(*), (SELECT count(*) FROM gone) FROM page
"""
IMPORTS = f"""
WITH page AS (
    SELECT id FROM imports WHERE emptied_at < %(cutoff)s
    AND NOT EXISTS (SELECT FROM sheet_rows WHERE import_id = imports.id) LIMIT {BATCH}
),
gone AS (DELETE FROM imports USING page WHERE imports.id = page.id RETURNING page.id)
SELECT 0, count(*), (SELECT count(*) FROM gone) FROM page
"""
# The log grows by what people do: its numbers are in the order of time, but for moments.
AUDIT = f"""
WITH page AS (SELECT id, at FROM audit WHERE id > %(after)s ORDER BY id LIMIT {BATCH}),
gone AS (DELETE FROM audit USING page WHERE audit.id = page.id AND page.at < %(cutoff)s RETURNING audit.id)
SELECT max(id), count(*) FILTER (WHERE at < %(cutoff)s), (SELECT count(*) FROM gone) FROM page
"""
DELIVERIES = """
WITH gone AS (DELETE FROM deliveries WHERE hour < %(cutoff)s RETURNING hour)
SELECT 0, 0, count(*) FROM gone
"""
# What the API answered to a key that nobody sends again.
ANSWERS = f"""
WITH page AS (SELECT actor, key FROM api_answers WHERE created_at < %(cutoff)s ORDER BY created_at LIMIT {BATCH}),
gone AS (
    DELETE FROM api_answers USING page
    WHERE api_answers.actor = page.actor AND api_answers.key = page.key RETURNING page.key
)
SELECT 0, count(*), (SELECT count(*) FROM gone) FROM page
"""


def prune(turn: Turn) -> int:
    """How many rows were removed."""
    kept = timedelta(days=turn.settings.prune_after_days)
    noted = timedelta(days=turn.settings.audit_kept_days)
    cutoffs = {
        AUDIT: noted,
        DELIVERIES: DELIVERIES_ARE_KEPT,
        INBOX: kept,
        OUTBOX: kept,
        MARKS: kept,
        LEDGER: min(kept, LEDGER_IS_KEPT),
        ANSWERS: ANSWERS_ARE_KEPT,
        REPORTS: kept,
        BULKS: noted,
        IMPORTS: noted,
    }
    removed = sum(_walk(turn, query, turn.now - age) for query, age in cutoffs.items())
    removed += _forget_sheets(turn, turn.now - min(kept, SHEETS_WAIT))
    with as_leader(turn) as connection:
        return removed + links.prune(connection, before=turn.now - kept)


def _forget_sheets(turn: Turn, before: datetime) -> int:
    """How many sheets were ended. Their codes go some at a time, as those of any that is over: a worker may be away."""
    with as_leader(turn) as connection:
        count = sheet_forgetting.forget_old(connection, before=before, now=turn.now)
    has_codes = True
    while has_codes and not turn.is_stopping():
        with as_leader(turn) as connection:
            has_codes = sheet_forgetting.empty_some(connection, now=turn.now)
    return count


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
