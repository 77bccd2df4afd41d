"""What the days ahead bring if nobody answers: which messages go out, which codes lapse, and how much a day stops.

The real decisions on a moved clock (`rehearsal`), one creator after the other: what happens to one changes nothing for
another. Amounts of different currencies are never added.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TypeVar

from domain.authorization import Action
from domain.digest import ranks_of, sums
from domain.foreseen import Creator, Holding, Lapse, Message, Request, Rules
from domain.money import A_DAY, Amounts, cents
from domain.rehearsal import Rehearsal

A_SECOND = timedelta(seconds=1)
WHOLE, SECONDS_A_DAY = Decimal(1), Decimal(A_DAY // A_SECOND)
Happening = TypeVar("Happening", Message, Lapse)


@dataclass(frozen=True, kw_only=True, slots=True)
class Day:
    """One day (UTC). `stops`: the spend a day that ends with its lapses; `lost`: what all lapses so far keep from it."""

    day: date
    messages: int
    asks: int
    lapses: int
    stops: Amounts
    lost: Amounts


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecast:
    """From `now` to `until`, in the order of time; `requests` are those that lapse unanswered."""

    now: datetime
    until: datetime
    messages: tuple[Message, ...]
    lapses: tuple[Lapse, ...]
    requests: tuple[Request, ...]
    days: tuple[Day, ...]

    @property
    def asks(self) -> int:
        """How many asks all messages carry."""
        return sum(len(message.items) for message in self.messages)

    @property
    def creators(self) -> int:
        """How many people are written to."""
        return len({message.handle for message in self.messages})

    @property
    def stops(self) -> Amounts:
        """The spend a day that ends with all lapses."""
        return sums(lapse.spend_a_day for lapse in self.lapses)

    @property
    def lost(self) -> Amounts:
        """What is not delivered by `until`."""
        return sums(day.lost for day in self.days)

    @property
    def largest(self) -> list[Lapse]:
        """The lapses by money at risk: the most of each currency first, as amounts of several cannot be compared."""
        return by_money(self.lapses)


def forecast(
    groups: Iterable[tuple[Creator, Sequence[Holding]]], *, now: datetime, until: datetime, rules: Rules
) -> Forecast:
    """Each creator comes once, with everything that is held of theirs; who is not known stands as `NOBODY`."""
    messages: list[Message] = []
    lapses: list[Lapse] = []
    requests: list[Request] = []
    for creator, holdings in groups:
        rehearsal = Rehearsal(creator, holdings, rules)
        rehearsal.plays(now, until)
        messages += rehearsal.messages
        lapses += rehearsal.lapses
        requests += unanswered(creator, holdings, until)
    return assembled(messages, lapses, requests, now=now, until=until)


def assembled(
    messages: Iterable[Message], lapses: Iterable[Lapse], requests: Iterable[Request], *, now: datetime, until: datetime
) -> Forecast:
    """All of it in the order of time, with its days."""
    sent = tuple(sorted(messages, key=lambda message: (message.at, message.handle)))
    ended = tuple(sorted(lapses, key=lambda lapse: (lapse.at, lapse.key)))
    return Forecast(
        now=now,
        until=until,
        messages=sent,
        lapses=ended,
        requests=tuple(sorted(requests, key=lambda request: (request.at, request.key))),
        days=tuple(days_of(sent, ended, now, until)),
    )


def unanswered(creator: Creator, holdings: Iterable[Holding], until: datetime) -> Iterator[Request]:
    """The requests that nobody answers in time."""
    for each in holdings:
        upcoming = each.known.plan
        if upcoming.action is Action.LAPSE and upcoming.at is not None and upcoming.at <= until:
            yield Request(key=each.known.key, handle=creator.handle, at=upcoming.at)


def only_of(whole: Forecast, advertiser_id: str) -> Forecast:
    """What concerns one advertiser: of a message that also asks for others, only its own asks."""
    prefix = f"{advertiser_id}/"
    return assembled(
        (part for message in whole.messages if (part := part_of(message, prefix)).items),
        (lapse for lapse in whole.lapses if lapse.key.startswith(prefix)),
        (request for request in whole.requests if request.key.startswith(prefix)),
        now=whole.now,
        until=whole.until,
    )


def part_of(message: Message, prefix: str) -> Message:
    items = tuple(item for item in message.items if item.key.startswith(prefix))
    return replace(message, items=items, at_risk=sums(item.at_risk for item in items))


def days_of(messages: Iterable[Message], lapses: Sequence[Lapse], now: datetime, until: datetime) -> Iterator[Day]:
    """The days from `now` to `until`."""
    sent_on, ended_on, lost = by_day(messages), by_day(lapses), lost_by_day(lapses, until)
    day = now.date()
    while day <= until.date():
        sent, ended = sent_on[day], ended_on[day]
        yield Day(
            day=day,
            messages=len(sent),
            asks=sum(len(message.items) for message in sent),
            lapses=len(ended),
            stops=sums(lapse.spend_a_day for lapse in ended),
            lost={currency: cents(amount) for currency, amount in lost[day].items()},
        )
        day += A_DAY


def by_day(happenings: Iterable[Happening]) -> defaultdict[date, list[Happening]]:
    """Messages, or lapses, by their day (UTC)."""
    found: defaultdict[date, list[Happening]] = defaultdict(list)
    for each in happenings:
        found[each.at.astimezone(UTC).date()].append(each)
    return found


def lost_by_day(lapses: Iterable[Lapse], until: datetime) -> defaultdict[date, defaultdict[str | None, Decimal]]:
    """What is not delivered on each day: the spend a day of each lapse, times the share of the day that it is down."""
    lost: defaultdict[date, defaultdict[str | None, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for lapse in lapses:
        for day, share in down(lapse.at, min(lapse.until, until)):
            for currency, amount in lapse.spend_a_day.items():
                lost[day][currency] += amount * share
    return lost


def down(begin: datetime, end: datetime) -> Iterator[tuple[date, Decimal]]:
    """Each day (UTC) between two instants, with the share of it that lies between them, to the second."""
    while begin < end:
        next_day = datetime.combine(begin.date() + A_DAY, time(), UTC)
        span = min(end, next_day) - begin
        yield begin.date(), WHOLE if span == A_DAY else Decimal(span // A_SECOND) / SECONDS_A_DAY
        begin = next_day


def by_money(lapses: Sequence[Lapse]) -> list[Lapse]:
    """The most of each currency first, then the second of each; those without money last, the sooner end first."""
    ranks = ranks_of(lapses)
    return sorted(lapses, key=lambda lapse: (ranks.get(lapse.key, len(lapses)), lapse.at, lapse.key))
