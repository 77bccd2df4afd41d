"""What TikTok shows, as letters to the inbox: the look and the effects write them, the worker alone acts on them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from domain.events import (
    Ad,
    AdLost,
    AdStarted,
    AdStopped,
    Code,
    CodeGranted,
    CodeRefused,
    CodeWithdrawn,
    LifecycleEvent,
    PeriodCorrected,
    PeriodExtended,
    PostChanged,
)
from infra.inbox import Letter

SENDER = "tiktok"


def letter(key: str, event: LifecycleEvent, *, event_id: str, request_id: str | None = None) -> Letter:
    """A letter that `infra.contract.event_of` reads back as `event`. Raises TypeError for what TikTok never says."""
    type_, data = _told(event)
    if request_id:
        data["request_id"] = request_id
    return Letter(
        sender=SENDER,
        event_id=event_id,
        type=type_,
        key=key,
        occurred_at=event.at,
        data=msgspec.json.encode(subject_of(key) | data),
    )


def _told(event: LifecycleEvent) -> tuple[str, dict[str, Any]]:
    match event:
        case CodeGranted():
            return "code.granted", {"starts_at": event.starts_at, "expires_at": event.expires_at} | _code(event.code)
        case CodeRefused():
            return "code.refused", {"reason": event.reason, "said": event.said}
        case PeriodExtended():
            return "authorization.extended", {"expires_at": event.expires_at}
        case PeriodCorrected():
            return "period.corrected", {"expires_at": event.expires_at}
        case CodeWithdrawn():
            return "authorization.revoked", {"reason": event.reason}
        case PostChanged():
            return "post.changed", {"condition": event.condition}
        case AdStarted():
            return "ad.started", {"ad": _ad(event.ad)}
        case AdStopped():
            return "ad.stopped", {"ad": {"ad_id": event.ad_id}}
        case AdLost():
            return "ad.lost", {"ad": {"ad_id": event.ad_id, "reason": event.reason}}
        case _:
            raise TypeError(f"TikTok does not say {type(event).__name__}")


def subject_of(key: str) -> dict[str, Any]:
    """What an authorization's letter says of whom it concerns, from its key."""
    advertiser_id, _, subject = key.partition("/")
    about = {"account": {"handle": subject[1:]}} if subject.startswith("@") else {"post": {"item_id": subject}}
    return {"advertiser_id": advertiser_id, **about}


def _code(code: Code | None) -> dict[str, Any]:
    return {"code": code} if code is not None else {}


def _ad(ad: Ad) -> dict[str, Any]:
    spend = None
    if ad.daily_spend is not None and ad.currency is not None:
        spend = {"amount": format(ad.daily_spend, "f"), "currency": ad.currency}
    facts = {
        "ad_id": ad.ad_id,
        "flight_end": ad.flight_end,
        "daily_spend": spend,
        "objective": ad.objective,
        "billing_event": ad.billing_event,
    }
    return {name: value for name, value in facts.items() if value is not None}


def event_id(what: str, key: str, *marks: datetime | str | int | None) -> str:
    """An id from what was seen: the same sight has the same id, and is stored once."""
    said = [mark.isoformat() if isinstance(mark, datetime) else str(mark) for mark in marks if mark is not None]
    return ":".join([what, key, *said])
