"""The ledger of sweeps as operators read it: how each job fares, and every run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import dict_row

from infra import ledger
from infra.ledger import JOBS, Sweep
from infra.reports.chores import LATE_AFTER_SWEEPS, LATE_AT_LEAST

Connection = psycopg.Connection[Any]
Row = dict[str, Any]

LOOKED_BACK = timedelta(days=1)
HIGHEST = 2**63 - 1
# What each is for, in the order of the ledger.
PURPOSES = {
    "expire": "ends periods whose time is over",
    "lapse": "ends requests that nobody answered in time",
    "remind": "finds whose creators are to be asked",
    "look": "calls for looks at TikTok",
    "climb": "finds silence that a person should hear of",
    "rescue": "wakes events and effects whose nudge was lost",
    "summarize": "has the sums of Today made",
    "vows": "checks the sentences that are always true",
    "prune": "forgets what is old",
}
# The usual time between two of its slots: changes of a setting, and of the pace of a simulation, soon show in it.
SPACING = """
SELECT wanted.job, (
    SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY apart) FROM (
        SELECT slot - lag(slot) OVER (ORDER BY slot) AS apart
        FROM (SELECT slot FROM sweeps WHERE sweeps.job = wanted.job ORDER BY slot DESC LIMIT 20) AS last
    ) AS spans
)
FROM unnest(%s::text[]) AS wanted (job)
"""
RUNS = """
SELECT id, job, slot, fence, started_at, ended_at, found, error FROM sweeps
WHERE id < %(before)s AND (%(job)s = '' OR job = %(job)s) AND (NOT %(is_loud)s OR error IS NOT NULL OR ended_at IS NULL)
ORDER BY id DESC LIMIT %(limit)s
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """`usual`: the time between two runs. `longest`: without a finished one, in the last day; None for a rare job."""

    name: str
    last: Sweep | None
    usual: timedelta | None
    longest: timedelta | None
    is_late: bool

    @property
    def purpose(self) -> str:
        return PURPOSES[self.name]

    @property
    def has_failed(self) -> bool:
        return self.last is not None and self.last.error is not None


def jobs(connection: Connection, *, now: datetime) -> list[Job]:
    """All of them, in the order of the ledger."""
    last = {sweep.job: sweep for sweep in ledger.last_sweeps(connection)}
    spacings = usual(connection)
    return [_job(connection, name, last.get(name), spacings[name], now) for name in JOBS]


def usual(connection: Connection) -> dict[str, timedelta | None]:
    """The usual time between two runs of each job; None where fewer are known."""
    return dict(connection.execute(SPACING, [list(JOBS)]).fetchall())


def runs(
    connection: Connection, *, job: str = "", is_loud: bool = False, before: int | None = None, limit: int
) -> list[Row]:
    """The newest first; `is_loud`: only those that failed, found something broken, or did not end."""
    values = {"job": job, "is_loud": is_loud, "before": HIGHEST if before is None else before, "limit": limit}
    return connection.cursor(row_factory=dict_row).execute(RUNS, values).fetchall()


def _job(connection: Connection, name: str, last: Sweep | None, usual: timedelta | None, now: datetime) -> Job:
    if last is None:
        return Job(name=name, last=None, usual=None, longest=None, is_late=False)
    has_a_gap = usual is not None and usual < LOOKED_BACK
    longest = ledger.longest_gap(connection, name, since=now - LOOKED_BACK, now=now) if has_a_gap else None
    return Job(name=name, last=last, usual=usual, longest=longest, is_late=is_late(last, usual, now))


def is_late(last: Sweep, usual: timedelta | None, now: datetime) -> bool:
    """As Today judges it, by what is usual for the job."""
    return usual is not None and now - last.started_at > max(LATE_AT_LEAST, LATE_AFTER_SWEEPS * usual)
