"""Delivers the webhooks that are owed: each is claimed, committed, posted and settled on its own, several at a time.

One thread hands them out: every endpoint has its share of what is in the air, a failing one a single delivery, so that
a slow receiver waits for itself alone. A lost answer is a repeat, which receivers tell by the webhook-id.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Engine

from infra import endpoints, hooks, tracing
from infra.clock import Clock
from infra.database import OUTAGES, hot
from infra.endpoints import Keys
from infra.hook_bodies import body_of
from infra.hooks import Hook, Ready
from infra.outbox import sole_payer
from infra.posting import Answered, Courier, Unanswered
from infra.vault import UnsealError, Vault
from worker import traced

# Any constant will do that no other lock of one number has (see outbox.PAYER_LOCK).
HOOKS_LOCK = 7_300_203
MOST_IN_FLIGHT, MOST_OF_ONE = 16, 4
# How soon, while deliveries are in the air, it is looked for others that came to be owed.
GLANCE_SECONDS = 0.2
# With the slowest answer on top, far below dramatiq's time limit of ten minutes for an actor.
LONGEST = timedelta(minutes=1)
# After so many failures in a row all that is due for an endpoint rests, the longer the longer it has been failing.
FAILURES_IN_A_ROW = 3
SHORTEST_REST, LONGEST_REST, REST_SHARE = timedelta(minutes=1), timedelta(hours=1), 4
GONE, OK = 410, range(200, 300)
BROKEN = "it raised: a bug, see the log line hook_broken"

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivered:
    """What one call did. `postponed`: owed again; `disabled`: endpoints given up; `more`: there may be work left."""

    done: int = 0
    failed: int = 0
    postponed: int = 0
    disabled: int = 0
    more: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class _Ended:
    """How one delivery ended, as a field of Delivered."""

    endpoint: Ready
    word: str
    is_disabled: bool = False


@dataclass(kw_only=True, slots=True)
class _Round:
    """One call's tools and tallies; the tallies are the handing-out thread's alone."""

    engine: Engine
    clock: Clock
    vault: Vault
    courier: Courier
    pool: ThreadPoolExecutor
    counts: Counter[str] = field(default_factory=Counter)
    failures: Counter[int] = field(default_factory=Counter)
    in_flight: dict[Future[_Ended], int] = field(default_factory=dict)
    begun: int = 0


def deliver(engine: Engine, clock: Clock, vault: Vault, courier: Courier, *, batch: int = 1000) -> Delivered:
    """Delivers what is due until nothing is left or in the air, `batch` were begun or LONGEST is over. While another is
    at work, in any process, it does nothing: what came to be owed meanwhile is found by the other.
    """
    with sole_payer(engine, lock=HOOKS_LOCK) as is_sole:
        if not is_sole:
            return Delivered()
        with hot(engine) as connection:
            lost = hooks.tidy(connection, now=clock.now())
        if lost:
            log.info("hooks_taken_up", count=lost)
        with ThreadPoolExecutor(MOST_IN_FLIGHT, thread_name_prefix="hooks") as pool:
            return _hand_out(_Round(engine=engine, clock=clock, vault=vault, courier=courier, pool=pool), batch)


def _hand_out(round_: _Round, batch: int) -> Delivered:
    started_at, more = round_.clock.now(), False
    while True:
        more = round_.begun >= batch or round_.clock.now() - started_at > LONGEST
        if not more:
            _begin_due(round_, batch)
        if not round_.in_flight:
            break
        ended, _ = wait(round_.in_flight, timeout=GLANCE_SECONDS, return_when=FIRST_COMPLETED)
        _collect(round_, ended)
    counts = round_.counts
    return Delivered(
        done=counts["done"],
        failed=counts["failed"],
        postponed=counts["postponed"],
        disabled=counts["disabled"],
        more=more,
    )


def _begin_due(round_: _Round, batch: int) -> None:
    """Fills each endpoint's share. Claims are committed before anything is sent: after that, a power cut leaves rows
    `paying`, which are owed again.
    """
    now = round_.clock.now()
    with hot(round_.engine) as connection:
        due = hooks.ready(connection, now=now)
    # Whoever has least in the air is served first: with many endpoints, none waits for the places of another.
    held = Counter(round_.in_flight.values())
    for endpoint in sorted(due, key=lambda each: held[each.id]):
        free = min(
            (1 if endpoint.failing_since or round_.failures[endpoint.id] else MOST_OF_ONE) - held[endpoint.id],
            MOST_IN_FLIGHT - len(round_.in_flight),
            batch - round_.begun,
        )
        if free > 0:
            _begin(round_, endpoint, free, now)


def _begin(round_: _Round, endpoint: Ready, limit: int, now: datetime) -> None:
    try:
        keys = endpoints.unseal(round_.vault, endpoint.name, endpoint.secret)
    except (UnsealError, ValueError):
        log.error("endpoint_unreadable", endpoint=endpoint.name)  # noqa: TRY400  a traceback adds nothing
        _rest(round_, endpoint, now)
        return
    with hot(round_.engine) as connection:
        claimed = hooks.claim(connection, endpoint.id, now=now, limit=limit)
    for hook in claimed:
        round_.begun += 1
        round_.in_flight[round_.pool.submit(_deliver_one, round_, endpoint, keys, hook)] = endpoint.id


def _collect(round_: _Round, ended: Iterable[Future[_Ended]]) -> None:
    for future in ended:
        del round_.in_flight[future]
    for future in ended:
        _note(round_, future.result())


def _note(round_: _Round, ended: _Ended) -> None:
    round_.counts[ended.word] += 1
    round_.counts["disabled"] += ended.is_disabled
    endpoint = ended.endpoint
    if ended.word == "done":
        round_.failures[endpoint.id] = 0
        return
    round_.failures[endpoint.id] += 1
    if round_.failures[endpoint.id] >= FAILURES_IN_A_ROW:
        round_.failures[endpoint.id] = 0
        _rest(round_, endpoint, round_.clock.now())


def _rest(round_: _Round, endpoint: Ready, now: datetime) -> None:
    """The others of its deliveries would fail too; they wait, and none of their tries is used up."""
    span = (now - (endpoint.failing_since or now)) / REST_SHARE
    until = now + min(max(span, SHORTEST_REST), LONGEST_REST)
    with hot(round_.engine) as connection:
        hooks.rest(connection, endpoint.id, now=now, until=until)


def _deliver_one(round_: _Round, endpoint: Ready, keys: Keys, hook: Hook) -> _Ended:
    """In a thread of its own."""
    try:
        with traced.paying(round_.engine, hook.id, "hook", hook.key):
            return _posted(round_, endpoint, keys, hook)
    except OUTAGES:
        raise
    except Exception:
        # One broken row must not stand before all others; nor is the receiver to blame for it.
        log.exception("hook_broken", **_ids(endpoint, hook))
        with hot(round_.engine) as connection:
            due_at = hooks.again(connection, hook, BROKEN, now=round_.clock.now())
        return _Ended(endpoint=endpoint, word="failed" if due_at is None else "postponed")


def _posted(round_: _Round, endpoint: Ready, keys: Keys, hook: Hook) -> _Ended:
    body = body_of(hook.payload)
    headers = keys.headers(hook.idempotency_key, body, now=round_.clock.now())
    answer = round_.courier.post(endpoint.url, headers | tracing.headers(), body)
    now = round_.clock.now()
    match answer:
        case Answered(status=status) if status in OK:
            return _done(round_, endpoint, hook, now)
        case Answered(status=status):
            return _undone(round_, endpoint, hook, f"answered {status}", now, gone=status == GONE)
        case Unanswered(reason=reason):
            return _undone(round_, endpoint, hook, reason, now)


def _done(round_: _Round, endpoint: Ready, hook: Hook, now: datetime) -> _Ended:
    with hot(round_.engine) as connection:
        endpoints.note_well(connection, endpoint.id)
        hooks.done(connection, hook, now=now)
    log.info("hook_delivered", **_ids(endpoint, hook))
    return _Ended(endpoint=endpoint, word="done")


def _undone(round_: _Round, endpoint: Ready, hook: Hook, reason: str, now: datetime, *, gone: bool = False) -> _Ended:
    with hot(round_.engine) as connection:
        # The endpoint before its rows, as whoever disables it does: two in the other order would wait for each other.
        is_disabled = endpoints.note_failing(connection, endpoint.id, gone=gone, now=now)
        due_at = hooks.again(connection, hook, reason, now=now)
        cancelled = hooks.cancel(connection, endpoint.id, hooks.NOT_ENABLED, now=now) if is_disabled else 0
    if due_at is None:
        log.warning("hook_given_up", **_ids(endpoint, hook), reason=reason)
    else:
        log.info("hook_postponed", **_ids(endpoint, hook), reason=reason, due_at=due_at.isoformat())
    if is_disabled:
        log.error("endpoint_disabled", endpoint=endpoint.name, reason=reason, cancelled=cancelled)
    return _Ended(endpoint=endpoint, word="failed" if due_at is None else "postponed", is_disabled=is_disabled)


def _ids(endpoint: Ready, hook: Hook) -> dict[str, Any]:
    return {
        "endpoint": endpoint.name,
        "outbox_id": hook.id,
        "key": hook.key,
        "webhook_id": hook.idempotency_key,
        "attempts": hook.attempts,
    }
