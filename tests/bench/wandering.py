"""A random year of one creator: whatever can happen, told late, twice and in any order, to the engine of the proof."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial

from bench.renewals.campaigns import Story
from bench.renewals.everspark import Everspark
from bench.renewals.life import Life, Message
from bench.renewals.people import Channel
from domain.authorization import Authorization, changed
from domain.events import (
    Ad,
    AdStarted,
    AdStopped,
    AuthorizationRequested,
    CodeWithdrawn,
    Condition,
    LifecycleEvent,
    PostChanged,
    RequestDeclined,
)
from domain.lifecycle import Outcome, decide
from domain.patience import CreatorFacts, Holiday
from domain.reasons import Reason
from domain.renewal import AskDue
from tests.bench.casting import GRANTED, creator_like, day

YEAR = timedelta(days=365)
WRITTEN = (Channel.MAIL, Channel.DIRECT)


class What(StrEnum):
    """What can happen, to one code or to its creator."""

    EXTENDED = "extended"
    NEW_CODE = "new_code"
    WITHDRAWN = "withdrawn"
    DECLINED = "declined"
    WANTED_AGAIN = "wanted_again"
    AD_STARTED = "ad_started"
    AD_STOPPED = "ad_stopped"
    POST_REMOVED = "post_removed"
    POST_BACK = "post_back"
    SUGGESTED = "suggested"
    OPTED_OUT = "opted_out"
    OPTED_IN = "opted_in"
    SNOOZED = "snoozed"
    AWAY = "away"
    PAYMENT_DUE = "payment_due"
    PAYMENT_MADE = "payment_made"


@dataclass(frozen=True, kw_only=True, slots=True)
class Happening:
    """On `day`, to the code `code`; `days` is as long as it lasts. It is told `late` hours later, and perhaps `twice`."""

    day: float
    what: What
    code: int
    days: int
    late: float = 0
    twice: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Year:
    """All of it. `meanwhile` happens while a message waits: the first one the first time, and so on."""

    zone: str
    has_phone: bool
    codes: tuple[Story, ...]
    happenings: tuple[Happening, ...]
    meanwhile: tuple[What, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What the engine had been told by `at`."""

    at: datetime
    key: str
    event: LifecycleEvent


class Wandering(Everspark):
    """The engine as the worker runs it: what came too early waits, and a followed suggestion is used up."""

    def __init__(self, life: Life, waits: Callable[[str, datetime], None]) -> None:
        super().__init__(life)
        self.waits = waits
        self.said = CreatorFacts(zone=life.creator.place.key)
        self.early: defaultdict[str, list[LifecycleEvent]] = defaultdict(list)

    def facts(self, now: datetime) -> CreatorFacts:
        del now
        return self.said

    def is_told(self, said: CreatorFacts, now: datetime) -> None:
        """A message that gathers is judged anew as soon as its creator said something."""
        self.said = said
        if self.owed:
            self._tries_at(now)

    def suggests(self, key: str, around: datetime, now: datetime) -> None:
        known = self.known.get(key)
        if known is not None and known.is_running and known.expires_at is not None and around < known.expires_at:
            self._keeps(changed(known, suggested_at=around), now)

    def learns(self, key: str, event: LifecycleEvent, now: datetime) -> None:
        decision = decide(self.known.get(key), event, key=key)
        if decision.outcome is Outcome.EARLY:
            self.early[key].append(event)
        elif decision.authorization is not None:
            self._keeps(decision.authorization, now)
            for each in self.early.pop(key, ()):
                self.learns(key, each, now)

    def _tries(self, now: datetime) -> None:
        super()._tries(now)
        if self.attempt_at is not None and self.attempt_at > now:
            self.waits(self.owed[0].key, now + (self.attempt_at - now) / 2)

    def _owes(self, known: Authorization, due: AskDue, now: datetime) -> None:
        is_followed = due.why == Reason.RENEWAL_SUGGESTED
        super()._owes(changed(known, suggested_at=None) if is_followed else known, due, now)


class World:
    """The year as it happens: what is true at once, and what the engine is told of it, and when."""

    def __init__(self, year: Year) -> None:
        creator = creator_like("never", zone=year.zone, phone=year.has_phone)
        self.year, self.life = year, Life(creator, year.codes, GRANTED + YEAR)
        self.engine = Wandering(self.life, self._waits)
        self.meanwhile = list(year.meanwhile)
        self.told: list[Told] = []
        self.said: list[tuple[datetime, CreatorFacts]] = [(GRANTED - YEAR, self.engine.said)]
        self._deliveries: tuple[float, ...] = (0,)

    def runs(self) -> World:
        for each in self.year.happenings:
            self._will_happen(each, day(each.day))
        self.life.run(self)
        return self

    @property
    def messages(self) -> list[Message]:
        """What the program sent; people may telephone when they like."""
        return [each for each in self.life.messages if each.channel in WRITTEN]

    def hears(self, key: str, event: LifecycleEvent, *, found: bool) -> None:
        """A delivery of something that has become true, at its hours."""
        del found
        for late in self._deliveries:
            self.life.at(event.at + timedelta(hours=late), partial(self._tells, key, event))

    def _tells(self, key: str, event: LifecycleEvent, now: datetime) -> None:
        self.told.append(Told(at=now, key=key, event=event))
        self.engine.learns(key, event, now)

    def _waits(self, key: str, at: datetime) -> None:
        if self.meanwhile:
            places = [code.key for code in self.year.codes]
            self._will_happen(Happening(day=0, what=self.meanwhile.pop(0), code=places.index(key), days=30), at)

    def _will_happen(self, each: Happening, at: datetime) -> None:
        self.life.at(at, partial(self._happens, each))

    def _happens(self, each: Happening, now: datetime) -> None:
        key = self.year.codes[each.code % len(self.year.codes)].key
        if (said := self._said(each, now)) is not None:
            self.said.append((now, said))
            self.engine.is_told(said, now)
        elif key in self.life.truth:
            self._deliveries = (each.late, each.late + 30) if each.twice else (each.late,)
            self._to_a_code(key, each, now)
            self._deliveries = (0,)

    def _said(self, each: Happening, now: datetime) -> CreatorFacts | None:
        until, said = now + timedelta(days=each.days), self.engine.said
        match each.what:
            case What.OPTED_OUT | What.OPTED_IN:
                return replace(said, has_opted_out=each.what is What.OPTED_OUT)
            case What.PAYMENT_DUE | What.PAYMENT_MADE:
                return replace(said, payment_due=each.what is What.PAYMENT_DUE)
            case What.SNOOZED:
                return replace(said, snoozed_until=until)
            case What.AWAY:
                return replace(said, holiday=Holiday(begins_at=now + timedelta(days=3), ends_at=until))
            case _:
                return None

    def _to_a_code(self, key: str, each: Happening, now: datetime) -> None:
        match each.what:
            case What.EXTENDED | What.NEW_CODE:
                self.life.renew(key, each.days, now, by_new_code=each.what is What.NEW_CODE)
            case What.SUGGESTED:
                self.engine.suggests(key, now + timedelta(days=each.days), now)
            case _:
                self.life.happens(key, event_of(each, now))


def event_of(each: Happening, now: datetime) -> LifecycleEvent:
    """What stands by itself."""
    match each.what:
        case What.WITHDRAWN:
            return CodeWithdrawn(at=now)
        case What.DECLINED:
            return RequestDeclined(at=now)
        case What.AD_STARTED:
            return AdStarted(at=now, ad=Ad(ad_id="another", flight_end=now + timedelta(days=each.days)))
        case What.AD_STOPPED:
            return AdStopped(at=now, ad_id="ad" if each.days % 2 else "another")
        case What.POST_REMOVED | What.POST_BACK:
            is_back = each.what is What.POST_BACK
            return PostChanged(at=now, condition=Condition.PUBLIC if is_back else Condition.REMOVED)
        case _:
            return AuthorizationRequested(at=now)
