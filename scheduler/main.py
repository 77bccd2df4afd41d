"""The scheduler's process: notices what time has changed, writes it to the inbox and nudges; never changes state."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from typing import Protocol

import structlog
from apscheduler.events import (
    EVENT_JOB_ERROR,
    EVENT_JOB_MAX_INSTANCES,
    EVENT_JOB_MISSED,
    JobEvent,
    JobExecutionEvent,
)
from apscheduler.executors.pool import BasePoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy import Engine

from infra import ledger, logs, memory, signals, tracing
from infra.broker import make_broker, make_nudges
from infra.clock import Clock, SystemClock
from infra.database import OUTAGES, make_engine
from infra.leases import Deposed
from infra.metrics import Metrics
from infra.settings import Settings, need_for_processes_apart
from scheduler.leadership import Leadership, Nudging
from scheduler.sweeps import JOBS, sweep

CAMPAIGN = "campaign"
# A lease is renewed ten times before it runs out, and a stand-by sees within a tenth that it was given back.
CAMPAIGNS_PER_LEASE = 10
# Every job twice (its slot, and the catch-up after an election) and a place that is always free for the campaign.
THREADS = 2 * len(JOBS) + 1
log = structlog.get_logger()


class Measures(Protocol):
    """What the scheduler needs of infra.metrics."""

    def swept(self, job: str, *, found: int, seconds: float) -> None: ...


class Threads(BasePoolExecutor):  # type: ignore[misc]  # APScheduler ships no types
    """APScheduler's way to a pool that we stop ourselves."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        super().__init__(pool)


class Scheduler:
    """Campaigns for the lead and, while it leads, runs every sweep at its slots. Made by `make`."""

    def __init__(
        self, *, settings: Settings, engine: Engine, clock: Clock, nudges: Nudging, metrics: Measures | None
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._clock = clock
        self._nudges = nudges
        self._metrics = metrics
        self._leadership = Leadership(engine, seconds=settings.lease_seconds)
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="sweep")
        self._timer = _timer(self._pool)
        self._timer.add_listener(_report, EVENT_JOB_ERROR | EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES)

    @property
    def is_leading(self) -> bool:
        return self._leadership.fence is not None

    def start(self) -> None:
        """Begins at once with an election; returns immediately, and a database that is away is tried again."""
        seconds = self._settings.lease_seconds / CAMPAIGNS_PER_LEASE
        self._timer.add_job(self.campaign, IntervalTrigger(seconds=seconds), id=CAMPAIGN, next_run_time=_now())
        for name, job in JOBS.items():
            # Aligned with the slots: a tick never comes early, so each slot gets one.
            trigger = IntervalTrigger(seconds=job.every(self._settings).total_seconds(), start_date=ledger.EPOCH)
            self._timer.add_job(self.tick, trigger, args=[name], id=name)
        self._timer.start()
        log.info("scheduler_started", holder=self._leadership.holder)

    def stop(self) -> None:
        """Finishes the batches in hand and gives the lead back."""
        self._stopping.set()
        # Waited for here: APScheduler waits with its locks held, and an election that adds jobs would never end.
        self._timer.shutdown(wait=False)
        self._pool.shutdown(wait=True)
        with suppress(*OUTAGES):
            self._leadership.resign()
        log.info("scheduler_stopped", holder=self._leadership.holder)

    def campaign(self) -> None:
        """Takes or renews the lead. Who wins it sweeps at once: nobody may have done so for a while."""
        if self._stopping.is_set() or not self._leadership.campaign():
            return
        for name in JOBS:
            self._timer.add_job(self.tick, args=[name], id=f"{name}:elected", replace_existing=True)

    def tick(self, job_name: str) -> None:
        """One sweep, if this process leads."""
        fence = self._leadership.fence
        if fence is None or self._stopping.is_set():
            return
        started = time.monotonic()
        try:
            found = self._sweep(job_name, fence)
        except Deposed:
            self._leadership.stand_down()
            return
        if self._metrics is not None:
            self._metrics.swept(job_name, found=found, seconds=time.monotonic() - started)

    def _sweep(self, job_name: str, fence: int) -> int:
        return sweep(
            job_name,
            engine=self._engine,
            clock=self._clock,
            nudges=self._nudges,
            settings=self._settings,
            fence=fence,
            is_stopping=self._stopping.is_set,
        )


def make(
    *, settings: Settings, engine: Engine, clock: Clock, nudges: Nudging, metrics: Measures | None = None
) -> Scheduler:
    """A scheduler that is not started yet."""
    return Scheduler(settings=settings, engine=engine, clock=clock, nudges=nudges, metrics=metrics)


def run(settings: Settings) -> None:
    """The process `everspark scheduler`: works until SIGTERM or SIGINT; a second one ends it at once."""
    need_for_processes_apart(settings)
    logs.configure(log_format=settings.log_format, level=settings.log_level)
    tracing.configure(settings.otlp_endpoint)
    engine = make_engine(settings.database_url)
    nudges, metrics = make_nudges(make_broker(settings.redis_url)), Metrics()
    metrics.serve(host=settings.host, port=settings.metrics_port)
    scheduler = make(settings=settings, engine=engine, clock=SystemClock(), nudges=nudges, metrics=metrics)

    asked_to_stop = signals.expected()
    memory.settle()
    scheduler.start()
    signals.wait(asked_to_stop)
    scheduler.stop()
    engine.dispose()


def _timer(pool: ThreadPoolExecutor) -> BackgroundScheduler:
    # By default a job that is a second late is dropped; here it runs late, once, and its listener tells.
    timer = BackgroundScheduler(
        timezone=UTC,
        executors={"default": Threads(pool)},
        job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
    )
    # Its own lines would say the same as ours a second time, with a traceback for each tick of an outage.
    for name in ("apscheduler.executors", "apscheduler.scheduler"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return timer


def _report(event: JobEvent) -> None:
    """One line for a tick that failed or could not run; the next tick comes by itself."""
    job = event.job_id.partition(":")[0]
    if not isinstance(event, JobExecutionEvent) or event.exception is None:
        log.warning("sweep_missed", job=job)
    elif isinstance(event.exception, OUTAGES):
        log.error("sweep_failed", job=job, error=str(event.exception).partition("\n")[0])
    else:
        log.error("sweep_failed", job=job, error=repr(event.exception), traceback=event.traceback)


def _now() -> datetime:
    """For APScheduler's own timetable, which follows the machine, not the clock that sweeps are given."""
    return SystemClock().now()
