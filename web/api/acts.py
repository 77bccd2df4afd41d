"""Acts on authorizations, few or everything that a filter matches: what one would do, begun, followed, paused and undone."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Self

from fastapi import Query
from pydantic import AfterValidator, Field, StringConstraints, model_validator

from domain.acts import DEEDS, Act, NobodyError
from domain.people import Scope
from infra import bulks
from infra.bulk_tables import Progress
from infra.bulks import Bulk
from infra.database import snapshot
from infra.reports import concerned, standing
from infra.reports.concerned import Chosen
from web.api.calls import PREFIX, Asks, Operation, Write, Writes
from web.api.paging import Page, Paged, page
from web.api.problems import conflict, invalid, missing
from web.api.shapes import Asked, Instant, Key, Number, Shape
from web.room.calls import cut

MOST_KEYS, NAMED = 1_000, 20


def _sought(text: str) -> str:
    """The filter as it is kept. Raises FilterError."""
    return Chosen.by(text).query


Sought = Annotated[str, StringConstraints(max_length=4_000), AfterValidator(_sought)]


class Order(Asked):
    """Which act, and on which authorizations: those of `keys`, or everything that `filter` matches (empty: all there are).

    `until` for `snooze` and `need`; `expected` must be the number that it concerns, where the act cannot be taken back
    (`unbind`, `revoke`), and may be sent with any. A preview looks at neither.
    """

    act: Act
    keys: list[Key] | None = Field(None, min_length=1, max_length=MOST_KEYS)
    filter: Sought | None = Field(
        None,
        description="The words of the list's filter as in its address, such as `state=active&left_to=7`. A word that is not "
        "known or says nothing is refused; only an empty filter matches all there are.",
    )

    until: Instant | None = None
    expected: int | None = Field(None, ge=0)

    @model_validator(mode="after")
    def _chooses(self) -> Self:
        if (self.keys is None) == (self.filter is None):
            raise ValueError("Send either `keys` or `filter`")
        return self

    @property
    def chosen(self) -> Chosen:
        if self.keys is not None:
            return Chosen(keys=tuple(dict.fromkeys(self.keys)))
        return Chosen(query=self.filter or "")


class LeftOut(Shape):
    """Authorizations that an act leaves out for one reason."""

    reason: str
    reason_in_words: str
    count: int


class Preview(Shape):
    """What an act would do. `first`: the keys of some that it concerns; `creators`: how many people they belong to."""

    act: Act
    matched: int
    concerned: int
    creators: int
    left_out: list[LeftOut]
    first: list[str]
    needs_until: bool
    needs_expected: bool
    can_be_undone: bool


class ActShown(Shape):
    """An act, and how far it has come. `gone_by`: what no longer matched when its turn came."""

    id: int
    act: Act
    filter: str | None
    of_what: str
    until: datetime | None
    status: Progress
    actor: str
    matched: int
    done: int
    skipped: int
    gone_by: int
    left_out: list[LeftOut]
    may_be_undone: bool
    undo_of: int | None
    undone_by: int | None
    created_at: datetime
    ended_at: datetime | None
    trouble: str | None


def previewed(call: Asks, order: Order) -> Preview:
    """Whom an act would concern, and whom it leaves out and why. Nothing is done."""
    with snapshot(call.desk.engine) as connection:
        found = concerned.survey(connection, order.act, order.chosen, now=call.now)
        rows = concerned.rows(connection, order.act, order.chosen, now=call.now, limit=10 * NAMED)
    deed = DEEDS[order.act]
    return Preview(
        act=order.act,
        matched=found.matched,
        concerned=found.concerned,
        creators=found.creators,
        left_out=reasons_of(found.left_out),
        first=[row.key for row in rows if row.objection is None][:NAMED],
        needs_until=deed.param is not None,
        needs_expected=deed.is_grave,
        can_be_undone=deed.can_be_undone,
    )


def begin(write: Writes, order: Order) -> ActShown:
    """Begins an act; workers do it batch by batch, and `GET /acts/{number}` says how far they have come."""
    if DEEDS[order.act].is_grave and order.expected is None:
        remedy = "Ask for the preview, and send its number `concerned` as `expected`."
        raise invalid("This cannot be taken back: say how many it concerns.", field="expected", remedy=remedy)
    _check(write, order)
    try:
        number = bulks.create(
            write.connection,
            order.act,
            order.chosen,
            until=order.until,
            actor=write.actor,
            now=write.now,
            nonce=secrets.token_hex(16),
            expected=order.expected,
        )
    except NobodyError as error:
        raise conflict(_why(error), "Ask for the preview: it says whom the act would concern.") from None
    return _told(write, number)


def _why(error: NobodyError) -> str:
    reasons = "; ".join(f"{each.count:,}: {each.reason_in_words}" for each in reasons_of(error.left_out))
    return f"{error} Left out: {reasons}." if reasons else str(error)


def _check(write: Write, order: Order) -> None:
    """Raises Refusal where the request itself is wrong, and not how things stand."""
    match order.keys:
        case [key] if standing.find(write.connection, key=key) is None:
            raise invalid(
                f"There is no authorization {key}.", field="keys", remedy="Read the list: it has all there are."
            )


def listed(call: Asks, asked: Annotated[Paged, Query()]) -> Page[ActShown]:
    """What was begun, by whomever, the newest first."""
    with snapshot(call.desk.engine) as connection:
        found, last = cut(bulks.listed(connection, before=asked.number, limit=asked.limit + 1), asked.limit)
    return page(call, map(shown, found), after=last and last.id)


def one(call: Asks, number: Number) -> ActShown:
    """One act, and how far it has come."""
    with snapshot(call.desk.engine) as connection:
        bulk = bulks.load(connection, number)
    if bulk is None:
        raise missing("There is no act of this number.")
    return shown(bulk)


def pause(write: Writes, number: Number) -> ActShown:
    """It stops after the batch that is in hand."""
    return _changed(write, number, bulks.pause)


def go_on(write: Writes, number: Number) -> ActShown:
    """It goes on where it stopped, also after a failure."""
    return _changed(write, number, bulks.go_on)


def end(write: Writes, number: Number) -> ActShown:
    """It is over, with what is done by now."""
    return _changed(write, number, bulks.end)


def undo(write: Writes, number: Number) -> ActShown:
    """Begins the act that takes this one back, which works once; one that was paused or failed ends by it."""
    return _changed(write, number, bulks.undo)


def shown(bulk: Bulk) -> ActShown:
    return ActShown(
        id=bulk.id,
        act=bulk.act,
        filter=bulk.query if bulk.ids is None else None,
        of_what=bulk.of_what,
        until=bulk.until,
        status=bulk.status,
        actor=bulk.actor,
        matched=bulk.matched,
        done=bulk.done,
        skipped=bulk.skipped,
        gone_by=bulk.gone_by,
        left_out=reasons_of(bulk.left_out),
        may_be_undone=bulk.may_be_undone,
        undo_of=bulk.undo_of,
        undone_by=bulk.undone_by,
        created_at=bulk.created_at,
        ended_at=bulk.ended_at,
        trouble=bulk.trouble,
    )


def reasons_of(left_out: Mapping[str, int]) -> list[LeftOut]:
    return [
        LeftOut(reason=word, reason_in_words=concerned.sentence(word), count=count) for word, count in left_out.items()
    ]


def _changed(write: Write, number: int, change: Callable[..., int | None]) -> ActShown:
    if bulks.load(write.connection, number) is None:
        raise missing("There is no act of this number.")
    other = change(write.connection, number, actor=write.actor, now=write.now)
    return _told(write, other or number)


def _told(write: Write, number: int) -> ActShown:
    write.headers["location"] = f"{PREFIX}/acts/{number}"
    write.after.append(write.desk.nudges.bulks)
    return shown(bulks.need(write.connection, number))


OPERATIONS = (
    Operation(path="/acts", handler=listed),
    Operation(path="/acts", handler=begin, scope=Scope.ACT, method="POST", status=201),
    Operation(path="/acts/preview", handler=previewed, scope=Scope.ACT, method="POST", only_tells=True),
    Operation(path="/acts/{number}", handler=one),
    Operation(path="/acts/{number}/pause", handler=pause, scope=Scope.ACT, method="POST"),
    Operation(path="/acts/{number}/go-on", handler=go_on, scope=Scope.ACT, method="POST"),
    Operation(path="/acts/{number}/end", handler=end, scope=Scope.ACT, method="POST"),
    Operation(path="/acts/{number}/undo", handler=undo, scope=Scope.ACT, method="POST", status=201),
)
