"""The page at `/`: what operators at an agency open in the morning."""

from __future__ import annotations

import shlex

from starlette.responses import Response

from domain.authorization import State
from infra.reports.today import read
from infra.settings import Settings
from web.room.calls import Call, Desk, Page


def shown(desk: Desk, call: Call) -> Response:
    """`?still`: as it stands, for reading; nothing changes by itself."""
    page = desk.shared.read(call, "today", lambda: read(desk.engine, desk.settings, now=call.now))
    return desk.render(
        call,
        "room/today.html",
        page=page,
        states=list(State),
        is_live="still" not in call.query,
        on_these_data=on_these_data(desk.settings),
    )


def on_these_data(settings: Settings) -> str:
    """What a command needs to work on this service's data, wherever it is typed: nothing where a database is given to all."""
    return f" --data {shlex.quote(str(settings.data_dir.absolute()))}" if settings.is_embedded else ""


PAGES = (Page(path="/", handler=shown, words=("still",)),)
