"""Every sweep by its name, and how one is run: once for each slot, by the leader only, with a row in the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy import Engine

from infra import ledger
from infra.clock import Clock
from infra.database import OUTAGES, hot
from infra.leases import Deposed
from infra.settings import Settings
from scheduler import prune, vows
from scheduler.due import EXPIRE, LAPSE, REMIND, announce
from scheduler.holidays import announce_before_holidays
from scheduler.leadership import Leadership, Nudging, Turn, as_leader
from scheduler.looks import call_for_looks
from scheduler.rescue import rescue

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """How much a sweep found; `error` is what the ledger shows beside it."""

    count: int
    error: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A sweep and the time between two of its slots."""

    run: Callable[[Turn], Found]
    every: Callable[[Settings], timedelta]


def counted(work: Callable[[Turn], int]) -> Callable[[Turn], Found]:
    """A sweep that can only count."""
    return lambda turn: Found(count=work(turn))


def keep_vows(turn: Turn) -> Found:
    """What is broken stands in the ledger, where doctor looks."""
    verdicts = vows.check(turn)
    return Found(count=len(verdicts), error="\n".join(map(str, verdicts)) or None)


def each_sweep(settings: Settings) -> timedelta:
    return timedelta(seconds=settings.sweep_seconds)


def call_for_climbing(turn: Turn) -> int:
    """The worker knows what has to climb; here is only said that it is time."""
    turn.nudges.climbs()
    return 0


def call_for_summaries(turn: Turn) -> int:
    """The worker sums up what the room shows."""
    turn.nudges.summaries()
    return 0


def call_for_asks(turn: Turn) -> int:
    """The asks that are due, and those that come forward."""
    return announce(turn, REMIND) + announce_before_holidays(turn)


JOBS: dict[str, Job] = {
    "climb": Job(run=counted(call_for_climbing), every=lambda settings: timedelta(seconds=settings.climb_seconds)),
    "expire": Job(run=counted(lambda turn: announce(turn, EXPIRE)), every=each_sweep),
    "lapse": Job(run=counted(lambda turn: announce(turn, LAPSE)), every=each_sweep),
    "remind": Job(run=counted(call_for_asks), every=each_sweep),
    "look": Job(run=counted(call_for_looks), every=each_sweep),
    "rescue": Job(run=counted(rescue), every=each_sweep),
    "summarize": Job(
        run=counted(call_for_summaries), every=lambda settings: timedelta(seconds=settings.summary_seconds)
    ),
    "vows": Job(run=keep_vows, every=lambda settings: timedelta(seconds=settings.vows_seconds)),
    "prune": Job(run=counted(prune.prune), every=lambda _settings: prune.EVERY),
}


def never() -> bool:
    """The answer of a caller that does not stop half-way."""
    return False


def sweep(
    job_name: str,
    *,
    engine: Engine,
    clock: Clock,
    nudges: Nudging,
    settings: Settings,
    fence: int,
    is_stopping: Callable[[], bool] = never,
) -> int:
    """Runs a job in the present slot and says how much it found; 0 where the slot has been swept already.

    Raises Deposed when another leads by now, and whatever the job raised, after noting it in the ledger.
    """
    job = JOBS[job_name]
    turn = Turn(engine=engine, now=clock.now(), nudges=nudges, settings=settings, fence=fence, is_stopping=is_stopping)
    slot = ledger.slot_of(turn.now, job.every(settings))
    with as_leader(turn) as connection:
        sweep_id = ledger.begin(connection, job=job_name, slot=slot, fence=fence, now=turn.now)
    if sweep_id is None:
        return 0
    found = _run(job, turn, sweep_id)
    with as_leader(turn) as connection:
        ledger.end(connection, sweep_id, found=found.count, error=found.error, now=clock.now())
    if found.count:
        log.info("sweep_done", job=job_name, slot=slot.isoformat(), found=found.count)
    return found.count


def sweep_all(
    *, engine: Engine, clock: Clock, nudges: Nudging, settings: Settings, jobs: Iterable[str] = tuple(JOBS)
) -> dict[str, int]:
    """Every sweep once (or only `jobs`), as an elected leader, without threads: what each found; empty while another leads.

    A slot is swept once: move the clock on by the job's interval before the next call.
    """
    leadership = Leadership(engine, seconds=settings.lease_seconds, holder="sweep_all")
    leadership.campaign()
    if (fence := leadership.fence) is None:
        return {}
    return {
        name: sweep(name, engine=engine, clock=clock, nudges=nudges, settings=settings, fence=fence) for name in jobs
    }


def _run(job: Job, turn: Turn, sweep_id: int) -> Found:
    try:
        return job.run(turn)
    except Deposed:
        raise
    except Exception as error:
        # With the database away the row stays as it is: open, and so visibly not finished.
        with suppress(*OUTAGES), hot(turn.engine) as connection:
            ledger.fail(connection, sweep_id, error=f"{type(error).__name__}: {error}")
        raise
