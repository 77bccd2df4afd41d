"""Webhooks that are owed: one row of the outbox for each endpoint and each line of history that moved or taught something.

Each endpoint's rows are a kind of their own (`hook.<id>`), so that one index probe finds what is due for it alone.
A delivery may be repeated, never lost: its id is the row's idempotency key, and receivers tell repeats by it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import class_row

from domain.lifecycle import Outcome
from infra.authorizations import Entry, as_json

# The wait before each further try, as Standard Webhooks recommends.   in all
RETRIES: tuple[timedelta, ...] = (
    timedelta(seconds=5),  #                                               5 s
    timedelta(minutes=5),  #                                               5 min
    timedelta(minutes=30),  #                                             35 min
    timedelta(hours=2),  #                                              2 h 35 min
    timedelta(hours=5),  #                                              7 h 35 min
    timedelta(hours=10),  #                                            17 h 35 min
    timedelta(hours=14),  #                                            31 h 35 min
    timedelta(hours=20),  #                                            51 h 35 min
    timedelta(hours=24),  #                                            75 h 35 min
)
# Longer than a delivery can take: its payer is gone, and the row has its turn again.
ABANDONED_AFTER = timedelta(minutes=5)
PAGE = 2_000
TOLD = (Outcome.MOVED, Outcome.STAYED)
NOT_ENABLED, REMOVED = "the endpoint is disabled", "the endpoint was removed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Hook:
    """One claimed delivery; `attempts` and `claimed_at` fence its writes: an overtaken claim settles nothing."""

    id: int
    idempotency_key: str
    key: str
    payload: dict[str, Any]
    attempts: int
    claimed_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Ready:
    """An endpoint with something due."""

    id: int
    name: str
    url: str
    secret: bytes
    failing_since: datetime | None


def kind_of(endpoint_id: int | None) -> str:
    return f"hook.{endpoint_id}"


# What is told is what stood when the row was made: the body is then the same at each try.
FACTS = """
jsonb_build_object('key', a.key, 'advertiser_id', a.advertiser_id, 'item_id', a.item_id,
    'account_handle', a.account_handle, 'reference', a.reference, 'at', h.at, 'event', h.event, 'outcome', h.outcome,
    'state', h.to_state, 'from', h.from_state, 'reason', h.reason, 'expires_at', a.expires_at,
    'next_action', a.next_action, 'next_action_at', a.next_action_at, 'why', a.why)
"""
OWE = f"""
WITH live AS MATERIALIZED (SELECT id FROM endpoints WHERE disabled_at IS NULL FOR KEY SHARE)
INSERT INTO outbox (kind, key, idempotency_key, payload, due_at, created_at)
SELECT 'hook.' || live.id, a.key, format('hook-%%s-%%s', live.id, h.id), {FACTS}, %(now)s, %(now)s
FROM json_to_recordset(%(entries)s) AS t (key text, count int4)
JOIN authorizations a USING (key)
CROSS JOIN LATERAL (SELECT * FROM history WHERE authorization_id = a.id ORDER BY id DESC LIMIT t.count) AS h
CROSS JOIN live
WHERE EXISTS (SELECT FROM endpoints WHERE disabled_at IS NULL) AND h.outcome = ANY(%(told)s)
ORDER BY h.id, live.id
ON CONFLICT DO NOTHING
"""
"""The newest lines of the batch's authorizations, as many as it wrote: their rows are locked, so nobody else's are newer.
Without an endpoint the EXISTS ends it before anything is read. The key share keeps `remove` waiting until this is over.
"""


def owe_hooks(
    connection: psycopg.Connection[Any], entries: Sequence[Entry], *, now: datetime
) -> psycopg.Cursor[Any] | None:
    """Owes the webhooks of what was just appended to the history, in the same transaction and after it. The rows made
    are the cursor's `rowcount`, to be read once a pipeline has ended; None where there is nothing to tell.
    """
    if not any(entry.outcome in TOLD for entry in entries):
        return None
    counts = Counter(entry.key for entry in entries)
    rows = as_json([{"key": key, "count": count} for key, count in counts.items()])
    return connection.execute(OWE, {"entries": rows, "told": list(TOLD), "now": now}, prepare=True)


REPLAY = f"""
WITH page AS MATERIALIZED (
    SELECT * FROM history WHERE id > %(after)s AND recorded_at >= %(since)s AND outcome = ANY(%(told)s)
    ORDER BY id LIMIT {PAGE}
), owed AS (
    INSERT INTO outbox AS known (kind, key, idempotency_key, payload, due_at, created_at)
    SELECT %(kind)s, a.key, format('hook-%%s-%%s', %(endpoint)s::int, h.id), {FACTS}, %(now)s, %(now)s
    FROM page h JOIN authorizations a ON a.id = h.authorization_id ORDER BY h.id
    ON CONFLICT (idempotency_key) DO UPDATE SET status = 'owed', attempts = 0, due_at = excluded.due_at,
        claimed_at = NULL, settled_at = NULL, last_error = NULL
    WHERE known.status <> 'paying'
    RETURNING 1
)
SELECT (SELECT max(id) FROM page), (SELECT count(*) FROM owed)
"""


def owe_again(
    connection: psycopg.Connection[Any], endpoint_id: int, *, since: datetime, after: int, now: datetime
) -> tuple[int | None, int]:
    """One page of what happened since: (the last line of history looked at, or None at the end; rows owed). What the
    outbox still has keeps its body; all keep their ids.
    """
    values = {"endpoint": endpoint_id, "kind": kind_of(endpoint_id), "since": since, "after": after}
    row = connection.execute(REPLAY, {**values, "told": list(TOLD), "now": now}).fetchone()
    return (None, 0) if row is None else (row[0], row[1])


DUE = """
SELECT id, name, url, secret, failing_since FROM endpoints e
WHERE disabled_at IS NULL AND EXISTS (
    SELECT FROM outbox WHERE kind = 'hook.' || e.id AND status = 'owed' AND due_at <= %(now)s)
ORDER BY id
"""


def ready(connection: psycopg.Connection[Any], *, now: datetime) -> list[Ready]:
    """The enabled endpoints to which something is to be delivered now."""
    with connection.cursor(row_factory=class_row(Ready)) as cursor:
        return cursor.execute(DUE, {"now": now}).fetchall()


NEGLECTED = """
SELECT EXISTS (
    SELECT FROM endpoints e JOIN outbox o ON o.kind = 'hook.' || e.id
    WHERE e.disabled_at IS NULL AND o.status IN ('owed', 'paying', 'uncertain') AND o.due_at <= %(now)s
    AND (o.status = 'owed' OR o.claimed_at < %(lost)s)
)
"""


def is_any_due(connection: psycopg.Connection[Any], *, now: datetime) -> bool:
    """Whether something is to be delivered now, or was claimed by somebody who is gone: for the `rescue` sweep."""
    row = connection.execute(NEGLECTED, {"now": now, "lost": now - ABANDONED_AFTER}).fetchone()
    return row is not None and bool(row[0])


CLAIM = """
WITH due AS MATERIALIZED (
    SELECT id FROM outbox WHERE kind = %(kind)s AND status = 'owed' AND due_at <= %(now)s
    ORDER BY due_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
UPDATE outbox o SET status = 'paying', claimed_at = %(now)s, attempts = least(o.attempts + 1, 32767)
FROM due WHERE o.id = due.id
RETURNING o.id, o.idempotency_key, o.key, o.payload, o.attempts, o.claimed_at
"""


def claim(connection: psycopg.Connection[Any], endpoint_id: int, *, now: datetime, limit: int) -> list[Hook]:
    """Up to `limit` due deliveries of one endpoint, the oldest first; to be committed before anything is sent."""
    with connection.cursor(row_factory=class_row(Hook)) as cursor:
        rows = cursor.execute(CLAIM, {"kind": kind_of(endpoint_id), "now": now, "limit": limit}).fetchall()
    return sorted(rows, key=lambda hook: hook.id)


_OURS = "id = %(id)s AND attempts = %(attempts)s AND claimed_at = %(claimed_at)s AND status = 'paying'"


def _fence(hook: Hook) -> dict[str, Any]:
    return {"id": hook.id, "attempts": hook.attempts, "claimed_at": hook.claimed_at}


def done(connection: psycopg.Connection[Any], hook: Hook, *, now: datetime) -> bool:
    """Taken by the receiver; False: the claim was overtaken."""
    query = f"UPDATE outbox SET status = 'done', settled_at = %(now)s, last_error = NULL WHERE {_OURS}"
    return connection.execute(query, {**_fence(hook), "now": now}).rowcount > 0


def again(connection: psycopg.Connection[Any], hook: Hook, reason: str, *, now: datetime) -> datetime | None:
    """Owed again by the schedule, and when; None: the schedule is used up and the row has failed."""
    if hook.attempts > len(RETRIES):
        query = f"UPDATE outbox SET status = 'failed', settled_at = %(now)s, last_error = %(reason)s WHERE {_OURS}"
        why = f"{reason} (given up after {hook.attempts} tries)"
        connection.execute(query, {**_fence(hook), "now": now, "reason": why})
        return None
    due_at = now + RETRIES[hook.attempts - 1]
    query = f"""UPDATE outbox SET status = 'owed', claimed_at = NULL, due_at = %(due_at)s, last_error = %(reason)s
        WHERE {_OURS}"""
    connection.execute(query, {**_fence(hook), "due_at": due_at, "reason": reason})
    return due_at


def rest(connection: psycopg.Connection[Any], endpoint_id: int, *, now: datetime, until: datetime) -> None:
    """Puts off all that is due for an endpoint that does not answer; no try is counted."""
    query = "UPDATE outbox SET due_at = %(until)s WHERE kind = %(kind)s AND status = 'owed' AND due_at <= %(now)s"
    connection.execute(query, {"kind": kind_of(endpoint_id), "now": now, "until": until})


def cancel(connection: psycopg.Connection[Any], endpoint_id: int, reason: str, *, now: datetime) -> int:
    """Ends what an endpoint still was to get; a delivery that is under way then settles nothing. Returns how many."""
    query = """
        UPDATE outbox SET status = 'cancelled', settled_at = %(now)s, last_error = %(reason)s
        WHERE kind = %(kind)s AND status IN ('owed', 'paying')"""
    return connection.execute(query, {"kind": kind_of(endpoint_id), "now": now, "reason": reason}).rowcount


def tidy(connection: psycopg.Connection[Any], *, now: datetime) -> int:
    """Deliveries whose payer is gone are owed again: was the answer lost, the receiver tells the repeat by its id. What a
    batch owed while its endpoint was being disabled is cancelled. Returns how many were owed again.
    """
    kinds = connection.execute("SELECT 'hook.' || id, disabled_at IS NULL FROM endpoints").fetchall()
    ended = [kind for kind, is_enabled in kinds if not is_enabled]
    connection.execute(
        """UPDATE outbox SET status = 'cancelled', settled_at = %s, last_error = %s
        WHERE kind = ANY(%s) AND status IN ('owed', 'paying')""",
        [now, NOT_ENABLED, ended],
    )
    return connection.execute(
        """UPDATE outbox SET status = 'owed', claimed_at = NULL, due_at = %s
        WHERE kind = ANY(%s) AND status = 'paying' AND claimed_at < %s""",
        [now, [kind for kind, _ in kinds], now - ABANDONED_AFTER],
    ).rowcount
