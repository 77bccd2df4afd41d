"""The message to a creator: what to do in the TikTok app, until when, in the creator's language and zone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import parseaddr
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

LOCALES = ("en", "fr")
DEFAULT_DAYS = 30  # TikTok's own default where nobody wished for a length
LONGEST_NAME = 120

_WEEKDAYS = {
    "en": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    "fr": ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"],
}
_MONTHS = {
    "en": [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    "fr": [
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ],
}
_UNITS = {"en": ("day", "days", "hour", "hours"), "fr": ("jour", "jours", "heure", "heures")}
_STUCK = "\u00a0"  # a number and its unit stay on one line
_SOON = {"en": "less than an hour", "fr": "moins d’une heure"}


class UnusableAddress(ValueError):  # noqa: N818 - reads as a sentence where it is caught
    """Mail cannot be addressed to this; a corrected address may come with a later event."""


class BadMailFrom(ValueError):  # noqa: N818 - as above
    """A setting that stops the payer before it claims anything."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """Everything the message says. `period_ends_at` None: access without an end. `urgency` as in domain.renewal."""

    idempotency_key: str
    email: str
    name: str | None
    locale: str | None
    zone: str | None
    handle: str | None
    advertiser_id: str
    reference: str | None
    route: str
    item_id: str | None
    item_url: str | None
    days: int | None
    period_ends_at: datetime | None
    urgency: str


def sender_of(mail_from: str) -> Address:
    """EVERSPARK_MAIL_FROM as an address; raises BadMailFrom."""
    try:
        return addressed(*parseaddr(mail_from))
    except UnusableAddress as error:
        raise BadMailFrom("EVERSPARK_MAIL_FROM must read Name <name@example.com>, in ASCII before the @") from error


def compose(ask: Ask, *, sender: Address, now: datetime) -> EmailMessage:
    """A multipart text + HTML message; its Message-ID is the idempotency key. Raises UnusableAddress."""
    language = language_of(ask.locale)
    words = _words(ask, language, now)
    to = addressed(words["name"], ask.email)
    return written("ask", language, words, to=to, idempotency_key=ask.idempotency_key, sender=sender, now=now)


def written(
    page: str,
    language: str,
    words: dict[str, Any],
    *,
    to: Address,
    idempotency_key: str,
    sender: Address,
    now: datetime,
) -> EmailMessage:
    """The templates `page`.`language`.txt (its first line is the subject) and .html as one message."""
    subject, text = _pages().get_template(f"{page}.{language}.txt").render(words).split("\n", 1)
    message = EmailMessage(policy=SMTP_POLICY)
    message["From"] = sender
    message["To"] = to
    message["Subject"] = one_line(subject)
    message["Date"] = now
    message["Message-ID"] = message_id(idempotency_key, sender.domain)
    message["Auto-Submitted"] = "auto-generated"
    # Quoted-printable: every server takes it, also one without 8BITMIME.
    message.set_content(text.lstrip("\n"), cte="quoted-printable")
    html = _pages().get_template(f"{page}.{language}.html").render(words, subject=one_line(subject))
    message.add_alternative(html, subtype="html", cte="quoted-printable")
    message["Content-Language"] = language  # last: set_content and add_alternative take Content-* headers away
    return message


def language_of(locale: str | None) -> str:
    """`fr`, `fr-CA`, `fr_FR.UTF-8` are French; whatever there is no page for is English."""
    language = re.split(r"[-_.@]", (locale or "").strip().lower(), maxsplit=1)[0]
    return language if language in LOCALES else LOCALES[0]


def message_id(idempotency_key: str, domain: str) -> str:
    """Characters that a Message-ID may not hold are percent-encoded, so that two keys never meet in one."""
    return f"<{quote(idempotency_key, safe='')}@{domain}>"


def instant_in(instant: datetime, zone: ZoneInfo | None, language: str) -> str:
    """`Tuesday 22 December 2026, 10:58 (Europe/Paris), 09:58 UTC`: no format that two countries read differently."""
    utc = instant.astimezone(UTC)
    if zone is None:
        return f"{_day(utc, language)}{_time(utc, language)} UTC"
    local = utc.astimezone(zone)
    same_day = local.date() == utc.date()
    in_utc = _time(utc, language, bare=True) if same_day else f"{_day(utc, language)}{_time(utc, language)}"
    return f"{_day(local, language)}{_time(local, language)} ({zone.key}), {in_utc} UTC"


def span_of(span: timedelta, language: str) -> str:
    """`10 days`, `14 hours`: rounded down, so that nobody is promised more than there is."""
    day, days, hour, hours = _UNITS[language]
    if span >= timedelta(days=2):
        return f"{span.days}{_STUCK}{days if span.days > 1 else day}"
    count = span // timedelta(hours=1)
    return f"{count}{_STUCK}{hours if count > 1 else hour}" if count else _SOON[language]


def one_line(text: str) -> str:
    """Free text from outside, fit for a header or a line: no line breaks, control or direction characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _words(ask: Ask, language: str, now: datetime) -> dict[str, Any]:
    ends_at = ask.period_ends_at
    over = ends_at is not None and ends_at <= now
    return {
        "name": one_line(ask.name or "")[:LONGEST_NAME],
        "handle": ask.handle,
        "advertiser_id": ask.advertiser_id,
        "reference": one_line(ask.reference or "")[:LONGEST_NAME],
        "is_account": ask.route == "account",
        "days": ask.days or DEFAULT_DAYS,
        "ends_at": None if ends_at is None else instant_in(ends_at, _zone(ask.zone), language),
        "left": None if ends_at is None or over else span_of(ends_at - now, language),
        "urgency": "over" if over else str(ask.urgency),
        "link": _link(ask),
    }


def _link(ask: Ask) -> str | None:
    url = ask.item_url or ""
    if urlsplit(url).scheme == "https" and one_line(url) == url and " " not in url:
        return url
    if ask.handle and ask.item_id:
        return f"https://www.tiktok.com/@{quote(ask.handle)}/video/{quote(ask.item_id)}"
    return None


def addressed(name: str, spec: str) -> Address:
    """In ASCII, as every mail server takes it: the domain in its IDNA form."""
    try:
        address = Address(display_name=name, addr_spec=spec.strip())
        domain = address.domain.encode("idna").decode("ascii")
    except (ValueError, IndexError, MessageError) as error:
        raise UnusableAddress("the address cannot be read") from error
    if not (address.username and domain and address.username.isascii()):
        raise UnusableAddress("the address is not complete, or not in ASCII before the @")
    return Address(display_name=name, username=address.username, domain=domain)


def _zone(name: str | None) -> ZoneInfo | None:
    """None for a zone nobody knows: the end is then told in UTC alone, which is never wrong."""
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, ValueError, OSError):
        return None


def _day(instant: datetime, language: str) -> str:
    weekday, month = _WEEKDAYS[language][instant.weekday()], _MONTHS[language][instant.month - 1]
    day = "1er" if language == "fr" and instant.day == 1 else str(instant.day)
    return f"{weekday} {day} {month} {instant.year}"


def _time(instant: datetime, language: str, *, bare: bool = False) -> str:
    if language == "fr":
        return f"{'' if bare else ' à '}{instant:%H}{_STUCK}h{_STUCK}{instant:%M}"
    return f"{'' if bare else ', '}{instant:%H:%M}"


@cache
def _pages() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
