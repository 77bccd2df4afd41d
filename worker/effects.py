"""Pays what is owed to TikTok: each call is claimed, looked at once more, committed, made and settled on its own.

What a call brings to light becomes letters to the inbox, written with the row's end: only the worker's drain changes state.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, assert_never

import psycopg
import structlog
from sqlalchemy import Engine

from domain.eligibility import PostPolicy
from infra import advertisers, inbox, outbox, owed, sightings
from infra.clock import Clock
from infra.database import OUTAGES, hot
from infra.inbox import Letter, mailboxes_of
from infra.outbox import (
    ACCOUNT_ACCESS,
    CODE_CHECK,
    EFFECTS,
    EFFECTS_LOCK,
    LOOK_ONE,
    OWN_CONFIRM,
    POST_UNBIND,
    Debt,
)
from infra.tiktok.client import Tiktok
from infra.vault import Vault
from worker import traced
from worker.access import access, confirm_own
from worker.cases import (
    TRIES,
    UNCONNECTED,
    Cancelled,
    Case,
    Desk,
    Done,
    Ending,
    Failed,
    Overtaken,
    PutOff,
    Waiting,
    load,
)
from worker.checking import check
from worker.glimpsing import glimpse
from worker.unbinding import unbind

NO_APP = "no TikTok app is configured: set EVERSPARK_TIKTOK_APP_ID and EVERSPARK_TIKTOK_SECRET"

# With the slowest answers to one row on top, this stays under dramatiq's time limit of ten minutes for an actor.
LONGEST = timedelta(minutes=2)
# After so many rows in a row that met a limit, or an outage, the others would too.
MOST_CLOSED_DOORS = 5

log = structlog.stdlib.get_logger(__name__)

PAYERS: Mapping[str, Callable[[Case], Ending]] = {
    CODE_CHECK: check,
    ACCOUNT_ACCESS: access,
    OWN_CONFIRM: confirm_own,
    POST_UNBIND: unbind,
    LOOK_ONE: glimpse,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Performed:
    """What one call did. `postponed`: owed again; `more`: there may be work left; `mailboxes` have new letters.

    `owes`: a message to a creator is owed.
    """

    done: int = 0
    failed: int = 0
    waiting: int = 0
    uncertain: int = 0
    cancelled: int = 0
    postponed: int = 0
    more: bool = False
    owes: bool = False
    mailboxes: frozenset[int] = frozenset()


@dataclass(slots=True)
class Sum:
    """Performed in the making."""

    counts: Counter[str]
    mailboxes: set[int]
    owes: bool = False
    closed_doors: int = 0

    def add(self, word: str, ending: Ending) -> None:
        self.counts[word] += 1
        self.mailboxes |= mailboxes_of(letters_of(ending))
        self.mailboxes |= ending.mailboxes if isinstance(ending, Done) else frozenset()
        self.owes = self.owes or (isinstance(ending, PutOff) and ending.link is not None)
        self.closed_doors = self.closed_doors + 1 if isinstance(ending, PutOff) and ending.is_limit else 0

    def performed(self, *, more: bool = False) -> Performed:
        words = {
            word: self.counts[word] for word in ("done", "failed", "waiting", "uncertain", "cancelled", "postponed")
        }
        return Performed(**words, more=more, owes=self.owes, mailboxes=frozenset(self.mailboxes))


def perform(
    engine: Engine,
    clock: Clock,
    tiktok: Tiktok | None,
    vault: Vault,
    *,
    posts: PostPolicy | None = None,
    batch: int = 200,
) -> Performed:
    """Pays due rows, one at a time, until none is left, TikTok's doors stay closed, `batch` rows were taken or LONGEST is
    over. While another payer is at work, in any process, it does nothing. Without `tiktok` rows wait, visibly.
    """
    with outbox.sole_payer(engine, lock=EFFECTS_LOCK) as is_sole:
        if not is_sole:
            return Performed()
        total = Sum(counts=_tidy(engine, clock.now(), has_app=tiktok is not None), mailboxes=set())
        if tiktok is None:
            return total.performed()
        desk = Desk(engine=engine, clock=clock, tiktok=tiktok, vault=vault, posts=posts or PostPolicy())
        return _perform_all(desk, total, batch)


def _perform_all(desk: Desk, total: Sum, batch: int) -> Performed:
    started_at = desk.clock.now()
    for _ in range(batch):
        if desk.clock.now() - started_at > LONGEST:
            break
        if not _perform_one(desk, total) or total.closed_doors >= MOST_CLOSED_DOORS:
            return total.performed()
    return total.performed(more=True)


def _tidy(engine: Engine, now: datetime, *, has_app: bool) -> Counter[str]:
    """Rows of a payer that is gone, and rows that nobody can pay yet."""
    with hot(engine) as connection:
        lost = outbox.abandoned(connection, now=now, kinds=EFFECTS, reason=outbox.STOPPED_IN_CALL)
        remedy = UNCONNECTED if has_app else NO_APP
        held = outbox.hold(connection, remedy, now=now, kinds=EFFECTS, unconnected=has_app)
    for row in lost:
        log.warning("effect_uncertain", outbox_id=row.id, key=row.key, reason=outbox.STOPPED_IN_CALL)
    if held:
        advertiser_ids = sorted({row.key.partition("/")[0] for row in held})
        log.warning("effects_waiting", count=len(held), advertiser_ids=advertiser_ids, reason=remedy)
    return Counter(waiting=len(held))


def _perform_one(desk: Desk, total: Sum) -> bool:
    """Whether there was a row to pay."""
    with hot(desk.engine) as connection:
        debt = next(iter(outbox.claim(connection, now=desk.clock.now(), kinds=EFFECTS)), None)
        case = load(connection, desk, debt) if debt is not None else None
    # Committed: a power cut from here on leaves the row `paying`, and later `uncertain`.
    if debt is None:
        return False
    try:
        with traced.paying(desk.engine, debt.id, debt.kind, debt.key):
            ending = _ending(desk, debt, case)
            word = _settle(desk, debt, ending)
    except Overtaken:
        log.info("effect_overtaken", **debt.ids)
        return True
    _tell(debt, ending, word)
    total.add(word, ending)
    return True


def _ending(desk: Desk, debt: Debt, case: Case | Waiting | None) -> Ending:
    if not isinstance(case, Case):
        return case or Waiting(remedy=UNCONNECTED)
    try:
        return PAYERS[debt.kind](case)
    except (*OUTAGES, Overtaken):
        raise
    except Exception:
        # One broken row must not stand before all others. A step that was begun stays noted, so the next turn reads first.
        log.exception("effect_broken", **debt.ids)
        return _broken(debt, desk.clock.now())


def _broken(debt: Debt, now: datetime) -> Ending:
    tries = int(debt.payload.get("tries", 0))
    if tries >= len(TRIES):
        return Failed(reason="it raised each time: a bug, see the log line effect_broken")
    reason = "it raised: a bug, see the log line effect_broken"
    return PutOff(due_at=now + TRIES[tries], reason=reason, put={"tries": tries + 1}, is_quiet=True)


def _settle(desk: Desk, debt: Debt, ending: Ending) -> str:
    """The row's end and the news of it in one transaction; how it counts. Raises Overtaken when it was another's by now."""
    now = desk.clock.now()
    with hot(desk.engine) as connection:
        word = _write(connection, debt, ending, now)
        if word is None:
            raise Overtaken
        if letters := letters_of(ending):
            inbox.accept(connection, letters, now=now)
        if isinstance(ending, Done) and ending.sighting is not None:
            sightings.save(connection, [ending.sighting])
    return word


def _write(connection: psycopg.Connection[Any], debt: Debt, ending: Ending, now: datetime) -> str | None:
    if isinstance(ending, Done | Failed | Cancelled):
        # The call was made, or is owed no more: what had stood in its way does not.
        cleared = [advertisers.CALLS]
        advertisers.note_troubles(connection, debt.key.partition("/")[0], {}, cleared=cleared)
    match ending:
        case Done():
            return "done" if outbox.done(connection, debt, now=now) else None
        case Failed():
            return "failed" if outbox.failed(connection, debt, ending.reason, now=now) else None
        case Cancelled():
            return "cancelled" if outbox.cancelled(connection, debt, ending.reason, now=now) else None
        case Waiting():
            if ending.is_trouble:
                advertisers.note_trouble(connection, debt.key.partition("/")[0], ending.remedy)
            due_at = now + ending.rests
            kept = outbox.put_off(connection, debt, ending.remedy, due_at=due_at, now=now, drop=ending.drop)
            return "waiting" if kept else None
        case PutOff():
            return _put_off(connection, debt, ending, now)
        case _:
            assert_never(ending)


def _put_off(connection: psycopg.Connection[Any], debt: Debt, ending: PutOff, now: datetime) -> str | None:
    if ending.link is not None:
        owed.owe_link(connection, ending.link, now=now)
    status = outbox.put_off(
        connection, debt, ending.reason, due_at=ending.due_at, now=now, put=ending.put, drop=ending.drop
    )
    return "postponed" if status == "owed" else status


def letters_of(ending: Ending) -> Sequence[Letter]:
    """The news that an ending brings."""
    return ending.letters if isinstance(ending, Done | Failed) else ()


def _tell(debt: Debt, ending: Ending, word: str) -> None:
    """One line for each row that did not end as it was before."""
    match ending:
        case Done():
            news = [each.type for each in ending.letters]
            log.info("effect_done", **debt.ids, news=news, request_id=ending.request_id)
        case Failed():
            log.warning("effect_failed", **debt.ids, reason=ending.reason, request_id=ending.request_id)
        case Cancelled():
            log.info("effect_cancelled", **debt.ids, reason=ending.reason)
        case Waiting():
            if debt.last_error != ending.remedy:
                log.warning("effect_waiting", **debt.ids, reason=ending.remedy, request_id=ending.request_id)
        case PutOff() if ending.is_quiet:
            return
        case PutOff():
            fields = {**debt.ids, "due_at": ending.due_at.isoformat(), "request_id": ending.request_id}
            if word == "uncertain":
                log.warning("effect_uncertain", **fields, reason=ending.reason)
            else:
                log.info("effect_postponed", **fields, reason=ending.reason)
        case _:
            assert_never(ending)
