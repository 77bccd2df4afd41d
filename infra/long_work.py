"""Long work that people ask for and the worker does batch by batch: how a piece of it is found, paused, let go on and ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Literal, Protocol, TypeVar

import psycopg
from psycopg.rows import class_row

from infra import audit
from infra.bulk_tables import OPEN, Progress

# Nobody has had it in hand for a while.
UNTENDED = f"{OPEN} AND coalesce(claimed_until <= %s, true)"
VERBS = {Progress.PAUSED: "paused", Progress.WAITING: "resumed", Progress.DONE: "ended"}


class Piece(Protocol):
    """How one stands."""

    @property
    def status(self) -> Progress: ...

    @property
    def may_be_ended(self) -> bool: ...


P = TypeVar("P", bound=Piece)


@dataclass(frozen=True, kw_only=True, slots=True)
class LongWork(Generic[P]):
    """One kind of it, a row of `table` for each. `noun` names one to people and in the audit log, `error` is what they are told.

    In SQL: `select` loads each as a `shape`, `left` is how much of it is left to do, `neglected` whether it wants a nudge.
    `may_rest` names those that leave others the turn while `rests` holds, which may ask for %(now)s.
    """

    table: Literal["bulks", "imports"]
    noun: Literal["act", "import"]
    shape: type[P]
    error: type[Exception]
    select: str
    left: str
    neglected: str = UNTENDED
    may_rest: str = "false"
    rests: str = "true"

    def load(self, connection: psycopg.Connection[Any], number: int) -> P | None:
        """One of them."""
        cursor = connection.cursor(row_factory=class_row(self.shape))
        return cursor.execute(f"{self.select} WHERE {self.table}.id = %s".encode(), [number]).fetchone()

    def listed(self, connection: psycopg.Connection[Any], *, before: int | None = None, limit: int = 50) -> list[P]:
        """The newest first, those before the number `before`."""
        cursor = connection.cursor(row_factory=class_row(self.shape))
        number = f"{self.table}.id"
        query = f"{self.select} WHERE {number} < coalesce(%s, 9223372036854775807) ORDER BY {number} DESC LIMIT %s"
        return cursor.execute(query.encode(), [before, limit]).fetchall()

    def need(self, connection: psycopg.Connection[Any], number: int, *, lock: bool = False) -> P:
        """One of them, kept for this transaction if `lock`. Raises `error` where there is none."""
        if lock:
            connection.execute(f"SELECT FROM {self.table} WHERE id = %s FOR UPDATE".encode(), [number])
        piece = self.load(connection, number)
        if piece is None:
            raise self.error(f"There is no {self.noun} {number}.")
        return piece

    def is_any_neglected(self, connection: psycopg.Connection[Any], *, now: datetime) -> bool:
        """Whether an open one has had no batch for a while, or one wants a nudge for another reason."""
        query = f"SELECT EXISTS (SELECT FROM {self.table} WHERE {self.neglected})"
        row = connection.execute(query.encode(), [now]).fetchone()
        return row is not None and bool(row[0])

    def pause(self, connection: psycopg.Connection[Any], number: int, *, actor: str, now: datetime) -> None:
        """It stops after the batch that is in hand. Raises `error` where it has ended."""
        self._change(connection, number, Progress.PAUSED, actor=actor, now=now)

    def go_on(self, connection: psycopg.Connection[Any], number: int, *, actor: str, now: datetime) -> None:
        """It goes on where it stopped, also after a failure. Nudge after the commit. Raises `error` where it has ended."""
        self._change(connection, number, Progress.WAITING, actor=actor, now=now)

    def end(self, connection: psycopg.Connection[Any], number: int, *, actor: str, now: datetime) -> None:
        """It is over, with what is done by now. Raises `error` where it may not be ended."""
        self._change(connection, number, Progress.DONE, actor=actor, now=now)

    def fail(self, connection: psycopg.Connection[Any], number: int, error: Exception) -> None:
        """It stands still until a person lets it go on. What a person paused or ended meanwhile stays so."""
        change = f"UPDATE {self.table} SET status = 'failed', trouble = %s, claimed_until = NULL"
        connection.execute(f"{change} WHERE id = %s AND {OPEN}".encode(), [type(error).__name__, number])

    def become(self, connection: psycopg.Connection[Any], number: int, status: Progress, *, now: datetime) -> None:
        """How it stands from now on, without a line in the audit log."""
        ended_at = now if status.has_ended else None
        change = f"UPDATE {self.table} SET status = %s, ended_at = %s, trouble = NULL, claimed_until = NULL"
        connection.execute(f"{change} WHERE id = %s".encode(), [status, ended_at, number])

    def _change(
        self, connection: psycopg.Connection[Any], number: int, status: Progress, *, actor: str, now: datetime
    ) -> None:
        piece, is_end = self.need(connection, number, lock=True), status.has_ended
        may_change = piece.may_be_ended if is_end else not piece.status.has_ended
        if not may_change:
            raise self.error("It has ended already.")
        if piece.status is not status or is_end:
            self.become(connection, number, status, now=now)
            act, subject = f"{self.noun}.{VERBS[status]}", f"{self.noun}/{number}"
            audit.note(connection, at=now, actor=actor, act=act, subject=subject)
