"""The message to a creator: what to do in the TikTok app, until when, in the creator's language and zone.

One message may hold several asks. How it reads is in `templates/`; the words that a page may use are made here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Any
from urllib.parse import quote, urlsplit

import structlog

from infra.calendar_entries import Entry, calendar_of
from infra.mail_pages import Overrides
from infra.mail_words import LOCALES, entry_title, instant_in, language_of, one_line, span_of, zone_of
from infra.writing import BadMailFrom, Page, UnusableAddress, addressed, rendered, sender_of, written

__all__ = [
    "LOCALES",
    "AskItem",
    "BadMailFrom",
    "DigestMail",
    "Overrides",
    "UnusableAddress",
    "compose_digest",
    "sender_of",
]

DEFAULT_DAYS = 30  # TikTok's own default where nobody wished for a length
LONGEST_NAME = 120
# Mail programs cut off long messages; where there is a page, it has the others.
MOST_LISTED = 20

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class AskItem:
    """One ask. `period_ends_at` None: access without an end. `urgency` as in domain.renewal; `route` code or account."""

    key: str
    advertiser_id: str
    brand: str | None
    reference: str | None
    route: str
    item_id: str | None
    item_url: str | None
    title: str | None
    days: int | None
    period_ends_at: datetime | None
    urgency: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DigestMail:
    """Everything one message says, its items in the order given; `urgency` is the most urgent item's.

    `proposes_access`: it also says that access to the account would take one request for all posts.
    """

    idempotency_key: str
    email: str
    name: str | None
    locale: str | None
    zone: str | None
    handle: str | None
    urgency: str
    items: tuple[AskItem, ...]
    proposes_access: bool = False


def compose_digest(
    digest: DigestMail,
    *,
    sender: Address,
    now: datetime,
    link: str | None = None,
    reply_to: str | None = None,
    overrides: Overrides | None = None,
    attach_calendar: bool = False,
) -> EmailMessage:
    """Text and HTML; its Message-ID is the idempotency key. `link` is the creator's page. Raises UnusableAddress.

    `reply_to` is EVERSPARK_REPLY_TO. A page of `overrides` that fails is replaced by ours: the ask is worth more than its dress.
    """
    words = words_of(digest, now=now, link=link, can_reply=bool(reply_to))
    entries = _entries(digest, words, now) if attach_calendar else []
    return written(
        page_of(digest, words, overrides),
        to=addressed(words["name"], digest.email),
        idempotency_key=digest.idempotency_key,
        sender=sender,
        now=now,
        reply_to=sender_of(reply_to) if reply_to else None,
        stop=words["stop"],
        calendar=calendar_of(entries, domain=sender.domain, now=now) if entries else None,
    )


def words_of(digest: DigestMail, *, now: datetime, link: str | None, can_reply: bool) -> dict[str, Any]:
    """What a page may say; docs/mail.md lists it for those who write their own."""
    language = language_of(digest.locale)
    items = [_item(item, digest, language, now) for item in digest.items]
    posts = [item for item in items if not item["is_account"]]
    page = link if link and _is_link(link, "https", "http") else None
    listed = items[:MOST_LISTED] if page else items
    return {
        "name": one_line(digest.name or "")[:LONGEST_NAME],
        "handle": digest.handle,
        "urgency": _urgency(digest, items),
        "left": _least_left(digest, language, now),
        "ended": sum(item["urgency"] == "over" for item in items),
        "items": items,
        "listed": listed,
        "more": len(items) - len(listed),
        "item": items[0] if len(items) == 1 else None,
        "posts": posts,
        "accounts": [item for item in items if item["is_account"]],
        "days": _common([item["days"] for item in posts]),
        "brand": _common([item["brand"] for item in items]),
        "page": page,
        "stop": f"{page}/stop" if page else None,
        "proposes_access": digest.proposes_access,
        "can_reply": can_reply,
    }


def page_of(digest: DigestMail, words: dict[str, Any], overrides: Overrides | None) -> Page:
    """What is read: written with an operator's pages where there are some, else with ours."""
    language = language_of(digest.locale)
    if overrides is not None:
        try:
            return rendered("ask", language, words, overrides.environment(_common(_advertisers(digest.items))))
        except Exception as error:  # noqa: BLE001 - whatever a page of somebody else's can raise
            log.warning("template_broken", language=language, reason=f"{type(error).__name__}: {error}")
    return rendered("ask", language, words)


def _item(item: AskItem, digest: DigestMail, language: str, now: datetime) -> dict[str, Any]:
    ends_at = item.period_ends_at
    is_over = ends_at is not None and ends_at <= now
    return {
        "title": _short(item.title),
        "brand": _short(item.brand),
        "reference": _short(item.reference),
        "advertiser_id": item.advertiser_id,
        "is_account": item.route == "account",
        "days": item.days or DEFAULT_DAYS,
        "ends_at": None if ends_at is None else instant_in(ends_at, zone_of(digest.zone), language),
        "left": None if ends_at is None or is_over else span_of(ends_at - now, language),
        "urgency": "over" if is_over else _not_over(item.urgency),
        "item_id": item.item_id,
        "entry": entry_title(language, _short(item.title) or _short(item.brand)),
        "link": _link_to(item, digest.handle),
    }


def _urgency(digest: DigestMail, items: Sequence[dict[str, Any]]) -> str:
    """`over` where all have ended, or where the rest has time; a post that is about to end comes before."""
    urgency = _not_over(digest.urgency)
    are_over = [item["urgency"] == "over" for item in items]
    return "over" if all(are_over) or (any(are_over) and urgency == "window") else urgency


def _not_over(urgency: str) -> str:
    """An ask after the end, once its period was extended, has no hurry."""
    return "window" if urgency == "after_end" else str(urgency)


def _least_left(digest: DigestMail, language: str, now: datetime) -> str | None:
    ends = [item.period_ends_at for item in digest.items if item.period_ends_at and item.period_ends_at > now]
    return span_of(min(ends) - now, language) if ends else None


def _common(values: Sequence[Any]) -> Any:
    """The one value that all have; None where they differ, or there is none."""
    return values[0] if len(set(values)) == 1 else None


def _advertisers(items: Sequence[AskItem]) -> list[str]:
    return [item.advertiser_id for item in items]


def _short(text: str | None) -> str:
    return one_line(text or "")[:LONGEST_NAME]


def _link_to(item: AskItem, handle: str | None) -> str | None:
    if _is_link(item.item_url or "", "https"):
        return item.item_url
    if handle and item.item_id:
        return f"https://www.tiktok.com/@{quote(handle)}/video/{quote(item.item_id)}"
    return None


def _is_link(url: str, *schemes: str) -> bool:
    """Whether it may stand in a page and in a header: a web address in one piece."""
    return urlsplit(url).scheme in schemes and url.isascii() and url.isprintable() and not set(url) & set(' <>"')


def _entries(digest: DigestMail, words: dict[str, Any], now: datetime) -> list[Entry]:
    """An entry for each end that is still to come. Calendars are shared, so the way to the creator's page is in none."""
    return [
        Entry(key=item.key, title=said["entry"], ends_at=item.period_ends_at, link=said["link"])
        for item, said in zip(digest.items, words["items"], strict=True)
        if item.period_ends_at is not None and item.period_ends_at > now
    ]
