"""Rendered pages as one message: text and HTML, and the headers that mail servers and mail programs look for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import parseaddr
from typing import Any
from urllib.parse import quote

from jinja2 import Environment

from infra.mail import POLICY, WHOLE
from infra.mail_pages import built_in
from infra.mail_words import one_line, spaced

MANY_BLANK_LINES = re.compile(r"\n{3,}")  # left where a part of a page does not apply


class UnusableAddress(ValueError):  # noqa: N818 - reads as a sentence where it is caught
    """Mail cannot be addressed to this; a corrected address may come with a later event."""


class BadMailFrom(ValueError):  # noqa: N818 - as above
    """A setting that stops the payer before it claims anything."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """What is read: the subject, the text and the HTML, in one language."""

    language: str
    subject: str
    text: str
    html: str


def rendered(name: str, language: str, words: dict[str, Any], environment: Environment | None = None) -> Page:
    """The templates `name`.`language`.txt, whose first line is the subject, and .html."""
    pages = environment or built_in()
    first, _, text = pages.get_template(f"{name}.{language}.txt").render(words).lstrip("\n").partition("\n")
    subject = one_line(first)
    html = pages.get_template(f"{name}.{language}.html").render(words, subject=subject)
    text = MANY_BLANK_LINES.sub("\n\n", text.lstrip("\n"))
    return Page(language=language, subject=subject, text=spaced(text, language), html=spaced(html, language))


def written(
    page: Page,
    *,
    to: Address,
    idempotency_key: str,
    sender: Address,
    now: datetime,
    reply_to: Address | None = None,
    stop: str | None = None,
    calendar: bytes | None = None,
) -> EmailMessage:
    """`stop`: where one click ends all mail to this reader (RFC 8058); `calendar`: an iCalendar file to attach."""
    message = EmailMessage(policy=POLICY)
    message["From"] = sender
    message["To"] = to
    if reply_to:
        message["Reply-To"] = reply_to
    message["Subject"] = page.subject
    message["Date"] = now
    message["Message-ID"] = message_id(idempotency_key, sender.domain)
    message["Auto-Submitted"] = "auto-generated"
    if stop:
        message[WHOLE] = f"<{stop}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    # Quoted-printable: every server takes it, also one without 8BITMIME.
    message.set_content(page.text, cte="quoted-printable")
    message.add_alternative(page.html, subtype="html", cte="quoted-printable")
    if calendar:
        message.add_attachment(
            calendar.decode(), subtype="calendar", filename="everspark.ics", params={"method": "PUBLISH"}
        )
    message["Content-Language"] = page.language  # last: set_content and add_alternative take Content-* headers away
    return message


def sender_of(mail_from: str) -> Address:
    """EVERSPARK_MAIL_FROM as an address; raises BadMailFrom."""
    try:
        return addressed(*parseaddr(mail_from))
    except UnusableAddress as error:
        raise BadMailFrom("EVERSPARK_MAIL_FROM must read Name <name@example.com>, in ASCII before the @") from error


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


def message_id(idempotency_key: str, domain: str) -> str:
    """Characters that a Message-ID may not hold are percent-encoded, so that two keys never meet in one."""
    return f"<{quote(idempotency_key, safe='')}@{domain}>"
