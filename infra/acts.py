"""What operators do to authorizations, and say of creators, as letters to the inbox: the worker alone applies them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, assert_never

import msgspec
import psycopg

from domain.acts import Act
from infra import audit, inbox
from infra.contract import key_of_creator
from infra.inbox import Letter
from infra.letters import subject_of
from infra.reports.concerned import Row

SENDER = "operator"
TYPES: dict[Act, str] = {
    Act.ASK: "renewal.suggested",
    Act.SNOOZE: "creator.snoozed",
    Act.LOOK: "look.wanted",
    Act.NEED: "need.stated",
    Act.UNBIND: "unbind.requested",
    Act.REVOKE: "authorization.revoked",
}


def tell(
    connection: psycopg.Connection[Any],
    key: str,
    type_: str,
    said: Mapping[str, Any],
    *,
    actor: str,
    now: datetime,
    act: str | None = None,
) -> Letter:
    """Keeps an operator's word, of `type_` such as `creator.snoozed`; nudge its mailbox after the commit.

    `act`: what the audit log calls it, where that is not the type.
    """
    letter = Letter(
        sender=SENDER,
        event_id=f"{type_}:{key}:{now.isoformat()}",
        type=type_,
        key=key,
        occurred_at=now,
        data=msgspec.json.encode(said),
    )
    inbox.accept(connection, [letter], now=now)
    about = msgspec.json.decode(letter.data)
    audit.note(connection, at=now, actor=actor, act=act or type_, subject=key, about=about)
    return letter


def letter_of(act: Act, row: Row, *, until: datetime | None, now: datetime, nonce: str) -> Letter:
    """The act on one authorization. Its id is made of `nonce`, so that the same act is accepted once."""
    key = key_of_creator(row.handle or "") if act is Act.SNOOZE else row.key
    return Letter(
        sender=SENDER,
        event_id=f"{act}:{nonce}:{key}",
        type=TYPES[act],
        key=key,
        occurred_at=now,
        data=msgspec.json.encode(_subject(act, row) | _data(act, until, now)),
    )


def _subject(act: Act, row: Row) -> dict[str, Any]:
    return {"creator": {"handle": row.handle}} if act is Act.SNOOZE else subject_of(row.key)


def _data(act: Act, until: datetime | None, now: datetime) -> dict[str, Any]:
    match act:
        case Act.ASK:
            return {"at": now}
        case Act.SNOOZE:
            return {"until": until}
        case Act.NEED:
            return {"needed_until": until}
        case Act.REVOKE:
            return {"reason": "operator"}
        case Act.LOOK | Act.UNBIND:
            return {}
        case _:
            assert_never(act)


def told(until: datetime | None) -> dict[str, Any]:
    """An act's instant as the audit log and a bulk keep it."""
    return {"until": until.isoformat()} if until else {}
