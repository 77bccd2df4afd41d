"""What is owed to the outside, and how it ends: claimed, committed, called, settled. A row whose call may or may not
have happened is `uncertain` and is never paid again by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import psycopg
from psycopg.rows import class_row

ASK_MAIL = "ask.mail"
PAYABLE = (ASK_MAIL,)

# The wait before each further try.       in all   why
RETRIES: tuple[timedelta, ...] = (
    timedelta(minutes=1),  #                1 min   greylisting and a restarting mail server
    timedelta(minutes=5),  #                6 min   a deployment over there
    timedelta(minutes=15),  #              21 min   a busy server that says "later"
    timedelta(hours=1),  #             1 h 21 min   a mailbox over its hourly limit
    timedelta(hours=4),  #             5 h 21 min   an outage that people work on
    timedelta(hours=12),  #           17 h 21 min   an outage overnight, a password somebody has to change
    timedelta(
        hours=24
    ),  #           41 h 21 min   a daily limit; later than this the next rung of the ladder asks anyway
)
HOLD = timedelta(minutes=1)  # how soon a row that waits for a setting or an address is looked at again
FAR_HOLD = timedelta(hours=1)  # rows that nothing can pay yet need no look every minute
ABANDONED_AFTER = timedelta(minutes=5)  # longer than one message can take: see mail.TIMEOUT

WAITING_FOR_TIKTOK = "waiting for TikTok"
POWER_CUT = (
    "the process stopped between sending and noting it: it may have been sent, so it is not sent again by itself"
)

Status = Literal["owed", "paying", "done", "failed", "uncertain", "cancelled"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Debt:
    """One claimed row; `attempts` counts this claim and fences its writes: an overtaken claim settles nothing."""

    id: int
    kind: str
    key: str
    authorization_id: int | None
    ask_id: int | None
    idempotency_key: str
    payload: dict[str, Any]
    attempts: int
    last_error: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """A row that newly waits for something."""

    id: int
    key: str
    ask_id: int | None


_CLAIM = """
WITH due AS MATERIALIZED (
    SELECT id FROM outbox
    WHERE status = 'owed' AND due_at <= %(now)s AND kind = ANY(%(kinds)s)
    ORDER BY due_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
UPDATE outbox o SET status = 'paying', claimed_at = %(now)s, attempts = o.attempts + 1
FROM due WHERE o.id = due.id
RETURNING o.id, o.kind, o.key, o.authorization_id, o.ask_id, o.idempotency_key, o.payload, o.attempts, o.last_error
"""


def claim(
    connection: psycopg.Connection[Any], *, now: datetime, kinds: Sequence[str] = PAYABLE, limit: int = 1
) -> list[Debt]:
    """Locks up to `limit` due rows and marks them `paying`. The caller commits before it calls anybody: after that, a
    power cut leaves exactly these rows uncertain, which is why the payer claims one at a time.
    """
    with connection.cursor(row_factory=class_row(Debt)) as cursor:
        rows = cursor.execute(_CLAIM, {"now": now, "kinds": list(kinds), "limit": limit}).fetchall()
    return sorted(rows, key=lambda debt: debt.id)


def done(connection: psycopg.Connection[Any], debt: Debt, *, now: datetime) -> None:
    _settle(connection, debt, "done", None, now)


def failed(connection: psycopg.Connection[Any], debt: Debt, reason: str, *, now: datetime) -> None:
    _settle(connection, debt, "failed", reason, now)


def cancelled(connection: psycopg.Connection[Any], debt: Debt, reason: str, *, now: datetime) -> None:
    _settle(connection, debt, "cancelled", reason, now)


def uncertain(connection: psycopg.Connection[Any], debt: Debt, reason: str, *, now: datetime) -> None:
    _settle(connection, debt, "uncertain", reason, now)


def again(connection: psycopg.Connection[Any], debt: Debt, reason: str, *, now: datetime) -> datetime | None:
    """Owed again by the schedule, and when; None: the schedule is used up and the row has failed."""
    if debt.attempts > len(RETRIES):
        failed(connection, debt, f"{reason} (given up after {debt.attempts} tries)", now=now)
        return None
    due_at = now + RETRIES[debt.attempts - 1]
    _reopen(connection, debt, reason, due_at, attempts=debt.attempts)
    return due_at


def wait(connection: psycopg.Connection[Any], debt: Debt, remedy: str, *, now: datetime) -> bool:
    """Owed still, the try given back; true when it did not wait for this before, so that it is logged once."""
    _reopen(connection, debt, remedy, now + HOLD, attempts=debt.attempts - 1)
    return debt.last_error != remedy


def hold(
    connection: psycopg.Connection[Any], remedy: str, *, now: datetime, kinds: Sequence[str] = PAYABLE
) -> list[Held]:
    """Puts off every due row of these kinds without claiming it; returns those that newly wait for this."""
    return _put_off(connection, "kind = ANY(%(kinds)s)", {"kinds": list(kinds), "remedy": remedy}, now, HOLD)


def hold_unpayable(connection: psycopg.Connection[Any], *, now: datetime) -> list[Held]:
    """Kinds that only the TikTok client will pay (`code.check`): they stay owed and say what they wait for."""
    values = {"kinds": list(PAYABLE), "remedy": WAITING_FOR_TIKTOK}
    return _put_off(connection, "kind <> ALL(%(kinds)s)", values, now, FAR_HOLD)


def abandoned(connection: psycopg.Connection[Any], *, now: datetime) -> list[Held]:
    """Rows still `paying` long after their claim become `uncertain`: whoever claimed them is gone."""
    query = """
        UPDATE outbox SET status = 'uncertain', settled_at = %(now)s, last_error = %(reason)s
        WHERE status = 'paying' AND claimed_at < %(before)s RETURNING id, key, ask_id"""
    values = {"now": now, "reason": POWER_CUT, "before": now - ABANDONED_AFTER}
    with connection.cursor(row_factory=class_row(Held)) as cursor:
        return cursor.execute(query, values).fetchall()


def _put_off(
    connection: psycopg.Connection[Any], which: str, values: dict[str, Any], now: datetime, span: timedelta
) -> list[Held]:
    query = f"""
        WITH due AS MATERIALIZED (
            SELECT id, last_error FROM outbox
            WHERE status = 'owed' AND due_at <= %(now)s AND {which} FOR UPDATE SKIP LOCKED),
        held AS (
            UPDATE outbox o SET due_at = %(due_at)s, last_error = %(remedy)s FROM due WHERE o.id = due.id
            RETURNING o.id, o.key, o.ask_id, due.last_error AS before)
        SELECT id, key, ask_id FROM held WHERE before IS DISTINCT FROM %(remedy)s ORDER BY id"""
    with connection.cursor(row_factory=class_row(Held)) as cursor:
        return cursor.execute(query, {**values, "now": now, "due_at": now + span}).fetchall()


# Both also take a row that was meanwhile given up as uncertain: the one who made the call knows better.
_OURS = "id = %(id)s AND attempts = %(claimed)s AND status IN ('paying', 'uncertain')"


def _settle(connection: psycopg.Connection[Any], debt: Debt, status: Status, reason: str | None, now: datetime) -> None:
    connection.execute(
        f"UPDATE outbox SET status = %(status)s, settled_at = %(now)s, last_error = %(reason)s WHERE {_OURS}",
        {"id": debt.id, "claimed": debt.attempts, "status": status, "now": now, "reason": reason},
    )


def _reopen(connection: psycopg.Connection[Any], debt: Debt, reason: str, due_at: datetime, *, attempts: int) -> None:
    connection.execute(
        f"""UPDATE outbox SET status = 'owed', claimed_at = NULL, settled_at = NULL, attempts = %(attempts)s,
            due_at = %(due_at)s, last_error = %(reason)s WHERE {_OURS}""",
        {"id": debt.id, "claimed": debt.attempts, "attempts": attempts, "due_at": due_at, "reason": reason},
    )
