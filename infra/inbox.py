"""The inbox: every event is stored here, once by (sender, event id), before anybody is told that it was accepted.

Three senders write to it (webhooks, the clock, the look at TikTok) and one reader, the worker, takes from it.
What is not handled yet stands in `pending`; the worker deletes there and records the outcome here.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
import psycopg

from infra import tracing

# Few enough that a busy one holds a large batch, enough for all the workers that one database can serve.
MAILBOXES = 4

# Retries of an event that raised, with the running total: a deadlock or a restart of the database is over in seconds,
# a deployment in minutes; what still raises then is a bug and wants a person.
RETRY_AFTER = (
    timedelta(seconds=5),  # 5 s
    timedelta(seconds=30),  # 35 s
    timedelta(minutes=5),  # 5 min 35 s
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Letter:
    """One event on its way in. `data` is JSON without secrets; `sealed` holds a Spark code, encrypted; `traceparent` is the
    span that it came by, where traces are kept; `headers` is JSON of what is kept of the delivery's, where there was one.
    """

    sender: str
    event_id: str
    type: str
    key: str
    occurred_at: datetime
    data: bytes
    sealed: bytes | None = None
    traceparent: str | None = None
    headers: bytes | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """What became of a letter: `is_new` is False for one that had been accepted before."""

    sender: str
    event_id: str
    is_new: bool


@dataclass(frozen=True, slots=True)
class Mail:
    """One event as the worker takes it, with the number of attempts that raised before."""

    seq: int
    sender: str
    type: str
    key: str
    mailbox: int
    occurred_at: datetime
    data: bytes
    sealed: bytes | None
    attempts: int
    traceparent: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Handled:
    """What the worker made of one event; written back to its inbox row."""

    seq: int
    outcome: str
    reason: str


def mailbox_of(key: str) -> int:
    """The mailbox of an authorization's key, 0 to 3: events of one authorization always meet in the same one."""
    return hashlib.blake2b(key.encode(), digest_size=1).digest()[0] % MAILBOXES


def mailboxes_of(letters: Iterable[Letter]) -> frozenset[int]:
    """Whom to nudge of them."""
    return frozenset(mailbox_of(letter.key) for letter in letters)


ACCEPT = """
WITH letters AS (
    SELECT * FROM ROWS FROM (json_to_recordset(%s) AS (
        sender text, event_id text, type text, key text, mailbox int2, occurred_at timestamptz, data jsonb, sealed text,
        traceparent text, headers jsonb
    )) WITH ORDINALITY AS t (sender, event_id, type, key, mailbox, occurred_at, data, sealed, traceparent, headers, place)
), stored AS (
    INSERT INTO inbox (sender, event_id, type, key, mailbox, occurred_at, received_at, data, sealed, traceparent, headers)
    SELECT sender, event_id, type, key, mailbox, occurred_at, %s, data, decode(sealed, 'base64'), traceparent, headers
    FROM letters ORDER BY place
    ON CONFLICT (sender, event_id) DO NOTHING
    RETURNING seq, mailbox, key, sender, event_id
), queued AS (
    INSERT INTO pending (seq, mailbox, key) SELECT seq, mailbox, key FROM stored
)
SELECT sender, event_id FROM stored
"""


def accept(
    connection: psycopg.Connection[Any], letters: Sequence[Letter], *, now: datetime, own_traces: bool = False
) -> list[Receipt]:
    """Stores the letters in the caller's transaction, in their order; a batch of one is the same statement.

    They belong to the trace of the surrounding span. With `own_traces`, or without a span, each goes on with its authorization's.
    """
    if tracing.is_on():
        is_within = tracing.traceparent() is not None and not own_traces
        letters = traced(letters) if is_within else going_on(connection, letters)
    rows = connection.execute(ACCEPT, [rows_of(letters), now], prepare=True).fetchall()
    return receipts(letters, rows)


async def accept_async(
    connection: psycopg.AsyncConnection[Any], letters: Sequence[Letter], *, now: datetime
) -> list[Receipt]:
    """`accept` for the web process, whose one loop must not wait."""
    cursor = await connection.execute(ACCEPT, [rows_of(letters), now], prepare=True)
    return receipts(letters, await cursor.fetchall())


def traced(letters: Sequence[Letter]) -> Sequence[Letter]:
    """The letters within the trace of the surrounding span; unchanged while tracing is off."""
    if not tracing.is_on():
        return letters
    traceparent = tracing.traceparent()
    return [replace(each, traceparent=traceparent) for each in letters]


def going_on(connection: psycopg.Connection[Any], letters: Sequence[Letter]) -> list[Letter]:
    """What the clock or a look has to say of an authorization goes on with the trace of what was last heard of it."""
    last = last_traces(connection, [letter.key for letter in letters])
    return [replace(each, traceparent=last.get(each.key)) for each in letters]


LAST_TRACES = """
SELECT DISTINCT ON (key) key, traceparent FROM inbox WHERE key = ANY(%s) AND traceparent IS NOT NULL ORDER BY key, seq DESC
"""


def last_traces(connection: psycopg.Connection[Any], keys: Sequence[str]) -> dict[str, str]:
    """The traceparent of the last event of each key that has one."""
    return dict(connection.execute(LAST_TRACES, [list(keys)]).fetchall())


def rows_of(letters: Sequence[Letter]) -> str:
    """The letters as one JSON text, which the database reads as rows: msgspec writes it in C."""
    rows: list[dict[str, Any]] = [
        {
            "sender": letter.sender,
            "event_id": letter.event_id,
            "type": letter.type,
            "key": letter.key,
            "mailbox": mailbox_of(letter.key),
            "occurred_at": letter.occurred_at,
            "data": msgspec.Raw(letter.data),
            "sealed": letter.sealed,
            "headers": msgspec.Raw(letter.headers) if letter.headers else None,
        }
        for letter in letters
    ]
    if tracing.is_on():
        for row, letter in zip(rows, letters, strict=True):
            row["traceparent"] = letter.traceparent
    return msgspec.json.encode(rows).decode()


def receipts(letters: Sequence[Letter], stored: Iterable[tuple[str, str]]) -> list[Receipt]:
    """A receipt for each letter; of two with the same identity in one batch the first is the new one."""
    new = Counter(stored)
    answers = []
    for letter in letters:
        identity = (letter.sender, letter.event_id)
        answers.append(Receipt(sender=letter.sender, event_id=letter.event_id, is_new=new[identity] > 0))
        new[identity] -= 1
    return answers


LOCK = "SELECT pg_advisory_xact_lock(%s, %s)"
LOCK_CLASS = 7401
# `convert_to`, since a cast from text to bytea would read the backslashes of JSON as its own.
MAIL = "inbox.seq, sender, type, inbox.key, mailbox, occurred_at, convert_to(data::text, 'UTF8'), sealed, attempts, traceparent"
TAKE = f"""
WITH chosen AS (
    SELECT seq FROM pending
    WHERE status = 'ready' AND mailbox = %s AND (try_at IS NULL OR try_at <= %s) ORDER BY seq LIMIT %s
), gone AS (
    DELETE FROM pending USING chosen WHERE pending.seq = chosen.seq RETURNING pending.seq, pending.attempts
)
SELECT {MAIL} FROM gone JOIN inbox USING (seq) ORDER BY inbox.seq
"""
WAKE = f"""
WITH gone AS (DELETE FROM pending WHERE status = 'early' AND key = ANY(%s) RETURNING seq, attempts)
SELECT {MAIL} FROM gone JOIN inbox USING (seq) ORDER BY inbox.seq
"""


def take(connection: psycopg.Connection[Any], mailbox: int, *, now: datetime, limit: int = 500) -> list[Mail]:
    """Locks `mailbox` for this transaction and takes up to `limit` ready events from it, in order.

    The lock is the mailbox: one worker at a time, so that one authorization's events are applied in order. Whoever comes
    second waits: had it been turned away, an event committed after the first one's read would be left behind.
    """
    with connection.pipeline():
        connection.execute(LOCK, [LOCK_CLASS, mailbox], prepare=True)
        cursor = connection.execute(TAKE, [mailbox, now, limit], prepare=True)
    return [Mail(*row) for row in cursor.fetchall()]


def wake(connection: psycopg.Connection[Any], keys: Sequence[str]) -> list[Mail]:
    """Takes the early events of authorizations that have changed: their time may have come. `take` holds their lock."""
    return [Mail(*row) for row in connection.execute(WAKE, [list(keys)], prepare=True).fetchall()] if keys else []


SETTLE = """
UPDATE inbox SET outcome = t.outcome, reason = t.reason, handled_at = %s
FROM json_to_recordset(%s) AS t (seq int8, outcome text, reason text) WHERE inbox.seq = t.seq
"""
KEEP = """
INSERT INTO pending (seq, mailbox, key, status, attempts, try_at, error)
SELECT * FROM unnest(%s::int8[], %s::int2[], %s::text[], %s::text[], %s::int2[], %s::timestamptz[], %s::text[])
"""


def settle(connection: psycopg.Connection[Any], handled: Sequence[Handled], *, now: datetime) -> None:
    """Records the outcomes on the inbox rows."""
    if handled:
        connection.execute(SETTLE, [now, msgspec.json.encode(handled).decode()], prepare=True)


def keep(connection: psycopg.Connection[Any], mails: Sequence[Mail], status: Sequence[str]) -> None:
    """Puts events back into `pending` that wait for their authorization (early) or for a person (parked)."""
    if mails:
        columns = [[m.seq for m in mails], [m.mailbox for m in mails], [m.key for m in mails], list(status)]
        nothing = [None] * len(mails)
        connection.execute(KEEP, [*columns, [m.attempts for m in mails], nothing, nothing], prepare=True)


def put_aside(connection: psycopg.Connection[Any], mail: Mail, *, error: str, now: datetime) -> str:
    """Books a failed attempt at an event; after the last one it is quarantined. Returns its new status."""
    attempts = mail.attempts + 1
    is_last = attempts > len(RETRY_AFTER)
    status, try_at = ("quarantined", None) if is_last else ("ready", now + RETRY_AFTER[attempts - 1])
    connection.execute(
        "UPDATE pending SET status = %s, attempts = %s, try_at = %s, error = %s WHERE seq = %s",
        [status, attempts, try_at, error, mail.seq],
    )
    if is_last:
        settle(connection, [Handled(seq=mail.seq, outcome="quarantined", reason="raised")], now=now)
    return status


def replay(connection: psycopg.Connection[Any], seqs: Sequence[int]) -> dict[int, int]:
    """Makes parked, quarantined or early events ready again, as if new; returns them, each with the mailbox to nudge."""
    rows = connection.execute(
        "UPDATE pending SET status = 'ready', attempts = 0, try_at = NULL, error = NULL"
        " WHERE seq = ANY(%s) AND status <> 'ready' RETURNING seq, mailbox",
        [list(seqs)],
    )
    return dict(rows.fetchall())
