"""The outbox: what is owed to creators and to TikTok, why it waits, and a message as its creator sees it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import psycopg
from fastapi import Query
from pydantic import Field

from domain.people import Scope
from infra import outbox_acts
from infra.database import snapshot
from infra.outbox_acts import RETRYABLE
from infra.reports import messages, outbox
from infra.reports.outbox import KINDS, STATUSES, Wanted
from web.api.calls import Asks, Call, Operation, Write, Writes
from web.api.paging import Page, Paged, page
from web.api.problems import conflict, missing
from web.api.shapes import Asked, Number, Shape
from web.api.spelling import one_of
from web.room.calls import cut


class Wanting(Paged):
    """The list's filter."""

    status: Annotated[str, one_of(STATUSES)] | None = Field(None, description="How it stands.")
    kind: Annotated[str, one_of(KINDS)] | None = Field(None, description="What it is.")


class Debt(Shape):
    """One thing that is or was owed; `what` in plain words."""

    id: int
    kind: str
    what: str
    key: str | None
    status: str
    attempts: int
    due_at: datetime
    settled_at: datetime | None
    created_at: datetime
    reason: str | None
    authorization_id: int | None
    creator_id: int | None
    handle: str | None


class Message(Shape):
    """As its creator reads it, composed again from what is known now; no link of it works."""

    to: str
    subject: str
    text: str
    was_sent: bool


class DebtShown(Debt):
    """With its message, where it is one and somebody is known to write to; `open`: what a person may do about it."""

    message: Message | None
    open: list[str]


class OwedKind(Shape):
    """One kind: how many are owed and uncertain, since when, and when the next is due."""

    kind: str
    what: str
    owed: int
    uncertain: int
    oldest: datetime | None
    next: datetime | None


class Retrying(Asked):
    """What failed of one kind, or of any."""

    kind: Annotated[str, one_of(RETRYABLE)] | None = Field(None, description="What it is. Without it: anything.")


class Retried(Shape):
    """How many are owed again, and their numbers; `left`: how many more failed that can be tried again."""

    count: int
    numbers: list[int]
    left: int


def listed(call: Asks, asked: Annotated[Wanting, Query()]) -> Page[Debt]:
    """What is or was owed, the newest first."""
    wanted = Wanted(status=asked.status or "", kind=asked.kind or "")
    with snapshot(call.desk.engine) as connection:
        rows, last = cut(outbox.page(connection, wanted, before=asked.number, limit=asked.limit + 1), asked.limit)
    return page(call, map(Debt.model_validate, rows), after=last and last["id"])


def summed(call: Asks) -> Page[OwedKind]:
    """What is owed, by kind."""
    with snapshot(call.desk.engine) as connection:
        rows = outbox.standing(connection)
    return page(call, map(OwedKind.model_validate, rows), after=None)


def one(call: Asks, number: Number) -> DebtShown:
    """One of what is or was owed; a message with its words."""
    with snapshot(call.desk.engine) as connection:
        return _debt(connection, call, number)


def retry_failed(write: Writes, which: Retrying) -> Retried:
    """Owes again all that failed, at most 10,000, the oldest first; never what may have arrived."""
    kind = which.kind or ""
    numbers = outbox_acts.retry_failed(write.connection, kind, actor=write.actor, now=write.now)
    if not numbers:
        raise conflict("Nothing failed that can be tried again.", "Read the list of what failed.")
    left = outbox.failures(write.connection, kind)
    return Retried(count=len(numbers), numbers=numbers, left=left)


def retry(write: Writes, number: Number) -> DebtShown:
    """Owes again what failed, or what may not have arrived; a worker takes it within seconds."""
    return _done(write, number, outbox_acts.retry)


def arrived(write: Writes, number: Number) -> DebtShown:
    """Says that a message which may have arrived did: its asks count as sent."""
    return _done(write, number, outbox_acts.arrived)


def _done(write: Write, number: int, act: Callable[..., None]) -> DebtShown:
    _debt(write.connection, write, number)
    act(write.connection, number, actor=write.actor, now=write.now)
    return _debt(write.connection, write, number)


def _debt(connection: psycopg.Connection[Any], call: Call, number: int) -> DebtShown:
    row = outbox.one(connection, number)
    if row is None:
        raise missing("There is no such thing owed; what was settled is forgotten after a time.")
    message = messages.shown(connection, row, call.desk.settings, now=call.now)
    deeds = [str(deed) for deed in outbox_acts.open_to(row)]
    return DebtShown.model_validate(row | {"message": message, "open": deeds})


OPERATIONS = (
    Operation(path="/outbox", handler=listed),
    Operation(path="/outbox/kinds", handler=summed),
    Operation(path="/outbox/retry", handler=retry_failed, scope=Scope.ACT, method="POST"),
    Operation(path="/outbox/{number}", handler=one),
    Operation(path="/outbox/{number}/retry", handler=retry, scope=Scope.ACT, method="POST"),
    Operation(path="/outbox/{number}/arrived", handler=arrived, scope=Scope.ACT, method="POST"),
)
