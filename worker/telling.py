"""Pays what is owed by the other channels: a creator's second way, and alerts. Each is claimed, looked at once more,
committed, sent and settled; what may have arrived is never sent again by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, assert_never

import psycopg
import structlog
from sqlalchemy import Engine

from domain.patience import Manners
from domain.renewal import Policy
from infra import outbox
from infra.channel_urls import Channels, fingerprint
from infra.channels import Messenger
from infra.clock import Clock
from infra.database import OUTAGES, hot
from infra.mail import Outcome, Refused, TryLater, Unknown
from infra.outbox import RETRIES, Debt
from worker import traced
from worker.saying import Message, NotNeeded, Teller, Waits, look_again

# All addresses of one alert together stay under outbox.ABANDONED_AFTER.
LONGEST, MOST = timedelta(minutes=2), 200

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """How many messages ended in each way. `looking`: put back for some seconds, since TikTok is read before."""

    done: int = 0
    failed: int = 0
    waiting: int = 0
    uncertain: int = 0
    cancelled: int = 0
    postponed: int = 0
    looking: int = 0

    def __add__(self, other: Told) -> Told:
        """Both together."""
        return Told(**{each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(self)})


def tell(
    engine: Engine,
    clock: Clock,
    *,
    channels: Channels,
    messenger: Messenger,
    policy: Policy,
    manners: Manners,
    kinds: Sequence[str],
    link_to: Callable[[psycopg.Connection[Any], int, datetime], str] | None = None,
) -> Told:
    """Sends what is due of these kinds, one message at a time. The caller sees to it that nobody else does."""
    teller = Teller(
        engine=engine,
        clock=clock,
        channels=channels,
        messenger=messenger,
        policy=policy,
        manners=manners,
        link_to=link_to,
    )
    started_at, counts = clock.now(), Counter[str]()
    with hot(engine) as connection:
        lost = outbox.abandoned(connection, now=started_at, kinds=kinds)
    for row in lost:
        log.error("channel_uncertain", outbox_id=row.id, key=row.key, reason=outbox.POWER_CUT)
    counts["uncertain"] += len(lost)
    for _ in range(MOST):
        ended = None if clock.now() - started_at > LONGEST else _tell_one(teller, kinds)
        if ended is None:
            break
        counts[ended] += 1
    return Told(**counts)


def _tell_one(teller: Teller, kinds: Sequence[str]) -> str | None:
    now = teller.clock.now()
    with hot(teller.engine) as connection:
        debt = next(iter(outbox.claim(connection, now=now, kinds=kinds)), None)
        if debt is None:
            return None
        try:
            with connection.transaction():
                seen = look_again(connection, teller, debt, now)
        except OUTAGES:
            raise
        except Exception as error:
            outbox.failed(connection, debt, f"the message could not be written: {error!r}"[:500], now=now)
            log.exception("channel_broken", **debt.ids)
            return "failed"
        match seen:
            case NotNeeded():
                outbox.cancelled(connection, debt, seen.reason, now=now)
                log.info("channel_cancelled", **debt.ids, reason=seen.reason)
                return "cancelled"
            case Waits():
                if outbox.wait(connection, debt, seen.reason, now=now, due_at=seen.until):
                    log.info("channel_waiting", **debt.ids, reason=seen.reason)
                return "looking" if seen.is_looking else "waiting"
            case Message():
                pass
            case _:
                assert_never(seen)
    # Committed: from here on a power cut leaves the row `paying`, and later `uncertain`.
    with traced.paying(teller.engine, debt.id, debt.kind, debt.key):
        return _settle(teller, debt, seen, list(_send(teller, debt, seen)))


def _send(teller: Teller, debt: Debt, message: Message) -> Iterator[tuple[str, Outcome]]:
    """One try to each address that was not reached yet, by the fingerprint that the row may know of it."""
    started_at, reached = teller.clock.now(), debt.payload.get("reached", [])
    for url in message.urls:
        if (mark := fingerprint(url)) in reached:
            continue
        if teller.clock.now() - started_at > LONGEST:
            yield mark, TryLater(reason="the addresses before it took too long")
            continue
        text = message.text
        yield mark, teller.messenger.send(url, title=text.title, body=text.body, is_bad=message.is_bad)


def _settle(teller: Teller, debt: Debt, message: Message, outcomes: list[tuple[str, Outcome]]) -> str:
    """The worst that cannot be tried again decides how the row ends; what can be, is tried first."""
    now = teller.clock.now()
    later = next((each for _, each in outcomes if isinstance(each, TryLater)), None)
    with hot(teller.engine) as connection:
        if later is not None and debt.attempts <= len(RETRIES):
            return _postpone(connection, debt, later, outcomes, now)
        unknown = next((each for _, each in outcomes if isinstance(each, Unknown)), None)
        if unknown is not None:
            outbox.uncertain(connection, debt, unknown.reason, now=now)
            log.error("channel_uncertain", **debt.ids, reason=unknown.reason)
            return "uncertain"
        refused = next((each for _, each in outcomes if isinstance(each, Refused | TryLater)), None)
        if refused is not None:
            outbox.failed(connection, debt, refused.reason, now=now)
            log.warning("channel_refused", **debt.ids, reason=refused.reason)
            return "failed"
        outbox.done(connection, debt, now=now)
    log.info("channel_sent", **debt.ids, addresses=len(message.urls))
    return "done"


def _postpone(
    connection: psycopg.Connection[Any],
    debt: Debt,
    later: TryLater,
    outcomes: list[tuple[str, Outcome]],
    now: datetime,
) -> str:
    """Only addresses that certainly got nothing are tried again."""
    settled = [mark for mark, outcome in outcomes if not isinstance(outcome, TryLater)]
    due_at = now + RETRIES[debt.attempts - 1]
    reached = [*debt.payload.get("reached", []), *settled]
    outbox.put_off(connection, debt, later.reason, due_at=due_at, now=now, put={"reached": reached})
    log.info("channel_postponed", **debt.ids, reason=later.reason, due_at=due_at.isoformat())
    return "postponed"
