"""What time has changed: periods that ended, requests that lapsed, renewals that are due. Each becomes an inbox letter.

Every query walks one partial index in its own order, so a sweep costs what is due, not what exists.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec
import psycopg
from psycopg.rows import class_row

from infra import inbox
from scheduler.leadership import Turn, as_leader

BATCH = 500
SENDER = "clock"
Place = tuple[datetime, int]
BEGINNING: Place = (datetime.min.replace(tzinfo=UTC), 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Due:
    """A row whose instant has come."""

    id: int
    key: str
    version: int
    due_at: datetime
    expires_at: datetime | None
    rung: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Announcement:
    """One kind of letter: which rows are due, in the order of their index, and what the letter says."""

    job: str
    type: str
    instant: str
    condition: str
    data: Callable[[Due], dict[str, object]]

    @property
    def query(self) -> str:
        """Rows beyond the cursor. The conditions repeat the index's own, or the planner may not use it."""
        return f"""
        SELECT id, key, version, {self.instant} AS due_at, expires_at, rung FROM authorizations
        WHERE {self.condition} AND {self.instant} <= %(now)s AND ({self.instant}, id) > (%(at)s, %(id)s)
        ORDER BY {self.instant}, id LIMIT {BATCH}
        """

    def letter(self, row: Due) -> inbox.Letter:
        """The row's version is in the id: an instant is announced once, and again only when the row has changed."""
        return inbox.Letter(
            sender=SENDER,
            event_id=f"{self.job}:{row.id}:{row.version}",
            type=self.type,
            key=row.key,
            occurred_at=row.due_at,
            data=msgspec.json.encode(self.data(row)),
        )


EXPIRE = Announcement(
    job="expire",
    type="period.ended",
    instant="expires_at",
    condition="state IN ('authorized', 'active') AND expires_at IS NOT NULL",
    data=lambda row: {"ends_at": row.expires_at},
)
LAPSE = Announcement(
    job="lapse",
    type="request.lapsed",
    instant="next_action_at",
    condition="next_action = 'lapse'",
    data=lambda _row: {},
)
REMIND = Announcement(
    job="remind",
    type="renewal.due",
    instant="next_action_at",
    condition="next_action = 'ask'",
    data=lambda row: {"period_ends_at": row.expires_at, "rung": row.rung},
)


GATHER = Announcement(
    job="gather",
    type="renewal.due",
    instant="next_action_at",
    condition="next_action = 'ask'",
    data=lambda row: {"period_ends_at": row.expires_at, "rung": row.rung, "is_early": True},
)
# What the creators of these rows will be asked within the digest span comes along, as far as renewal.may_come_early lets it.
# Who was asked about it within that span is not asked again so soon: the rung would be used up for nothing.
COMING = """
SELECT id, key, version, %(now)s AS due_at, expires_at, rung FROM authorizations
WHERE creator_id IN (SELECT creator_id FROM authorizations WHERE id = ANY(%(ids)s))
  AND next_action = 'ask' AND next_action_at > %(now)s
  AND next_action_at - %(now)s <= least(%(span)s, (expires_at - next_action_at) / 2)
  AND NOT EXISTS (
      SELECT FROM asks WHERE asks.authorization_id = authorizations.id AND asks.period_ends_at = authorizations.expires_at
      AND coalesce(asks.sent_at, asks.asked_at) > %(now)s - %(span)s::interval
  )
ORDER BY next_action_at, id
"""


def announce(turn: Turn, what: Announcement) -> int:
    """Writes a letter for every due row, a transaction for each batch; how many were new.

    Rows that an earlier sweep announced and no worker has applied yet are recognised by the inbox, and nudged again.
    With due asks go those of the same creators that may come early: one message carries them all.
    """
    found, place = 0, BEGINNING
    while True:
        with as_leader(turn) as connection:
            due = due_rows(connection, what, now=turn.now, beyond=place)
            letters = [what.letter(row) for row in due]
            if what is REMIND and due:
                letters += coming_letters(connection, due, turn)
            receipts = inbox.accept(connection, letters, now=turn.now)
        turn.nudges.mailboxes(inbox.mailboxes_of(letters))
        found += sum(receipt.is_new for receipt in receipts)
        if len(due) < BATCH or turn.is_stopping():
            return found
        place = (due[-1].due_at, due[-1].id)


def due_rows(connection: psycopg.Connection, what: Announcement, *, now: datetime, beyond: Place) -> list[Due]:
    """At most BATCH due rows after the cursor, the longest overdue first."""
    values = {"now": now, "at": beyond[0], "id": beyond[1]}
    with connection.cursor(row_factory=class_row(Due)) as cursor:
        return cursor.execute(what.query, values).fetchall()


def coming_letters(connection: psycopg.Connection, due: Sequence[Due], turn: Turn) -> list[inbox.Letter]:
    """What the creators of the rows that are due would be asked soon; each is due at the instant of the sweep."""
    span = timedelta(days=turn.settings.digest_days)
    values = {"ids": [row.id for row in due], "now": turn.now, "span": span}
    with connection.cursor(row_factory=class_row(Due)) as cursor:
        return [GATHER.letter(row) for row in cursor.execute(COMING, values)]
