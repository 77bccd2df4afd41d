"""The page at `/`: what operators at an agency open in the morning."""

from __future__ import annotations

from starlette.responses import Response

from domain.authorization import State
from infra.reports.today import read
from web.room.calls import Call, Desk, Page


def shown(desk: Desk, call: Call) -> Response:
    """`?still`: as it stands, for reading; nothing changes by itself."""
    page = desk.shared.read(call, "today", lambda: read(desk.engine, desk.settings, now=call.now))
    return desk.render(call, "room/today.html", page=page, states=list(State), is_live="still" not in call.query)


PAGES = (Page(path="/", handler=shown),)
