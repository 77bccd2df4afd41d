"""Looks once more at what an ask is about and writes its message: to whom and how is read at the time of paying."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Any

import psycopg
from psycopg.rows import dict_row

from infra.ask_mail import Ask, UnusableAddress, compose
from infra.outbox import Debt

NO_CREATOR = "no creator is known: send authorization.requested with creator.handle and creator.email"
NO_EMAIL = "the creator has no e-mail address: send authorization.requested with creator.email"
BAD_EMAIL = "the creator's e-mail address cannot be used: send authorization.requested with a corrected creator.email"


@dataclass(frozen=True, kw_only=True, slots=True)
class NotNeeded:
    """The world has moved on; nothing is sent."""

    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Waits:
    """Still owed, until somebody does what `remedy` says."""

    remedy: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Unwritable:
    """A bug, or a row nobody should have written."""

    error: Exception


Seen = EmailMessage | NotNeeded | Waits | Unwritable


_LOOK = """
SELECT a.key, a.advertiser_id, a.item_id, a.account_handle, a.item_url, a.route, a.state, a.reference, a.days,
       a.expires_at, a.declined_at, c.handle, c.name, c.email, c.locale, c.timezone,
       EXISTS (SELECT 1 FROM outbox n WHERE n.authorization_id = a.id AND n.kind = %(kind)s AND n.id > %(id)s
               AND n.status IN ('owed', 'paying', 'done', 'uncertain')) AS is_superseded
FROM authorizations a LEFT JOIN creators c ON c.id = a.creator_id
WHERE a.id = %(authorization_id)s
"""


def look_again(connection: psycopg.Connection[Any], debt: Debt, *, sender: Address, now: datetime) -> Seen:
    """Called with the outbox row locked: is the ask still needed, and whom does it reach, as of this moment?"""
    values = {"kind": debt.kind, "id": debt.id, "authorization_id": debt.authorization_id}
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(_LOOK, values).fetchone()
    if row is None:
        return NotNeeded(reason="its authorization does not exist")
    try:
        return _judge(debt, row, sender, now)
    except Exception as error:  # noqa: BLE001 - logged by the payer; one broken ask must not stand before all others
        return Unwritable(error=error)


def _judge(debt: Debt, row: dict[str, Any], sender: Address, now: datetime) -> Seen:
    reason = _why_not(row, _end_of(debt))
    if reason is not None:
        return NotNeeded(reason=reason)
    if row["handle"] is None:
        return Waits(remedy=NO_CREATOR)
    if not row["email"]:
        return Waits(remedy=NO_EMAIL)
    try:
        return compose(_ask(debt, row), sender=sender, now=now)
    except UnusableAddress:
        return Waits(remedy=BAD_EMAIL)


def _why_not(row: dict[str, Any], period_ends_at: datetime | None) -> str | None:
    if row["state"] == "revoked":
        return "the authorization was revoked"
    if period_ends_at and row["expires_at"] and row["expires_at"] > period_ends_at:
        return "the period was extended"
    if row["declined_at"] is not None:
        return "the creator declined"
    return "a later ask takes its place" if row["is_superseded"] else None


def _ask(debt: Debt, row: dict[str, Any]) -> Ask:
    return Ask(
        idempotency_key=debt.idempotency_key,
        email=row["email"],
        name=row["name"],
        locale=row["locale"],
        zone=row["timezone"],
        handle=row["handle"] or row["account_handle"],
        advertiser_id=row["advertiser_id"],
        reference=row["reference"],
        route=row["route"],
        item_id=row["item_id"],
        item_url=row["item_url"],
        days=debt.payload.get("days") or row["days"],
        period_ends_at=_end_of(debt),
        urgency=debt.payload.get("urgency", "window"),
    )


def _end_of(debt: Debt) -> datetime | None:
    text = debt.payload.get("period_ends_at")
    return None if text is None else datetime.fromisoformat(text)
