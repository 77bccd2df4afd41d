"""An operator's word, as a letter to the inbox with a line in the audit log: the worker applies it, and nothing else does."""

from __future__ import annotations

from typing import Any

from everspark.opened import Opened, actor
from infra import acts, inbox
from infra.broker import make_broker, make_nudges
from infra.database import hot
from infra.inbox import Letter


def tell(tools: Opened, key: str, type_: str, said: dict[str, Any], *, act: str | None = None) -> Letter:
    """The letter, kept; a worker that is there hears of it at once."""
    with hot(tools.engine) as connection:
        letter = acts.tell(connection, key, type_, said, actor=actor(), now=tools.clock.now(), act=act)
    if tools.settings.redis_url:
        make_nudges(make_broker(tools.settings.redis_url)).mailboxes([inbox.mailbox_of(letter.key)])
    return letter
