"""Events: the inbox by what became of each, one event with what it said, and another try for what waits."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self

from fastapi import Query
from pydantic import AfterValidator, Field, StringConstraints, model_validator

from domain.people import Scope
from infra import replays
from infra.database import snapshot
from infra.reports import events
from infra.reports.events import AGES, MOST_REPLAYED, OUTCOMES, REPLAYABLE, wanted_in, wanted_of
from web.api.calls import Asks, Operation, Write, Writes
from web.api.paging import Page, Paged, page
from web.api.problems import conflict, invalid, missing
from web.api.shapes import Asked, Number, Shape, Word
from web.api.spelling import Spelled, one_of

Digits = Annotated[str, Spelled(pattern="^[0-9]{1,18}$", words="a number of at most 18 digits")]


class Wanting(Paged):
    """The room's filter of events, in its words (docs/room.md)."""

    outcome: Annotated[str, one_of(OUTCOMES)] | None = Field(None, description="What became of them.")
    sender: Word | None = Field(None, description="`crm`, `tiktok`, `clock`, `operator`, …")
    type: Word | None = Field(None, description="Such as `code.submitted`.")
    key: Word | None = Field(None, description="An authorization's key.")
    age: Annotated[str, one_of(AGES)] | None = Field(None, description="Received within it.")
    first: Digits | None = Field(None, description="Least number of an event.")
    last: Digits | None = Field(None, description="Most number of an event.")


class EventRow(Shape):
    """One event, as the list has it. `waiting`: how it waits, where it does."""

    seq: int
    sender: str
    event_id: str
    type: str
    key: str | None
    occurred_at: datetime | None
    received_at: datetime
    handled_at: datetime | None
    outcome: str
    waiting: str | None
    reason: str | None
    attempts: int | None
    try_at: datetime | None


class Became(Shape):
    """A line that it left in its authorization's history."""

    at: datetime
    event: str
    outcome: str
    reason: str | None
    note: str | None


class EventShown(EventRow):
    """One event with what it said, without what is sealed; `error` is the traceback of the last attempt that raised.
    `headers`: what is kept of its delivery's (docs/events.md); null where none brought it.
    """

    headers: dict[str, str] | None
    data: Any
    is_sealed: bool
    error: str | None
    authorization_id: int | None
    became: list[Became]


def _sought(text: str) -> str:
    """The filter in its own words. Raises WantedError."""
    return wanted_in(text).query


Sought = Annotated[str, StringConstraints(max_length=2_000), AfterValidator(_sought)]


FORGOTTEN = "There is no such event; those that were handled are forgotten after a time."


class Replaying(Asked):
    """Which events: those of `seqs`, or all that wait and that `filter` matches."""

    seqs: list[Annotated[int, Field(ge=1, le=2**63 - 1)]] | None = Field(None, min_length=1, max_length=MOST_REPLAYED)
    filter: Sought | None = Field(
        None,
        description="As in the address of the list, such as `outcome=quarantined&sender=crm`. A word that is not known or says "
        "nothing is refused.",
    )

    @model_validator(mode="after")
    def _chooses(self) -> Self:
        if (self.seqs is None) == (self.filter is None):
            raise ValueError("Send either `seqs` or `filter`")
        return self


class Replayed(Shape):
    """How many are ready again, and their numbers."""

    count: int
    seqs: list[int]


def listed(call: Asks, asked: Annotated[Wanting, Query()]) -> Page[EventRow]:
    """The inbox, the newest first. A page may be short, or empty, while `next` leads further back."""
    wanted = wanted_of(dict(call.query))
    with snapshot(call.desk.engine) as connection:
        found = events.page(connection, wanted, before=asked.number, limit=asked.limit, now=call.now)
    return page(call, map(EventRow.model_validate, found.rows), after=found.more)


def one(call: Asks, seq: Number) -> EventShown:
    """One event: what it said, what became of it and, where it raised, the traceback."""
    with snapshot(call.desk.engine) as connection:
        row = events.one(connection, seq)
    if row is None:
        raise missing(FORGOTTEN)
    return EventShown.model_validate(row)


def replay_one(write: Writes, seq: Number) -> Replayed:
    """Another try for one that waits."""
    if events.one(write.connection, seq) is None:
        raise missing(FORGOTTEN)
    return _replayed(write, [seq], "It waits for no replay: it was handled, or is ready already.")


def replay(write: Writes, which: Replaying) -> Replayed:
    """Another try for some that wait, or for all that a filter matches, at most 10,000."""
    seqs = which.seqs or []
    if which.filter is not None:
        wanted = wanted_in(which.filter)
        if not wanted.is_replayable:
            remedy = f"Filter by one of the outcomes {', '.join(REPLAYABLE)}."
            raise invalid("The filter matches events that wait for nobody.", field="filter", remedy=remedy)
        seqs = events.matching(write.connection, wanted, now=write.now)
    return _replayed(write, seqs, "None of these events waits for a replay.")


def _replayed(write: Write, seqs: list[int], otherwise: str) -> Replayed:
    done = replays.replay(write.connection, seqs, actor=write.actor, now=write.now)
    if not done.seqs:
        raise conflict(otherwise, "Read the list of events that wait again.")
    write.after.append(lambda: write.desk.nudges.mailboxes(done.mailboxes))
    return Replayed(count=len(done.seqs), seqs=list(done.seqs))


OPERATIONS = (
    Operation(path="/events", handler=listed),
    Operation(path="/events/replay", handler=replay, scope=Scope.ACT, method="POST", status=202),
    Operation(path="/events/{seq}", handler=one),
    Operation(path="/events/{seq}/replay", handler=replay_one, scope=Scope.ACT, method="POST", status=202),
)
