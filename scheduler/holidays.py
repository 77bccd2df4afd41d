"""The asks that come forward: their creators will be away, as they told, when they would be made."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec
import psycopg
from psycopg.rows import class_row

from domain.absence import LEAD, forward_at
from domain.patience import Holiday
from infra import inbox
from scheduler.due import BATCH, SENDER, Due, coming_letters
from scheduler.leadership import Turn, as_leader


@dataclass(frozen=True, kw_only=True, slots=True)
class Leaving(Due):
    """A row whose next ask, at `ask_at`, may fall into the holiday of its creator."""

    ask_at: datetime
    begins_at: datetime
    away_from: datetime
    away_until: datetime

    def is_asked_now(self, now: datetime) -> bool:
        """Whether nothing but the days before the holiday is left to ask in."""
        if self.expires_at is None:
            return False
        holiday = Holiday(begins_at=self.away_from, ends_at=self.away_until)
        at = forward_at(self.ask_at, begins_at=self.begins_at, ends_at=self.expires_at, holiday=holiday)
        return at is not None and at <= now

    def letter(self) -> inbox.Letter:
        """With the holiday, by which the worker judges it once more."""
        away = {"away_from": self.away_from, "away_until": self.away_until}
        return inbox.Letter(
            sender=SENDER,
            event_id=f"leave:{self.id}:{self.version}",
            type="renewal.due",
            key=self.key,
            occurred_at=self.due_at,
            data=msgspec.json.encode({"period_ends_at": self.expires_at, "rung": self.rung} | away),
        )


# Few holidays begin within days, and of their creators' rows only those count whose next ask would be made meanwhile. Who was
# asked within these days is not asked again: once for each holiday.
LEAVING = f"""
SELECT a.id, a.key, a.version, %(now)s AS due_at, a.expires_at, a.rung, a.next_action_at AS ask_at,
    coalesce(a.ladder_from, a.starts_at) AS begins_at, creators.away_from, creators.away_until
FROM creators JOIN authorizations AS a ON a.creator_id = creators.id
WHERE creators.away_from > %(now)s AND creators.away_from <= %(now)s + %(lead)s::interval
  AND a.next_action = 'ask' AND a.next_action_at > %(now)s AND a.next_action_at < creators.away_until
  AND a.expires_at > %(now)s AND a.id > %(beyond)s
  AND NOT EXISTS (
      SELECT FROM asks WHERE asks.authorization_id = a.id AND asks.period_ends_at = a.expires_at
      AND coalesce(asks.sent_at, asks.asked_at) > %(now)s - %(lead)s::interval
  )
ORDER BY a.id LIMIT {BATCH}
"""


def announce_before_holidays(turn: Turn) -> int:
    """Writes a letter for every ask that comes forward, and for those that may go along; how many were new."""
    found, beyond = 0, 0
    while True:
        with as_leader(turn) as connection:
            rows = leaving_rows(connection, now=turn.now, beyond=beyond)
            letters = letters_of(connection, [row for row in rows if row.is_asked_now(turn.now)], turn)
            receipts = inbox.accept(connection, letters, now=turn.now) if letters else []
        turn.nudges.mailboxes(inbox.mailboxes_of(letters))
        found += sum(receipt.is_new for receipt in receipts)
        if len(rows) < BATCH or turn.is_stopping():
            return found
        beyond = rows[-1].id


def letters_of(connection: psycopg.Connection, asked: list[Leaving], turn: Turn) -> list[inbox.Letter]:
    """One message carries them all, and what the same creators would be asked within the digest span anyway."""
    return [row.letter() for row in asked] + coming_letters(connection, asked, turn)


def leaving_rows(connection: psycopg.Connection, *, now: datetime, beyond: int) -> list[Leaving]:
    """At most BATCH rows after the number `beyond` that may have to be asked for before a holiday."""
    values = {"now": now, "lead": LEAD, "beyond": beyond}
    with connection.cursor(row_factory=class_row(Leaving)) as cursor:
        return cursor.execute(LEAVING, values).fetchall()
