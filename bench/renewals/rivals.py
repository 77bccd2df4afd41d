"""The two usual ways: a cron that mails each code at three days left, and a weekly list that a person works through."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from bench.renewals.campaigns import YEAR_BEGINS
from bench.renewals.desks import advertiser_of, desk_of
from bench.renewals.draws import between, draw
from bench.renewals.life import POLICY, Item, Life, Message
from bench.renewals.people import Channel
from domain.authorization import Authorization
from domain.events import LifecycleEvent
from domain.renewal import objection_to_asking, smallest_period

A_DAY, A_WEEK = timedelta(days=1), timedelta(days=7)
CRON_HOUR, CRON_DAYS, LIST_DAYS = 7, 3, 7
# A line overlooked, a sick week, a holiday without a stand-in.
OMITTED, WEEK_WITHOUT_A_LIST = 0.05, 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class Skill:
    """What the rivals do better than usual.

    `knows_flights`: asks only where an ad outlasts the code, and for enough days. `one_list`: one person keeps the list of
    all advertisers, so that a creator of several gets one message a week.
    """

    knows_flights: bool = False
    one_list: bool = False

    def days(self, known: Authorization, usual: int, now: datetime) -> int:
        return smallest_period(known, now, POLICY) if self.knows_flights else usual

    def wants(self, known: Authorization, now: datetime) -> bool:
        """Whether the code is on the list at all: both lists hold codes with an ad that delivers, or that was cut off."""
        if self.knows_flights:
            return known.expires_at is not None and objection_to_asking(known, max(known.expires_at, now)) is None
        flights = known.flights.values()
        return any(each.is_wanted and (each.ad.flight_end is None or each.ad.flight_end > now) for each in flights)


class Cron:
    """A run each day at seven (UTC), a mail for each code that ends within three days, until it is renewed or over."""

    def __init__(self, life: Life, skill: Skill) -> None:
        self.life, self.skill = life, skill

    def hears(self, key: str, event: LifecycleEvent, *, found: bool) -> None:
        del found  # it reads the present end at each run
        ends_at = self.life.truth[key].expires_at
        periods = self.life.periods[key]
        if ends_at is not None and periods and periods[-1].begins_at == event.at:
            first = max(ends_at - CRON_DAYS * A_DAY, event.at)
            self.life.at(next_run(first), lambda now: self._runs(key, ends_at, now))

    def _runs(self, key: str, ends_at: datetime, now: datetime) -> None:
        known = self.life.truth[key]
        if known.expires_at != ends_at or now >= ends_at:
            return
        if known.is_running and self.skill.wants(known, now):
            days = self.skill.days(known, self.life.stories[key].days, now)
            item = Item(key=key, period_ends_at=ends_at, days=days)
            self.life.sends(Message(at=now, items=(item,), channel=Channel.MAIL))
        self.life.at(now + A_DAY, lambda at: self._runs(key, ends_at, at))


def next_run(at: datetime) -> datetime:
    """The first run at or after `at`."""
    run = at.astimezone(UTC).replace(hour=CRON_HOUR, minute=0, second=0, microsecond=0)
    return run if run >= at else run + A_DAY


class WeeklyList:
    """Each Monday a list of what ends within seven days or ended in the last seven; done by Tuesday evening, in office hours.

    Each advertiser has its own person, who writes one message to a creator for all of that creator's lines.
    """

    def __init__(self, life: Life, skill: Skill) -> None:
        self.life, self.skill = life, skill
        monday = YEAR_BEGINS - timedelta(days=YEAR_BEGINS.weekday())
        for advertiser in sorted({self._desk(key) for key in life.stories}):
            for week in range(54):
                turn = self._turn(advertiser, monday + week * A_WEEK)
                self.life.at(turn, partial(self._works, advertiser))

    def hears(self, key: str, event: LifecycleEvent, *, found: bool) -> None:
        """The list is read afresh each week."""

    def _desk(self, key: str) -> str:
        return "all" if self.skill.one_list else advertiser_of(key)

    def _turn(self, advertiser: str, monday: datetime) -> datetime:
        """When the person gets to this creator: somewhere in two days of eight hours, the same each week."""
        seed = self.life.creator.seed
        place = between(0, 16, seed, self.life.creator.handle, advertiser, "place")
        day = monday.replace(tzinfo=desk_of(seed, advertiser)) + timedelta(days=int(place // 8))
        return (day.replace(hour=9) + timedelta(hours=place % 8)).astimezone(UTC)

    def _works(self, advertiser: str, now: datetime) -> None:
        seed, week = self.life.creator.seed, now.isocalendar()[:2]
        if draw(seed, advertiser, week, "no list") < WEEK_WITHOUT_A_LIST:
            return
        mine = (key for key in self.life.truth if self._desk(key) == advertiser and self._is_listed(key, now))
        keys = [key for key in mine if draw(seed, key, week, "omitted") >= OMITTED]
        if items := tuple(self._item(key, now) for key in keys):
            self.life.sends(Message(at=now, items=items, channel=Channel.DIRECT))

    def _is_listed(self, key: str, now: datetime) -> bool:
        known = self.life.truth[key]
        return (
            known.expires_at is not None
            and abs(known.expires_at - now) <= LIST_DAYS * A_DAY
            and self.skill.wants(known, now)
        )

    def _item(self, key: str, now: datetime) -> Item:
        known = self.life.truth[key]
        assert known.expires_at is not None
        days = self.skill.days(known, self.life.stories[key].days, now)
        return Item(key=key, period_ends_at=known.expires_at, days=days)
