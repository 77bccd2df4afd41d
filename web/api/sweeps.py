"""Sweeps: how each job of the scheduler fares, and the ledger of its runs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import Field

from infra.database import snapshot
from infra.ledger import JOBS
from infra.reports import sweeps
from infra.reports.sweeps import Job
from web.api.calls import Asks, Operation
from web.api.paging import Page, Paged, page
from web.api.shapes import Shape, seconds
from web.api.spelling import one_of
from web.room.calls import cut


class JobShown(Shape):
    """`usual_seconds`: between two runs; `longest_seconds`: without a finished one, in the last day."""

    name: str
    purpose: str
    last_at: datetime | None
    found: int | None
    error: str | None
    usual_seconds: int | None
    longest_seconds: int | None
    is_late: bool


class Run(Shape):
    """One run; without an end it goes on, or crashed. `error` beside an end: what it found broken."""

    id: int
    job: str
    slot: datetime
    started_at: datetime
    ended_at: datetime | None
    found: int | None
    error: str | None


class Wanting(Paged):
    """The ledger's filter."""

    job: Annotated[str, one_of(JOBS)] | None = Field(None, description="Of one job.")
    loud: bool = Field(default=False, description="Only those that failed, found something broken, or did not end.")


def jobs(call: Asks) -> Page[JobShown]:
    """Each job of the scheduler."""
    with snapshot(call.desk.engine) as connection:
        found = sweeps.jobs(connection, now=call.now)
    return page(call, map(_job, found), after=None)


def runs(call: Asks, asked: Annotated[Wanting, Query()]) -> Page[Run]:
    """The ledger, the newest first."""
    with snapshot(call.desk.engine) as connection:
        job, before = asked.job or "", asked.number
        found = sweeps.runs(connection, job=job, is_loud=asked.loud, before=before, limit=asked.limit + 1)
    rows, last = cut(found, asked.limit)
    return page(call, map(Run.model_validate, rows), after=last and last["id"])


def _job(job: Job) -> JobShown:
    return JobShown(
        name=job.name,
        purpose=job.purpose,
        last_at=job.last.started_at if job.last else None,
        found=job.last.found if job.last else None,
        error=job.last.error if job.last else None,
        usual_seconds=seconds(job.usual),
        longest_seconds=seconds(job.longest),
        is_late=job.is_late,
    )


OPERATIONS = (
    Operation(path="/sweeps", handler=jobs),
    Operation(path="/sweeps/runs", handler=runs),
)
