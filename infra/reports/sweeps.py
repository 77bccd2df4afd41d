"""The ledger of sweeps as operators read it: how each job fares, which are late, and every run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import dict_row

from infra import ledger
from infra.ledger import JOBS, Sweep

Connection = psycopg.Connection[Any]
Row = dict[str, Any]

LOOKED_BACK = timedelta(days=1)
# A sweep may be late by a restart or a change of leader before it is a reason to get up.
LATE_AFTER_SWEEPS, LATE_AT_LEAST = 6, timedelta(minutes=2)
# Until one has run twice, nobody knows how often they run.
TAKEN_FOR = timedelta(minutes=10)
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
class Beat:
    """The last run of each job that ever ran, and the usual time between two; None where fewer are known."""

    last: Mapping[str, Sweep]
    usual: Mapping[str, timedelta | None]

    @property
    def newest(self) -> datetime | None:
        """When any of them began last."""
        return max((sweep.started_at for sweep in self.last.values()), default=None)

    def has_stopped(self, now: datetime) -> bool:
        """Whether nobody sweeps at all, judged by the job that runs most often."""
        shortest = min(filter(None, self.usual.values()), default=TAKEN_FOR)
        return self.newest is None or _is_late(self.newest, shortest, now)

    def late(self, now: datetime) -> list[str]:
        """The jobs that have not begun for long, each judged by what is usual for it."""
        return [job for job in self.last if self.is_late(job, now)]

    def is_late(self, job: str, now: datetime) -> bool:
        usual = self.usual[job]
        return usual is not None and _is_late(self.last[job].started_at, usual, now)


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


def jobs(connection: Connection, *, now: datetime) -> list[Job]:
    """All of them, in the order of the ledger."""
    found = beat(connection)
    return [_job(connection, name, found, now) for name in JOBS]


def beat(connection: Connection) -> Beat:
    """How the jobs keep their pace."""
    return Beat(
        last={sweep.job: sweep for sweep in ledger.last_sweeps(connection)},
        usual=dict(connection.execute(SPACING, [list(JOBS)]).fetchall()),
    )


def runs(
    connection: Connection, *, job: str = "", is_loud: bool = False, before: int | None = None, limit: int
) -> list[Row]:
    """The newest first; `is_loud`: only those that failed, found something broken, or did not end."""
    values = {"job": job, "is_loud": is_loud, "before": HIGHEST if before is None else before, "limit": limit}
    return connection.cursor(row_factory=dict_row).execute(RUNS, values).fetchall()


def _job(connection: Connection, name: str, beat: Beat, now: datetime) -> Job:
    last, usual = beat.last.get(name), beat.usual[name]
    if last is None:
        return Job(name=name, last=None, usual=None, longest=None, is_late=False)
    has_a_gap = usual is not None and usual < LOOKED_BACK
    longest = ledger.longest_gap(connection, name, since=now - LOOKED_BACK, now=now) if has_a_gap else None
    return Job(name=name, last=last, usual=usual, longest=longest, is_late=beat.is_late(name, now))


def _is_late(began_at: datetime, usual: timedelta, now: datetime) -> bool:
    return now - began_at > max(LATE_AT_LEAST, LATE_AFTER_SWEEPS * usual)
