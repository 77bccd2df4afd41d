"""An operator's word, as a letter to the inbox with a line in the audit log: the worker applies it, and nothing else does."""

from __future__ import annotations

from typing import Any

import msgspec

from everspark.opened import Opened
from everspark.users import actor
from infra import audit, inbox
from infra.broker import make_broker, make_nudges
from infra.database import hot
from infra.inbox import Letter

OPERATOR = "operator"


def tell(tools: Opened, type_: str, key: str, data: dict[str, Any]) -> Letter:
    """The letter, kept; a worker that is there hears of it at once."""
    now, said = tools.clock.now(), msgspec.json.encode(data)
    letter = Letter(
        sender=OPERATOR,
        event_id=f"{type_}:{key}:{now.isoformat()}",
        type=type_,
        key=key,
        occurred_at=now,
        data=said,
    )
    with hot(tools.engine) as connection:
        inbox.accept(connection, [letter], now=now)
        audit.note(connection, at=now, actor=actor(), act=type_, subject=key, about=msgspec.json.decode(said))
    if tools.settings.redis_url:
        make_nudges(make_broker(tools.settings.redis_url)).mailboxes([inbox.mailbox_of(key)])
    return letter
