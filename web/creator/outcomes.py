"""What has become of something that a creator sent: from the inbox, the history, and what TikTok shows since."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import psycopg

from infra.inbox import mailbox_of
from infra.links import Visit
from infra.outbox import LOOK_ONE
from infra.owed import check_of
from web.creator.answers import MARK, SENDER
from web.creator.posts import Card
from web.creator.speech import local_day


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """What became of an answer: a word of the page, the post that it is about, and whether more is to come.

    `refusal` is a symbol of domain.refusals. `day`, `ends_at` and `seen_at` are what the word tells of.
    """

    word: str
    post: int | None = None
    is_open: bool = False
    refusal: str | None = None
    day: date | None = None
    ends_at: datetime | None = None
    seen_at: datetime | None = None


SENT = "SELECT seq, type, key, received_at, data, outcome FROM inbox WHERE sender = %s AND event_id = %s"
# What TikTok said last, and whether nothing of it is new: this code was granted before, and this end was known.
NEWS = """
SELECT event, inbox.data ->> 'reason', event = 'code.granted' AND EXISTS (
    SELECT FROM history AS before JOIN inbox AS told USING (seq)
    WHERE before.authorization_id = history.authorization_id AND before.id < history.id
      AND before.event = 'code.granted' AND told.data -> 'code' ->> 'fingerprint' = %(fingerprint)s
) AND EXISTS (
    SELECT FROM history AS before JOIN inbox AS told USING (seq)
    WHERE before.authorization_id = history.authorization_id AND before.id < history.id
      AND before.event IN ('code.granted', 'authorization.extended', 'period.corrected')
      AND (told.data ->> 'expires_at')::timestamptz = (inbox.data ->> 'expires_at')::timestamptz
)
FROM history LEFT JOIN inbox USING (seq)
WHERE authorization_id = %(id)s AND history.seq > %(seq)s
  AND event IN ('code.granted', 'code.refused', 'authorization.extended') ORDER BY history.id DESC LIMIT 1
"""
CHECK = "SELECT status FROM outbox WHERE idempotency_key = %s"
# A check and a look are over a moment before the worker applies what they found.
UNDER_WAY = (
    "SELECT FROM pending WHERE mailbox = %s AND status = 'ready' AND key = %s AND seq IS DISTINCT FROM %s LIMIT 1"
)


def status_of(
    connection: psycopg.Connection[Any], visit: Visit, mark: str, cards: Mapping[str, Card], zone: ZoneInfo
) -> Status | None:
    """What became of the answer that `mark` stands for; None where this link has sent no such answer."""
    if not MARK.fullmatch(mark):
        return None
    row = connection.execute(SENT, [SENDER, f"{visit.link_id}.{mark}"]).fetchone()
    if row is None:
        return None
    seq, type_, key, received_at, data, outcome = row
    card = cards.get(key)
    match type_:
        case "creator.snoozed" if (until := datetime.fromisoformat(data["until"])) > received_at:
            return Status(word="snoozed_done", day=local_day(until, zone))
        case "creator.snoozed" | "creator.opted_in":
            return Status(word="resumed", is_open=outcome is None)
        case "request.declined":
            return Status(word="declined_done", post=card.id if card else None)
        case "code.submitted" if card is not None:
            return code_status(connection, card, seq, data, outcome)
        case "look.wanted" if card is not None:
            return look_status(connection, card, seq, received_at, data)
        case _:
            return Status(word="noted")


def code_status(
    connection: psycopg.Connection[Any], card: Card, seq: int, data: dict[str, Any], outcome: str | None
) -> Status:
    """A code on its way: what TikTok said since, else how far it has come."""
    fingerprint = (data.get("code") or {}).get("fingerprint") or ""
    paid = connection.execute(CHECK, [check_of(card.key, fingerprint)]).fetchone()
    if news := connection.execute(NEWS, {"id": card.id, "seq": seq, "fingerprint": fingerprint}).fetchone():
        said, reason, is_known = news
        return told(card, said, reason, is_known=is_known is True)
    if outcome == "parked" or (paid is not None and paid[0] == "failed"):
        return Status(word="code_refused", post=card.id, refusal="unknown")
    if paid is not None and paid[0] in ("done", "cancelled") and not is_under_way(connection, card):
        return Status(word="code_settled", post=card.id)
    word = "code_checking" if card.is_connected else "code_blind"
    return Status(word=word, post=card.id, is_open=card.is_connected)


def is_under_way(connection: psycopg.Connection[Any], card: Card, *, apart_from: int | None = None) -> bool:
    """Whether something is heard of the post and not applied yet, apart from the letter with that seq."""
    return connection.execute(UNDER_WAY, [mailbox_of(card.key), card.key, apart_from]).fetchone() is not None


def told(card: Card, event: str, reason: str | None, *, is_known: bool) -> Status:
    """TikTok's word on a code."""
    if event == "code.refused":
        return Status(word="code_refused", post=card.id, refusal=reason or "unknown")
    if card.ends_at is None:
        return Status(word="code_granted_open", post=card.id)
    return Status(word="code_known" if is_known else "code_granted", post=card.id, ends_at=card.ends_at)


LOOKED = """
SELECT status, settled_at FROM outbox
WHERE idempotency_key = %s AND settled_at >= %s AND status IN ('done', 'failed', 'cancelled')
"""


def look_status(
    connection: psycopg.Connection[Any], card: Card, seq: int, wanted_at: datetime, data: dict[str, Any]
) -> Status:
    """What TikTok shows since the creator said to have extended, once the post beside it tells the same.

    It is compared with the end that was known then.
    """
    looked = connection.execute(LOOKED, [f"{LOOK_ONE}-{card.key}", wanted_at]).fetchone()
    seen_at = looked[1] if looked and looked[0] == "done" else card.seen_at
    is_awaited = looked is None and (seen_at is None or seen_at <= wanted_at)
    if is_awaited or is_under_way(connection, card, apart_from=seq):
        word = "look_checking" if card.is_connected else "look_blind"
        return Status(word=word, post=card.id, is_open=card.is_connected)
    if seen_at is None or seen_at < wanted_at:
        return Status(word="look_failed" if card.is_connected else "look_blind", post=card.id)
    if card.is_missing:
        return Status(word="look_none", post=card.id, seen_at=seen_at)
    if card.shown_until is None:
        return Status(word="look_granted", post=card.id, seen_at=seen_at)
    known = datetime.fromisoformat(data["ends_at"]) if data.get("ends_at") else None
    word = "look_later" if known is None or card.shown_until > known else "look_same"
    return Status(word=word, post=card.id, ends_at=card.shown_until, seen_at=seen_at)


def last_status(card: Card) -> Status | None:
    """What a creator who comes back should still know of the last code: it is being checked, or was refused."""
    match card.last:
        case "code.refused":
            return Status(word="code_refused", post=card.id, refusal=card.last_reason or "unknown")
        case "code.submitted" if card.is_connected:
            return Status(word="code_checking", post=card.id, is_open=True)
        case "code.submitted":
            return Status(word="code_blind", post=card.id)
        case _:
            return None
