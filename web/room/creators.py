"""Creators: how they answer, what they said of being asked, which period to propose, and the links to their page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import psycopg
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from domain.people import Role
from infra import acts, advice, creator_acts, inbox
from infra.chosen import policy_of
from infra.contract import key_of_creator
from infra.database import hot, snapshot
from infra.reports import creators
from infra.reports.creators import Row
from web.reading import number_of
from web.room.calls import A_PAGE, Call, Desk, Page, cut
from web.room.rendering import field

THEIRS, LINKS = 25, 12
WHEN = "Say a day that lies ahead, such as 2026-12-24."
Said = tuple[str, Mapping[str, Any]]


class SayingError(ValueError):
    """A form that says nothing that could be noted; the sentence tells what is missing."""


def listed(desk: Desk, call: Call) -> Response:
    """All of them by handle, or those whose handle begins with what is searched for."""
    search, after = call.query.get("search", "")[:100], call.query.get("after", "")
    with snapshot(desk.engine) as connection:
        rows, last = cut(creators.page(connection, search=search, after=after, limit=A_PAGE + 1))
        records = creators.records(connection, [row["id"] for row in rows], now=call.now)
    more = last and last["handle"]
    return desk.render(call, "room/creators.html", rows=rows, records=records, search=search, after=after, more=more)


def shown(desk: Desk, call: Call, *, link: str = "", complaint: str = "", status: int = 200) -> Response:
    """One creator. `link`: to their page, just made and shown this once."""
    with snapshot(desk.engine) as connection:
        row = _known(connection, call)
        number = row["id"]
        record = creators.records(connection, [number], now=call.now)[number]
        theirs = creators.theirs(connection, number, limit=THEIRS)
        links = creators.links(connection, number, now=call.now, limit=LINKS)
        reckoned = advice.reckoning(connection, number, policy=policy_of(desk.settings), now=call.now)
    return desk.render(
        call,
        "room/creator.html",
        status=status,
        row=row,
        record=record,
        theirs=theirs,
        links=links,
        reckoned=reckoned,
        link=link,
        complaint=complaint,
        is_noted="noted" in call.query,
        may_act=call.visitor.role.may(Role.OPERATOR),
    )


def snooze(desk: Desk, call: Call) -> Response:
    """Not to be asked before a day; without one, from now on again."""

    def said() -> Said:
        until = _day(call, "until") if field(call.form, "until") else call.now
        return "creator.snoozed", {"until": max(until, call.now)}

    return _tells(desk, call, said)


def away(desk: Desk, call: Call) -> Response:
    """A holiday."""

    def said() -> Said:
        begins_at, ends_at = _day(call, "from"), _day(call, "until")
        if ends_at <= max(begins_at, call.now):
            raise SayingError("The holiday must end after it begins, and lie ahead.")
        return "creator.away", {"from": begins_at, "until": ends_at}

    return _tells(desk, call, said)


def opt_out(desk: Desk, call: Call) -> Response:
    return _tells(desk, call, lambda: ("creator.opted_out", {}))


def opt_in(desk: Desk, call: Call) -> Response:
    return _tells(desk, call, lambda: ("creator.opted_in", {}))


def payment_due(desk: Desk, call: Call) -> Response:
    return _tells(desk, call, lambda: ("creator.payment_due", {"is_due": True}))


def payment_made(desk: Desk, call: Call) -> Response:
    return _tells(desk, call, lambda: ("creator.payment_due", {"is_due": False}))


def make_link(desk: Desk, call: Call) -> Response:
    """The link is in this answer only: nobody finds it again."""
    with hot(desk.engine) as connection:
        row = _known(connection, call)
        actor = call.visitor.actor
        token = creator_acts.make_link(connection, desk.vault, row["id"], row["handle"], actor=actor, now=call.now)
    return shown(desk, call, link=f"{desk.settings.public_url}/c/{token}")


def revoke_links(desk: Desk, call: Call) -> Response:
    """All that still work, or the one that the form names."""
    only = field(call.form, "link")
    number = number_of(only)
    if only and number is None:
        raise HTTPException(400)
    with hot(desk.engine) as connection:
        row = _known(connection, call)
        actor = call.visitor.actor
        creator_acts.revoke_links(connection, row["id"], row["handle"], only=number, actor=actor, now=call.now)
    return RedirectResponse(f"/creators/{call.path['id']}#links", status_code=303)


def _tells(desk: Desk, call: Call, said: Callable[[], Said]) -> Response:
    try:
        type_, facts = said()
    except SayingError as error:
        return shown(desk, call, complaint=str(error), status=422)
    with hot(desk.engine) as connection:
        handle = _known(connection, call)["handle"]
        letter = acts.tell(connection, key_of_creator(handle), type_, facts, actor=call.visitor.actor, now=call.now)
    desk.nudges.mailboxes([inbox.mailbox_of(letter.key)])
    return RedirectResponse(f"/creators/{call.path['id']}?noted", status_code=303)


def _known(connection: psycopg.Connection[Any], call: Call) -> Row:
    row = creators.one(connection, call.path["id"])
    if row is None:
        raise HTTPException(404, "There is no creator of this number.")
    return row


def _day(call: Call, name: str) -> datetime:
    """The beginning of a day (UTC). Raises SayingError."""
    try:
        return datetime.fromisoformat(field(call.form, name)).replace(tzinfo=UTC)
    except ValueError:
        raise SayingError(WHEN) from None


def _saying(name: str, handler: Callable[[Desk, Call], Response]) -> Page:
    return Page(path=f"/creators/{{id:int}}/{name}", handler=handler, role=Role.OPERATOR, methods=("POST",))


PAGES = (
    Page(path="/creators", handler=listed, words=("search", "after")),
    Page(path="/creators/{id:int}", handler=shown, words=("noted",)),
    _saying("snooze", snooze),
    _saying("away", away),
    _saying("opt-out", opt_out),
    _saying("opt-in", opt_in),
    _saying("payment-due", payment_due),
    _saying("payment-made", payment_made),
    _saying("links", make_link),
    _saying("links/revoke", revoke_links),
)
