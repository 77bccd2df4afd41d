"""The page at `/forecast`: who will be asked, and what lapses, in the days ahead if nobody answers."""

from __future__ import annotations

from starlette.responses import Response

from web.forecast import DAYS, bars
from web.room.calls import Call, Desk, Page

LARGEST, NEXT = 12, 15


def shown(desk: Desk, call: Call) -> Response:
    """May take seconds where the last forecast is old."""
    page = desk.foresight.latest()
    return desk.render(
        call,
        "room/forecast.html",
        page=page,
        days=DAYS,
        bars=bars(page.days),
        lapses=page.largest[:LARGEST],
        messages=page.messages[:NEXT],
        fallback=desk.foresight.fallback,
    )


PAGES = (Page(path="/forecast", handler=shown),)
