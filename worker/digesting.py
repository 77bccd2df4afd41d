"""One creator's message: the asks that still are needed, whether they may go now, and the page they are written on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import class_row

from domain.authorization import Authorization
from domain.digest import Digest, DueAsk, digest
from domain.patience import SENTENCES, Patience
from domain.reasons import Reason, sentence
from domain.sending import days_for, due_ask, was_just_asked, why_not
from domain.worth import worth
from infra import advice, authorizations, creators, kpis
from infra.ask_mail import AskItem, DigestMail, compose_digest
from infra.creators import Addressee
from infra.outbox import Debt
from infra.writing import UnusableAddress, addressed
from worker.asking import (
    BAD_EMAIL,
    NO_CREATOR,
    NO_EMAIL,
    Later,
    NotNeeded,
    Seen,
    Waits,
    Writing,
    Written,
    composed,
    page_of,
    withhold,
)
from worker.looking_first import look_first

# A payment that is due is the brand's to make; the asks are kept for the day on which it is.
PAYMENT_RESTS = timedelta(days=1)
NOTHING_LEFT = "nothing is left to ask"


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One ask of a message, with what its item says of the post."""

    id: int
    authorization_id: int
    period_ends_at: datetime
    rung: int
    days: int
    key: str
    advertiser_id: str
    item_id: str | None
    account_handle: str | None
    item_url: str | None
    route: str
    reference: str | None
    creator_id: int | None
    brand: str | None
    title: str | None
    asked_at: datetime
    last_sent_at: datetime | None
    is_superseded: bool


ASKED = """
SELECT asks.id, asks.authorization_id, asks.period_ends_at, asks.rung, asks.days, asks.asked_at, a.key, a.advertiser_id, a.item_id,
       a.account_handle, a.item_url, a.route, a.reference, a.creator_id, advertisers.name AS brand,
       nullif(sightings.facts ->> 'caption', '') AS title,
       (SELECT max(sent_at) FROM asks AS n
        WHERE n.authorization_id = a.id AND n.period_ends_at = asks.period_ends_at) AS last_sent_at,
       EXISTS (SELECT FROM asks AS n JOIN outbox AS o ON o.id = n.outbox_id
               WHERE n.authorization_id = a.id AND n.id > asks.id
               AND o.status IN ('owed', 'paying', 'done', 'uncertain')) AS is_superseded
FROM asks JOIN authorizations AS a ON a.id = asks.authorization_id
LEFT JOIN advertisers ON advertisers.advertiser_id = a.advertiser_id LEFT JOIN sightings ON sightings.key = a.key
WHERE asks.outbox_id = %s ORDER BY asks.id
"""


def judge_asks(connection: psycopg.Connection[Any], debt: Debt, writing: Writing, now: datetime) -> Seen:
    """Called with the outbox row locked: what is still needed, whom does it reach, and may it go at this moment?"""
    with connection.cursor(row_factory=class_row(Asked)) as cursor:
        asks = cursor.execute(ASKED, [debt.id]).fetchall()
    known = authorizations.load(connection, [ask.key for ask in asks])
    objections = {ask.id: _objection(ask, known[ask.key], debt, now) for ask in asks}
    left = [ask for ask in asks if objections[ask.id] is None]
    withhold(connection, _whys(asks, objections), now=now)
    if not left:
        last = next((objections[ask.id] for ask in reversed(asks)), None)
        return NotNeeded(reason=sentence(last) if last else NOTHING_LEFT)
    creator_id = left[0].creator_id
    if creator_id is None:
        return Waits(remedy=NO_CREATOR)
    creator = creators.load(connection, creator_id)
    return _for_creator(connection, debt, creator, left, known, writing, now)


def _objection(ask: Asked, known: Authorization, debt: Debt, now: datetime) -> Reason | None:
    if reason := why_not(known, ask.period_ends_at, now):
        return reason
    if debt.creator_id is not None and ask.creator_id != debt.creator_id:
        return Reason.ANOTHER_CREATOR
    if ask.is_superseded:
        return Reason.LATER_ASK
    is_repeated = was_just_asked(ask.asked_at, ask.period_ends_at, last_sent_at=ask.last_sent_at)
    return Reason.JUST_ASKED if is_repeated else None


def _whys(asks: Sequence[Asked], objections: dict[int, Reason | None]) -> dict[int, str]:
    """By authorization; that a later ask takes an earlier one's place is no decision against asking."""
    return {
        ask.authorization_id: str(reason)
        for ask in asks
        if (reason := objections[ask.id]) is not None and reason is not Reason.LATER_ASK
    }


def _for_creator(
    connection: psycopg.Connection[Any],
    debt: Debt,
    creator: Addressee,
    asks: Sequence[Asked],
    known: dict[str, Authorization],
    writing: Writing,
    now: datetime,
) -> Seen:
    creators.hold(connection, creator.id)
    whole = _digest(connection, debt, creator, asks, known, writing, now)
    if whole.send_at is None or whole.send_at > now:
        if whole.send_at is not None and creator.email is None:
            return Waits(remedy=NO_EMAIL)
        return _not_now(connection, asks, whole, now)
    if lack := _lack_of_address(creator):
        return lack
    if looking := look_first(connection, debt, {ask.key: ask.period_ends_at for ask in asks}, now):
        return looking
    advised = advice.recommendation(connection, creator.id, policy=writing.policy, now=now, but=debt.id)
    days = {ask.id: days_for(ask.days, known[ask.key], advised, now) for ask in asks}
    mail = composed(
        connection,
        lambda: compose_digest(
            _mail(debt, creator, creator.email or "", whole, asks, days, proposes_access=advised.proposes_access),
            sender=writing.sender,
            now=now,
            link=page_of(connection, creator, writing, now),
            reply_to=writing.reply_to,
            overrides=writing.overrides,
            attach_calendar=writing.attach_calendar,
        ),
    )
    return mail if isinstance(mail, Waits) else Written(mail=mail, days=days)


def _lack_of_address(creator: Addressee) -> Waits | None:
    """Told before TikTok is read: nobody reads it again and again for a message that cannot go."""
    if creator.email is None:
        return Waits(remedy=NO_EMAIL)
    try:
        addressed("", creator.email)
    except UnusableAddress:
        return Waits(remedy=BAD_EMAIL)
    return None


def _not_now(connection: psycopg.Connection[Any], asks: Sequence[Asked], whole: Digest, now: datetime) -> Seen:
    reason = whole.reason or Patience.OPTED_OUT
    withhold(connection, {ask.authorization_id: reason for ask in asks}, now=now)
    if whole.send_at is not None:
        return Later(reason=SENTENCES[reason], at=whole.send_at)
    if reason is Patience.PAYMENT_DUE:
        return Later(reason=SENTENCES[reason], at=now + PAYMENT_RESTS)
    return NotNeeded(reason=SENTENCES[reason])


def _digest(
    connection: psycopg.Connection[Any],
    debt: Debt,
    creator: Addressee,
    asks: Sequence[Asked],
    known: dict[str, Authorization],
    writing: Writing,
    now: datetime,
) -> Digest:
    days = kpis.days_of(connection, [ask.key for ask in asks], now=now)
    due = [
        due_ask(
            known[ask.key],
            rung=ask.rung,
            days=ask.days,
            ends_at=ask.period_ends_at,
            at_risk=worth(known[ask.key], days[ask.key], now=now).at_risk,
            now=now,
        )
        for ask in asks
    ]
    return digest(
        due,
        now=now,
        span=writing.policy.digest_span,
        facts=creator.facts,
        sent_at=creators.written_to_at(connection, creator.id, now=now, but=debt.id),
        manners=writing.manners,
    )


def _mail(
    debt: Debt,
    creator: Addressee,
    email: str,
    whole: Digest,
    asks: Sequence[Asked],
    days: dict[int, int],
    *,
    proposes_access: bool,
) -> DigestMail:
    by_key = {ask.key: ask for ask in asks}
    return DigestMail(
        idempotency_key=debt.idempotency_key,
        email=email,
        name=creator.name,
        locale=creator.locale,
        zone=creator.facts.zone,
        handle=creator.handle,
        urgency=whole.urgency,
        items=tuple(_item(by_key[due.key], due, days) for due in whole.items),
        proposes_access=proposes_access,
    )


def _item(ask: Asked, due: DueAsk, days: dict[int, int]) -> AskItem:
    return AskItem(
        key=ask.key,
        advertiser_id=ask.advertiser_id,
        brand=ask.brand,
        reference=ask.reference,
        route=ask.route,
        item_id=ask.item_id,
        item_url=ask.item_url,
        title=ask.title,
        days=days[ask.id],
        period_ends_at=ask.period_ends_at,
        urgency=due.urgency,
    )
