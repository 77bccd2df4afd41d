"""TikTok's own webhooks. They say that something may have changed, never what is true now; so they are kept as hints.

None of them is about a Spark authorization (docs/events.md), hence no authorization's key: they call for a look.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from infra.contract import in_range
from infra.inbox import Letter
from infra.incoming import cleaned, whole
from infra.unreadable import MALFORMED, Unreadable, from_msgspec

T = TypeVar("T")
WORD = re.compile(r"[A-Za-z0-9_.-]{1,128}")
# tiktok.ping, sent from TikTok's console, counts milliseconds.
MILLISECONDS_FROM = 10**11
SECONDS = "Send seconds since 1970."


class DeveloperEvent(msgspec.Struct):
    """TikTok for Developers: `content` is JSON in a string."""

    event: str
    create_time: int
    client_key: str | None = None
    user_openid: str | None = None
    content: str | None = None


class Subscription(msgspec.Struct):
    """A Business API subscription: `object` says of what, `entry` what it is about."""

    request_id: str
    object: Annotated[int, Meta(ge=0, lt=2**31)]
    time: int
    entry: msgspec.Raw = msgspec.Raw(b"[]")


class Marks(msgspec.Struct):
    request_id: object = None
    entry: object = None
    type: object = None


DEVELOPER = msgspec.json.Decoder(DeveloperEvent)
SUBSCRIPTION = msgspec.json.Decoder(Subscription)
MARKS = msgspec.json.Decoder(Marks)


def is_subscription(body: bytes) -> bool:
    """Whether this is TikTok's subscription envelope rather than a body of our own contract."""
    if b'"request_id"' not in body:
        return False
    try:
        marks = MARKS.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return marks.request_id is not None and marks.type is None


def developer_hint(body: bytes, *, sender: str, headers: bytes | None = None) -> Letter:
    event = _decoded(DEVELOPER, body)
    return Letter(
        sender=sender,
        # TikTok for Developers numbers nothing; a repeated delivery repeats the body.
        event_id=hashlib.sha256(body).hexdigest()[:32],
        type=f"tiktok.{_word(event.event, '$.event')}",
        key=f"tiktok/{_word(event.user_openid or 'app', '$.user_openid')}",
        occurred_at=_instant(event.create_time, "$.create_time"),
        data=cleaned(whole(body), body),
        headers=headers,
    )


def subscription_hint(body: bytes, *, sender: str, headers: bytes | None = None) -> Letter:
    event = _decoded(SUBSCRIPTION, body)
    return Letter(
        sender=sender,
        event_id=f"tiktok/{_word(event.request_id, '$.request_id')}",
        type=f"tiktok.subscription.{event.object}",
        key="tiktok/subscriptions",
        occurred_at=_instant(event.time, "$.time"),
        data=cleaned(whole(body), body),
        headers=headers,
    )


def _decoded(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise from_msgspec(error, "$", status=MALFORMED) from None


def _word(text: str, field: str) -> str:
    if not WORD.fullmatch(text):
        raise Unreadable(field, "This is not a name as TikTok writes it.", "Send letters, digits, dots, dashes.")
    return text


def _instant(number: int, field: str) -> datetime:
    try:
        seconds = number / 1000 if number >= MILLISECONDS_FROM else number
        instant = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        raise Unreadable(field, "This is not an instant.", SECONDS) from None
    return in_range(instant, field)
