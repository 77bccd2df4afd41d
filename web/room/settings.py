"""The settings, to be read: each with its value, where it comes from and what it means; of a secret only that it is set."""

from __future__ import annotations

import os

from starlette.responses import Response

from domain.people import Role
from infra import settings_shown
from web.room.calls import Call, Desk, Page


def shown(desk: Desk, call: Call) -> Response:
    return desk.render(call, "room/settings.html", settings=settings_shown.all_of(desk.settings, os.environ))


PAGES = (Page(path="/settings", handler=shown, role=Role.ADMIN),)
