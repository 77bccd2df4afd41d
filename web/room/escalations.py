"""Escalations: all that climbed to a person, why, what it costs, and a text to paste into a chat with the creator."""

from __future__ import annotations

from starlette.responses import Response

from infra.database import snapshot
from infra.reports import climbing
from web.room.calls import A_PAGE, Call, Desk, Page


def listed(desk: Desk, call: Call) -> Response:
    """What is at risk by its money, then what has lapsed.

    The texts are without a link: who has one answers for the creator, so an operator makes it.
    """
    after = call.query.get("after", "")
    with snapshot(desk.engine) as connection:
        page = climbing.page(connection, desk.settings, after=after, limit=A_PAGE, now=call.now)
    return desk.render(call, "room/escalations.html", page=page, after=after)


PAGES = (Page(path="/escalations", handler=listed, words=("after",)),)
