"""One creator's year under one policy: what happens in the world, in order, told to the policy as it would learn of it."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from typing import Protocol

from bench.renewals import reacting
from bench.renewals.campaigns import YEAR_ENDS, Story
from bench.renewals.draws import between, draw
from bench.renewals.people import Channel, Creator
from bench.renewals.reacting import Deed, Memory
from domain.authorization import Authorization, State
from domain.events import CodeGranted, LifecycleEvent, PeriodEnded, PeriodExtended, RequestDeclined
from domain.lifecycle import decide
from domain.outcome import SentAsk
from domain.renewal import Policy, Urgency, need_of, objection_to_asking

POLICY = Policy()
OFFERED = tuple(sorted(POLICY.offered_days))
# After a lapse somebody at the brand sees at last that nothing is delivered, and telephones; the same under every policy.
SEEN_BY_SOMEBODY = (1.0, 6.0)
REACHED_BY_PHONE = 0.6


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One code in a message: the end that the creator is asked to move, and by how many days."""

    key: str
    period_ends_at: datetime
    days: int
    rung: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """What was sent. `not_needed` counts the items that nothing needed, or that were renewed already, as the world stood."""

    at: datetime
    items: tuple[Item, ...]
    channel: Channel
    urgency: Urgency = Urgency.WINDOW
    not_needed: int = 0
    to_opted_out: bool = False


@dataclass(slots=True)
class Period:
    """One period of one code, as the world saw it; `renewed_at` is when a later one came into force."""

    key: str
    ordinal: int
    begins_at: datetime
    ends_at: datetime
    needed_until: datetime | None = None
    contract_ends_at: datetime | None = None
    is_needed: bool = False
    has_lapsed: bool = False
    is_over: bool = False
    renewed_at: datetime | None = None
    asks: list[SentAsk] = field(default_factory=list)


class Asking(Protocol):
    """A policy: told of what it can know, when it can know it. `found` says that TikTok has to be read to know it."""

    def hears(self, key: str, event: LifecycleEvent, *, found: bool) -> None: ...


class Life:
    """The world of one creator. `truth` is what TikTok would show; a policy may know less."""

    def __init__(self, creator: Creator, stories: Sequence[Story], ends_at: datetime = YEAR_ENDS) -> None:
        self.creator, self.stories = creator, {each.key: each for each in stories}
        self.ends_at = ends_at
        self.truth: dict[str, Authorization] = {}
        self.periods: dict[str, list[Period]] = {each.key: [] for each in stories}
        self.messages: list[Message] = []
        self.deeds: list[tuple[datetime, str, Deed]] = []
        self.memory = Memory(got_at=[], read_in_vain={})
        self.asking: Asking | None = None
        self._agenda: list[tuple[datetime, int, Callable[[datetime], None]]] = []
        self._number = count()

    def at(self, at: datetime, act: Callable[[datetime], None]) -> None:
        """Puts `act` on the agenda; what is at one instant happens in the order in which it was put there."""
        if at < self.ends_at:
            heapq.heappush(self._agenda, (at, next(self._number), act))

    def run(self, asking: Asking | None) -> None:
        """Everything until the year's end."""
        self.asking = asking
        for story in self.stories.values():
            for event in story.events:
                self.at(event.at, partial(self._by_itself, story.key, event))
        while self._agenda:
            at, _, act = heapq.heappop(self._agenda)
            act(at)

    def _by_itself(self, key: str, event: LifecycleEvent, _at: datetime) -> None:
        self.happens(key, event)

    def happens(self, key: str, event: LifecycleEvent, *, found: bool = False) -> None:
        """One event becomes true. `found`: by reading TikTok alone, so that the policy learns of it later."""
        before = self.truth.get(key)
        known = decide(before, event, key=key).authorization
        if known is None:
            return
        self.truth[key] = known
        if known.expires_at is not None and (before is None or before.expires_at != known.expires_at):
            self._period_begins(key, known, event.at)
        if self.asking is not None:
            self.asking.hears(key, event, found=found)

    def sends(self, message: Message) -> None:
        """A message reaches the creator, who reacts in time or not at all."""
        at, muted = message.at, self.memory.has_muted
        not_needed = sum(not self.is_needed(item, at) for item in message.items)
        self.messages.append(
            Message(
                at=at, items=message.items, channel=message.channel, urgency=message.urgency,
                not_needed=not_needed, to_opted_out=muted,
            )
        )  # fmt: skip
        for item in message.items:
            self.periods[item.key][-1].asks.append(SentAsk(at=at, channel=message.channel))
        self.memory.got_at.append(at)
        reads_at = reacting.read_at(self.creator, self.memory, at, message.channel)
        if reacting.mutes(self.creator, self.memory, at):
            self.memory.has_muted = True
        if reads_at is not None:
            self.at(reads_at, lambda now: self._reads(message, now))

    def is_needed(self, item: Item, at: datetime) -> bool:
        """Whether asking for this renewal at `at` makes sense, knowing all."""
        known = self.truth[item.key]
        return (
            known.expires_at == item.period_ends_at and objection_to_asking(known, max(item.period_ends_at, at)) is None
        )

    def renew(self, key: str, days: int, at: datetime, *, by_new_code: bool = False) -> None:
        """TikTok adds the days to what is left. A new code counts from now, so it is one that outlasts what is left."""
        known = self.truth[key]
        if known.expires_at is None or known.state is State.REVOKED:
            return
        if by_new_code:
            outlasting = (each for each in OFFERED if each >= days and at + timedelta(days=each) > known.expires_at)
            ends_at = at + timedelta(days=next(outlasting, OFFERED[-1]))
            self.happens(key, CodeGranted(at=at, starts_at=at, expires_at=ends_at))
        else:
            ends_at = max(known.expires_at, at) + timedelta(days=days)
            self.happens(key, PeriodExtended(at=at, expires_at=ends_at), found=True)

    def _reads(self, message: Message, at: datetime) -> None:
        for item in message.items:
            known = self.truth[item.key]
            if known.expires_at == item.period_ends_at:
                self._does(item, at)

    def _does(self, item: Item, at: datetime) -> None:
        what = reacting.deed(self.creator, self.memory, item.key, at)
        self.deeds.append((at, item.key, what))
        match what:
            case Deed.EXTENDS | Deed.NEW_CODE:
                days = reacting.granted_days(self.creator, item.days, OFFERED)
                self.renew(item.key, days, at, by_new_code=what is Deed.NEW_CODE)
            case Deed.DECLINES:
                self.happens(item.key, RequestDeclined(at=at))
            case _:
                # A wrong code is refused by TikTok: as good as none, until the next message.
                self.memory.read_in_vain[item.key] = at

    def _period_begins(self, key: str, known: Authorization, at: datetime) -> None:
        periods = self.periods[key]
        if periods and periods[-1].renewed_at is None:
            periods[-1].renewed_at = at
        assert known.expires_at is not None
        period = Period(key=key, ordinal=len(periods), begins_at=at, ends_at=known.expires_at)
        periods.append(period)
        self.at(period.ends_at, lambda now: self._period_ends(period, now))
        self._extends_alone(period)

    def _extends_alone(self, period: Period) -> None:
        """On TikTok's own notice in the app, in the last days (of a short period: hours)."""
        creator, who = self.creator, (self.creator.seed, self.creator.handle, period.key, period.ordinal)
        if draw(*who, "alone") >= creator.character.extends_alone * creator.temper.alone:
            return
        before = timedelta(days=between(0.05, min(3.0, self.stories[period.key].days / 7), *who, "before"))
        days = reacting.granted_days(creator, self.stories[period.key].days, OFFERED)
        self.at(period.ends_at - before, lambda now: self._if_still(period, days, now))

    def _if_still(self, period: Period, days: int, now: datetime) -> None:
        if self.truth[period.key].expires_at == period.ends_at:
            self.renew(period.key, days, now)

    def _period_ends(self, period: Period, now: datetime) -> None:
        known = self.truth[period.key]
        period.is_over, period.needed_until, period.contract_ends_at = True, need_of(known), known.contract_ends_at
        contract_lasts = known.contract_ends_at is None or known.contract_ends_at > now
        period.is_needed = period.needed_until is not None and period.needed_until > now and contract_lasts
        if known.expires_at != period.ends_at:
            return
        period.has_lapsed = period.is_needed
        self.happens(period.key, PeriodEnded(at=now, ends_at=period.ends_at))
        if period.has_lapsed:
            self._is_missed_by_somebody(period, now)

    def _is_missed_by_somebody(self, period: Period, now: datetime) -> None:
        who = (self.creator.seed, self.creator.handle, period.key, period.ordinal, "missed")
        item = Item(key=period.key, period_ends_at=period.ends_at, days=self.stories[period.key].days)
        self.at(now + timedelta(days=between(*SEEN_BY_SOMEBODY, *who)), lambda at: self._telephones(item, at, who))

    def calls(self, item: Item, at: datetime) -> None:
        """A person of the brand telephones before the end, because something told them to; counted as a message."""
        not_needed = int(not self.is_needed(item, at))
        self.messages.append(Message(at=at, items=(item,), channel=Channel.TELEPHONE, not_needed=not_needed))
        self.memory.got_at.append(at)
        self.periods[item.key][-1].asks.append(SentAsk(at=at, channel=Channel.TELEPHONE))
        self._telephones(item, at, (self.creator.seed, self.creator.handle, item.key, at.date(), "called"))

    def _telephones(self, item: Item, at: datetime, who: tuple[object, ...]) -> None:
        """Who is reached extends within some hours: it was promised to somebody."""
        if self.creator.character.notices == 0 or draw(*who, "reached") >= REACHED_BY_PHONE:
            return
        self.at(at + timedelta(hours=between(0, 8, *who, "then")), lambda now: self._keeps_the_promise(item, now))

    def _keeps_the_promise(self, item: Item, now: datetime) -> None:
        if self.truth[item.key].expires_at == item.period_ends_at:
            self.renew(item.key, reacting.granted_days(self.creator, item.days, OFFERED), now)
