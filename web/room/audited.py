"""The audit log: who did what, by actor, act and subject."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.responses import Response

from domain.people import Role
from infra.database import snapshot
from infra.reports import audited
from web.room.calls import Call, Desk, Page

A_PAGE = 50


def shown(desk: Desk, call: Call) -> Response:
    """The newest first."""
    wanted = audited.wanted_of(call.query)
    before = call.before
    with snapshot(desk.engine) as connection:
        rows = audited.page(connection, wanted, before=before, limit=A_PAGE + 1)
    more = rows[A_PAGE - 1]["id"] if len(rows) > A_PAGE else None
    return desk.render(
        call,
        "room/audit.html",
        wanted=wanted,
        rows=rows[:A_PAGE],
        before=before,
        older=urlencode(wanted.parts | {"before": str(more)}) if more else "",
    )


PAGES = (Page(path="/audit", handler=shown, role=Role.OPERATOR),)
