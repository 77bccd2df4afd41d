"""The message that takes a Business Center's link to a creator: who scans or opens it gives access to the account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit

from infra.ask_mail import LONGEST_NAME
from infra.mail_words import language_of, one_line
from infra.writing import addressed, rendered, written


@dataclass(frozen=True, kw_only=True, slots=True)
class Invitation:
    """Everything the message says; `link` is TikTok's own, and lives for a limited time that nobody publishes."""

    idempotency_key: str
    email: str
    name: str | None
    locale: str | None
    handle: str | None
    advertiser_id: str
    reference: str | None
    link: str


def compose_invitation(invitation: Invitation, *, sender: Address, now: datetime) -> EmailMessage:
    """A multipart text + HTML message. Raises UnusableAddress, and ValueError for what is no link."""
    if urlsplit(invitation.link).scheme != "https":
        raise ValueError("TikTok's link does not begin with https://")
    words = _words(invitation)
    to = addressed(words["name"], invitation.email)
    page = rendered("access", language_of(invitation.locale), words)
    return written(page, to=to, idempotency_key=invitation.idempotency_key, sender=sender, now=now)


def _words(invitation: Invitation) -> dict[str, Any]:
    return {
        "name": one_line(invitation.name or "")[:LONGEST_NAME],
        "handle": invitation.handle,
        "advertiser_id": invitation.advertiser_id,
        "reference": one_line(invitation.reference or "")[:LONGEST_NAME],
        "link": one_line(invitation.link),
    }
