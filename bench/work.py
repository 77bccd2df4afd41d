"""The work every contender does: authorizations that are requested, granted, advertised and run out, the same in every run."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from infra.inbox import Letter

PRODUCER = "bench"
SECRET = "whsec_" + base64.b64encode(b"a secret of the bench, 32 bytes!").decode()
BEGINS = datetime(2026, 1, 5, 9, tzinfo=UTC)
PERIOD = timedelta(days=30)
AUTHORIZATIONS = 5_000
EVENTS_EACH = 4
WARM_UP = 100

# The clock alone may say that a period ended, so over HTTP the fourth event is the ad's end.
Fourth = Literal["period.ended", "ad.stopped"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Happening:
    """One event, before anybody packs it."""

    id: str
    type: str
    key: str
    at: datetime
    data: dict[str, Any]

    @property
    def sender(self) -> str:
        return "clock" if self.type == "period.ended" else f"producer:{PRODUCER}"


def happenings(authorizations: int = AUTHORIZATIONS, fourth: Fourth = "period.ended") -> list[Happening]:
    """Every request, then every grant, then every ad, then every end: neighbours never share an authorization."""
    tales = [list(_tale(number, fourth)) for number in range(authorizations)]
    return [tale[chapter] for chapter in range(EVENTS_EACH) for tale in tales]


def warm_up() -> list[Happening]:
    """Requests of other authorizations, so that processes have started and connected before anything is measured."""
    return [next(_tale(1_000_000 + number, "ad.stopped")) for number in range(WARM_UP)]


def letter(event: Happening) -> Letter:
    return Letter(
        sender=event.sender,
        event_id=event.id,
        type=event.type,
        key=event.key,
        occurred_at=event.at,
        data=json.dumps(event.data).encode(),
    )


def message(event: Happening) -> dict[str, Any]:
    """The event as the plain builds put it on their queue."""
    return {
        "sender": event.sender,
        "event_id": event.id,
        "type": event.type,
        "key": event.key,
        "occurred_at": event.at.isoformat(),
        "data": event.data,
    }


def webhook(event: Happening, *, path: str, sent_at: datetime) -> bytes:
    """The whole HTTP request, signed, as it goes over the wire."""
    body = json.dumps({"type": event.type, "timestamp": instant(event.at), "data": event.data}).encode()
    stamp = str(int(sent_at.timestamp()))
    head = (
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        f"webhook-id: {event.id}\r\nwebhook-timestamp: {stamp}\r\nwebhook-signature: {_signature(event.id, stamp, body)}\r\n\r\n"
    )
    return head.encode() + body


def instant(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _signature(message_id: str, stamp: str, body: bytes) -> str:
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    digest = hmac.digest(key, f"{message_id}.{stamp}.".encode() + body, hashlib.sha256)
    return "v1," + base64.b64encode(digest).decode()


def _tale(number: int, fourth: Fourth) -> Iterator[Happening]:
    advertiser, item = f"72{number % 200:017d}", f"73{number:017d}"
    whose = {"advertiser_id": advertiser, "post": {"item_id": item}}
    asked = BEGINS + timedelta(seconds=number)
    granted, ends = asked + timedelta(hours=1), asked + timedelta(hours=1) + PERIOD
    ad = {"ad_id": f"18{number:016d}"}
    chapters: list[tuple[str, datetime, dict[str, Any]]] = [
        ("authorization.requested", asked, _request(number)),
        ("code.granted", granted, {"starts_at": instant(granted), "expires_at": instant(ends)}),
        ("ad.started", granted + timedelta(hours=1), {"ad": ad | _flight(ends)}),
    ]
    if fourth == "period.ended":
        chapters.append((fourth, ends, {"ends_at": instant(ends)}))
    else:
        chapters.append((fourth, ends - timedelta(days=1), {"ad": ad}))
    for chapter, (kind, at, data) in enumerate(chapters):
        yield Happening(id=f"{number}-{chapter}", type=kind, key=f"{advertiser}/{item}", at=at, data=whose | data)


def _request(number: int) -> dict[str, Any]:
    handle = f"creator.{number // 4}"
    creator = {"handle": handle, "name": f"Creator {number // 4}", "email": f"{handle}@example.com", "locale": "en"}
    return {
        "route": "code",
        "days": 30,
        "reference": f"order-{number}",
        "creator": creator | {"timezone": "Europe/Paris"},
    }


def _flight(ends: datetime) -> dict[str, Any]:
    spend = {"amount": "120.00", "currency": "USD"}
    return {"flight_end": instant(ends + PERIOD), "daily_spend": spend, "objective": "REACH", "billing_event": "CPM"}
