"""Acts on authorizations: what one would do, its confirmation, how far it has come, pausing and undoing it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from starlette.datastructures import ImmutableMultiDict
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from domain.acts import DEEDS, Act, ActError, Deed
from domain.filters import FilterError
from domain.people import Role
from infra import bulks
from infra.database import hot
from infra.reports import concerned
from infra.reports.concerned import Chosen
from infra.tiktok.limits import LEVELS, MICROSECOND
from web.reading import number_of
from web.room.calls import A_PAGE, REFRESH_SECONDS, Call, Desk, Page, cut
from web.room.rendering import field

# How many of those that an act concerns are named before it is confirmed.
NAMED = 8
LONGEST_NONCE = 64
# What is over sooner need not be told to take its time.
WORTH_TELLING = timedelta(minutes=1)
# Of the chosen an act's page lists so many.
LISTED = 50
# What a form or a link about an act may say. A word that is left unread would widen it.
FIELDS = frozenset({"act", "key", "everything", "query", "until", "count", "nonce", "back", "csrf"})

Fields = ImmutableMultiDict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """A form about an act: `until` as it was typed, in UTC; `back` what the list was asked, None where it came from elsewhere."""

    act: Act
    chosen: Chosen
    until: str
    back: str | None

    @property
    def deed(self) -> Deed:
        return DEEDS[self.act]

    @property
    def instant(self) -> datetime | None:
        """Raises ActError."""
        try:
            until = datetime.fromisoformat(self.until) if self.until else None
        except ValueError:
            raise ActError("Say until when as a date and a time, such as 2026-12-01T09:00.") from None
        return until.replace(tzinfo=UTC) if until and until.tzinfo is None else until


def preview(desk: Desk, call: Call) -> Response:
    """What the act would do. A link may ask this as well as a form: nothing is done."""
    fields = call.form or call.query
    try:
        order = _order(fields)
    except ActError as error:
        return _refused(desk, call, fields, error)
    return _asked(desk, call, order)


def begin(desk: Desk, call: Call) -> Response:
    """Begins what was confirmed; what cannot be is asked again, with the reason."""
    try:
        order, nonce = _order(call.form), field(call.form, "nonce")
    except ActError as error:
        return _refused(desk, call, call.form, error)
    if not 0 < len(nonce) <= LONGEST_NONCE or not nonce.isalnum():
        raise HTTPException(400)
    try:
        expected = _typed(call.form) if order.deed.is_grave else None
        with hot(desk.engine) as connection:
            number = bulks.create(
                connection,
                order.act,
                order.chosen,
                until=order.instant,
                actor=call.visitor.actor,
                now=call.now,
                nonce=nonce,
                expected=expected,
            )
    except ActError as error:
        return _asked(desk, call, order, complaint=str(error), status=422)
    desk.nudges.bulks()
    return RedirectResponse(f"/acts/{number}", status_code=303)


def listed(desk: Desk, call: Call) -> Response:
    """What was done, the newest first."""
    with hot(desk.engine) as connection:
        found, last = cut(bulks.listed(connection, before=call.before, limit=A_PAGE + 1))
    return desk.render(call, "room/acts.html", bulks=found, more=last and last.id)


def one(desk: Desk, call: Call, *, complaint: str = "", status: int = 200) -> Response:
    """How far one has come."""
    with hot(desk.engine) as connection:
        bulk = bulks.load(connection, call.path["id"])
        chosen = concerned.named(connection, bulk.ids, limit=LISTED) if bulk and bulk.ids else []
    if bulk is None:
        raise HTTPException(404, "There is no such act.")
    return desk.render(
        call,
        "room/act.html",
        status=status,
        bulk=bulk,
        chosen=chosen,
        reasons=_reasons(bulk.left_out),
        takes=_takes(desk, bulk.act, bulk.matched - bulk.done - bulk.skipped) if bulk.status.is_open else None,
        refresh_seconds=REFRESH_SECONDS if bulk.status.is_open else None,
        may_act=call.visitor.role.may(bulk.deed.role),
        complaint=complaint,
    )


def pause(desk: Desk, call: Call) -> Response:
    return _changed(desk, call, bulks.pause)


def go_on(desk: Desk, call: Call) -> Response:
    return _changed(desk, call, bulks.go_on)


def end(desk: Desk, call: Call) -> Response:
    return _changed(desk, call, bulks.end)


def undo(desk: Desk, call: Call) -> Response:
    return _changed(desk, call, bulks.undo)


def _changed(desk: Desk, call: Call, change: Callable[..., int | None]) -> Response:
    number: int = call.path["id"]
    try:
        with hot(desk.engine) as connection:
            other = change(connection, number, actor=call.visitor.actor, now=call.now)
    except ActError as error:
        return one(desk, call, complaint=str(error), status=409)
    desk.nudges.bulks()
    return RedirectResponse(f"/acts/{other or number}", status_code=303)


def _asked(desk: Desk, call: Call, order: Order, *, complaint: str = "", status: int = 200) -> Response:
    with hot(desk.engine) as connection:
        found = concerned.survey(connection, order.act, order.chosen, now=call.now)
        rows = concerned.rows(connection, order.act, order.chosen, now=call.now, limit=10 * NAMED)
    return desk.render(
        call,
        "room/act_preview.html",
        status=status,
        order=order,
        deed=order.deed,
        survey=found,
        named=[row for row in rows if row.objection is None][:NAMED],
        whom=_whom(order.chosen, rows),
        reasons=_reasons(found.left_out),
        takes=_takes(desk, order.act, found.concerned),
        nonce=secrets.token_hex(16),
        complaint=complaint,
        back=_back(order),
    )


def _refused(desk: Desk, call: Call, fields: Fields, error: ActError) -> Response:
    """The form cannot be read as an act; its list can be gone back to."""
    back = _list(_listed_by(fields) or "")
    return desk.render(call, "room/act_refused.html", status=422, sentence=str(error), back=back)


def _back(order: Order) -> str:
    keys = order.chosen.keys
    if order.back is None and keys is not None and len(keys) == 1:
        return f"/authorizations/{quote(keys[0])}"
    return _list(order.chosen.query if order.back is None else order.back)


def _list(query: str) -> str:
    return f"/authorizations?{query}".rstrip("?")


def _listed_by(fields: Fields) -> str | None:
    """What the list was asked: its filter (`query`), with the order and the place (`back`). It leads nowhere else."""
    if "back" not in fields:
        return None
    parts = parse_qsl(f"{field(fields, 'query')}&{field(fields, 'back')}")
    return urlencode(list(dict.fromkeys(parts)))


def _whom(chosen: Chosen, rows: Sequence[concerned.Row]) -> str:
    is_one = chosen.keys is not None and len(chosen.keys) == 1
    return rows[0].in_words if is_one and rows else chosen.in_words


def _takes(desk: Desk, act: Act, many: int) -> timedelta | None:
    """About how long so many looks take at the rate at which the app may call; None where that is no time, or not known."""
    span = many * LEVELS[desk.settings.tiktok_level].interval * MICROSECOND
    return span if act is Act.LOOK and span >= WORTH_TELLING else None


def _reasons(left_out: Any) -> list[tuple[str, int]]:
    return [(concerned.sentence(word), count) for word, count in left_out.items()]


def _order(fields: Fields) -> Order:
    """Raises ActError where no act or nobody is chosen, or something is said that is not understood."""
    if strange := sorted({*fields} - FIELDS):
        raise ActError(f"Not understood: {', '.join(strange)}. A filter stands in `query`, encoded as one value.")
    try:
        act = Act(field(fields, "act"))
    except ValueError:
        raise ActError(f"Choose what to do: one of {', '.join(Act)}.") from None
    try:
        chosen = _chosen(fields)
    except FilterError as error:
        raise ActError(f"The filter cannot be read: {error}.") from None
    return Order(act=act, chosen=chosen, until=field(fields, "until").strip(), back=_listed_by(fields))


def _chosen(fields: Fields) -> Chosen:
    keys = tuple(dict.fromkeys(key for key in fields.getlist("key") if isinstance(key, str) and key))
    if field(fields, "everything"):
        if "query" not in fields:
            raise ActError("Say what all of them match: `query`, which is empty for all there are.")
        return Chosen.by(field(fields, "query"))
    # The list's form brings its filter in any case: without a tick nothing is meant by it.
    if not keys:
        raise ActError("Choose authorizations first: tick some, or all that the filter matches.")
    return Chosen(keys=keys)


def _typed(fields: Fields) -> int:
    typed = number_of(field(fields, "count").replace(",", "").strip())
    if typed is None:
        raise ActError("Type how many it concerns, to confirm it.")
    return typed


PAGES = (
    Page(path="/acts", handler=listed, words=("before",)),
    Page(path="/acts", handler=begin, role=Role.OPERATOR, methods=("POST",)),
    Page(path="/acts/preview", handler=preview, role=Role.OPERATOR, methods=("GET", "POST"), words=None),
    Page(path="/acts/{id:int}", handler=one),
    Page(path="/acts/{id:int}/pause", handler=pause, role=Role.OPERATOR, methods=("POST",)),
    Page(path="/acts/{id:int}/go-on", handler=go_on, role=Role.OPERATOR, methods=("POST",)),
    Page(path="/acts/{id:int}/end", handler=end, role=Role.OPERATOR, methods=("POST",)),
    Page(path="/acts/{id:int}/undo", handler=undo, role=Role.OPERATOR, methods=("POST",)),
)
