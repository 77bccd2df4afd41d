"""What operators say of a creator, as a letter to the inbox with a line in the audit log: the worker alone applies it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
import psycopg

from infra import audit, inbox, links
from infra.contract import key_of_creator
from infra.inbox import Letter
from infra.vault import Vault

SENDER = "operator"


def tell(
    connection: psycopg.Connection[Any], handle: str, type_: str, said: Mapping[str, Any], *, actor: str, now: datetime
) -> int:
    """Keeps the word; the mailbox to nudge after the commit. `type_`: `creator.snoozed` and its like."""
    key = key_of_creator(handle)
    letter = Letter(
        sender=SENDER,
        event_id=f"{type_}:{key}:{now.isoformat()}",
        type=type_,
        key=key,
        occurred_at=now,
        data=msgspec.json.encode(said),
    )
    inbox.accept(connection, [letter], now=now)
    about = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in said.items()}
    audit.note(connection, at=now, actor=actor, act=type_, subject=key, about=about)
    return inbox.mailbox_of(key)


def make_link(
    connection: psycopg.Connection[Any], vault: Vault, creator_id: int, handle: str, *, actor: str, now: datetime
) -> str:
    """The token of a fresh link to their page, to be shown this once."""
    token = links.issue(connection, vault, creator_id=creator_id, now=now)
    audit.note(connection, at=now, actor=actor, act="creator.link_made", subject=key_of_creator(handle))
    return token


def revoke_links(
    connection: psycopg.Connection[Any],
    creator_id: int,
    handle: str,
    *,
    only: int | None = None,
    actor: str,
    now: datetime,
) -> int:
    """Takes back every link that still works, or the one numbered `only`; how many that were."""
    count = links.revoke(connection, creator_id=creator_id, now=now, only=only)
    about = {"links": count} | ({"link": only} if only else {})
    audit.note(
        connection, at=now, actor=actor, act="creator.links_revoked", subject=key_of_creator(handle), about=about
    )
    return count
