"""The page of one authorization: where it stands, what holds it and needs it, its whole story, and what one may do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import psycopg
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from domain.acts import DEEDS, Act, Deed
from domain.events import Condition
from domain.posts import CONDITIONS, plain_status
from domain.renewal import need_of
from infra.chosen import posts_of
from infra.database import snapshot
from infra.reports import concerned, standing
from infra.reports.standing import DAYS_OF_FIGURES, Row, Standing
from infra.tables import Payment
from web.room.calls import Call, Desk, Page
from web.room.coverage import coverage
from web.room.lifecycle_picture import picture
from web.room.sparks import sparks
from web.room.timeline import Told, timeline

LINES, RAW, MOST_RAW = 40, 12, 2_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """An act on this authorization; `objection` says why it would change nothing now, empty where it would."""

    act: Act
    deed: Deed
    objection: str


def shown(desk: Desk, call: Call) -> Response:
    """`before` in the address: from that line of the history backwards."""
    before = call.before
    with snapshot(desk.engine) as connection:
        row = standing.find(connection, number=call.path["id"])
        if row is None:
            raise HTTPException(404, "There is no authorization of this number.")
        found = standing.read(connection, row, policy=posts_of(desk.settings), now=call.now, most_history=LINES + 1)
        around = standing.details(connection, row["id"], now=call.now)
        told, until = found.history, None
        if before is not None:
            told = standing.history(connection, row["id"], before=before, limit=LINES + 1)
            until = standing.recorded_at(connection, row["id"], before)
        raw = standing.raw(connection, row["key"], [line["seq"] for line in told[:RAW]], limit=RAW)
        acts = standing.begun(connection, [line["seq"] for line in told if line["seq"]])
        offers = offered(connection, call, row)
    beside = Told(
        asks=found.asks, endings=found.endings, escalations=around.escalations, effects=around.effects, acts=acts
    )
    has_older = len(told) > LINES
    return desk.render(
        call,
        "room/authorization.html",
        row=row,
        found=found,
        need=need_of(found.known),
        lost=lost_of(found),
        asked_at=max((ask["sent_at"] for ask in found.asks if ask["sent_at"]), default=None),
        grants=around.grants[::-1],
        flights=flights_of(found),
        picture=picture(found.known.state, around.passed),
        coverage=coverage(found.known, around.grants, now=call.now, down=downs_of(found, call.now)),
        sparks=sparks(around.figures, today=call.now.date(), days=DAYS_OF_FIGURES),
        spark_days=DAYS_OF_FIGURES,
        lines=timeline(told[:LINES], beside, since=told[LINES - 1]["recorded_at"] if has_older else None, until=until),
        older=told[LINES - 1]["id"] if has_older else None,
        is_first=before is None,
        raw=[event | {"data": as_text(event["data"])} for event in raw],
        offers=offers,
        post=post_of(found),
    )


def by_key(desk: Desk, call: Call) -> Response:
    """Also found by its key, as programs and the command line name it."""
    key = f"{call.path['advertiser']}/{call.path['subject']}"
    with snapshot(desk.engine) as connection:
        row = standing.find(connection, key=key)
    if row is None:
        raise HTTPException(404, f"There is no authorization {key}.")
    return RedirectResponse(f"/authorizations/{row['id']}", status_code=303)


def offered(connection: psycopg.Connection[Any], call: Call, row: Row) -> list[Offer]:
    """The acts that the visitor may do, those that would change something now first."""
    found = concerned.objections(connection, row["id"], now=call.now)
    offers = [
        Offer(act=act, deed=deed, objection=found[act] or "")
        for act, deed in DEEDS.items()
        if call.visitor.role.may(deed.role)
    ]
    return sorted(offers, key=lambda each: bool(each.objection))


def lost_of(found: Standing) -> Row | None:
    """The last request of this period, where its message did not arrive, or may not have."""
    last = found.asks[-1] if found.asks and found.asks[-1]["period_ends_at"] == found.row["expires_at"] else None
    return last if last and last["status"] in (Payment.FAILED, Payment.UNCERTAIN) else None


def flights_of(found: Standing) -> list[Any]:
    """Its ads, those that deliver first."""
    return sorted(found.known.flights.values(), key=lambda each: (not each.is_live, not each.is_wanted, each.ad.ad_id))


def downs_of(found: Standing, now: datetime) -> list[tuple[datetime, datetime]]:
    """When lapses began, and when each was over."""
    endings = [each.ending for each in found.endings]
    return [(each.down_from, each.down_until or now) for each in endings if each.down_from is not None]


def post_of(found: Standing) -> Row | None:
    """What TikTok shows, as the page says it: facts with their names, and remarks with their next steps."""
    if found.post is None:
        return None
    kinds = ("refusals", "warnings")
    post = found.post | {"status": status_of(found.post["status"])}
    hidden = (*kinds, "advice")
    facts = {name.replace("_", " "): value for name, value in post.items() if name not in hidden and value is not None}
    return {
        "facts": facts,
        "remarks": [(kind, each) for kind in kinds for each in post[kind]],
        "advice": post["advice"],
    }


def status_of(status: str | None) -> str | None:
    """A post's state in a plain word; TikTok's own stands beside it where it tells more, and alone where it is not known."""
    condition = CONDITIONS.get(plain_status(status or ""))
    if condition is None or condition is Condition.PUBLIC:
        return condition or status
    return f"{condition.replace('_', ' ')} (at TikTok: {status})"


def as_text(data: Any) -> str:
    """An event's data for reading; a very long one is cut."""
    text = msgspec.json.format(msgspec.json.encode(data), indent=2).decode()
    return text if len(text) <= MOST_RAW else f"{text[:MOST_RAW]}\n… {len(text) - MOST_RAW:,} characters more"


PAGES = (
    Page(path="/authorizations/{id:int}", handler=shown, words=("before",)),
    Page(path="/authorizations/{advertiser:int}/{subject}", handler=by_key),
)
