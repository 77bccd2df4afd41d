"""Authorizations: the list by the room's filter, how many match, one with all that is known of it, its history and events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated
from urllib.parse import urlencode

import psycopg
from fastapi import Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import StreamingResponse

from domain.acts import DEEDS
from domain.authorization import State
from domain.events import Condition, Route
from domain.filters import MOST_DAYS, Sort, pairs_of, read
from infra import audit
from infra.chosen import posts_of
from infra.database import hot, snapshot
from infra.reports import concerned, exporting, listing, standing
from infra.reports.standing import Row
from web.api.authorization_shapes import Authorization, Event, HistoryLine, Offer, Standing, line_of, standing_of
from web.api.calls import CSV, Asks, Call, Operation
from web.api.paging import Page, Paged, page
from web.api.problems import missing, no_place
from web.api.shapes import Count, Number, Word, with_money
from web.room.calls import cut

Days = Annotated[int, Field(ge=-MOST_DAYS, le=MOST_DAYS)]


class Filtering(BaseModel):
    """The room's filter, in its words (docs/room.md). All that is given must hold; of several words for one part, any."""

    model_config = ConfigDict(extra="forbid")

    state: list[State] = Field(default_factory=list)
    route: list[Route] = Field(default_factory=list)
    condition: list[Condition] = Field(default_factory=list)
    advertiser: Word | None = Field(None, description="An advertiser's id.")
    creator: Word | None = Field(None, description="A handle, with or without @.")
    campaign: Word | None = Field(None, description="A reference, exactly.")
    left_from: Days | None = Field(None, description="Least days until the end; below zero: days since the end.")
    left_to: Days | None = Field(None, description="Most days until the end.")
    ends_from: date | None = Field(
        None, description="The first date (UTC) of the end, of what is in force or has expired."
    )
    ends_to: date | None = Field(None, description="The last date (UTC) of the end, included.")
    risk_from: Decimal | None = Field(None, ge=0, description="Least money at risk.")
    currency: Word | None = Field(None, description="Three letters of ISO 4217.")
    unconfirmed: int | None = Field(None, ge=0, le=MOST_DAYS, description="Days without confirmation by TikTok.")
    search: Word | None = Field(
        None, description="A post, a key, the beginning of a handle or a campaign, a code's last four characters."
    )


class Listing(Filtering, Paged):
    """The filter, what stands first, and where the page begins."""

    sort: Sort = Sort.END

    @property
    def place_by_sort(self) -> str:
        """The place that the cursor stands for, which is one of this sort. Raises Refusal."""
        sort, _, place = self.place.rpartition(":")
        if sort != (self.sort if place else ""):
            raise no_place()
        return place


def listed(call: Asks, asked: Annotated[Listing, Query()]) -> Page[Authorization]:
    """Authorizations that a filter matches."""
    with snapshot(call.desk.engine) as connection:
        found = listing.page(
            connection, read(call.query), asked.sort, after=asked.place_by_sort, limit=asked.limit, now=call.now
        )
    return page(call, map(_shown, found.rows), after=found.next_after and f"{asked.sort}:{found.next_after}")


def counted(call: Asks, _asked: Annotated[Filtering, Query()]) -> Count:
    """How many a filter matches; above a bound counting stops, and `is_more` says so."""
    with snapshot(call.desk.engine) as connection:
        found = listing.find(connection, read(call.query), now=call.now)
    return Count(count=found.count, is_more=not found.is_all)


def exported(call: Asks, _asked: Annotated[Filtering, Query()]) -> Response:
    """All that a filter matches as CSV, read while it is sent, the newest first."""
    wanted = read(call.query)
    with hot(call.desk.engine) as connection:
        audit.note(
            connection,
            at=call.now,
            actor=call.actor,
            act="authorizations.exported",
            about={"query": urlencode(pairs_of(wanted))},
        )
    sheet = exporting.lines(listing.everything(call.desk.engine, wanted, now=call.now))
    return StreamingResponse(sheet, media_type=f"{CSV}; charset=utf-8")


def one(call: Asks, number: Number) -> Standing:
    """One authorization: where it stands, what holds it and needs it, what was asked and sent, what one may do."""
    with snapshot(call.desk.engine) as connection:
        return _standing(connection, call, _found(connection, number))


def by_key(
    call: Asks, advertiser: Word, subject: Annotated[Word, Path(description="A post, or `@account`.")]
) -> Standing:
    """One authorization by its key, told as by its number."""
    key = f"{advertiser}/{subject}"
    with snapshot(call.desk.engine) as connection:
        row = standing.find(connection, key=key)
        if row is None:
            raise missing("There is no authorization of this key.")
        return _standing(connection, call, row)


def history(call: Asks, number: Number, asked: Annotated[Paged, Query()]) -> Page[HistoryLine]:
    """What was heard of one and what became of it, with the why, the newest first."""
    with snapshot(call.desk.engine) as connection:
        _found(connection, number)
        lines, last = _lines(connection, number, asked)
    return page(call, map(line_of, lines), after=last and last["id"])


def events(call: Asks, number: Number, asked: Annotated[Paged, Query()]) -> Page[Event]:
    """The events behind a page of its history as they came, and on the first page those that wait. Codes are not in them."""
    with snapshot(call.desk.engine) as connection:
        row = _found(connection, number)
        lines, last = _lines(connection, number, asked)
        # Those that wait stand in no history, and are told once.
        key = row["key"] if asked.after is None else ""
        raw = standing.raw(connection, key, [line["seq"] for line in lines], limit=2 * asked.limit)
    return page(call, map(Event.model_validate, raw), after=last and last["id"])


def _lines(connection: psycopg.Connection, number: int, asked: Paged) -> tuple[Sequence[Row], Row | None]:
    """A page of its history, and the last line of it where more follow."""
    return cut(standing.history(connection, number, before=asked.number, limit=asked.limit + 1), asked.limit)


def _found(connection: psycopg.Connection, number: int) -> Row:
    row = standing.find(connection, number=number)
    if row is None:
        raise missing("There is no authorization of this number.")
    return row


def _standing(connection: psycopg.Connection, call: Call, row: Row) -> Standing:
    found = standing.read(connection, row, policy=posts_of(call.desk.settings), now=call.now, most_history=1)
    around = standing.details(connection, row["id"], now=call.now)
    objections = concerned.objections(connection, row["id"], now=call.now)
    return standing_of(found, around, [Offer(act=act, objection=objections[act]) for act in DEEDS])


def _shown(row: Row) -> Authorization:
    return Authorization.model_validate(with_money(row, "spend_a_day", "at_risk"))


OPERATIONS = (
    Operation(path="/authorizations", handler=listed),
    Operation(path="/authorizations/count", handler=counted),
    Operation(path="/authorizations.csv", handler=exported, media_type=CSV),
    Operation(path="/authorizations/by-key/{advertiser}/{subject}", handler=by_key),
    Operation(path="/authorizations/{number}", handler=one),
    Operation(path="/authorizations/{number}/history", handler=history),
    Operation(path="/authorizations/{number}/events", handler=events),
)
