"""Pays what is owed to people: each message is claimed, looked at once more, committed, sent and settled on its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.headerregistry import Address
from typing import Any, assert_never

import psycopg
import structlog
from sqlalchemy import Engine

from infra import outbox
from infra.ask_mail import sender_of
from infra.clock import Clock
from infra.database import hot
from infra.mail import Mailer, Outcome, Refused, Sent, TryLater, Unknown
from infra.outbox import ACCESS_MAIL, LINK_MAIL, Debt
from worker import traced
from worker.asking import Later, NotNeeded, Seen, Unwritable, Waits, Writing, Written, judge_invitation, judge_link
from worker.digesting import judge_asks

NO_SMTP = "no mail server is configured: set EVERSPARK_SMTP_URL"

# With the slowest answer to one message on top, this stays under dramatiq's time limit of ten minutes for an actor.
LONGEST = timedelta(minutes=2)

# How the messages that carry no asks are looked at once more.
JUDGES = {ACCESS_MAIL: judge_invitation, LINK_MAIL: judge_link}

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Paid:
    """What one call did. `waiting`: for a fact, or for the creator's hours; `postponed`: owed again by the retry schedule;
    `looking`: put back for some seconds, since TikTok is read before; `more`: there may be work left.
    """

    done: int = 0
    failed: int = 0
    waiting: int = 0
    uncertain: int = 0
    cancelled: int = 0
    postponed: int = 0
    looking: int = 0
    more: bool = False


def plainly(sender: Address) -> Writing:
    """Everything as it comes, and without links."""
    return Writing(sender=sender)


def pay(
    engine: Engine,
    clock: Clock,
    mailer: Mailer | None,
    *,
    mail_from: str,
    writing: Callable[[Address], Writing] = plainly,
    batch: int = 200,
) -> Paid:
    """Pays due rows, one at a time, until none is left, the mail server is away, `batch` rows were taken or LONGEST is
    over. While another payer is at work, in any process, it does nothing: a slow mail server takes one thread, not all.
    `writing` says how, for a sender. Raises BadMailFrom before anything is claimed.
    """
    style = writing(sender_of(mail_from))
    with outbox.sole_payer(engine) as is_sole:
        # What came to be owed after the other one's last look is found by the `rescue` sweep.
        return _pay_all(engine, clock, mailer, style, batch) if is_sole else Paid()


def _pay_all(engine: Engine, clock: Clock, mailer: Mailer | None, style: Writing, batch: int) -> Paid:
    started_at = clock.now()
    counts = _tidy(engine, started_at, has_mail=mailer is not None)
    if mailer is None:
        return _paid(counts)
    for _ in range(batch):
        if clock.now() - started_at > LONGEST:
            break
        ended = _pay_one(engine, clock, mailer, style)
        if ended is None:
            return _paid(counts)
        counts[ended.word] += 1
        if ended.stop:
            return _paid(counts)
    return _paid(counts, more=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Ended:
    """How one row ended, as a field of Paid; `stop` where the next row would meet the same closed door."""

    word: str
    stop: bool = False


def _paid(counts: Counter[str], *, more: bool = False) -> Paid:
    return Paid(
        done=counts["done"],
        failed=counts["failed"],
        waiting=counts["waiting"],
        uncertain=counts["uncertain"],
        cancelled=counts["cancelled"],
        postponed=counts["postponed"],
        looking=counts["looking"],
        more=more,
    )


def _tidy(engine: Engine, now: datetime, *, has_mail: bool) -> Counter[str]:
    with hot(engine) as connection:
        lost = outbox.abandoned(connection, now=now)
        held = [] if has_mail else outbox.hold(connection, NO_SMTP, now=now)
    for row in lost:
        log.error("ask_uncertain", outbox_id=row.id, key=row.key, reason=outbox.POWER_CUT)
    if held:
        log.warning("asks_waiting", count=len(held), reason=NO_SMTP)
    return Counter(uncertain=len(lost), waiting=len(held))


def _pay_one(engine: Engine, clock: Clock, mailer: Mailer, style: Writing) -> _Ended | None:
    now = clock.now()
    with hot(engine) as connection:
        debt = next(iter(outbox.claim(connection, now=now)), None)
        if debt is None:
            return None
        seen = look_again(connection, debt, style, now)
        is_news = _leave(connection, debt, seen, now)
    # Committed: from here on a power cut leaves the row `paying`, and later `uncertain`.
    if isinstance(seen, Written):
        with traced.paying(engine, debt.id, debt.kind, debt.key):
            return _settle(engine, debt, seen, mailer.send(seen.mail), clock.now())
    return _tell(debt, seen, is_news=is_news)


def look_again(connection: psycopg.Connection[Any], debt: Debt, style: Writing, now: datetime) -> Seen:
    """Called with the outbox row locked: what became of what it is about, and the message if it may go now."""
    try:
        judge = JUDGES.get(debt.kind, judge_asks)
        return judge(connection, debt, style, now)
    except psycopg.Error:
        raise
    except Exception as error:  # noqa: BLE001 - logged below; one broken message must not stand before all others
        return Unwritable(error=error)


def _leave(connection: psycopg.Connection[Any], debt: Debt, seen: Seen, now: datetime) -> bool:
    """Ends the claim of what is not sent, in the transaction that made it; whether the row's state is new to people."""
    match seen:
        case NotNeeded():
            outbox.cancelled(connection, debt, seen.reason, now=now)
        case Waits():
            return outbox.wait(connection, debt, seen.remedy, now=now)
        case Later():
            return outbox.wait(connection, debt, seen.reason, now=now, due_at=seen.at)
        case Unwritable():
            outbox.failed(connection, debt, f"the message could not be written: {seen.error!r}"[:500], now=now)
        case Written():
            return False
        case _:
            assert_never(seen)
    return True


def _tell(debt: Debt, seen: NotNeeded | Waits | Later | Unwritable, *, is_news: bool) -> _Ended:
    match seen:
        case NotNeeded():
            log.info("ask_cancelled", **_ids(debt), reason=seen.reason)
            return _Ended(word="cancelled")
        case Waits():
            if is_news:
                log.warning("ask_waiting", **_ids(debt), reason=seen.remedy)
            return _Ended(word="waiting")
        case Later(is_looking=True):
            if is_news:
                log.info("ask_looks_first", **_ids(debt))
            return _Ended(word="looking")
        case Later():
            log.info("ask_deferred", **_ids(debt), reason=seen.reason, due_at=seen.at.isoformat())
            return _Ended(word="waiting")
        case Unwritable():
            log.error("ask_broken", **_ids(debt), exc_info=seen.error)
            return _Ended(word="failed")
        case _:
            assert_never(seen)


SENT = """
UPDATE asks SET sent_at = %(now)s, days = asked_days
FROM unnest(%(ids)s::int8[], %(days)s::int4[]) AS t (ask_id, asked_days) WHERE id = ask_id
"""


def _settle(engine: Engine, debt: Debt, written: Written, outcome: Outcome, now: datetime) -> _Ended:
    match outcome:
        case Sent():
            with hot(engine) as connection:
                outbox.done(connection, debt, now=now)
                values = {"ids": list(written.days), "days": list(written.days.values()), "now": now}
                connection.execute(SENT, values)
            log.info("ask_sent", **_ids(debt), asks=len(written.days))
            return _Ended(word="done")
        case Refused():
            with hot(engine) as connection:
                outbox.failed(connection, debt, outcome.reason, now=now)
            log.warning("ask_refused", **_ids(debt), reason=outcome.reason)
            return _Ended(word="failed")
        case Unknown():
            with hot(engine) as connection:
                outbox.uncertain(connection, debt, outcome.reason, now=now)
            log.error("ask_uncertain", **_ids(debt), reason=outcome.reason)
            return _Ended(word="uncertain", stop=outcome.server_is_away)
        case TryLater():
            return _postpone(engine, debt, outcome, now)
        case _:
            assert_never(outcome)


def _postpone(engine: Engine, debt: Debt, outcome: TryLater, now: datetime) -> _Ended:
    with hot(engine) as connection:
        due_at = outbox.again(connection, debt, outcome.reason, now=now)
    if due_at is None:
        log.warning("ask_given_up", **_ids(debt), reason=outcome.reason)
        return _Ended(word="failed", stop=outcome.server_is_away)
    log.info("ask_postponed", **_ids(debt), reason=outcome.reason, due_at=due_at.isoformat())
    return _Ended(word="postponed", stop=outcome.server_is_away)


def _ids(debt: Debt) -> dict[str, Any]:
    return {"outbox_id": debt.id, "key": debt.key, "attempts": debt.attempts}
