"""Looks once more at what a message is about and writes it: to whom and how is read at the time of paying."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Any, TypeAlias

import psycopg
from psycopg.rows import dict_row

from domain.authorization import State
from domain.patience import SENTENCES as PATIENCE
from domain.patience import Manners, refusal_of
from domain.renewal import Policy
from infra import authorizations, creators, links
from infra.access_mail import Invitation, compose_invitation
from infra.ask_mail import Overrides, UnusableAddress
from infra.creators import Addressee
from infra.link_mail import FreshLink, compose_link
from infra.outbox import Debt
from infra.vault import Vault

NO_CREATOR = "no creator is known: send authorization.requested with creator.handle and creator.email"
NO_EMAIL = "the creator has no e-mail address: send authorization.requested with creator.email"
BAD_EMAIL = "the creator's e-mail address cannot be used: send authorization.requested with a corrected creator.email"


@dataclass(frozen=True, kw_only=True, slots=True)
class Writing:
    """How creators are written to. Without a `vault` messages carry no link to the creator's page."""

    sender: Address
    manners: Manners = field(default_factory=Manners)
    policy: Policy = field(default_factory=Policy)
    public_url: str = ""
    vault: Vault | None = None
    reply_to: str | None = None
    overrides: Overrides | None = None
    attach_calendar: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """A message that may go now. `days` are those that it asks for, by the number of the ask; empty for an invitation."""

    mail: EmailMessage
    days: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class NotNeeded:
    """The world has moved on; nothing is sent."""

    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Waits:
    """Still owed, until somebody does what `remedy` says."""

    remedy: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Later:
    """Still owed, and looked at again at `at`: the creator is not written to at this hour, or not so often, or TikTok is
    read before (`is_looking`).
    """

    reason: str
    at: datetime
    is_looking: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Unwritable:
    """A bug, or a row nobody should have written."""

    error: Exception


Seen: TypeAlias = Written | NotNeeded | Waits | Later | Unwritable

_LOOK = """
SELECT a.advertiser_id, a.account_handle, a.reference, a.creator_id,
       EXISTS (SELECT 1 FROM outbox n WHERE n.authorization_id = a.id AND n.kind = %(kind)s AND n.id > %(id)s
               AND n.status IN ('owed', 'paying', 'done', 'uncertain')) AS is_superseded
FROM authorizations a WHERE a.id = %(authorization_id)s
"""


def judge_invitation(connection: psycopg.Connection[Any], debt: Debt, writing: Writing, now: datetime) -> Seen:
    """A link to give access with: of use only while access is asked for, and as long as it may live."""
    values = {"kind": debt.kind, "id": debt.id, "authorization_id": debt.authorization_id}
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(_LOOK, values).fetchone()
    known = authorizations.load(connection, [debt.key]).get(debt.key)
    if row is None or known is None:
        return NotNeeded(reason="its authorization does not exist")
    if known.state is not State.REQUESTED:
        return NotNeeded(reason="access is no longer asked for")
    if row["is_superseded"]:
        return NotNeeded(reason="a later link takes its place")
    if row["creator_id"] is None:
        return Waits(remedy=NO_CREATOR)
    creator = creators.load(connection, row["creator_id"])
    if refusal := refusal_of(creator.facts):
        return NotNeeded(reason=PATIENCE[refusal])
    if creator.email is None:
        return Waits(remedy=NO_EMAIL)
    invitation = Invitation(
        idempotency_key=debt.idempotency_key,
        email=creator.email,
        name=creator.name,
        locale=creator.locale,
        handle=row["account_handle"] or creator.handle,
        advertiser_id=row["advertiser_id"],
        reference=row["reference"],
        link=debt.payload["link"],
    )
    mail = composed(connection, lambda: compose_invitation(invitation, sender=writing.sender, now=now))
    return mail if isinstance(mail, Waits) else Written(mail=mail)


def judge_link(connection: psycopg.Connection[Any], debt: Debt, writing: Writing, now: datetime) -> Seen:
    """A fresh link to the page, for who asked for it: neither hours, caps nor a wish to be left alone stand in its way."""
    if debt.creator_id is None:
        return Waits(remedy=NO_CREATOR)
    creator = creators.load(connection, debt.creator_id)
    if creator.email is None:
        return Waits(remedy=NO_EMAIL)
    mail = composed(connection, lambda: _fresh_link(connection, debt, creator, writing, now))
    return mail if isinstance(mail, Waits) else Written(mail=mail)


def _fresh_link(
    connection: psycopg.Connection[Any], debt: Debt, creator: Addressee, writing: Writing, now: datetime
) -> EmailMessage:
    link = page_of(connection, creator, writing, now)
    if link is None:
        raise ValueError("messages are written without links to the creator's page")
    fresh = FreshLink(
        idempotency_key=debt.idempotency_key,
        email=creator.email or "",
        name=creator.name,
        locale=creator.locale,
        handle=creator.handle,
        link=link,
    )
    return compose_link(fresh, sender=writing.sender, now=now)


def page_of(connection: psycopg.Connection[Any], creator: Addressee, writing: Writing, now: datetime) -> str | None:
    """A new link to the creator's page, kept nowhere but in the message that it is made for."""
    if writing.vault is None:
        return None
    return f"{writing.public_url}/c/{links.issue(connection, writing.vault, creator_id=creator.id, now=now)}"


def composed(connection: psycopg.Connection[Any], compose_it: Callable[[], EmailMessage]) -> EmailMessage | Waits:
    """The message, or what is wrong with its address; then the link that was made for it is taken back."""
    try:
        with connection.transaction():
            return compose_it()
    except UnusableAddress:
        return Waits(remedy=BAD_EMAIL)


WITHHELD = """
UPDATE authorizations SET withheld_at = %(now)s, withheld_why = why_not
FROM unnest(%(ids)s::int8[], %(whys)s::text[]) AS t (owner, why_not)
WHERE id = owner AND id IN (SELECT id FROM authorizations WHERE id = ANY(%(ids)s) FOR NO KEY UPDATE SKIP LOCKED)
"""


def withhold(connection: psycopg.Connection[Any], whys: dict[int, str], *, now: datetime) -> None:
    """Notes with each authorization, by number, why it was not asked for. One that a worker is deciding on at this very
    moment is left out: to wait for it, with the message locked that it may be waiting for, would be a deadlock.
    """
    if whys:
        connection.execute(WITHHELD, {"ids": list(whys), "whys": list(whys.values()), "now": now})
