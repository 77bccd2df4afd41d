"""Sweeps: how each job of the scheduler fares, and the ledger of its runs."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.responses import Response

from infra.database import snapshot
from infra.ledger import JOBS
from infra.reports import sweeps
from web.room.calls import A_PAGE, Call, Desk, Page, cut


def shown(desk: Desk, call: Call) -> Response:
    """`?job=` of one job, `?loud` only what failed or did not end."""
    job, is_loud = call.query.get("job", ""), "loud" in call.query
    if job not in ("", *JOBS):
        raise HTTPException(422, f"There is no such job; the jobs are {', '.join(JOBS)}.")
    before = call.before
    with snapshot(desk.engine) as connection:
        jobs = sweeps.jobs(connection, now=call.now)
        runs, last = cut(sweeps.runs(connection, job=job, is_loud=is_loud, before=before, limit=A_PAGE + 1))
    return desk.render(
        call,
        "room/sweeps.html",
        jobs=jobs,
        runs=runs,
        more=last and last["id"],
        job=job,
        is_loud=is_loud,
    )


PAGES = (Page(path="/sweeps", handler=shown, words=("job", "loud", "before")),)
