"""Lets silence climb: opens the steps that are due, closes what is over, and owes what is to be said of it.

Nothing here is sent; `telling` does that. All of it may run again at any time: a step is opened once for a period, by a
constraint, and its message is written in the same transaction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import psycopg
import structlog
from sqlalchemy import Engine

from domain.alerting import Board, Topic, next_change, next_word
from domain.escalation import Due, Step, is_over, steps_due
from domain.patience import Manners
from domain.renewal import Policy
from infra import alerts, escalations, outbox
from infra.alerts import Thread
from infra.channel_urls import Channels
from infra.channels import AppriseMessenger, Messenger
from infra.clock import Clock
from infra.database import hot
from infra.escalated import has_channel
from infra.escalations import Contact, Loaded
from infra.outbox import ALERT, ASK_CHANNEL
from worker.telling import Told, tell

CLIMB_LOCK = 7_300_211
# Held as long as alerts are said, by whoever says them; texts to creators, which may be many and slow, keep none waiting.
ALERTS_LOCK = 7_300_212
SPAN = timedelta(hours=8)

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """What operators may set. `link_to` makes a creator's link in the caller's transaction; without it mail has the link."""

    policy: Policy = field(default_factory=Policy)
    manners: Manners = field(default_factory=Manners)
    span: timedelta = SPAN
    link_to: Callable[[psycopg.Connection[Any], int, datetime], str] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """What one run, or one round of the watch, did; `told` is what became of messages."""

    opened: int = 0
    resolved: int = 0
    owed: int = 0
    told: Told = field(default_factory=Told)


def climb(
    engine: Engine,
    clock: Clock,
    *,
    channels: Channels,
    messenger: Messenger | None = None,
    rules: Rules | None = None,
) -> Tally:
    """One run: resolve, open, owe, tell. While another runs, in any process, it does nothing."""
    rules = rules or Rules()
    with outbox.sole_payer(engine, lock=CLIMB_LOCK) as is_sole:
        if not is_sole:
            return Tally()
        now = clock.now()
        resolved, opened = resolve_all(engine, channels, now), open_all(engine, channels, now)
        if opened or resolved:
            log.info("escalations_climbed", opened=opened, resolved=resolved)
        messenger, owed, told = messenger or AppriseMessenger(), 0, Told()
        with outbox.sole_payer(engine, lock=ALERTS_LOCK) as is_quiet:
            # Else the watch is at it, and says in a minute what is new.
            if is_quiet:
                owed, told = say_alerts(engine, clock, channels=channels, messenger=messenger, rules=rules)
        told += tell(
            engine,
            clock,
            channels=channels,
            messenger=messenger,
            policy=rules.policy,
            manners=rules.manners,
            link_to=rules.link_to,
            kinds=(ASK_CHANNEL,),
        )
    return Tally(opened=opened, resolved=resolved, owed=owed, told=told)


def say_alerts(
    engine: Engine, clock: Clock, *, channels: Channels, messenger: Messenger, rules: Rules
) -> tuple[int, Told]:
    """How many alerts are new, and what became of those that were due. The caller holds ALERTS_LOCK."""
    owed = owe_words(engine, channels, rules.span, clock.now())
    policy, manners = rules.policy, rules.manners
    told = tell(engine, clock, channels=channels, messenger=messenger, policy=policy, manners=manners, kinds=(ALERT,))
    return owed, told


def resolve_all(engine: Engine, channels: Channels, now: datetime) -> int:
    """Closes what was renewed, is needed no longer, or has lapsed, where its own step takes over."""
    resolved = 0
    with hot(engine) as connection:
        for page in escalations.open_ones(connection):
            keys = sorted({each.key for each in page})
            known = {each.key: each.case for each in _loaded(connection, keys, channels)}
            over = [each.id for each in page if is_over(known[each.key], Step(each.step), each.period_ends_at, now=now)]
            resolved += escalations.resolve(connection, over, now=now)
    return resolved


def open_all(engine: Engine, channels: Channels, now: datetime) -> int:
    """Opens what is due, a page to a transaction."""
    opened, after = 0, 0
    while True:
        with hot(engine) as connection:
            keys, next_after = escalations.candidates(connection, after=after, now=now)
            opened += _open(connection, _loaded(connection, keys, channels), now)
        if next_after is None:
            return opened
        after = next_after


def _loaded(connection: psycopg.Connection[Any], keys: list[str], channels: Channels) -> list[Loaded]:
    return escalations.load(connection, keys, has_channel=has_channel(channels))


def _open(connection: psycopg.Connection[Any], loaded: list[Loaded], now: datetime) -> int:
    due: list[tuple[Loaded, Due]] = [(each, step) for each in loaded for step in steps_due(each.case, now=now)]
    new = escalations.open_steps(connection, due, now=now)
    contacts = {each.contact.authorization_id: each.contact for each in loaded}
    by_creator: defaultdict[int, list[tuple[Contact, int]]] = defaultdict(list)
    for id_, owner, step in new:
        creator_id = contacts[owner].creator_id
        if step is Step.OTHER_CHANNEL and creator_id is not None:
            by_creator[creator_id].append((contacts[owner], id_))
    for _, climbed in sorted(by_creator.items()):
        escalations.owe_channel(connection, climbed[0][0], [id_ for _, id_ in climbed], now=now)
    return len(new)


def owe_words(engine: Engine, channels: Channels, span: timedelta, now: datetime) -> int:
    """A word for each thread that has one to say, unless one is on its way. Without addresses nothing is owed."""
    threads = [Thread(owner=owner, topic=topic) for owner in channels.alerts for topic in Topic]
    owed = 0
    with hot(engine) as connection:
        boards = alerts.boards(connection, channels.owner_of)
        memories = alerts.memories(connection, threads)
        for thread in threads:
            memory, board = memories.get(thread), boards.get(thread, Board())
            if memory is not None and memory.is_busy:
                continue
            judge = next_change if thread.topic is Topic.SERVICE else next_word
            say = judge(memory.last if memory else None, board, now=now, span=span)
            if say is not None:
                owed += alerts.owe(connection, thread, say, board, memory, now=now)
    return owed
