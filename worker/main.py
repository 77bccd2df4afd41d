"""The worker's process: puts the actors together, and runs them.

Started as `everspark worker`, inside `everspark up`, or by dramatiq's own command line: `dramatiq worker.main:start`.
"""

from __future__ import annotations

from datetime import timedelta

import dramatiq
import structlog
from sqlalchemy import Engine

from infra import logs, memory, signals, tracing
from infra.broker import Nudges, make_broker, make_nudges
from infra.clock import Clock, SystemClock
from infra.database import make_engine
from infra.metrics import Metrics
from infra.settings import Settings, load, need_for_processes_apart
from infra.tiktok.connection import make_tiktok
from infra.vault import Vault, load_key
from worker.actors import declare
from worker.chosen import channels_of, rules_of, watch_limits_of
from worker.watching import Watchman, watch

log = structlog.get_logger()


def start() -> None:
    """For `dramatiq worker.main:start`: settings from the environment; called once in each of its processes."""
    settings = load()
    need_for_processes_apart(settings)
    broker = assemble(settings)
    dramatiq.set_broker(broker)
    memory.settle()


def run(settings: Settings) -> None:
    """The worker in the foreground, until it is asked to stop; what is in hand is finished."""
    need_for_processes_apart(settings)
    broker = assemble(settings)
    worker = make_worker(broker, settings)
    asked_to_stop = signals.expected()
    memory.settle()
    worker.start()
    log.info("worker_started", threads=settings.worker_threads)
    signals.wait(asked_to_stop)
    worker.stop()
    log.info("worker_stopped")


def make_worker(broker: dramatiq.Broker, settings: Settings) -> dramatiq.Worker:
    """One worker for all queues, in a process that dramatiq's own command did not start: time limits begin here."""
    broker.emit_after("process_boot")
    return dramatiq.Worker(broker, worker_threads=settings.worker_threads, worker_timeout=100)


def take_up(nudges: Nudges) -> None:
    """Acts and imports that a worker had in hand when it died go on at once, not when a sweep finds them neglected.

    Its own nudge may have died with it while the key is still held: so it is another one, which counts from now on.
    """
    nudges.bulks_in(timedelta())
    nudges.imports_in(timedelta())


def make_watchman(engine: Engine, clock: Clock, settings: Settings, vault: Vault) -> Watchman:
    """What goes round beside the actors, as long as the worker runs."""
    channels, limits, rules = channels_of(settings), watch_limits_of(settings), rules_of(settings, vault)
    return Watchman(lambda: watch(engine, clock, channels=channels, limits=limits, rules=rules))


def assemble(settings: Settings) -> dramatiq.Broker:
    """Everything a worker process needs, put together."""
    logs.configure(log_format=settings.log_format, level=settings.log_level)
    tracing.configure(settings.otlp_endpoint)
    broker, clock = make_broker(settings.redis_url), SystemClock()
    metrics = Metrics()
    metrics.serve(host=settings.host, port=settings.metrics_port)
    engine, vault = make_engine(settings.database_url), Vault(load_key(settings))
    nudges = make_nudges(broker)
    declare(
        broker,
        engine=engine,
        clock=clock,
        settings=settings,
        nudges=nudges,
        vault=vault,
        tiktok=make_tiktok(settings, clock),
        metrics=metrics,
    )
    broker.add_middleware(make_watchman(engine, clock, settings, vault))
    take_up(nudges)
    return broker
