"""What people do to what is owed, each with its line in the audit log: another try for what failed, and a word on what may
have arrived. Nothing is sent from here: the worker looks once more whether it still goes, and calls it off where not.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import psycopg
from psycopg.rows import dict_row

from infra import audit
from infra.outbox import ASK_CHANNEL, ASK_MAIL, EFFECTS, LINK_MAIL, PAYABLE

# A link to give access by is forgotten as soon as its message is settled: that message cannot be written again. Alerts are
# said again by themselves, and endpoints have a replay of their own.
SENDABLE = (ASK_MAIL, LINK_MAIL, ASK_CHANNEL)
MESSAGES = (*PAYABLE, ASK_CHANNEL)
# What may be owed again once it failed.
RETRYABLE = (*SENDABLE, *EFFECTS)
MOST_RETRIED = 10_000
ARRIVED = "somebody who looked says that it arrived"


class Deed(StrEnum):
    """What a person can do to a row."""

    RETRY = "retry"
    ARRIVED = "arrived"


class OutboxError(ValueError):
    """It cannot be done to this row; the sentence says why, and what to do."""


class NothingOwedError(OutboxError):
    """There is no such row."""


def open_to(row: Mapping[str, Any]) -> tuple[Deed, ...]:
    """What can be done to a row with `kind` and `status`. What is in doubt at TikTok is settled by reading TikTok."""
    match row["status"]:
        case "failed" if row["kind"] in RETRYABLE:
            return (Deed.RETRY,)
        case "uncertain" if row["kind"] in SENDABLE:
            return (Deed.ARRIVED, Deed.RETRY)
        case "uncertain" if row["kind"] in MESSAGES:
            return (Deed.ARRIVED,)
        case _:
            return ()


# Of a call only what it was owed with stays, as if it were owed anew. A message is none that others still join, which one
# without a try would be (outbox_gathering); of one in doubt the number stays, by which a late answer is told.
OWE_ANEW = """
UPDATE outbox SET status = 'owed', due_at = %(now)s, claimed_at = NULL, settled_at = NULL, last_error = NULL,
    attempts = CASE WHEN kind = ANY(%(calls)s) THEN 0 WHEN status = 'failed' THEN 1 ELSE attempts END,
    payload = CASE WHEN kind = ANY(%(calls)s) THEN (
        SELECT coalesce(jsonb_object_agg(name, fact), '{}') FROM jsonb_each(payload) AS facts (name, fact)
        WHERE name IN ('fingerprint', 'last', 'submitted_at', 'asked_at', 'by', 'ended_at')
    ) ELSE payload END
"""
RETRY = f"{OWE_ANEW} WHERE id = %(id)s"
# One that somebody else decides on at this moment is left to them.
RETRY_FAILED = f"""
{OWE_ANEW} WHERE id = ANY(ARRAY(
    SELECT id FROM outbox WHERE status = 'failed' AND kind = ANY(%(kinds)s)
    ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)) RETURNING id
"""
SAY_ARRIVED = "UPDATE outbox SET status = 'done', last_error = %(why)s WHERE id = %(id)s"
# When it was given up is as near as is known.
SAY_ASKED = """
UPDATE asks SET sent_at = outbox.settled_at FROM outbox
WHERE outbox.id = %(id)s AND asks.outbox_id = outbox.id AND asks.sent_at IS NULL
"""


def retry(connection: psycopg.Connection[Any], number: int, *, actor: str, now: datetime) -> None:
    """Owes it again, at once; of a message in doubt this may be a second copy. Raises OutboxError."""
    _do(connection, number, Deed.RETRY, actor=actor, now=now)
    connection.execute(RETRY, {"id": number, "now": now, "calls": list(EFFECTS)})


def retry_failed(
    connection: psycopg.Connection[Any], kind: str, *, actor: str, now: datetime, limit: int = MOST_RETRIED
) -> list[int]:
    """Owes again what failed and is of this kind (empty: of any), the oldest first, `limit` at most; returns the numbers.

    Never what is in doubt: whether that arrived is looked up one by one.
    """
    values = {"now": now, "calls": list(EFFECTS), "kinds": retryable(kind), "limit": limit}
    numbers = sorted(number for (number,) in connection.execute(RETRY_FAILED, values))
    if numbers:
        about = {"count": len(numbers), "kind": kind or "any"} | audit.several([f"outbox/{each}" for each in numbers])
        audit.note(connection, at=now, actor=actor, act="outbox.retry", subject="outbox", about=about)
    return numbers


def retryable(kind: str) -> list[str]:
    """The kinds that are owed again once they failed: this one, where it is among them; empty: all of them."""
    return [each for each in RETRYABLE if kind in ("", each)]


def arrived(connection: psycopg.Connection[Any], number: int, *, actor: str, now: datetime) -> None:
    """A message in doubt has arrived, as somebody found who looked: its asks count as sent. Raises OutboxError."""
    _do(connection, number, Deed.ARRIVED, actor=actor, now=now)
    connection.execute(SAY_ASKED, {"id": number})
    connection.execute(SAY_ARRIVED, {"id": number, "why": ARRIVED})


def _do(connection: psycopg.Connection[Any], number: int, deed: Deed, *, actor: str, now: datetime) -> None:
    query = "SELECT kind, key, status FROM outbox WHERE id = %s FOR UPDATE"
    row = connection.cursor(row_factory=dict_row).execute(query, [number]).fetchone()
    if row is None:
        raise NothingOwedError(
            f"Nothing is owed under the number {number}; what was settled is forgotten after a time."
        )
    if deed not in open_to(row):
        raise OutboxError(_why_not(row, deed))
    about = {"kind": row["kind"], "for": row["key"], "was": row["status"]}
    audit.note(connection, at=now, actor=actor, act=f"outbox.{deed}", subject=f"outbox/{number}", about=about)


def _why_not(row: Mapping[str, Any], deed: Deed) -> str:
    kind, status = row["kind"], row["status"]
    if status not in ("failed", "uncertain"):
        return f"It is {status}: there is nothing to decide."
    if kind in EFFECTS and status == "uncertain":
        return "TikTok is read back, and settles it."
    if deed is Deed.ARRIVED and status == "failed":
        return "It certainly did not arrive: try it again instead."
    if kind.startswith("hook."):
        return "Webhooks are brought again by `everspark endpoint replay`."
    if kind in PAYABLE:
        return "The link in it is no longer kept: ask for the access again, and a new one is made."
    return "Alerts are said again by themselves while there is a reason."
