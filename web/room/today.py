"""The page at `/`: what operators at an agency open in the morning."""

from __future__ import annotations

from starlette.responses import Response

from domain.authorization import State
from infra.reports.today import read
from web.room.calls import Call, Desk, Page

# Without a script the page of a simulation comes again by itself so often; a quiet service's page waits to be asked.
REFRESH_SECONDS = 3


def shown(desk: Desk, call: Call) -> Response:
    """`?still`: as it stands, for reading; nothing changes by itself."""
    page = desk.shared.read(call, "today", lambda: read(desk.engine, desk.settings, now=call.now))
    is_live = "still" not in call.query
    context = {"page": page, "states": list(State), "is_live": is_live, "refresh_seconds": REFRESH_SECONDS}
    return desk.render(call, "room/today.html", **context)


PAGES = (Page(path="/", handler=shown),)
