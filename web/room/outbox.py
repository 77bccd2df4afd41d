"""The outbox: what is owed to creators and to TikTok, why it waits, a message as its creator sees it, and what a person does."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from domain.people import Role
from infra import outbox_acts
from infra.database import hot, snapshot
from infra.outbox_acts import MOST_RETRIED, OutboxError, open_to
from infra.reports import messages, outbox, summaries
from infra.reports.outbox import KINDS, STATUSES, Wanted
from web.reading import number_of
from web.room.calls import A_PAGE, Call, Desk, Page, cut
from web.room.rendering import field

# What a word of `status` means, where it is not plain by itself.
MEANINGS = {
    "uncertain": "Uncertain: the answer was lost, so it may have happened. A message to a creator is never sent twice by itself.",
    "cancelled": "Cancelled: it was not needed any more when its turn came, and was called off.",
}


def listed(desk: Desk, call: Call) -> Response:
    """The newest first."""
    wanted = Wanted(status=call.query.get("status", ""), kind=call.query.get("kind", ""))
    if wanted.status not in ("", *STATUSES) or wanted.kind not in ("", *KINDS):
        raise HTTPException(422, f"Choose how it stands from {', '.join(STATUSES)}, and the kind from the page's list.")
    before = call.before
    offers_retry = wanted.status == "failed" and call.visitor.role.may(Role.OPERATOR)
    with snapshot(desk.engine) as connection:
        rows, last = cut(outbox.page(connection, wanted, before=before, limit=A_PAGE + 1))
        standing = outbox.standing(connection)
        waits = summaries.waits(connection) if wanted.status in ("", "owed") else ()
        failures = outbox.failures(connection, wanted.kind) if offers_retry else 0
    return desk.render(
        call,
        "room/outbox.html",
        wanted=wanted,
        rows=rows,
        more=last and last["id"],
        before=before,
        standing=standing,
        remedies=[wait for wait in waits if wait.remedy],
        statuses=STATUSES,
        meanings=MEANINGS,
        kinds=KINDS,
        failures=failures,
        most_retried=MOST_RETRIED,
        retried=number_of(call.query.get("retried", "")),
        is_late=lambda row: outbox.is_late(row, call.now),
    )


def shown(desk: Desk, call: Call, *, complaint: str = "", status: int = 200) -> Response:
    """One of what is or was owed; a message with its words."""
    with snapshot(desk.engine) as connection:
        row = outbox.one(connection, call.path["id"])
        if row is None:
            raise HTTPException(404, "There is no such thing owed; what was settled is forgotten after a time.")
        message = messages.shown(connection, row, desk.settings, now=call.now)
    deeds = open_to(row) if call.visitor.role.may(Role.OPERATOR) else ()
    return desk.render(
        call,
        "room/debt.html",
        status=status,
        row=row,
        meaning=MEANINGS.get(row["status"], ""),
        message=message,
        deeds=deeds,
        complaint=complaint,
    )


def retry_failed(desk: Desk, call: Call) -> Response:
    """All that failed, or those of one kind."""
    kind = field(call.form, "kind")
    with hot(desk.engine) as connection:
        numbers = outbox_acts.retry_failed(connection, kind, actor=call.visitor.actor, now=call.now)
    if not numbers:
        raise HTTPException(409, "None of what failed can be tried again any more.")
    query = urlencode({"status": "failed", "kind": kind, "retried": len(numbers)})
    return RedirectResponse(f"/outbox?{query}", status_code=303)


def retry(desk: Desk, call: Call) -> Response:
    """A worker takes it within seconds, by the sweep that wakes what is due."""
    return _done(desk, call, outbox_acts.retry)


def arrived(desk: Desk, call: Call) -> Response:
    return _done(desk, call, outbox_acts.arrived)


def _done(desk: Desk, call: Call, act: Callable[..., None]) -> Response:
    number = call.path["id"]
    try:
        with hot(desk.engine) as connection:
            act(connection, number, actor=call.visitor.actor, now=call.now)
    except OutboxError as error:
        return shown(desk, call, complaint=str(error), status=409)
    return RedirectResponse(f"/outbox/{number}", status_code=303)


PAGES = (
    Page(path="/outbox", handler=listed, words=("status", "kind", "before", "retried")),
    Page(path="/outbox/retry", handler=retry_failed, role=Role.OPERATOR, methods=("POST",)),
    Page(path="/outbox/{id:int}", handler=shown),
    Page(path="/outbox/{id:int}/retry", handler=retry, role=Role.OPERATOR, methods=("POST",)),
    Page(path="/outbox/{id:int}/arrived", handler=arrived, role=Role.OPERATOR, methods=("POST",)),
)
