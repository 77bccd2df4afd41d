"""Open escalations as people want to see them: whose post, why, what it costs, and a text to paste into a chat."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg

from domain.authorization import Authorization, State
from domain.escalation import HARD, SENTENCES, Cause, Step, cause_of, down_since, is_over
from domain.money import Amounts, money_at_risk, spend_a_day
from domain.outcome import Lapse
from domain.posts import AdDay
from domain.renewal import Policy, need_of, smallest_period
from domain.worth import worth
from infra import endings, escalations, kpis
from infra.channel_urls import Channels
from infra.drafts import Subject, draft, language_of
from infra.escalations import Loaded, Open


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One open escalation. `at_risk` is what is not delivered if nobody renews; `lapse` what was not delivered by now;
    `ended_at`: since when nothing is authorized any more, None while it is.
    """

    id: int
    authorization_id: int
    key: str
    step: Step
    cause: Cause
    opened_at: datetime
    period_ends_at: datetime
    ended_at: datetime | None
    reference: str | None
    handle: str | None
    creator_id: int | None
    at_risk: Amounts
    lapse: Lapse | None
    subject: Subject

    @property
    def advertiser_id(self) -> str:
        return self.key.partition("/")[0]

    @property
    def cause_in_words(self) -> str:
        return SENTENCES[self.cause]

    @property
    def is_cut_short(self) -> bool:
        """Whether it was taken back before the end that it had."""
        return self.ended_at is not None and self.ended_at < self.period_ends_at

    @property
    def language(self) -> str:
        """That of the draft."""
        return language_of(self.subject.locale)

    @property
    def may_extend(self) -> bool:
        """Whether the creator may be asked to extend (or for a first code), be it by a person."""
        if self.cause is Cause.UNANSWERED and self.subject.item_id is None:
            return False  # The account is shared by a link of its own: `everspark show` has it.
        return self.cause not in HARD or self.cause is Cause.NO_ADDRESS

    def draft(self, link: str | None = None) -> str:
        """What a person pastes into a chat with the creator."""
        return draft(self.subject, may_extend=self.may_extend, link=link)

    @property
    def most(self) -> Decimal:
        """What to sort by; amounts of different currencies are compared for the order of a list alone."""
        amounts = self.lapse.not_delivered if self.lapse else self.at_risk
        return max(amounts.values(), default=Decimal())


def listed(connection: psycopg.Connection[Any], *, now: datetime, policy: Policy, channels: Channels) -> Iterator[Item]:
    """All that is open and not over."""
    for page in escalations.open_ones(connection):
        yield from items_of(connection, page, now=now, policy=policy, channels=channels)


def items_of(
    connection: psycopg.Connection[Any], page: Sequence[Open], *, now: datetime, policy: Policy, channels: Channels
) -> list[Item]:
    """Those of a page that are not over, with their facts as of now."""
    keys = sorted({each.key for each in page})
    known = {each.key: each for each in escalations.load(connection, keys, has_channel=has_channel(channels))}
    days = kpis.days_of(connection, keys, now=now)
    ended = {key: at for key, each in known.items() if (at := down_since(each.case))}
    lapses = endings.going_on(connection, {key: known[key].case.authorization for key in ended}, ended, now=now)
    return [
        item_of(each, known[each.key], days[each.key], lapses.get(each.key), now=now, policy=policy)
        for each in page
        if not is_over(known[each.key].case, Step(each.step), each.period_ends_at, now=now)
    ]


def has_channel(channels: Channels) -> Callable[[str | None], bool]:
    """Whether a telephone number leads anywhere."""
    return lambda phone: channels.to_creator(phone) is not None


def item_of(
    each: Open, loaded: Loaded, days: Sequence[AdDay], lapse: Lapse | None, *, now: datetime, policy: Policy
) -> Item:
    authorization, contact = loaded.case.authorization, loaded.contact
    return Item(
        id=each.id,
        authorization_id=each.authorization_id,
        key=each.key,
        step=Step(each.step),
        cause=cause_of(loaded.case, now),
        opened_at=each.opened_at,
        period_ends_at=each.period_ends_at,
        ended_at=down_since(loaded.case),
        reference=authorization.reference,
        handle=contact.handle,
        creator_id=contact.creator_id,
        at_risk=at_risk_of(authorization, days, now),
        lapse=lapse,
        subject=subject_of(loaded, days_of(authorization, now, policy)),
    )


def days_of(known: Authorization, now: datetime, policy: Policy) -> int:
    """How many days to ask for: what the request says, before there is anything to extend."""
    is_first = known.state is State.REQUESTED
    return known.days if is_first and known.days else smallest_period(known, now, policy)


def subject_of(loaded: Loaded, days: int) -> Subject:
    """What a text to the creator is about."""
    contact, (_, _, post) = loaded.contact, loaded.key.partition("/")
    return Subject(
        handle=contact.handle or (post[1:] if post.startswith("@") else None),
        name=contact.name,
        locale=contact.locale,
        item_id=None if post.startswith("@") else post,
        item_url=loaded.case.authorization.item_url,
        days=days,
        is_first=loaded.case.authorization.state is State.REQUESTED,
    )


def at_risk_of(authorization: Authorization, days: Sequence[AdDay], now: datetime) -> Amounts:
    """What is at risk. Where TikTok silenced the ads already they spend nothing: then what was stated of them counts."""
    known = worth(authorization, days, now=now).at_risk
    wanted = [flight.ad for flight in authorization.flights.values() if flight.is_wanted]
    return known or money_at_risk(
        spend_a_day([ad for ad in wanted if ad.flight_end is None or ad.flight_end > now], [], today=now.date()),
        ends_at=authorization.expires_at,
        need=need_of(authorization),
        contract_ends_at=authorization.contract_ends_at,
        now=now,
    )
