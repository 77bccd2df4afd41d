"""Events: the inbox by what became of each, one event with what it said, and another try for what waits."""

from __future__ import annotations

import json

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from domain.people import Role
from infra import replays
from infra.database import hot, snapshot
from infra.replays import Replayed
from infra.reports import events
from infra.reports.events import AGES, OUTCOMES, REPLAYABLE, TYPES, Wanted, wanted_in, wanted_of
from infra.reports.wanting import WantedError
from web.reading import number_of
from web.room.calls import A_PAGE, Call, Desk, Page
from web.room.rendering import field


def listed(desk: Desk, call: Call, *, complaint: str = "", status: int = 200) -> Response:
    """The newest first; with a filter, those that it matches."""
    try:
        wanted = wanted_of(call.query)
    except WantedError as error:
        wanted, complaint, status = Wanted(), str(error), 422
    before = call.before
    with snapshot(desk.engine) as connection:
        found = events.page(connection, wanted, before=before, limit=A_PAGE, now=call.now)
        matched = events.count(connection, wanted, now=call.now) if wanted.is_replayable else 0
    return desk.render(
        call,
        "room/events.html",
        status=status,
        wanted=wanted,
        found=found,
        matched=matched,
        before=before,
        outcomes=OUTCOMES,
        ages=AGES,
        types=TYPES,
        replayable=REPLAYABLE,
        window=events.WINDOW,
        replayed=number_of(call.query.get("replayed", "")),
        complaint=complaint,
        may_act=call.visitor.role.may(Role.OPERATOR),
    )


def shown(desk: Desk, call: Call, *, complaint: str = "", status: int = 200) -> Response:
    """One event: what it said, what became of it and, where it raised, the traceback."""
    with snapshot(desk.engine) as connection:
        row = events.one(connection, call.path["seq"])
    if row is None:
        raise HTTPException(404, "There is no such event; those that were handled are forgotten after a time.")
    return desk.render(
        call,
        "room/event.html",
        status=status,
        row=row,
        said_by_it=json.dumps(row["data"], indent=2, ensure_ascii=False),
        complaint=complaint,
        is_replayed="replayed" in call.query,
        may_replay=call.visitor.role.may(Role.OPERATOR) and row["waiting"] in REPLAYABLE,
    )


def replay_one(desk: Desk, call: Call) -> Response:
    seq = call.path["seq"]
    if not _replay(desk, call, [seq]).seqs:
        return shown(desk, call, complaint="It waits for no replay: it was handled, or is ready already.", status=409)
    return RedirectResponse(f"/events/{seq}?replayed", status_code=303)


def replay(desk: Desk, call: Call) -> Response:
    """The ticked ones, or all that wait and that the filter matches."""
    try:
        wanted = wanted_in(field(call.form, "query"))
    except WantedError as error:
        raise HTTPException(422, str(error)) from None
    if field(call.form, "everything"):
        if not wanted.is_replayable:
            raise HTTPException(422, f"Filter by one of the outcomes {', '.join(REPLAYABLE)} first.")
        chosen = None
    else:
        chosen = [seq for each in call.form.getlist("seq") if isinstance(each, str) and (seq := number_of(each))]
        if not chosen:
            raise HTTPException(422, "Choose events first: tick some, or all that the filter matches.")
    done = _replay(desk, call, chosen, wanted)
    if not done.seqs:
        raise HTTPException(409, "None of these events waits for a replay any more.")
    return RedirectResponse(f"/events?{wanted.query}&replayed={len(done.seqs)}".replace("?&", "?"), status_code=303)


def _replay(desk: Desk, call: Call, seqs: list[int] | None, wanted: Wanted | None = None) -> Replayed:
    with hot(desk.engine) as connection:
        if seqs is None:
            seqs = events.matching(connection, wanted or Wanted(), now=call.now)
        done = replays.replay(connection, seqs, actor=call.visitor.actor, now=call.now)
    desk.nudges.mailboxes(done.mailboxes)
    return done


PAGES = (
    Page(path="/events", handler=listed, words=None),
    Page(path="/events/replay", handler=replay, role=Role.OPERATOR, methods=("POST",)),
    Page(path="/events/{seq:int}", handler=shown, words=("replayed",)),
    Page(path="/events/{seq:int}/replay", handler=replay_one, role=Role.OPERATOR, methods=("POST",)),
)
