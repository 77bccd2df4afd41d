"""A message of the outbox as its creator sees it, composed again from what is known now. Nobody gets a link by reading it:
where one stands in the message, a mark stands here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from domain.renewal import Policy, Urgency
from domain.sending import days_for
from infra import advice, authorizations, creators
from infra.access_mail import Invitation, compose_invitation
from infra.ask_mail import AskItem, DigestMail, compose_digest
from infra.chosen import policy_of
from infra.creators import Addressee
from infra.link_mail import FreshLink, compose_link
from infra.mail_pages import BrokenTemplate, Overrides, read_overrides
from infra.outbox import ACCESS_MAIL, ASK_MAIL, LINK_MAIL
from infra.settings import Settings
from infra.writing import UnusableAddress, sender_of

Connection = psycopg.Connection[Any]
Row = dict[str, Any]

NOBODY = Address("", "creator", "example.com")
LINK = "https://the-link.example/of-their-own"
# The most urgent first.
URGENCIES = (Urgency.AFTER_END, Urgency.LAST_RESORT, Urgency.EMERGENCY, Urgency.WINDOW)
ASKED = """
SELECT asks.id, asks.days, asks.urgency, asks.period_ends_at, asks.sent_at, a.key, a.advertiser_id, a.item_id, a.item_url,
    a.route, a.reference, a.creator_id, advertisers.name AS brand, nullif(sightings.facts ->> 'caption', '') AS title
FROM asks JOIN authorizations AS a ON a.id = asks.authorization_id
LEFT JOIN advertisers ON advertisers.advertiser_id = a.advertiser_id LEFT JOIN sightings ON sightings.key = a.key
WHERE asks.outbox_id = %(id)s AND (%(status)s IN ('owed', 'paying') OR asks.sent_at IS NOT NULL OR %(status)s <> 'done')
ORDER BY asks.period_ends_at, asks.id
"""
ABOUT = "SELECT advertiser_id, account_handle, reference, creator_id FROM authorizations WHERE id = %s"


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """`to`: an address, or empty where none is known; `language`: its tag, such as `fr`; `was_sent` in this form or nearly so."""

    to: str
    subject: str
    text: str
    language: str
    was_sent: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Style:
    """How creators are written to."""

    sender: Address
    policy: Policy
    reply_to: str | None = None
    overrides: Overrides | None = None


def _style_of(settings: Settings) -> Style:
    """As the settings say."""
    return Style(
        sender=sender_of(settings.mail_from),
        policy=policy_of(settings),
        reply_to=settings.reply_to or None,
        overrides=_overrides(settings.templates_dir),
    )


def _overrides(folder: str) -> Overrides | None:
    """A page of somebody's own that cannot be read stops the worker, which says so; ours is shown meanwhile."""
    try:
        return read_overrides(Path(folder)) if folder else None
    except BrokenTemplate:
        return None


def shown(connection: Connection, row: Row, settings: Settings, *, now: datetime) -> Shown | None:
    """The text of one row of `infra.reports.outbox.one`; None where nobody is known to write to, or it is no message."""
    at = row["settled_at"] or now
    composing: dict[str, Callable[..., tuple[EmailMessage, str | None] | None]] = {
        ASK_MAIL: _ask,
        ACCESS_MAIL: _invitation,
        LINK_MAIL: _fresh_link,
    }
    if row["kind"] not in composing:
        return None
    try:
        made = composing[row["kind"]](connection, row, _style_of(settings), at)
    except UnusableAddress:
        return None
    if made is None:
        return None
    mail, email = made
    part = mail.get_body(("plain",))
    text = part.get_content().replace("\r\n", "\n") if part else ""
    text = text.replace(LINK, "[their own link]")
    return Shown(
        to=email or "",
        subject=str(mail["Subject"]),
        text=text.strip(),
        language=str(mail["Content-Language"]),
        was_sent=row["status"] == "done",
    )


def _ask(connection: Connection, row: Row, style: Style, now: datetime) -> tuple[EmailMessage, str | None] | None:
    asks = connection.cursor(row_factory=dict_row).execute(ASKED, row).fetchall()
    number = row["creator_id"] or next((ask["creator_id"] for ask in asks), None)
    if not asks or number is None:
        return None
    creator = creators.load(connection, number)
    days, proposes = _days(connection, creator, asks, style, is_sent=row["status"] == "done", now=now)
    digest = DigestMail(
        idempotency_key=row["idempotency_key"],
        email=creator.email or NOBODY.addr_spec,
        name=creator.name,
        locale=creator.locale,
        zone=creator.facts.zone,
        handle=creator.handle,
        urgency=min((ask["urgency"] for ask in asks), key=[str(each) for each in URGENCIES].index),
        items=tuple(_item(ask, days[ask["id"]]) for ask in asks),
        proposes_access=proposes,
    )
    mail = compose_digest(
        digest, sender=style.sender, now=now, link=LINK, reply_to=style.reply_to, overrides=style.overrides
    )
    return mail, creator.email


def _days(
    connection: Connection, creator: Addressee, asks: list[Row], style: Style, *, is_sent: bool, now: datetime
) -> tuple[dict[int, int], bool]:
    """What is asked for: as it was sent, or as it would be now."""
    if is_sent:
        return {ask["id"]: ask["days"] for ask in asks}, False
    advised = advice.recommendation(connection, creator.id, policy=style.policy, now=now)
    known = authorizations.load(connection, [ask["key"] for ask in asks])
    return {ask["id"]: days_for(ask["days"], known[ask["key"]], advised, now) for ask in asks}, advised.proposes_access


def _item(ask: Row, days: int) -> AskItem:
    names = ("key", "advertiser_id", "brand", "reference", "route", "item_id", "item_url", "title")
    told = {name: ask[name] for name in names}
    return AskItem(**told, days=days, period_ends_at=ask["period_ends_at"], urgency=ask["urgency"])


def _invitation(
    connection: Connection, row: Row, style: Style, now: datetime
) -> tuple[EmailMessage, str | None] | None:
    about = connection.cursor(row_factory=dict_row).execute(ABOUT, [row["authorization_id"]]).fetchone()
    if about is None or about["creator_id"] is None:
        return None
    creator = creators.load(connection, about["creator_id"])
    invitation = Invitation(
        idempotency_key=row["idempotency_key"],
        email=creator.email or NOBODY.addr_spec,
        name=creator.name,
        locale=creator.locale,
        handle=about["account_handle"] or creator.handle,
        advertiser_id=about["advertiser_id"],
        reference=about["reference"],
        link=LINK,
    )
    return compose_invitation(invitation, sender=style.sender, now=now), creator.email


def _fresh_link(
    connection: Connection, row: Row, style: Style, now: datetime
) -> tuple[EmailMessage, str | None] | None:
    if row["creator_id"] is None:
        return None
    creator = creators.load(connection, row["creator_id"])
    fresh = FreshLink(
        idempotency_key=row["idempotency_key"],
        email=creator.email or NOBODY.addr_spec,
        name=creator.name,
        locale=creator.locale,
        handle=creator.handle,
        link=LINK,
    )
    return compose_link(fresh, sender=style.sender, now=now), creator.email
