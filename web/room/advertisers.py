"""Advertisers: what is exposed and what covers it, how periods ended, and how the connection to TikTok fares."""

from __future__ import annotations

from datetime import timedelta

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from domain.outcome import SENTENCES
from domain.people import Role
from infra import advertisers as connected
from infra.database import hot, snapshot
from infra.reports import advertisers, lapses
from infra.tiktok.limits import LEVELS
from web.room.calls import A_PAGE, Call, Desk, Page, cut

MOST_RISKS, MOST_LAPSES = 10, 12
REPORTED = timedelta(days=90)
LONGEST_ID = 64


def listed(desk: Desk, call: Call) -> Response:
    """All of them by id, in pages."""
    after = call.query.get("after", "")[:LONGEST_ID]
    with snapshot(desk.engine) as connection:
        rows, last = cut(advertisers.page(connection, after=after, limit=A_PAGE + 1))
        exposures = advertisers.exposures(connection, [row["advertiser_id"] for row in rows])
    more = last and last["advertiser_id"]
    return desk.render(call, "room/advertisers.html", rows=rows, exposures=exposures, after=after, more=more)


def shown(desk: Desk, call: Call) -> Response:
    """One advertiser, with the endings of the last three months."""
    advertiser_id = call.path["id"]
    with snapshot(desk.engine) as connection:
        row = advertisers.one(connection, advertiser_id)
        if row is None:
            raise HTTPException(404, "Nothing is known of this advertiser.")
        exposure = advertisers.exposures(connection, [advertiser_id])[advertiser_id]
        risks = advertisers.at_risk(connection, advertiser_id, limit=MOST_RISKS)
        looking = advertisers.looking(connection, row)
        since = call.now - REPORTED
        report = lapses.report(connection, advertiser_id, since=since, now=call.now)
        lapsed = lapses.newest_lapses(connection, advertiser_id, since=since, now=call.now, limit=MOST_LAPSES)
    return desk.render(
        call,
        "room/advertiser.html",
        row=row,
        exposure=exposure,
        risks=risks,
        looking=looking,
        rate=LEVELS[desk.settings.tiktok_level],
        level=desk.settings.tiktok_level,
        report=report,
        reported_days=REPORTED.days,
        lapsed=lapsed,
        steps=[(SENTENCES[step], count) for step, count in report.steps],
        is_asked="asked" in call.query,
        may_act=call.visitor.role.may(Role.OPERATOR),
    )


def look(desk: Desk, call: Call) -> Response:
    """Brings the next look forward, as `everspark look` does."""
    advertiser_id = call.path["id"]
    with hot(desk.engine) as connection:
        if not connected.want_look(connection, [advertiser_id], actor=call.visitor.actor, now=call.now):
            raise HTTPException(409, "This advertiser is not connected, so TikTok cannot be asked about it.")
    desk.nudges.looks()
    return RedirectResponse(f"/advertisers/{advertiser_id}?asked", status_code=303)


PAGES = (
    Page(path="/advertisers", handler=listed, words=("after",)),
    Page(path="/advertisers/{id}", handler=shown, words=("asked",)),
    Page(path="/advertisers/{id}/look", handler=look, role=Role.OPERATOR, methods=("POST",)),
)
