"""Drains a mailbox: many events of many authorizations in one transaction, each decided purely, all written at once."""

from __future__ import annotations

import re
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

import psycopg
import structlog
from sqlalchemy import Engine

from domain.looking import EVERY, Pace
from domain.renewal import Policy
from infra import advertisers, authorizations, creators, hooks, inbox, owed, tracing
from infra.clock import Clock
from infra.database import OUTAGES, hot
from infra.inbox import Mail
from worker import endings, traced
from worker.beside import NOTHING_BESIDE, Beside, checks_of, is_hint
from worker.changes import Changes
from worker.fold import EventRaisedError, fold, keys_of

log = structlog.get_logger()

# A quarter of a second's work: of a backlog, all that is written for one authorization in it is written once.
BATCH = 2_000
# A drain gives its thread back after this many events, so that a long backlog cannot delay a shutdown.
MOST_EVENTS = 10_000
# A hint that names nobody calls for a look at everybody: for one look in this span, however many hints come.
UNNAMED_HINTS_APART = timedelta(minutes=15)
seq_of = attrgetter("seq")


@dataclass(slots=True)
class Drained:
    """What a drain did: events by outcome; whether messages (`owes`), calls or looks at TikTok are owed; whether mail is left.
    `taken` counts events as often as they were taken: again where their batch failed.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    batches: int = 0
    taken: int = 0
    owes: bool = False
    owes_calls: bool = False
    owes_hooks: bool = False
    looks: bool = False
    has_more: bool = False
    seconds: float = 0.0


@dataclass(slots=True)
class Hunt:
    """Looks for the event that fails where nobody knows which it is: it is among the next `suspects`. In peace there are none."""

    suspects: int = 0

    @property
    def is_on(self) -> bool:
        return self.suspects > 0

    @property
    def limit(self) -> int:
        """How large the next batch should be: half of the suspects, so that a few batches find one among thousands."""
        return max(self.suspects // 2, 1) if self.is_on else BATCH

    def failed(self, events: int) -> None:
        self.suspects = events

    def passed(self, events: int) -> None:
        self.suspects = max(self.suspects - events, 0)


def drain(engine: Engine, clock: Clock, policy: Policy, mailbox: int) -> Drained:
    """Applies what is ready in `mailbox`, batch after batch.

    Raises psycopg.OperationalError when the database is away: nothing of the batch is kept, a sweep nudges again.
    """
    drained, hunt = Drained(), Hunt()
    begun = time.perf_counter()
    # A hunt is not left in the middle: the next drain would begin it anew.
    while drained.taken < MOST_EVENTS or hunt.is_on:
        drained.batches += 1
        if not drain_batch(engine, clock, policy, mailbox, hunt, drained):
            break
    else:
        drained.has_more = True
    drained.seconds = time.perf_counter() - begun
    report(mailbox, drained)
    return drained


def drain_batch(engine: Engine, clock: Clock, policy: Policy, mailbox: int, hunt: Hunt, drained: Drained) -> bool:
    """One batch. Returns whether there may be more.

    An event that raised is put aside and its batch tried again without it. Where the plan for an authorization failed, or
    the database refused what was written, nobody knows which event it was: then it is hunted, in ever smaller batches.
    """
    taken: list[Mail] = []
    limit = hunt.limit
    begun = tracing.moment()
    try:
        with hot(engine) as connection:
            taken = inbox.take(connection, mailbox, now=clock.now(), limit=limit)
            drained.taken += len(taken)
            changes = decide_all(connection, taken, limit, policy, clock.now())
            with connection.pipeline():
                told = write(connection, changes, now=clock.now())
            drained.owes_hooks |= told is not None and told.rowcount > 0
    except EventRaisedError as error:
        set_aside(engine, error.mail, error, clock.now())
        return True
    except OUTAGES:
        raise
    except Exception as error:
        if not taken:
            raise
        if limit > 1:
            hunt.failed(len(taken))
        else:
            set_aside(engine, taken[-1], error, clock.now())
            hunt.passed(hunt.suspects)
        return True
    hunt.passed(len(taken))
    note(drained, changes)
    traced.applied(mailbox, changes.traced, begun=begun)
    return len(taken) >= limit


def decide_all(
    connection: psycopg.Connection[Any], taken: list[Mail], limit: int, policy: Policy, now: datetime
) -> Changes:
    """What `taken` changes, and the early events with it that waited for these changes.

    One by one, nothing is woken: a failure then belongs to the one event that was taken.
    """
    if not taken:
        return Changes()
    known, beside = authorizations.load(connection, keys_of(taken)), known_beside(connection, taken)
    changes = fold(known, taken, now=now, policy=policy, beside=beside)
    woken = inbox.wake(connection, sorted(changes.touched)) if limit > 1 else []
    if not woken:
        return changes
    return fold(known, sorted([*taken, *woken], key=seq_of), now=now, policy=policy, beside=beside)


def known_beside(connection: psycopg.Connection[Any], taken: Sequence[Mail]) -> Beside:
    """What only few kinds of events need to know; a batch without them asks nothing."""
    checks, has_hints = checks_of(taken), any(map(is_hint, taken))
    if not checks and not has_hints:
        return NOTHING_BESIDE
    return Beside(
        in_hand=owed.checks_in_hand(connection, checks),
        connected=advertisers.connected_ids(connection) if has_hints else frozenset(),
    )


def write(connection: psycopg.Connection[Any], changes: Changes, *, now: datetime) -> psycopg.Cursor[Any] | None:
    """Everything that a batch changed, each kind of row in one statement; its `rowcount` are the webhooks owed by it."""
    if not changes.handled:
        return None
    lock(connection, changes)
    authorizations.save_creators(connection, changes.creators)
    saved = [changes.after[key] for key in sorted(changes.touched)]
    authorizations.save(connection, saved, changes.handles, now=now)
    authorizations.save_grants(connection, changes.grants)
    authorizations.save_ads(connection, changes.flights)
    authorizations.append_history(connection, changes.history, now=now)
    told = hooks.owe_hooks(connection, changes.history, now=now)
    # Messages to creators before looks: in this order whoever pays a message locks them too.
    owed.owe_asks(connection, changes.asks, now=now)
    creators.note(connection, changes.told, now=now)
    owed.save_codes(connection, changes.codes)
    owed.owe_checks(connection, changes.checks, now=now)
    owed.owe_calls(connection, changes.calls, now=now)
    owed.owe_unbinds(connection, changes.unbinds, now=now)
    owed.owe_looks(connection, sorted(changes.wanted), now=now)
    endings.note(connection, changes.ended, now=now)
    look_soon(connection, changes, now)
    inbox.settle(connection, changes.handled, now=now)
    inbox.keep(connection, [mail for mail, _ in changes.kept], [status for _, status in changes.kept])
    return told


def lock(connection: psycopg.Connection[Any], changes: Changes) -> None:
    """The creators that other mailboxes may write to as well. Who only brings contact facts is locked by saving them."""
    if changes.told or changes.asks:
        handles = {handle for handle, _ in changes.told} | set(changes.creators)
        creators.lock(connection, sorted(handles), keys=[ask.key for ask in changes.asks])


def look_soon(connection: psycopg.Connection[Any], changes: Changes, now: datetime) -> None:
    """Brings forward the looks that hints and asks call for."""
    # Who is asked may extend at any time; until the next look the pace was that of before the ask.
    asked = {ask.key.partition("/")[0] for ask in changes.asks}
    advertisers.lock(connection, sorted(changes.looks | changes.looks_at_all | asked))
    if changes.looks:
        advertisers.look_soon(connection, sorted(changes.looks), now=now)
    if changes.looks_at_all:
        advertisers.look_soon(connection, sorted(changes.looks_at_all), now=now, apart=UNNAMED_HINTS_APART)
    if asked:
        advertisers.look_soon(connection, sorted(asked), now=now + EVERY[Pace.ANSWER_AWAITED])


def set_aside(engine: Engine, mail: Mail, error: Exception, now: datetime) -> None:
    """Books the failure of the event that raised."""
    # PostgreSQL's DETAIL quotes the whole row: names and addresses of people.
    why = re.sub(
        r"^DETAIL:.*$", "DETAIL: (left out)", "".join(traceback.format_exception(error, limit=-12)), flags=re.MULTILINE
    )
    with hot(engine) as connection:
        status = inbox.put_aside(connection, mail, error=why, now=now)
    about = {"seq": mail.seq, "type": mail.type, "key": mail.key, "attempts": mail.attempts + 1, "traceback": why}
    if status == "quarantined":
        log.error("event_quarantined", **about)
    else:
        log.warning("event_raised", **about)


def note(drained: Drained, changes: Changes) -> None:
    """Adds a committed batch to the sum."""
    drained.outcomes.update(str(handled.outcome) for handled in changes.handled)
    drained.owes = drained.owes or bool(changes.asks or changes.told)
    owes_calls = changes.checks or changes.calls or changes.unbinds or changes.wanted
    drained.owes_calls = drained.owes_calls or bool(owes_calls)
    drained.looks = drained.looks or bool(changes.looks or changes.looks_at_all)


def report(mailbox: int, drained: Drained) -> None:
    """One line for the unit of work; none when the nudge was for nothing."""
    if drained.outcomes:
        log.info(
            "mailbox_drained",
            mailbox=mailbox,
            events=drained.outcomes.total(),
            outcomes=dict(drained.outcomes),
            batches=drained.batches,
            milliseconds=round(drained.seconds * 1000, 1),
        )
