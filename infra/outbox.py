"""What is owed to the outside, and how it ends: claimed, committed, called, settled. A row whose call may or may not
have happened is `uncertain`: a message is then never sent again by itself, a call to TikTok is settled by reading.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, cast

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb
from sqlalchemy import Engine
from sqlalchemy.pool import PoolProxiedConnection

ASK_MAIL, ACCESS_MAIL, LINK_MAIL = "ask.mail", "access.mail", "link.mail"
# Messages to people, paid by worker/pay.py.
PAYABLE = (ASK_MAIL, ACCESS_MAIL, LINK_MAIL)
ASK_CHANNEL, ALERT = "ask.channel", "alert"
# Texts by other channels, sent by worker/telling.py.
TELLABLE = (ASK_CHANNEL, ALERT)
CODE_CHECK, ACCOUNT_ACCESS = "code.check", "account.access"
OWN_CONFIRM, POST_UNBIND = "own.confirm", "post.unbind"
LOOK_ONE = "look.one"
# Calls to TikTok, paid by worker/effects.py.
EFFECTS = (CODE_CHECK, ACCOUNT_ACCESS, OWN_CONFIRM, POST_UNBIND, LOOK_ONE)

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
MOST_HELD = 500  # rows put off in one call; what is left is due still and has its turn in the next
ABANDONED_AFTER = timedelta(minutes=5)  # longer than one message can take: see mail.TIMEOUT

# Any constant will do that no other lock of one number has (see database.MIGRATION_LOCK).
PAYER_LOCK = 7_300_201
EFFECTS_LOCK = 7_300_202

STOPPED_IN_CALL = "the process stopped during a call to TikTok: what became of it is read from TikTok"
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
    creator_id: int | None
    idempotency_key: str
    payload: dict[str, Any]
    attempts: int
    last_error: str | None

    @property
    def ids(self) -> dict[str, Any]:
        """What a line of the log names it by."""
        return {"outbox_id": self.id, "kind": self.kind, "key": self.key, "attempts": self.attempts}


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """A row that newly waits for something."""

    id: int
    key: str


@contextmanager
def sole_payer(engine: Engine, *, lock: int = PAYER_LOCK) -> Iterator[bool]:
    """Whether the caller is the only payer with this lock, of all processes, as long as the block lasts. The lock is the
    session's, on a connection of its own: a killed process gives it back by dying. It spares threads; what keeps a message
    from being sent twice is the claim.
    """
    pooled = engine.raw_connection()
    try:
        is_sole = _ask_lock(pooled, "SELECT pg_try_advisory_lock(%s)", lock)
        try:
            yield is_sole
        finally:
            if is_sole:
                _give_back(pooled, lock)
    finally:
        pooled.close()


def _give_back(pooled: PoolProxiedConnection, lock: int) -> None:
    """Never hides the error that ended the payer; a session that cannot unlock is ended, and its lock with it."""
    try:
        _ask_lock(pooled, "SELECT pg_advisory_unlock(%s)", lock)
    except psycopg.Error:
        pooled.invalidate()


def _ask_lock(pooled: PoolProxiedConnection, query: str, lock: int) -> bool:
    connection = cast("psycopg.Connection[Any]", pooled.driver_connection)
    # Its own short transaction: one left open for minutes would be ended by the server (database.SESSION_OPTIONS).
    with connection.transaction():
        return bool(connection.execute(query, [lock]).fetchall()[0][0])


_CLAIM = """
WITH due AS MATERIALIZED (
    SELECT id FROM outbox
    WHERE status IN ('owed', 'paying', 'uncertain') AND status = ANY(%(open)s)
        AND due_at <= %(now)s AND kind = ANY(%(kinds)s)
    ORDER BY due_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
UPDATE outbox o SET status = 'paying', claimed_at = %(now)s, settled_at = NULL, attempts = least(o.attempts + 1, 32767)
FROM due WHERE o.id = due.id
RETURNING o.id, o.kind, o.key, o.authorization_id, o.creator_id, o.idempotency_key, o.payload, o.attempts, o.last_error
"""


def claim(
    connection: psycopg.Connection[Any], *, now: datetime, kinds: Sequence[str] = PAYABLE, limit: int = 1
) -> list[Debt]:
    """Locks up to `limit` due rows and marks them `paying`. The caller commits before it calls anybody: after that, a
    power cut leaves exactly these rows uncertain, which is why the payer claims one at a time. Uncertain effects are
    claimed too, when they are due; uncertain messages never.
    """
    open_ = ["owed", "uncertain"] if set(kinds) <= set(EFFECTS) else ["owed"]
    with connection.cursor(row_factory=class_row(Debt)) as cursor:
        rows = cursor.execute(_CLAIM, {"now": now, "open": open_, "kinds": list(kinds), "limit": limit}).fetchall()
    return sorted(rows, key=lambda debt: debt.id)


def done(connection: psycopg.Connection[Any], debt: Debt, *, now: datetime) -> bool:
    return _settle(connection, debt, "done", None, now)


def failed(connection: psycopg.Connection[Any], debt: Debt, reason: str, *, now: datetime) -> bool:
    return _settle(connection, debt, "failed", reason, now)


def cancelled(connection: psycopg.Connection[Any], debt: Debt, reason: str, *, now: datetime) -> bool:
    return _settle(connection, debt, "cancelled", reason, now)


def uncertain(connection: psycopg.Connection[Any], debt: Debt, reason: str, *, now: datetime) -> bool:
    return _settle(connection, debt, "uncertain", reason, now)


def again(connection: psycopg.Connection[Any], debt: Debt, reason: str, *, now: datetime) -> datetime | None:
    """Owed again by the schedule, and when; None: the schedule is used up and the row has failed."""
    if debt.attempts > len(RETRIES):
        failed(connection, debt, f"{reason} (given up after {debt.attempts} tries)", now=now)
        return None
    due_at = now + RETRIES[debt.attempts - 1]
    _reopen(connection, debt, reason, due_at, attempts=debt.attempts)
    return due_at


def wait(
    connection: psycopg.Connection[Any],
    debt: Debt,
    remedy: str,
    *,
    now: datetime,
    due_at: datetime | None = None,
) -> bool:
    """Owed still, the try given back; true when it did not wait for this before, so that it is logged once.

    To be called in the transaction of the claim: a message that gathers asks is the only one of its creator, and stays it.
    """
    _reopen(connection, debt, remedy, due_at or now + HOLD, attempts=debt.attempts - 1)
    return debt.last_error != remedy


def owed_now(connection: psycopg.Connection[Any], advertiser_id: str, *, now: datetime) -> None:
    """What waited for this advertiser's connection waits no longer. An unbinding keeps its day.

    A row that a worker owes anew at this moment is left to its own turn: to wait for it might be a deadlock.
    """
    connection.execute(
        """UPDATE outbox SET due_at = %(now)s WHERE id IN (SELECT id FROM outbox
               WHERE status = 'owed' AND due_at > %(now)s AND kind = ANY(%(kinds)s)
               AND split_part(key, '/', 1) = %(advertiser)s FOR UPDATE SKIP LOCKED)""",
        {"now": now, "kinds": [CODE_CHECK, ACCOUNT_ACCESS, OWN_CONFIRM], "advertiser": advertiser_id},
    )


_HOLD = """
WITH due AS MATERIALIZED (
    SELECT id, last_error FROM outbox
    WHERE status = 'owed' AND due_at <= %(now)s AND kind = ANY(%(kinds)s) AND (NOT %(unconnected)s OR NOT EXISTS (
        SELECT FROM advertisers WHERE advertiser_id = split_part(key, '/', 1) AND token IS NOT NULL))
    ORDER BY due_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED),
held AS (
    UPDATE outbox o SET due_at = %(due_at)s, last_error = %(remedy)s FROM due WHERE o.id = due.id
    RETURNING o.id, o.key, due.last_error AS before)
SELECT id, key FROM held WHERE before IS DISTINCT FROM %(remedy)s ORDER BY id
"""


def hold(
    connection: psycopg.Connection[Any],
    remedy: str,
    *,
    now: datetime,
    kinds: Sequence[str] = PAYABLE,
    limit: int = MOST_HELD,
    unconnected: bool = False,
) -> list[Held]:
    """Puts off up to `limit` due rows of these kinds without claiming them; returns those that newly wait for this.
    `unconnected`: only rows of advertisers without a token.
    """
    values = {"kinds": list(kinds), "remedy": remedy, "now": now, "due_at": now + HOLD, "limit": limit}
    values["unconnected"] = unconnected
    with connection.cursor(row_factory=class_row(Held)) as cursor:
        return cursor.execute(_HOLD, values).fetchall()


def abandoned(
    connection: psycopg.Connection[Any], *, now: datetime, kinds: Sequence[str] = PAYABLE, reason: str = POWER_CUT
) -> list[Held]:
    """Rows still `paying` long after their claim become `uncertain`: whoever claimed them is gone, or is settling them now."""
    query = """
        UPDATE outbox SET status = 'uncertain', settled_at = %(now)s, last_error = %(reason)s
        WHERE id IN (SELECT id FROM outbox WHERE status = 'paying' AND claimed_at < %(before)s AND kind = ANY(%(kinds)s)
            FOR UPDATE SKIP LOCKED)
        RETURNING id, key"""
    values = {"now": now, "reason": reason, "before": now - ABANDONED_AFTER, "kinds": list(kinds)}
    with connection.cursor(row_factory=class_row(Held)) as cursor:
        return cursor.execute(query, values).fetchall()


# Both also take a row that was meanwhile given up as uncertain: the one who made the call knows better.
_OURS = "id = %(id)s AND attempts = %(claimed)s AND status IN ('paying', 'uncertain')"


def begin_step(connection: psycopg.Connection[Any], debt: Debt, step: str) -> bool:
    """Notes, to be committed before the call, that something at TikTok is about to change. False: the claim was overtaken."""
    query = f"UPDATE outbox SET payload = payload || %(put)s WHERE {_OURS} AND status = 'paying'"
    values = {"id": debt.id, "claimed": debt.attempts, "put": Jsonb({"step": step})}
    return connection.execute(query, values).rowcount > 0


def put_off(
    connection: psycopg.Connection[Any],
    debt: Debt,
    reason: str,
    *,
    due_at: datetime,
    now: datetime,
    put: Mapping[str, Any] | None = None,
    drop: Sequence[str] = (),
) -> Status | None:
    """An effect's turn comes again at `due_at`, with `put` and without `drop` in its payload: `owed`, or `uncertain` as
    long as a step was begun of which nobody knows how it ended. None: the claim was overtaken.
    """
    # The try is not given back: the number fences, and a schedule counts for itself, in the payload.
    query = f"""
        UPDATE outbox SET (status, settled_at, payload) = (
            SELECT CASE WHEN after ? 'step' THEN 'uncertain' ELSE 'owed' END,
                CASE WHEN after ? 'step' THEN %(now)s::timestamptz END, after
            FROM (SELECT (payload || %(put)s) - %(drop)s::text[] AS after) AS changed
        ), claimed_at = NULL, due_at = %(due_at)s, last_error = %(reason)s
        WHERE {_OURS} RETURNING status"""
    values = {"id": debt.id, "claimed": debt.attempts, "due_at": due_at, "reason": reason, "now": now}
    values |= {"put": Jsonb(dict(put or {})), "drop": list(drop)}
    row = connection.execute(query, values).fetchone()
    return None if row is None else row[0]


def _settle(connection: psycopg.Connection[Any], debt: Debt, status: Status, reason: str | None, now: datetime) -> bool:
    # A link to give access by has served its turn, and need not lie about for as long as the row is kept.
    cursor = connection.execute(
        f"""UPDATE outbox SET status = %(status)s, settled_at = %(now)s, last_error = %(reason)s,
            payload = payload - 'link' WHERE {_OURS}""",
        {"id": debt.id, "claimed": debt.attempts, "status": status, "now": now, "reason": reason},
    )
    return cursor.rowcount > 0


def _reopen(connection: psycopg.Connection[Any], debt: Debt, reason: str, due_at: datetime, *, attempts: int) -> None:
    connection.execute(
        f"""UPDATE outbox SET status = 'owed', claimed_at = NULL, settled_at = NULL, attempts = %(attempts)s,
            due_at = %(due_at)s, last_error = %(reason)s WHERE {_OURS}""",
        {"id": debt.id, "claimed": debt.attempts, "attempts": attempts, "due_at": due_at, "reason": reason},
    )
