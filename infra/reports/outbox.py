"""What is owed to the outside as operators read it: by how it stands and of which kind, how old, and why it waits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row

from infra import waiting
from infra.outbox import ALERT, ASK_CHANNEL, PAYABLE
from infra.outbox_acts import retryable

Connection = psycopg.Connection[Any]
Row = dict[str, Any]

KINDS: Mapping[str, str] = {
    **waiting.NAMES,
    ASK_CHANNEL: "text to the creator by another channel",
    ALERT: "alert to your people",
}
# Literals, so that the indexes which are made for them are used; the others are looked for among the last WINDOW.
OPEN = {
    "owed": "status IN ('owed', 'paying')",
    "failed": "status = 'failed'",
    "uncertain": "status = 'uncertain'",
}
SETTLED = {"done": "status = 'done'", "cancelled": "status = 'cancelled'"}
STATUSES = (*OPEN, *SETTLED)
WINDOW = 20_000
HIGHEST = 2**63 - 1

FACTS = """
SELECT o.id, o.kind, o.key, o.status, o.attempts, o.due_at, o.settled_at, o.created_at, o.last_error, o.authorization_id,
    o.creator_id, creators.handle
"""
PAGE = f"""
{FACTS} FROM (
    SELECT * FROM outbox
    WHERE {{status}} AND id < %(before)s AND (%(kind)s = '' OR kind = %(kind)s) ORDER BY id DESC LIMIT %(limit)s
) AS o LEFT JOIN creators ON creators.id = o.creator_id ORDER BY o.id DESC
"""
SETTLED_PAGE = f"""
{FACTS} FROM (
    SELECT * FROM (SELECT * FROM outbox WHERE id < %(before)s ORDER BY id DESC LIMIT {WINDOW}) AS last
    WHERE {{status}} AND (%(kind)s = '' OR kind = %(kind)s) ORDER BY id DESC LIMIT %(limit)s
) AS o LEFT JOIN creators ON creators.id = o.creator_id ORDER BY o.id DESC
"""
ONE = f"""
{FACTS}, o.idempotency_key FROM outbox AS o LEFT JOIN creators ON creators.id = o.creator_id WHERE o.id = %s
"""
STANDING = """
SELECT kind, count(*) FILTER (WHERE status <> 'uncertain') AS owed, count(*) FILTER (WHERE status = 'uncertain') AS uncertain,
    min(created_at) AS oldest, min(due_at) AS next
FROM outbox WHERE status IN ('owed', 'paying', 'uncertain') GROUP BY kind ORDER BY owed DESC, kind
"""

FAILURES = "SELECT count(*) FROM outbox WHERE status = 'failed' AND kind = ANY(%s)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """A filter. Empty: any."""

    status: str = ""
    kind: str = ""


def page(connection: Connection, wanted: Wanted, *, before: int | None = None, limit: int) -> list[Row]:
    """The newest first, those below the number `before`: each with `what`, and why it waits or failed as `reason`."""
    query = PAGE.format(status=OPEN[wanted.status]) if wanted.status in OPEN else _of_the_last(wanted)
    values = {"before": before if before is not None else HIGHEST, "kind": wanted.kind, "limit": limit}
    rows = connection.cursor(row_factory=dict_row).execute(query.encode(), values).fetchall()
    return [told(row) for row in rows]


def one(connection: Connection, number: int) -> Row | None:
    """One row, without its payload: that may hold a link by which somebody gives access."""
    row = connection.cursor(row_factory=dict_row).execute(ONE, [number]).fetchone()
    return told(row) if row else None


def standing(connection: Connection) -> list[Row]:
    """By kind: how many are owed and uncertain, the oldest, and when the next is due."""
    rows = connection.cursor(row_factory=dict_row).execute(STANDING).fetchall()
    return [row | {"what": KINDS.get(row["kind"], row["kind"])} for row in rows]


def failures(connection: Connection, kind: str) -> int:
    """How many failed that may be tried again, of this kind or, where it is empty, of any."""
    ((found,),) = connection.execute(FAILURES, [retryable(kind)]).fetchall()
    return int(found)


def told(row: Row) -> Row:
    """With what it is in plain words."""
    what = KINDS.get(row["kind"], row["kind"])
    return row | {"what": what, "reason": waiting.in_words(row["last_error"]), "is_mail": row["kind"] in PAYABLE}


def is_late(row: Row, now: datetime) -> bool:
    """Whether it should have been paid by now, and nothing says why it was not."""
    return row["status"] == "owed" and row["due_at"] < now and not row["reason"]


def _of_the_last(wanted: Wanted) -> str:
    return SETTLED_PAGE.format(status=SETTLED.get(wanted.status, "true"))
