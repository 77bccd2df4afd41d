"""The message that takes a fresh link to the creator's page to who asked for one, at the address that is known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Any

from infra.ask_mail import LONGEST_NAME
from infra.links import DAYS
from infra.mail_words import language_of, one_line
from infra.writing import addressed, rendered, written


@dataclass(frozen=True, kw_only=True, slots=True)
class FreshLink:
    """Everything the message says; `link` is ours, and opens the page for DAYS days."""

    idempotency_key: str
    email: str
    name: str | None
    locale: str | None
    handle: str
    link: str


def compose_link(fresh: FreshLink, *, sender: Address, now: datetime) -> EmailMessage:
    """A multipart text + HTML message. Raises UnusableAddress."""
    words = _words(fresh)
    to = addressed(words["name"], fresh.email)
    page = rendered("link", language_of(fresh.locale), words)
    return written(page, to=to, idempotency_key=fresh.idempotency_key, sender=sender, now=now)


def _words(fresh: FreshLink) -> dict[str, Any]:
    return {
        "name": one_line(fresh.name or "")[:LONGEST_NAME],
        "handle": one_line(fresh.handle),
        "days": DAYS,
        "link": one_line(fresh.link),
    }
