"""One message to one creator: all that is due within the digest span, the most money first.

Amounts of different currencies are never added or compared. An item's rank is its place among the items of the same
currency, so the first of each currency comes before the second of any; among equals the sooner end comes first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Protocol

from domain.money import Amounts
from domain.patience import Answer, CreatorFacts, Deadline, Manners, Patience, Verdict, may_ask
from domain.renewal import Urgency

# Ads that stopped already lose money now, but no haste by night brings that back.
BY_URGENCY = (Urgency.LAST_RESORT, Urgency.EMERGENCY, Urgency.AFTER_END, Urgency.WINDOW)


@dataclass(frozen=True, kw_only=True, slots=True)
class DueAsk:
    """One authorization's ask: due at `due_at`, for `days` more, as the rung `rung`; `at_risk` as `money.money_at_risk`.

    `deadline` is None where the end is past.
    """

    key: str
    rung: int
    days: int
    due_at: datetime
    ends_at: datetime
    urgency: Urgency = Urgency.WINDOW
    deadline: Deadline | None = None
    at_risk: Amounts = field(default_factory=dict)


class Ranked(Protocol):
    """What can be ranked by money."""

    @property
    def key(self) -> str: ...

    @property
    def at_risk(self) -> Amounts: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Digest:
    """One message. `send_at` (UTC) is None where it must not be sent, or there is nothing to send; `reason` says why.

    `at_risk` sums the items by currency; `urgency` is the most urgent item's.
    """

    items: tuple[DueAsk, ...]
    send_at: datetime | None
    reason: Patience | None
    urgency: Urgency
    at_risk: Amounts


def digest(
    asks: Sequence[DueAsk],
    *,
    now: datetime,
    span: timedelta,
    facts: CreatorFacts,
    sent_at: Sequence[datetime],
    manners: Manners,
) -> Digest:
    """The creator's next message: sent when the first of `asks` may be, with all that is due until `span` after that.

    What is due later is left for the next digest. A creator who must not be asked gets a digest without an instant.
    """
    send_at, reason = going(asks, now=now, facts=facts, sent_at=sent_at, manners=manners)
    taken = asks if send_at is None else [ask for ask in asks if ask.due_at <= send_at + span]
    return assembled(taken, send_at=send_at, reason=reason)


def going(
    asks: Sequence[DueAsk], *, now: datetime, facts: CreatorFacts, sent_at: Sequence[datetime], manners: Manners
) -> tuple[datetime | None, Patience | None]:
    """The instant at which the first of `asks` may be sent, or be looked at again, and why then; the money is no part of it."""
    timed = [timing(ask, now, facts, sent_at, manners) for ask in asks]
    possible = [(at, verdict.reason) for at, verdict in timed if verdict.answer is not Answer.NEVER]
    if not possible:
        return None, timed[0][1].reason if timed else None
    return min(possible, key=lambda each: each[0])


def timing(
    ask: DueAsk, now: datetime, facts: CreatorFacts, sent_at: Sequence[datetime], manners: Manners
) -> tuple[datetime, Verdict]:
    """The instant (UTC) at which this ask alone may be sent, or looked at again, and the verdict that says so."""
    due_at = max(ask.due_at, now).astimezone(UTC)
    verdict = may_ask(facts, sent_at, at=due_at, urgency=ask.urgency, deadline=ask.deadline, manners=manners)
    return verdict.not_before or due_at, verdict


def assembled(asks: Sequence[DueAsk], *, send_at: datetime | None, reason: Patience | None) -> Digest:
    """The digest of `asks`, in its order and with its sums."""
    return Digest(
        items=tuple(by_money(asks)),
        send_at=send_at,
        reason=reason,
        urgency=min((ask.urgency for ask in asks), key=BY_URGENCY.index, default=Urgency.WINDOW),
        at_risk=sums(ask.at_risk for ask in asks),
    )


def by_money(asks: Sequence[DueAsk]) -> list[DueAsk]:
    """`asks` by their best rank in any currency; those with no money at risk last. The order of arrival does not matter."""
    ranks = ranks_of(asks)
    return sorted(asks, key=lambda ask: (ranks.get(ask.key, len(asks)), ask.ends_at, ask.key))


def ranks_of(asks: Sequence[Ranked]) -> Mapping[str, int]:
    """The place of each ask among those with money at risk in the same currency, 0 for the most; the best one of several."""
    ranks: dict[str, int] = {}
    for currency in {currency for ask in asks for currency in ask.at_risk}:
        amounts = {ask.at_risk[currency] for ask in asks if currency in ask.at_risk}
        places = {amount: place for place, amount in enumerate(sorted(amounts, reverse=True)) if amount > 0}
        for ask in asks:
            if (place := places.get(ask.at_risk.get(currency, Decimal()))) is not None:
                ranks[ask.key] = min(place, ranks.get(ask.key, place))
    return ranks


def sums(amounts: Iterable[Amounts]) -> Amounts:
    """Totals by currency."""
    totals: defaultdict[str | None, Decimal] = defaultdict(Decimal)
    for each in amounts:
        for currency, amount in each.items():
            totals[currency] += amount
    return dict(totals)
