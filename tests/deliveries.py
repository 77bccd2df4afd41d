"""What producers deliver, as letters for the inbox: made by the product's own reader, with believable defaults."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from infra.envelopes import Envelope
from infra.inbox import Letter
from infra.incoming import Reader
from infra.vault import Vault

START = datetime(2026, 11, 22, 10, tzinfo=UTC)
ADVERTISER, POST = "7200000000000000001", "7300000000000000001"
KEY = f"{ADVERTISER}/{POST}"
CODE = "#" + "aB3/" * 15 + "xY9="
CREATOR = {"handle": "ana.dances", "name": "Ana", "email": "ana@creators.test", "timezone": "Europe/Paris"}

READER = Reader(Vault(bytes(range(32))), offered_days=(7, 30, 60, 365))


def day(number: float) -> datetime:
    """The instant `number` days after the story's begin."""
    return START + timedelta(days=number)


def letter(type_: str, at: datetime, /, *, event_id: str, post: str = POST, **data: Any) -> Letter:
    """An event of the producer `crm` about one of its posts."""
    about = {"advertiser_id": ADVERTISER, "post": {"item_id": post}}
    raw = json.dumps(about | data, default=instant).encode()
    envelope = Envelope(event_id=event_id, type=type_, occurred_at=at, data=raw, place="$")
    return READER.letter(envelope, sender="producer:crm")


def instant(value: object) -> str:
    """Datetimes in JSON, as the contract wants them."""
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value).__name__)


def numbered(prefix: str) -> Iterator[str]:
    """Event ids without an end."""
    number = 0
    while True:
        number += 1
        yield f"{prefix}-{number}"
