"""Everspark: the real decisions of `domain/`, called in the order in which scheduler and worker call them, without a database.

As in the service: a rung that is due takes along what else the creator would be asked within the digest span; it gathers
for a minute; then the digest says now, later or never, looking again each time at what is still needed. Right before a
message goes, TikTok is read once more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bench.renewals.campaigns import YEAR_BEGINS
from bench.renewals.climb import SOON, Climb
from bench.renewals.draws import between
from bench.renewals.life import POLICY, Item, Life, Message
from bench.renewals.people import Channel
from domain.absence import LEAD, forward_at
from domain.advisor import Code, Recommendation, advise_on
from domain.authorization import Action, Authorization, State, changed
from domain.digest import Digest, digest
from domain.events import LifecycleEvent
from domain.lifecycle import decide
from domain.patience import CreatorFacts, Manners
from domain.renewal import FOREVER, AskDue, ask_due, need_of, objection_to_asking, plan
from domain.sending import days_for, due_ask, was_just_asked, why_not
from domain.worth import worth

# The settings' defaults.
GATHERING = timedelta(seconds=60)
SWEEP = timedelta(minutes=1)
MANNERS = Manners()
# TikTok is read about so often while an answer is awaited or the window is open; docs/looking.md.
LOOKED_AT_WITHIN = timedelta(minutes=33)
# A reading that is older than this is made again before a message goes, which then waits for it; worker/looking_first.py.
FRESH = timedelta(minutes=2)
# Who is asked to tell when away does so some days ahead.
TELLS_AHEAD, AN_HOUR = timedelta(days=7), timedelta(hours=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Owed:
    """An ask that gathers: its rung is used already."""

    key: str
    period_ends_at: datetime
    rung: int
    days: int
    since: datetime


class Everspark:
    """What the daemon knows of one creator, and the message that gathers."""

    def __init__(
        self, life: Life, manners: Manners = MANNERS, *, climbs: bool = True, looks_first: bool = True
    ) -> None:
        self.life, self.manners = life, manners
        self.known: dict[str, Authorization] = {}
        self.owed: list[Owed] = []
        self.attempt_at: datetime | None = None
        self.looks_first = looks_first
        self.unseen: list[tuple[str, LifecycleEvent]] = []
        self.read_at: dict[str, datetime] = {}
        self.asked_at: dict[str, tuple[datetime, datetime]] = {}
        self.last_sent_at: dict[tuple[str, datetime], datetime] = {}
        self.climb = Climb(self, is_on=climbs)
        for holiday in life.creator.holidays if life.creator.tells_of_holidays else ():
            for hours in range(LEAD // AN_HOUR):
                life.at(holiday.begins_at - LEAD + hours * AN_HOUR, self._sweeps)

    def hears(self, key: str, event: LifecycleEvent, *, found: bool) -> None:
        """Producers and the page tell at once; what only TikTok knows is found at the next look."""
        if not found:
            self._learns(key, event, event.at)
            return
        self.unseen.append((key, event))
        self.life.at(self._last_look(key, event.at) + LOOKED_AT_WITHIN, lambda now: self._reads([key], now))

    def _last_look(self, key: str, now: datetime) -> datetime:
        """The turns come at the same distance all year."""
        first = YEAR_BEGINS + between(-1, 0, self.life.creator.seed, key, "looked at") * LOOKED_AT_WITHIN
        return now - (now - first) % LOOKED_AT_WITHIN

    def looks(self, keys: Iterable[str], now: datetime) -> bool:
        """Reads of `keys` what was not read just now; whether there was any."""
        stale = [
            key for key in keys if max(self.read_at.get(key, YEAR_BEGINS), self._last_look(key, now)) <= now - FRESH
        ]
        self._reads(stale, now)
        return bool(stale)

    def _reads(self, keys: Iterable[str], now: datetime) -> None:
        """Everything that TikTok shows of `keys` by now is learned, each thing once."""
        read = set(keys)
        self.read_at |= dict.fromkeys(read, now)
        seen = [each for each in self.unseen if each[0] in read]
        self.unseen = [each for each in self.unseen if each[0] not in read]
        for key, event in seen:
            self._learns(key, event, now)

    def _learns(self, key: str, event: LifecycleEvent, now: datetime) -> None:
        known = decide(self.known.get(key), event, key=key).authorization
        if known is not None:
            self._keeps(known, now)

    def _keeps(self, known: Authorization, now: datetime) -> None:
        """The row with its next action, and the sweep that will find it."""
        known = changed(known, plan=plan(known, now=now, policy=POLICY))
        self.known[known.key] = known
        if known.plan.action is Action.ASK and known.plan.at is not None:
            self.life.at(max(known.plan.at, now) + SWEEP, self._sweeps)

    def _sweeps(self, now: datetime) -> None:
        """What is due, and only then what may come early."""
        known, leaving = (
            list(self.known.values()),
            {each.key for each in self.known.values() if self._leaves(each, now)},
        )
        if not leaving and not any(ask_due(each, now=now, policy=POLICY) for each in known):
            return
        for each in known:
            is_early, is_forward = not self._was_asked_within(POLICY.digest_span, each, now), each.key in leaving
            if due := ask_due(each, now=now, policy=POLICY, is_early=is_early, comes_forward=is_forward):
                self._owes(each, due, now)

    def _leaves(self, known: Authorization, now: datetime) -> bool:
        """Whether the next ask comes forward, as a holiday that was told would swallow it."""
        holiday, begins_at, ends_at = self.facts(now).holiday, known.ladder_begins_at, known.expires_at
        ask_at = known.plan.at if known.plan.action is Action.ASK else None
        if holiday is None or ask_at is None or begins_at is None or ends_at is None:
            return False
        at = forward_at(ask_at, begins_at=begins_at, ends_at=ends_at, holiday=holiday)
        is_time = at is not None and at <= now < min(ask_at, holiday.begins_at)
        return is_time and not self._was_asked_within(LEAD, known, now)

    def _was_asked_within(self, span: timedelta, known: Authorization, now: datetime) -> bool:
        """Then the next rung is not brought forward: it would be used up for nothing."""
        ends_at, at = self.asked_at.get(known.key, (None, now))
        return ends_at == known.expires_at and at > now - span

    def _owes(self, known: Authorization, due: AskDue, now: datetime) -> None:
        assert known.expires_at is not None
        self.owed = [each for each in self.owed if each.key != known.key]
        self.owed.append(Owed(key=known.key, period_ends_at=known.expires_at, rung=due.rung, days=due.days, since=now))
        self.asked_at[known.key] = (known.expires_at, now)
        self._keeps(changed(known, rung=due.rung + 1), now)
        self._tries_at(now + GATHERING)

    def _tries_at(self, at: datetime) -> None:
        """The message is looked at again at `at`, or sooner if it was to be."""
        if self.attempt_at is None or at < self.attempt_at:
            self.attempt_at = at
            self.life.at(at, self._tries)

    def _tries(self, now: datetime) -> None:
        if self.attempt_at != now:
            return
        self.attempt_at = None
        self.owed = [each for each in self.owed if self._is_needed(each, now)]
        if not self.owed:
            return
        said = self._digest(now)
        if said.send_at is None:
            self.owed = []
        elif said.send_at > now:
            self._tries_at(said.send_at)
        elif self.looks_first and self.looks([each.key for each in self.owed], now):
            self._tries_at(now + SOON)
        else:
            self._sends(said, now)

    def _is_needed(self, owed: Owed, now: datetime) -> bool:
        """Whether the ask still helps, and no message that went just before stands for it."""
        last_sent_at = self.last_sent_at.get((owed.key, owed.period_ends_at))
        was_asked = was_just_asked(owed.since, owed.period_ends_at, last_sent_at=last_sent_at)
        return not was_asked and why_not(self.known[owed.key], owed.period_ends_at, now) is None

    def _digest(self, now: datetime) -> Digest:
        asks = [
            due_ask(
                known := self.known[each.key],
                rung=each.rung,
                days=each.days,
                ends_at=each.period_ends_at,
                at_risk=worth(known, [], now=now).at_risk,
                now=now,
            )
            for each in self.owed
        ]
        return digest(
            asks, now=now, span=POLICY.digest_span, facts=self.facts(now), sent_at=self.wrote_at, manners=self.manners
        )

    @property
    def wrote_at(self) -> list[datetime]:
        """When it wrote to the creator itself; it does not know of what people say by telephone."""
        return [each.at for each in self.life.messages if each.channel is not Channel.TELEPHONE]

    def facts(self, now: datetime) -> CreatorFacts:
        creator = self.life.creator
        told = (each for each in creator.holidays if each.begins_at - TELLS_AHEAD <= now < each.ends_at)
        return CreatorFacts(
            zone=creator.place.key,
            holiday=next(told, None) if creator.tells_of_holidays else None,
            has_opted_out=self.life.memory.has_muted,
        )

    def _sends(self, said: Digest, now: datetime) -> None:
        advised = self._advice(now)
        items = tuple(
            Item(
                key=ask.key,
                period_ends_at=ask.ends_at,
                days=days_for(ask.days, self.known[ask.key], advised, now),
                rung=ask.rung,
            )
            for ask in said.items
        )
        self.owed = []
        self.life.sends(Message(at=now, items=items, channel=Channel.MAIL, urgency=said.urgency))
        for item in items:
            self.last_sent_at[item.key, item.period_ends_at] = now
            self.climb.asked(item, now)

    def _advice(self, now: datetime) -> Recommendation:
        """As `infra.advice` asks it: the codes of this creator that need renewing. No creator here gives account access."""
        codes = [
            Code(days=each.days, ends_at=each.expires_at, needed_until=wanted_until(each, now))
            for each in self.known.values()
            if each.expires_at is not None and is_wanted(each, now)
        ]
        return advise_on(codes, asked_at=self.wrote_at, now=now, policy=POLICY)


def is_wanted(known: Authorization, now: datetime) -> bool:
    is_alive = known.is_running or known.state is State.EXPIRED
    return is_alive and objection_to_asking(known, known.expires_at or now) is None


def wanted_until(known: Authorization, now: datetime) -> datetime:
    return min(need_of(known) or now, known.contract_ends_at or FOREVER)
