"""The page at `/forecast`: who will be asked, and what lapses, in the days ahead if nobody answers; all of it as sheets too."""

from __future__ import annotations

from collections.abc import Iterator

from starlette.exceptions import HTTPException
from starlette.responses import Response

from infra import audit
from infra.database import hot
from infra.reports import forecast_sheets
from web.forecast import DAYS, bars
from web.room.calls import Call, Desk, Page, download

# Of the lapses, and of the messages, so many leave the page light.
LISTED = 50
# A page that showed another span than its address says would be read as that span.
OTHER_DAYS = f"This page looks {DAYS} days ahead: leave `days` out."


def shown(desk: Desk, call: Call) -> Response:
    """May take seconds where the last forecast is old. Raises HTTPException for what its address asks for and it does not show."""
    if any(days != str(DAYS) for days in call.query.getlist("days")):
        raise HTTPException(422, OTHER_DAYS)
    page = desk.foresight.latest()
    return desk.render(
        call,
        "room/forecast.html",
        page=page,
        days=DAYS,
        bars=bars(page.days),
        lapses=page.largest[:LISTED],
        messages=page.messages[:LISTED],
        fallback=desk.foresight.fallback,
    )


def lapses(desk: Desk, call: Call) -> Response:
    """All of them, those with the most money first."""
    return _exported(desk, call, "lapses", forecast_sheets.lapses(desk.foresight.latest().largest))


def messages(desk: Desk, call: Call) -> Response:
    """All of them, in the order in which they go."""
    foresight = desk.foresight
    return _exported(desk, call, "messages", forecast_sheets.messages(foresight.latest().messages, foresight.fallback))


def _exported(desk: Desk, call: Call, name: str, parts: Iterator[str]) -> Response:
    with hot(desk.engine) as connection:
        about = {"sheet": name}
        audit.note(connection, at=call.now, actor=call.visitor.actor, act="forecast.exported", about=about)
    return download(parts, f"forecast-{name}-{call.now:%Y-%m-%d}.csv")


PAGES = (
    Page(path="/forecast", handler=shown, words=("days",)),
    Page(path="/forecast/lapses.csv", handler=lapses),
    Page(path="/forecast/messages.csv", handler=messages),
)
