"""The worker's process: declares the actors on a broker, and runs them.

Started as `everspark worker`, inside `everspark up`, or by dramatiq's own command line: `dramatiq worker.main:start`.
"""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import timedelta
from functools import partial

import dramatiq
import structlog
from prometheus_client import start_http_server
from sqlalchemy import Engine

from domain.renewal import Policy
from infra import logs, signals
from infra.broker import DRAIN, MAILBOXES_QUEUE, OUTBOX_QUEUE, PAY, Nudges, make_broker, make_nudges
from infra.clock import Clock, SystemClock
from infra.database import OUTAGES, make_engine
from infra.mail import Mailer, SmtpMailer, SmtpServer
from infra.metrics import Metrics
from infra.settings import Settings, load, need_for_processes_apart
from worker.drain import drain
from worker.pacing import Pacing
from worker.pay import pay

log = structlog.get_logger()

# A nudge that met a closed door comes back a few times; after that the `rescue` sweep sends a new one.
RETRIES, RETRY_DELAY_MS = 5, 1_000
PAYMENTS = ("done", "failed", "waiting", "uncertain", "cancelled", "postponed")


def policy_of(settings: Settings) -> Policy:
    """The part of the settings that decisions depend on."""
    return Policy(
        offered_days=settings.offered_days,
        lapse_after=timedelta(days=settings.lapse_after_days),
        minimum_daily_budget=settings.minimum_daily_budget,
    )


def mailer_of(settings: Settings) -> Mailer | None:
    """The way to the mail server; None where none is configured, and messages wait."""
    return SmtpMailer(SmtpServer.parse(settings.smtp_url)) if settings.smtp_url else None


def declare(
    broker: dramatiq.Broker,
    *,
    engine: Engine,
    clock: Clock,
    settings: Settings,
    nudges: Nudges,
    metrics: Metrics | None = None,
    mailer: Mailer | None = None,
) -> None:
    """Declares `drain` and `pay` on `broker`, as closures over what they need."""
    policy, mail, measures = policy_of(settings), mailer or mailer_of(settings), metrics or Metrics()

    pacing = Pacing()

    # A database that is away is not a bug: one line, and another try.
    def drain_mailbox(mailbox: int) -> None:
        time.sleep(pacing.pause(mailbox))
        nudges.arrived(f"mailbox:{mailbox}")
        begun = pacing.now()
        try:
            drained = drain(engine, clock, policy, mailbox)
        except OUTAGES as error:
            log.info("drain_postponed", mailbox=mailbox, error=type(error).__name__)
            raise dramatiq.Retry(delay=RETRY_DELAY_MS) from None
        pacing.note(mailbox, begun=begun, events=drained.outcomes.total())
        measures.drained(outcomes=drained.outcomes, seconds=drained.seconds)
        if drained.owes:
            nudges.outbox()
        if drained.has_more:
            nudges.mailboxes([mailbox])

    def pay_outbox() -> None:
        nudges.arrived("outbox")
        try:
            paid = pay(engine, clock, mail, mail_from=settings.mail_from)
        except OUTAGES as error:
            log.info("pay_postponed", error=type(error).__name__)
            raise dramatiq.Retry(delay=RETRY_DELAY_MS) from None
        for status in PAYMENTS:
            measures.paid(status, getattr(paid, status))
        if paid.more:
            nudges.outbox()

    actor = partial(dramatiq.actor, broker=broker, max_retries=RETRIES, min_backoff=RETRY_DELAY_MS)
    actor(actor_name=DRAIN, queue_name=MAILBOXES_QUEUE)(drain_mailbox)
    actor(actor_name=PAY, queue_name=OUTBOX_QUEUE)(pay_outbox)


def start() -> None:
    """For `dramatiq worker.main:start`: settings from the environment; called once in each of its processes."""
    settings = load()
    need_for_processes_apart(settings)
    broker = assemble(settings)
    dramatiq.set_broker(broker)


def run(settings: Settings) -> None:
    """The worker in the foreground, until it is asked to stop; what is in hand is finished."""
    need_for_processes_apart(settings)
    broker = assemble(settings)
    worker = make_worker(broker, settings)
    asked_to_stop = signals.expected()
    worker.start()
    log.info("worker_started", threads=settings.worker_threads)
    signals.wait(asked_to_stop)
    worker.stop()
    log.info("worker_stopped")


def make_worker(broker: dramatiq.Broker, settings: Settings) -> dramatiq.Worker:
    """One worker for all queues."""
    return dramatiq.Worker(broker, worker_threads=settings.worker_threads, worker_timeout=100)


def assemble(settings: Settings) -> dramatiq.Broker:
    """Everything a worker process needs, put together."""
    logs.configure(log_format=settings.log_format, level=settings.log_level)
    broker = make_broker(settings.redis_url)
    metrics = Metrics()
    if settings.metrics_port:
        # Several worker processes of one machine may be told the same port: the first one answers.
        with suppress(OSError):
            start_http_server(settings.metrics_port, addr=settings.host, registry=metrics.registry)
    declare(
        broker,
        engine=make_engine(settings.database_url),
        clock=SystemClock(),
        settings=settings,
        nudges=make_nudges(broker),
        metrics=metrics,
    )
    return broker
