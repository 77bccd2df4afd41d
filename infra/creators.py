"""What creators said of being asked, in rows: written by the worker's drain, read when a message is about to be sent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, assert_never

import psycopg

from domain.events import (
    CreatorAway,
    CreatorEvent,
    CreatorLinkWanted,
    CreatorOptedIn,
    CreatorOptedOut,
    CreatorSnoozed,
    PaymentDue,
)
from domain.patience import A_WEEK, CreatorFacts, Holiday

# Older than any contact fact, which may be heard of later than what the creator said.
UNKNOWN_SINCE = datetime(1970, 1, 1, tzinfo=UTC)
# A conflict locks the row, also where nothing is to be updated. "C": the order in which Python sorts.
LOCK = """
INSERT INTO creators AS known (handle, updated_at)
SELECT handle, %(unknown)s FROM (
    SELECT unnest(%(handles)s::text[]) UNION
    SELECT handle FROM creators JOIN authorizations ON creator_id = creators.id WHERE key = ANY(%(keys)s)
) AS concerned (handle) ORDER BY handle COLLATE "C"
ON CONFLICT (handle) DO UPDATE SET updated_at = known.updated_at WHERE false
"""
SNOOZE = "UPDATE creators SET snoozed_until = %(until)s, snooze_stated_at = %(at)s WHERE handle = %(handle)s"
OPT_OUT = "UPDATE creators SET opted_out_at = greatest(opted_out_at, %(at)s) WHERE handle = %(handle)s"
# Who opted out after this word did not mean to be asked; that of the same instant was said later.
OPT_IN = "UPDATE creators SET opted_out_at = NULL WHERE handle = %(handle)s AND opted_out_at <= %(at)s"
GO_AWAY = "UPDATE creators SET away_from = %(begins_at)s, away_until = %(ends_at)s WHERE handle = %(handle)s"
OWE_PAYMENT = "UPDATE creators SET payment_due_since = coalesce(payment_due_since, %(at)s) WHERE handle = %(handle)s"
PAYMENT_MADE = "UPDATE creators SET payment_due_since = NULL WHERE handle = %(handle)s AND payment_due_since <= %(at)s"
# One an hour, however many links of theirs are over; who asks while one is owed gets that one. All letters about a creator
# are in one mailbox, so nobody else writes here at the same time.
OWE_LINK = """
INSERT INTO outbox (kind, key, creator_id, idempotency_key, payload, due_at, created_at)
SELECT 'link.mail', 'creator/' || handle, id,
    'link-' || id || '-' || to_char(%(at)s::timestamptz, 'YYYYMMDD"T"HH24'), '{}'::jsonb, %(now)s, %(now)s
FROM creators WHERE handle = %(handle)s AND NOT EXISTS (
    SELECT FROM outbox WHERE creator_id = creators.id AND kind = 'link.mail'
    AND (status IN ('owed', 'paying') OR settled_at > %(at)s::timestamptz - interval '1 hour'))
ON CONFLICT DO NOTHING
"""
# The message that is being gathered is judged anew.
JUDGE_AGAIN = """
UPDATE outbox SET due_at = %(now)s
WHERE kind = 'ask.mail' AND status = 'owed' AND attempts = 0 AND creator_id IS NOT NULL AND due_at > %(now)s
  AND creator_id = (SELECT id FROM creators WHERE handle = %(handle)s)
"""


def lock(connection: psycopg.Connection[Any], handles: Iterable[str], *, keys: Sequence[str]) -> None:
    """Keeps these creators, and those of the authorizations `keys`, for this transaction: always first, and in one order.

    What is written of a creator, and the message that gathers asks, then belong to one worker, so that two never deadlock.
    One of whom nothing else is known is kept by the handle alone.
    """
    values = {"handles": list(handles), "keys": list(keys), "unknown": UNKNOWN_SINCE}
    connection.execute(LOCK, values, prepare=True)


def note(connection: psycopg.Connection[Any], told: Sequence[tuple[str, CreatorEvent]], *, now: datetime) -> None:
    """Facts and wishes of creators, who are locked; of one creator's words the newer is written last."""
    for handle, event in sorted(told, key=lambda each: each[1].at):
        values: dict[str, Any] = {"handle": handle, "now": now, "at": event.at}
        statement, more = _told(event)
        connection.execute(statement, values | more)
        if not isinstance(event, CreatorLinkWanted):
            connection.execute(JUDGE_AGAIN, values)


def _told(event: CreatorEvent) -> tuple[str, dict[str, Any]]:
    match event:
        case CreatorSnoozed(until=until):
            return SNOOZE, {"until": until}
        case CreatorOptedOut():
            return OPT_OUT, {}
        case CreatorOptedIn():
            return OPT_IN, {}
        case CreatorAway(begins_at=begins_at, ends_at=ends_at):
            return GO_AWAY, {"begins_at": begins_at, "ends_at": ends_at}
        case PaymentDue(is_due=is_due):
            return OWE_PAYMENT if is_due else PAYMENT_MADE, {}
        case CreatorLinkWanted():
            return OWE_LINK, {}
        case _:
            assert_never(event)


@dataclass(frozen=True, kw_only=True, slots=True)
class Addressee:
    """Whom a message is for, and what is known of asking them."""

    id: int
    handle: str
    name: str | None
    email: str | None
    locale: str | None
    facts: CreatorFacts


LOAD = """
SELECT id, handle, name, email, locale, timezone, opted_out_at, snoozed_until, away_from, away_until, payment_due_since
FROM creators WHERE id = ANY(%s)
"""


def load(connection: psycopg.Connection[Any], creator_id: int) -> Addressee:
    """The creator of this number, which must exist."""
    return load_all(connection, [creator_id])[creator_id]


def load_all(connection: psycopg.Connection[Any], numbers: Sequence[int]) -> dict[int, Addressee]:
    """The creators of these numbers."""
    return {row[0]: _addressee(*row) for row in connection.execute(LOAD, [list(numbers)])}


def _addressee(
    number: int,
    handle: str,
    name: str | None,
    email: str | None,
    locale: str | None,
    zone: str | None,
    opted_out_at: datetime | None,
    snoozed_until: datetime | None,
    away_from: datetime | None,
    away_until: datetime | None,
    due_since: datetime | None,
) -> Addressee:
    facts = CreatorFacts(
        zone=zone,
        snoozed_until=snoozed_until,
        holiday=Holiday(begins_at=away_from, ends_at=away_until) if away_from and away_until else None,
        has_opted_out=opted_out_at is not None,
        payment_due=due_since is not None,
    )
    return Addressee(id=number, handle=handle, name=name, email=email, locale=locale, facts=facts)


# Any constant will do that no other lock of two numbers has (see inbox.LOCK_CLASS).
WRITING_CLASS = 7402
HOLD = "SELECT pg_advisory_xact_lock(%s, (%s::int8 %% 2147483647)::int4)"


def hold(connection: psycopg.Connection[Any], creator_id: int) -> None:
    """Lets no other message to this creator be judged until this transaction ends. Mail and texts are paid side by side, and
    all that waited for the morning is due at the same instant: each has to count the others.
    """
    connection.execute(HOLD, [WRITING_CLASS, creator_id])


# One message is one, however many asks it carried. One that may have left counts as if it had, and one whose row of the
# outbox was pruned long since does too.
SENT = """
SELECT DISTINCT authorizations.creator_id, coalesce(asks.sent_at, outbox.claimed_at) AS at, outbox_id
FROM authorizations JOIN asks ON asks.authorization_id = authorizations.id LEFT JOIN outbox ON outbox.id = outbox_id
WHERE authorizations.creator_id = ANY(%(creators)s) AND coalesce(outbox_id, 0) IS DISTINCT FROM %(except)s
  AND (asks.sent_at > %(since)s OR (outbox.status IN ('paying', 'uncertain') AND outbox.claimed_at > %(since)s))
UNION
SELECT authorizations.creator_id, coalesce(texts.settled_at, texts.claimed_at), texts.id
FROM authorizations JOIN outbox AS texts ON texts.authorization_id = authorizations.id
WHERE authorizations.creator_id = ANY(%(creators)s) AND texts.kind = 'ask.channel' AND texts.id IS DISTINCT FROM %(except)s
  AND texts.status IN ('done', 'paying', 'uncertain') AND coalesce(texts.settled_at, texts.claimed_at) > %(since)s
"""


def written_to_at(
    connection: psycopg.Connection[Any],
    creator_id: int,
    *,
    now: datetime,
    since: timedelta = A_WEEK,
    but: int | None = None,
) -> list[datetime]:
    """When the creator got messages that asked for something, the last `since`; `but` names one to leave out."""
    return all_written_to_at(connection, [creator_id], now=now, since=since, but=but).get(creator_id, [])


def all_written_to_at(
    connection: psycopg.Connection[Any],
    numbers: Sequence[int],
    *,
    now: datetime,
    since: timedelta = A_WEEK,
    but: int | None = None,
) -> dict[int, list[datetime]]:
    """The same for several creators; who got nothing is left out."""
    found: defaultdict[int, set[datetime]] = defaultdict(set)
    values = {"creators": list(numbers), "since": now - since, "except": but}
    for number, at, _ in connection.execute(SENT, values):
        found[number].add(at)
    return {number: sorted(times) for number, times in found.items()}
