"""The audit log: who did what, by actor, act and subject."""

from __future__ import annotations

from starlette.responses import Response

from domain.people import Role
from infra.database import snapshot
from infra.reports import audited
from infra.reports.wanting import WantedError
from web.room.calls import A_PAGE, Call, Desk, Page, cut


def shown(desk: Desk, call: Call) -> Response:
    """The newest first; with a filter, those that it matches."""
    complaint = ""
    try:
        wanted = audited.wanted_of(call.query)
    except WantedError as error:
        wanted, complaint = audited.Wanted(), str(error)
    before = call.before
    with snapshot(desk.engine) as connection:
        rows, last = cut(audited.page(connection, wanted, before=before, limit=A_PAGE + 1))
    return desk.render(
        call,
        "room/audit.html",
        status=422 if complaint else 200,
        complaint=complaint,
        acts=audited.ACTS,
        wanted=wanted,
        rows=rows,
        before=before,
        more=last and last["id"],
    )


PAGES = (Page(path="/audit", handler=shown, role=Role.OPERATOR, words=("actor", "act", "subject", "before")),)
