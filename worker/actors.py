"""The actors: what each nudge sets off, as closures over what it needs. Tests declare the same ones on a broker in memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.headerregistry import Address
from functools import partial

import dramatiq
import structlog
from sqlalchemy import Engine

from domain.eligibility import PostPolicy
from domain.renewal import Policy
from infra.broker import (
    BULK,
    CALL,
    CLIMB,
    DRAIN,
    HOOK,
    IMPORT,
    LOOK,
    MAILBOXES_QUEUE,
    OUTBOX_QUEUE,
    PAY,
    SUMMARIZE,
    TIKTOK_QUEUE,
    Nudges,
)
from infra.channel_urls import Channels
from infra.chosen import policy_of, posts_of
from infra.clock import Clock
from infra.database import OUTAGES, reason_of
from infra.mail import Mailer
from infra.metrics import Metrics
from infra.posting import Courier
from infra.reports import summaries
from infra.settings import Settings
from infra.tiktok.client import Tiktok
from infra.vault import Vault
from infra.wake_keys import AT_ONCE
from worker.asking import Writing
from worker.bulks import advance
from worker.chosen import channels_of, mailer_of, rules_of, writing_of
from worker.climbing import Rules, climb
from worker.drain import drain
from worker.effects import perform
from worker.hooks import deliver
from worker.importing import Importing
from worker.looking import TIME_LIMIT, look
from worker.looking_first import SOON
from worker.pacing import Pacing
from worker.pay import pay
from worker.remedies import remedy_of
from worker.resting import Batch, rest_after

log = structlog.get_logger()

# A nudge that met a closed door comes back a few times; after that the `rescue` sweep sends a new one.
RETRIES, RETRY_DELAY_MS = 5, 1_000
DELIVERIES = ("done", "failed", "postponed")
PAYMENTS = ("done", "failed", "waiting", "uncertain", "cancelled", "postponed")


def declare(
    broker: dramatiq.Broker,
    *,
    engine: Engine,
    clock: Clock,
    settings: Settings,
    nudges: Nudges,
    vault: Vault,
    tiktok: Tiktok | None = None,
    mailer: Mailer | None = None,
    courier: Courier | None = None,
    metrics: Metrics | None = None,
) -> None:
    """Declares every actor on `broker`, by the names that nudges use. Without `tiktok` no call is made, and all waits."""
    policy, mail, measures = policy_of(settings), mailer or mailer_of(settings), metrics or Metrics()
    actor = partial(dramatiq.actor, broker=broker, max_retries=RETRIES, min_backoff=RETRY_DELAY_MS)
    actor(actor_name=DRAIN, queue_name=MAILBOXES_QUEUE)(draining(engine, clock, policy, nudges, measures))
    actor(actor_name=CALL, queue_name=TIKTOK_QUEUE)(
        calling(engine, clock, tiktok, vault, posts_of(settings), nudges, measures)
    )
    words = settings.withdrawn_words
    actor(actor_name=LOOK, queue_name=TIKTOK_QUEUE, time_limit=round(TIME_LIMIT.total_seconds() * 1000))(
        looking(engine, clock, tiktok, vault, nudges, measures, words)
    )
    actor(actor_name=PAY, queue_name=OUTBOX_QUEUE)(
        paying(engine, clock, mail, settings.mail_from, writing_of(settings, vault), nudges, measures)
    )
    courier = courier or Courier(allow_private=settings.allow_private_destinations)
    actor(actor_name=HOOK, queue_name=OUTBOX_QUEUE)(delivering(engine, clock, vault, courier, nudges, measures))
    actor(actor_name=CLIMB, queue_name=OUTBOX_QUEUE)(
        climbing(engine, clock, channels_of(settings), rules_of(settings, vault), nudges)
    )
    actor(actor_name=BULK, queue_name=OUTBOX_QUEUE)(bulking(engine, clock, nudges))
    work = Importing(vault, offered_days=settings.offered_days)
    actor(actor_name=IMPORT, queue_name=OUTBOX_QUEUE)(importing(engine, clock, work, nudges))
    actor(actor_name=SUMMARIZE, queue_name=OUTBOX_QUEUE)(summarizing(engine, clock, nudges))


def draining(engine: Engine, clock: Clock, policy: Policy, nudges: Nudges, metrics: Metrics) -> Callable[[int], None]:
    """Applies the mail of one mailbox, and nudges whoever has work by it."""
    pacing = Pacing()

    def drain_mailbox(mailbox: int) -> None:
        time.sleep(pacing.pause(mailbox))
        nudges.arrived(f"mailbox:{mailbox}")
        begun = pacing.now()
        with postponed(DRAIN):
            drained = drain(engine, clock, policy, mailbox)
        pacing.note(mailbox, begun=begun, events=drained.outcomes.total())
        metrics.drained(outcomes=drained.outcomes, seconds=drained.seconds)
        if drained.owes:
            nudges.outbox()
        if drained.owes_calls:
            nudges.calls()
        if drained.owes_hooks:
            nudges.hooks()
        if drained.looks:
            nudges.looks()
        if drained.has_more:
            nudges.mailboxes([mailbox])

    return drain_mailbox


def paying(
    engine: Engine,
    clock: Clock,
    mailer: Mailer | None,
    mail_from: str,
    writing: Callable[[Address], Writing],
    nudges: Nudges,
    metrics: Metrics,
) -> Callable[[], None]:
    """Sends the messages that are owed."""

    def pay_outbox() -> None:
        nudges.arrived("outbox")
        with postponed(PAY):
            paid = pay(engine, clock, mailer, mail_from=mail_from, writing=writing)
        for status in PAYMENTS:
            metrics.paid(status, getattr(paid, status))
        if paid.looking:
            nudges.calls()
            nudges.looks()
            nudges.outbox_in(SOON)
        if paid.more:
            nudges.outbox()

    return pay_outbox


def calling(
    engine: Engine,
    clock: Clock,
    tiktok: Tiktok | None,
    vault: Vault,
    posts: PostPolicy,
    nudges: Nudges,
    metrics: Metrics,
) -> Callable[[], None]:
    """Makes the calls to TikTok that are owed."""

    def make_calls() -> None:
        nudges.arrived("calls")
        with postponed(CALL):
            performed = perform(engine, clock, tiktok, vault, posts=posts)
        for status in PAYMENTS:
            metrics.called(status, getattr(performed, status))
        nudges.mailboxes(performed.mailboxes)
        if performed.owes:
            nudges.outbox()
        if performed.more:
            nudges.calls()

    return make_calls


def looking(
    engine: Engine,
    clock: Clock,
    tiktok: Tiktok | None,
    vault: Vault,
    nudges: Nudges,
    metrics: Metrics,
    withdrawn_words: frozenset[str],
) -> Callable[[], None]:
    """Looks at the advertisers that are due. One look at a time in a process: the threads are there for the mailboxes."""
    turn = threading.Lock()

    def look_around() -> None:
        nudges.arrived("looks")
        if tiktok is None or not turn.acquire(blocking=False):
            return
        try:
            with postponed(LOOK):
                looked = look(engine, clock, tiktok, vault, withdrawn_words=withdrawn_words)
        finally:
            turn.release()
        metrics.looked(advertisers=looked.advertisers, calls=looked.calls, letters=looked.letters)
        nudges.mailboxes(looked.mailboxes)
        if looked.more:
            nudges.looks()

    return look_around


def delivering(
    engine: Engine, clock: Clock, vault: Vault, courier: Courier, nudges: Nudges, metrics: Metrics
) -> Callable[[], None]:
    """Delivers the webhooks that are owed to endpoints."""

    def deliver_hooks() -> None:
        nudges.arrived("hooks")
        with postponed(HOOK):
            delivered = deliver(engine, clock, vault, courier)
        for status in DELIVERIES:
            metrics.hooked(status, getattr(delivered, status))
        if delivered.more:
            nudges.hooks()

    return deliver_hooks


def climbing(engine: Engine, clock: Clock, channels: Channels, rules: Rules, nudges: Nudges) -> Callable[[], None]:
    """Lets silence climb to another channel, and to people."""

    def climb_on() -> None:
        nudges.arrived("climb")
        with postponed(CLIMB):
            climbed = climb(engine, clock, channels=channels, rules=rules)
        if climbed.told.looking:
            nudges.calls()
            nudges.looks()
            nudges.climbs_in(SOON)

    return climb_on


def bulking(engine: Engine, clock: Clock, nudges: Nudges) -> Callable[..., None]:
    """Does acts on many authorizations."""
    return resting(BULK, "bulks", partial(advance, engine, clock), nudges, nudges.bulks_in)


def importing(engine: Engine, clock: Clock, work: Importing, nudges: Nudges) -> Callable[..., None]:
    """Checks and applies sheets of existing codes."""
    return resting(IMPORT, "imports", partial(work.advance, engine, clock), nudges, nudges.imports_in)


def resting(
    actor: str, name: str, work: Callable[[], Batch | None], nudges: Nudges, go_on_in: Callable[[timedelta], None]
) -> Callable[..., None]:
    """Does a batch of long work, then leaves the mailboxes time for all else. `name`: of its nudges."""

    def do_some(number: int = AT_ONCE) -> None:
        if not nudges.begins(name, number):
            return
        begun = time.monotonic()
        with postponed(actor):
            batch = work()
        if batch is not None:
            nudges.mailboxes(batch.mailboxes)
            go_on_in(rest_after(batch, timedelta(seconds=time.monotonic() - begun)))

    return do_some


def summarizing(engine: Engine, clock: Clock, nudges: Nudges) -> Callable[[], None]:
    """Sums up what the room shows."""

    def sum_up() -> None:
        nudges.arrived("summaries")
        with postponed(SUMMARIZE):
            summaries.write(engine, now=clock.now(), remedy_of=remedy_of)

    return sum_up


@contextmanager
def postponed(actor: str) -> Iterator[None]:
    """A database that is away is not a bug: one line, and another try."""
    try:
        yield
    except OUTAGES as error:
        log.info("work_postponed", actor=actor, reason=reason_of(error))
        raise dramatiq.Retry(delay=RETRY_DELAY_MS) from None
