"""Acts on many authorizations, a batch at a time: letters, marks for undoing and the place in one transaction.

A crash loses the batch in hand and nothing else. Webhooks go first: while mailboxes have much to do, bulks rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import psycopg
import structlog
from psycopg.types.json import Jsonb
from sqlalchemy import Engine

from domain.acts import Act
from infra import acts, inbox
from infra.bulks import BULKS, CALLS_AT_ONCE, Bulk
from infra.clock import Clock
from infra.database import hot
from infra.inbox import Letter
from infra.reports import concerned
from infra.reports.concerned import Row
from worker.resting import Batch, BatchError, next_batch

log = structlog.get_logger()

# Half the batch, half of what a webhook may have to wait for; with far fewer, most of the time goes to finding the next rows.
BATCH = 100


def advance(engine: Engine, clock: Clock, *, size: int = BATCH) -> Batch | None:
    """The next batch of some open bulk; None where nothing is open, or others are at it."""
    try:
        return next_batch(engine, clock, BULKS, partial(do_batch, size=size))
    except BatchError as raised:
        fail(engine, raised.number, raised.error)
        return Batch()


def do_batch(connection: psycopg.Connection[Any], bulk: Bulk, now: datetime, *, size: int) -> Batch:
    """Some more of `bulk`, whose row this transaction holds."""
    # What is owed first is called first: few at a time, so that a code that somebody hands in is not behind them all.
    size = min(size, CALLS_AT_ONCE) if bulk.deed.is_call else size
    rows = rows_of(connection, bulk, size, now=now)
    told = [(row, letter) for row in rows if (letter := letter_of(bulk, row, now=now))]
    # One of several of a creator's stands for all of them.
    letters = list({letter.key: letter for _, letter in reversed(told)}.values())
    receipts = inbox.accept(connection, letters, now=now)
    if bulk.deed.can_be_undone and bulk.undo_of is None:
        new = {letter.key for letter, receipt in zip(letters, receipts, strict=True) if receipt.is_new}
        mark(connection, bulk, told, new)
    left_out = Counter(row.objection for row in rows if row.objection)
    # A batch that is not full is the last one.
    note(connection, bulk, rows, done=len(told), left_out=left_out, is_over=len(rows) < size, now=now)
    return Batch(mailboxes=inbox.mailboxes_of(letters))


def rows_of(connection: psycopg.Connection[Any], bulk: Bulk, size: int, *, now: datetime) -> list[Row]:
    """The next rows; of one that takes another back, those that still stand as that one left them."""
    if bulk.undo_of is not None:
        return marked(connection, bulk, size)
    return concerned.rows(
        connection,
        bulk.act,
        bulk.chosen,
        now=now,
        as_of=bulk.created_at,
        limit=size,
        after=bulk.place,
        last=bulk.last_id,
        confirmed=bulk.id if bulk.deed.is_grave else None,
    )


# Whom the letters of an act name, the instant that they change, and when somebody stated that last.
STATED = {
    Act.NEED: {
        "named": "authorizations.key",
        "present": "authorizations.needed_until",
        "stated_at": "authorizations.need_stated_at",
    },
    Act.SNOOZE: {
        "named": "'creator/' || creators.handle",
        "present": "creators.snoozed_until",
        "stated_at": "creators.snooze_stated_at",
    },
}
# Nobody has stated it since the act did, or who did took a later act back: then it stands again as this one left it.
MARKED = """
WITH marked AS (
    SELECT bulks.id AS bulk_id, bulks.act, bulks.nonce, authorizations.id, authorizations.key, creators.handle,
        (before ->> 'until')::timestamptz AS before, {named} AS named, {present} AS present, {stated_at} AS stated_at
    FROM bulks JOIN bulk_marks ON bulk_id = bulks.id JOIN authorizations ON authorizations.id = authorization_id
    LEFT JOIN creators ON creators.id = creator_id
    WHERE bulks.id = %s AND authorization_id > %s ORDER BY authorization_id LIMIT %s
)
SELECT marked.id, key, handle, before, present, coalesce(stated_at <= (
    SELECT occurred_at FROM inbox WHERE sender = 'operator' AND event_id = act || ':' || nonce || ':' || named
), true) OR EXISTS (
    SELECT FROM bulks AS later JOIN inbox ON sender = 'operator' AND event_id = later.act || ':' || later.nonce || ':' || named
    WHERE later.undo_of > bulk_id AND later.act = marked.act AND occurred_at = stated_at
) AS is_last
FROM marked ORDER BY marked.id
"""


def marked(connection: psycopg.Connection[Any], bulk: Bulk, size: int) -> list[Row]:
    """The marks of the act that is taken back, as rows that hold what stood before."""
    query = MARKED.format(**STATED[bulk.act])
    found = connection.execute(query.encode(), [bulk.undo_of, bulk.place, size])
    rows = []
    for number, key, handle, before, present, is_last in found:
        # As it was left, or as it was before: then the letter that changes it may still be on its way.
        is_ours = is_last and present in (bulk.until, before)
        rows.append(
            Row(
                id=number,
                key=key,
                handle=handle,
                needed_until=before,
                snoozed_until=before,
                objection=None if is_ours else "changed_since",
            )
        )
    return rows


def letter_of(bulk: Bulk, row: Row, *, now: datetime) -> Letter | None:
    """What the act, or taking it back, says of one authorization; None where it is left out."""
    if row.objection is not None:
        return None
    until = bulk.until
    if bulk.undo_of is not None:
        # Nobody can be snoozed until nothing; until now is as good.
        until = row.needed_until if bulk.act is Act.NEED else row.snoozed_until or now
    return acts.letter_of(bulk.act, row, until=until, now=now, nonce=bulk.nonce)


def standing(act: Act, needed_until: datetime | None, snoozed_until: datetime | None) -> datetime | None:
    """The one instant that the act changes."""
    return needed_until if act is Act.NEED else snoozed_until


MARK = """
INSERT INTO bulk_marks (bulk_id, authorization_id, before)
SELECT %s, id, jsonb_build_object('until', before) FROM unnest(%s::int8[], %s::timestamptz[]) AS t (id, before)
"""


def mark(connection: psycopg.Connection[Any], bulk: Bulk, told: Sequence[tuple[Row, Letter]], new: set[str]) -> None:
    """How those stood that the letters change; of several of one creator the first."""
    first: dict[str, Row] = {}
    for row, letter in told:
        if letter.key in new:
            first.setdefault(letter.key, row)
    rows = list(first.values())
    before = [standing(bulk.act, row.needed_until, row.snoozed_until) for row in rows]
    connection.execute(MARK, [bulk.id, [row.id for row in rows], before])


NOTE = """
UPDATE bulks SET status = %(status)s, place = %(place)s, done = done + %(done)s, skipped = skipped + %(skipped)s,
    left_out = %(left_out)s, ended_at = %(ended_at)s WHERE id = %(id)s
"""


def note(
    connection: psycopg.Connection[Any],
    bulk: Bulk,
    rows: Sequence[Row],
    *,
    done: int,
    left_out: Mapping[str, int],
    is_over: bool,
    now: datetime,
) -> None:
    """How far it has come."""
    skipped = sum(left_out.values())
    values = {
        "id": bulk.id,
        "status": "done" if is_over else "running",
        "place": rows[-1].id if rows else bulk.place,
        "done": done,
        "skipped": skipped,
        "left_out": Jsonb(Counter(bulk.left_out) + Counter(left_out)),
        "ended_at": now if is_over else None,
    }
    connection.execute(NOTE, values)
    if is_over:
        log.info("bulk_ended", bulk=bulk.id, act=bulk.act, done=bulk.done + done, skipped=bulk.skipped + skipped)


def fail(engine: Engine, number: int, error: Exception) -> None:
    """A bug: it stands still until a person lets it go on."""
    log.error("bulk_failed", bulk=number, exc_info=error)
    with hot(engine) as connection:
        BULKS.fail(connection, number, error)
