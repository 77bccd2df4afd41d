"""The page at `/forecast`: who will be asked, and what lapses, in the days ahead if nobody answers."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.responses import Response

from web.forecast import DAYS, bars
from web.room.calls import Call, Desk, Page

LARGEST, NEXT = 12, 15
# A page that showed another span than its address says would be read as that span.
OTHER_DAYS = (
    f"This page looks {DAYS} days ahead: leave `days` out, or run `everspark forecast --days` for another span."
)


def shown(desk: Desk, call: Call) -> Response:
    """May take seconds where the last forecast is old. Raises HTTPException for what its address asks for and it does not show."""
    call.knows("days")
    if any(days != str(DAYS) for days in call.query.getlist("days")):
        raise HTTPException(422, OTHER_DAYS)
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
