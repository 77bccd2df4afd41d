"""What operators do to authorizations, as letters to the inbox: the worker applies them, and nothing else changes state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, assert_never

import msgspec
import psycopg

from domain.acts import Act, term_of
from infra import audit, inbox
from infra.contract import key_of_creator
from infra.inbox import Letter
from infra.letters import subject_of
from infra.reports import concerned
from infra.reports.concerned import Chosen, Row

SENDER = "operator"
TYPES: dict[Act, str] = {
    Act.ASK: "renewal.suggested",
    Act.SNOOZE: "creator.snoozed",
    Act.LOOK: "look.wanted",
    Act.NEED: "need.stated",
    Act.UNBIND: "unbind.requested",
    Act.REVOKE: "authorization.revoked",
}


def perform(
    connection: psycopg.Connection[Any],
    act: Act,
    keys: Sequence[str],
    *,
    params: Mapping[str, Any],
    actor: str,
    now: datetime,
    nonce: str,
) -> list[Letter]:
    """Does `act` to those of `keys` that it concerns, and says so in the audit log; done twice by one `nonce`, it is done once.

    `params`: `until`, an instant, for snooze and need. Nudge `mailboxes_of` the letters after the commit. Raises ActError.
    """
    until = term_of(act, params.get("until"), now=now)
    chosen = Chosen(keys=tuple(dict.fromkeys(keys)))
    found = concerned.rows(connection, act, chosen, now=now, limit=len(keys))
    letters = letters_of(act, found, until=until, now=now, nonce=nonce)
    if any(receipt.is_new for receipt in inbox.accept(connection, letters, now=now)):
        about = {"keys": [row.key for row in found if row.objection is None]} | told(until)
        audit.note(
            connection, at=now, actor=actor, act=f"act.{act}", subject=keys[0] if len(keys) == 1 else None, about=about
        )
    return letters


def letters_of(act: Act, rows: Iterable[Row], *, until: datetime | None, now: datetime, nonce: str) -> list[Letter]:
    """One for each authorization that the act concerns, or for each of their creators."""
    letters = [letter_of(act, row, until=until, now=now, nonce=nonce) for row in rows if row.objection is None]
    return list({letter.key: letter for letter in letters}.values())


def letter_of(
    act: Act, row: Row, *, until: datetime | None, now: datetime, nonce: str, reason: str | None = None
) -> Letter:
    """The act on one authorization. Its id is made of `nonce`, so that the same act is accepted once."""
    key = key_of_creator(row.handle or "") if act is Act.SNOOZE else row.key
    return Letter(
        sender=SENDER,
        event_id=f"{act}:{nonce}:{key}",
        type=TYPES[act],
        key=key,
        occurred_at=now,
        data=msgspec.json.encode(_subject(act, row) | _data(act, until, now, reason)),
    )


def _subject(act: Act, row: Row) -> dict[str, Any]:
    return {"creator": {"handle": row.handle}} if act is Act.SNOOZE else subject_of(row.key)


def _data(act: Act, until: datetime | None, now: datetime, reason: str | None) -> dict[str, Any]:
    match act:
        case Act.ASK:
            return {"at": now}
        case Act.SNOOZE:
            return {"until": until}
        case Act.NEED:
            return {"needed_until": until, "reason": reason}
        case Act.REVOKE:
            return {"reason": "operator"}
        case Act.LOOK | Act.UNBIND:
            return {}
        case _:
            assert_never(act)


def mailboxes_of(letters: Iterable[Letter]) -> set[int]:
    """Whom to nudge of them."""
    return {inbox.mailbox_of(letter.key) for letter in letters}


def told(until: datetime | None) -> dict[str, Any]:
    """An act's instant as the audit log and a bulk keep it."""
    return {"until": until.isoformat()} if until else {}
