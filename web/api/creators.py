"""Creators: how they answer, what was said of being asked, and the links to their page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import psycopg
from fastapi import Query
from pydantic import Field

from domain.acts import FURTHEST, Act, term_of
from domain.people import Scope
from infra import acts, advice, creator_acts, inbox
from infra.chosen import policy_of
from infra.contract import key_of_creator
from infra.database import snapshot
from infra.reports import creators
from infra.reports.creators import Row
from web.api.calls import Asks, Operation, Write, Writes
from web.api.creator_shapes import Creator, CreatorShown, advice_of, record_of
from web.api.paging import Page, Paged, page
from web.api.problems import invalid, missing
from web.api.shapes import Asked, Instant, Noted, Number, Shape, Word, with_money
from web.room.calls import cut

MOST_THEIRS, MOST_LINKS = 200, 100


class Searching(Paged):
    """The list's query."""

    search: Word | None = Field(None, description="The beginning of a handle.")


class Snooze(Asked):
    """Not to be asked before `until`; with null, from now on again."""

    until: Instant | None


class Away(Asked):
    """A holiday."""

    begins_at: Instant
    ends_at: Instant


class Revoking(Asked):
    """One link, or all that work."""

    link: int | None = Field(None, ge=1, le=2**63 - 1)


class Fresh(Shape):
    """A link to the creator's page, told this once. Whoever has it acts as this creator."""

    link: str


class LinksRevoked(Shape):
    """How many links worked until now."""

    count: int


def listed(call: Asks, asked: Annotated[Searching, Query()]) -> Page[Creator]:
    """Creators by handle."""
    with snapshot(call.desk.engine) as connection:
        found = creators.page(connection, search=asked.search or "", after=asked.place, limit=asked.limit + 1)
        rows, last = cut(found, asked.limit)
        records = creators.records(connection, [row["id"] for row in rows], now=call.now)
    items = [Creator.model_validate(row | {"record": record_of(records[row["id"]])}) for row in rows]
    return page(call, items, after=last and last["handle"])


def one(call: Asks, number: Number) -> CreatorShown:
    """One creator: record, period advice, authorizations and links."""
    with snapshot(call.desk.engine) as connection:
        row = _known(connection, number)
        record = creators.records(connection, [number], now=call.now)[number]
        theirs = creators.theirs(connection, number, limit=MOST_THEIRS)
        links = creators.links(connection, number, now=call.now, limit=MOST_LINKS)
        reckoned = advice.reckoning(connection, number, policy=policy_of(call.desk.settings), now=call.now)
    around = {
        "record": record_of(record),
        "authorizations": [with_money(each, "at_risk") for each in theirs],
        "links": links,
        "advice": advice_of(reckoned),
    }
    return CreatorShown.model_validate(row | around)


def snooze(write: Writes, number: Number, said: Snooze) -> Noted:
    """Not to be asked before an instant, or from now on again."""
    until = write.now if said.until is None else term_of(Act.SNOOZE, said.until, now=write.now)
    return _tells(write, number, "creator.snoozed", {"until": until})


def away(write: Writes, number: Number, said: Away) -> Noted:
    """A holiday, during which nothing is asked."""
    if not max(said.begins_at, write.now) < said.ends_at <= write.now + FURTHEST:
        remedy = "Send an end that lies ahead, after the beginning, and by no more than ten years."
        raise invalid("The holiday ends too soon or too late.", field="ends_at", remedy=remedy)
    return _tells(write, number, "creator.away", {"from": said.begins_at, "until": said.ends_at})


def opt_out(write: Writes, number: Number) -> Noted:
    """They want no more requests."""
    return _tells(write, number, "creator.opted_out", {})


def opt_in(write: Writes, number: Number) -> Noted:
    """They may be asked again."""
    return _tells(write, number, "creator.opted_in", {})


def payment_due(write: Writes, number: Number) -> Noted:
    """A payment is due, so that nothing is asked before it."""
    return _tells(write, number, "creator.payment_due", {"is_due": True})


def payment_made(write: Writes, number: Number) -> Noted:
    """The payment was made."""
    return _tells(write, number, "creator.payment_due", {"is_due": False})


def make_link(write: Writes, number: Number) -> Fresh:
    """A fresh link to their page, told in this answer only."""
    row, desk = _known(write.connection, number), write.desk
    token = creator_acts.make_link(
        write.connection, desk.vault, number, row["handle"], actor=write.actor, now=write.now
    )
    return Fresh(link=f"{desk.settings.public_url}/c/{token}")


def revoke_links(write: Writes, number: Number, which: Revoking) -> LinksRevoked:
    """Takes back one link, or all that still work."""
    handle = _known(write.connection, number)["handle"]
    count = creator_acts.revoke_links(
        write.connection, number, handle, only=which.link, actor=write.actor, now=write.now
    )
    return LinksRevoked(count=count)


def _tells(write: Write, number: int, type_: str, facts: Mapping[str, Any]) -> Noted:
    handle = _known(write.connection, number)["handle"]
    letter = acts.tell(write.connection, key_of_creator(handle), type_, facts, actor=write.actor, now=write.now)
    write.after.append(lambda: write.desk.nudges.mailboxes([inbox.mailbox_of(letter.key)]))
    return Noted(at=write.now)


def _known(connection: psycopg.Connection[Any], number: int) -> Row:
    row = creators.one(connection, number)
    if row is None:
        raise missing("There is no creator of this number.")
    return row


def _saying(name: str, handler: Any, status: int = 202) -> Operation:
    return Operation(
        path=f"/creators/{{number}}/{name}", handler=handler, scope=Scope.ACT, method="POST", status=status
    )


OPERATIONS = (
    Operation(path="/creators", handler=listed),
    Operation(path="/creators/{number}", handler=one),
    _saying("snooze", snooze),
    _saying("away", away),
    _saying("opt-out", opt_out),
    _saying("opt-in", opt_in),
    _saying("payment-due", payment_due),
    _saying("payment-made", payment_made),
    _saying("links", make_link, 201),
    _saying("links/revoke", revoke_links, 200),
)
