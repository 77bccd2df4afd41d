"""One request to TikTok and its envelope, as values, and the log line that each call leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec
import structlog

from infra.tiktok.answers import Answer, Answered, Later, Lost, Refused


class Envelope(msgspec.Struct):
    """What TikTok answers to everything, nearly always with HTTP 200: only `code` says how it went."""

    code: int
    message: str | None = None
    request_id: str | int | None = None
    data: msgspec.Raw = msgspec.Raw(b"{}")


ENVELOPE = msgspec.json.Decoder(Envelope, strict=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One request; `hidden` are the secrets in it, which no message or line may repeat."""

    path: str
    is_write: bool
    given: Mapping[str, Any] = field(repr=False)
    token: str | None = field(default=None, repr=False)
    advertiser_id: str | None = None
    hidden: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Trouble:
    """A call without an answer that can be read; `was_sent` says whether TikTok may have acted on it."""

    reason: str
    was_sent: bool = True
    request_id: str | None = None


def opened(response: httpx.Response) -> Envelope | None:
    """The envelope; None when the body is none, such as a gateway's page."""
    try:
        return ENVELOPE.decode(response.content)
    except (msgspec.MsgspecError, UnicodeError):
        return None


def say(log: structlog.stdlib.BoundLogger, answer: Answer[Any], *, is_limited: bool) -> None:
    """Writes the line: the less expected, the louder."""
    match answer:
        case Answered():
            log.debug("tiktok_called")
        case Refused():
            log.warning("tiktok_refused", symbol=answer.refusal.symbol, said=answer.message)
        case Lost():
            log.warning("tiktok_lost", reason=answer.reason)
        case Later() if is_limited:
            log.warning("tiktok_limited", reason=answer.reason, seconds=answer.after.total_seconds())
        case Later():
            log.info("tiktok_away", reason=answer.reason)
