"""Looks once more at what a message is about and writes it: to whom and how is read at the time of paying."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Any

import psycopg
from psycopg.rows import dict_row

from domain.authorization import Authorization, State
from domain.reasons import Reason, sentence
from domain.renewal import LAWS, STALE_AFTER, objection_to_asking, urgency_of
from infra import authorizations
from infra.access_mail import Invitation, compose_invitation
from infra.ask_mail import Ask, UnusableAddress, compose
from infra.outbox import ACCESS_MAIL, Debt

NO_CREATOR = "no creator is known: send authorization.requested with creator.handle and creator.email"
NO_EMAIL = "the creator has no e-mail address: send authorization.requested with creator.email"
BAD_EMAIL = "the creator's e-mail address cannot be used: send authorization.requested with a corrected creator.email"
# An ask may have waited for months, for a mail server or an address. Twelve days after the end of its period it is stale:
# five until the ladder's last rung, and as long as a rung may be late.
TOO_LATE_AFTER = max(-before for law in LAWS for before in law.rungs) + STALE_AFTER


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
SELECT a.advertiser_id, a.item_id, a.account_handle, a.item_url, a.route, a.reference, a.days,
       c.handle, c.name, c.email, c.locale, c.timezone,
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
    try:
        known = authorizations.load(connection, [debt.key]).get(debt.key)
        if row is None or known is None:
            return NotNeeded(reason="its authorization does not exist")
        judge = _judge_invitation if debt.kind == ACCESS_MAIL else _judge
        return judge(debt, row, known, sender, now)
    except psycopg.Error:
        raise
    except Exception as error:  # noqa: BLE001 - logged by the payer; one broken ask must not stand before all others
        return Unwritable(error=error)


def _judge(
    debt: Debt, row: dict[str, Any], known: Authorization, sender: Address, now: datetime
) -> EmailMessage | NotNeeded | Waits:
    reason = _why_not(known, _end_of(debt), now)
    if reason is None and row["is_superseded"]:
        reason = "a later ask takes its place"
    if reason is not None:
        return NotNeeded(reason=reason)
    return _unreachable(row) or _composed(
        lambda: compose(_ask(debt, row, urgency_of(known, now)), sender=sender, now=now)
    )


def _judge_invitation(
    debt: Debt, row: dict[str, Any], known: Authorization, sender: Address, now: datetime
) -> EmailMessage | NotNeeded | Waits:
    """A link to give access with: of use only while access is asked for, and as long as it may live."""
    if known.state is not State.REQUESTED:
        return NotNeeded(reason="access is no longer asked for")
    if row["is_superseded"]:
        return NotNeeded(reason="a later link takes its place")
    return _unreachable(row) or _composed(lambda: compose_invitation(_invitation(debt, row), sender=sender, now=now))


def _unreachable(row: dict[str, Any]) -> Waits | None:
    """What is missing to write to the creator."""
    if row["handle"] is None:
        return Waits(remedy=NO_CREATOR)
    return None if row["email"] else Waits(remedy=NO_EMAIL)


def _composed(compose_it: Callable[[], EmailMessage]) -> EmailMessage | Waits:
    try:
        return compose_it()
    except UnusableAddress:
        return Waits(remedy=BAD_EMAIL)


def _why_not(known: Authorization, period_ends_at: datetime | None, now: datetime) -> str | None:
    """Why this ask, which is about the period that ends at `period_ends_at` and no other, is not sent; or None."""
    ends_at = known.expires_at
    if known.state is State.REVOKED:
        return "the authorization was revoked"
    if period_ends_at and ends_at != period_ends_at:
        is_longer = ends_at is None or ends_at > period_ends_at
        return "the period was extended" if is_longer else "another period, which ends earlier, took its place"
    if ends_at and now - ends_at > TOO_LATE_AFTER:
        return sentence(Reason.TOO_LATE_TO_ASK)
    objection = objection_to_asking(known, max(ends_at or now, now))
    return None if objection is None else sentence(objection)


def _ask(debt: Debt, row: dict[str, Any], urgency: str) -> Ask:
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
        urgency=urgency,  # of now: an ask may have waited
    )


def _invitation(debt: Debt, row: dict[str, Any]) -> Invitation:
    return Invitation(
        idempotency_key=debt.idempotency_key,
        email=row["email"],
        name=row["name"],
        locale=row["locale"],
        handle=row["account_handle"] or row["handle"],
        advertiser_id=row["advertiser_id"],
        reference=row["reference"],
        link=debt.payload["link"],
    )


def _end_of(debt: Debt) -> datetime | None:
    text = debt.payload.get("period_ends_at")
    return None if text is None else datetime.fromisoformat(text)
