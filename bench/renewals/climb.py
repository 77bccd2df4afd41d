"""Everspark's silence: whom it climbs to, by `domain.escalation`; a text message where a number is known, then a person."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from bench.renewals.desks import advertiser_of, at_work, desk_of
from bench.renewals.draws import between, draw
from bench.renewals.life import POLICY, Item, Message
from bench.renewals.people import Channel
from domain.authorization import Authorization
from domain.escalation import CLIMBS, Case, Step, steps_due
from domain.hours import Hours, opening
from domain.patience import Answer, deadline_of, may_ask
from domain.renewal import objection_to_asking, smallest_period, urgency_of

if TYPE_CHECKING:
    from bench.renewals.everspark import Everspark

# The sweep that looks for steps.
SWEEP = timedelta(minutes=5)
# A message waits so long for a last look at TikTok; worker/looking_first.py.
SOON = timedelta(seconds=5)
# Not every alert is acted upon.
OWNER_ACTS = 0.8
SILENCES = sorted({silence for row in CLIMBS for silence in (row.channel_silence, row.owner_silence)})


class Climb:
    """The open steps of one creator's codes."""

    def __init__(self, engine: Everspark, *, is_on: bool) -> None:
        self.engine, self.life, self.is_on = engine, engine.life, is_on
        self.sent: dict[tuple[str, datetime], dict[int, datetime]] = {}
        self.taken: set[tuple[str, datetime, Step]] = set()

    def asked(self, item: Item, at: datetime) -> None:
        """From each ask on silence is counted."""
        if item.rung is not None:
            self.sent.setdefault((item.key, item.period_ends_at), {})[item.rung] = at
        begins_at = self.engine.known[item.key].ladder_begins_at or at
        looks = {at + silence for silence in SILENCES}
        looks.add(deadline_of(begins_at, item.period_ends_at).emergency_at)
        for look in looks:
            if self.is_on and look >= at:
                self.life.at(look + SWEEP, self.looks)

    def looks(self, now: datetime) -> None:
        """Each step once for a period; the steps of a creator that are due together share a message."""
        texts: list[Authorization] = []
        for known in self.engine.known.values():
            for due in steps_due(self._case(known, now), now=now):
                assert known.expires_at is not None
                step = (known.key, known.expires_at, due.step)
                if due.step is Step.LAPSED or step in self.taken:
                    continue
                self.taken.add(step)
                if due.step is Step.OTHER_CHANNEL:
                    texts.append(known)
                else:
                    self._tells_the_owner(known, now)
        if texts:
            self._texts(tuple(each.key for each in texts), now)

    def _case(self, known: Authorization, now: datetime) -> Case:
        asked = self.sent.get((known.key, known.expires_at), {}) if known.expires_at else {}
        return Case(
            authorization=known,
            facts=self.engine.facts(now),
            asked=asked,
            has_channel=self.life.creator.has_phone,
        )

    def _texts(self, keys: tuple[str, ...], now: datetime) -> None:
        """A text message keeps the same hours and the same caps as mail, and waits for a look at TikTok like it."""
        items = tuple(item for key in keys if (item := self._item(key, now)))
        if not items:
            return
        first = min(items, key=lambda each: each.period_ends_at)
        known = self.engine.known[first.key]
        verdict = may_ask(
            self.engine.facts(now),
            self.engine.wrote_at,
            at=now,
            urgency=urgency_of(known, now),
            deadline=deadline_of(known.ladder_begins_at or now, first.period_ends_at),
            manners=self.engine.manners,
        )
        if verdict.answer is Answer.YES and self.engine.looks_first and self.engine.looks(keys, now):
            self.life.at(now + SOON, lambda at: self._texts(keys, at))
        elif verdict.answer is Answer.YES:
            self.life.sends(Message(at=now, items=items, channel=Channel.DIRECT, urgency=urgency_of(known, now)))
        elif verdict.not_before is not None:
            self.life.at(verdict.not_before, lambda at: self._texts(keys, at))

    def _item(self, key: str, now: datetime) -> Item | None:
        """What is still needed of a code that runs."""
        known = self.engine.known[key]
        ends_at = known.expires_at
        if ends_at is None or ends_at <= now or not known.is_running or objection_to_asking(known, ends_at):
            return None
        return Item(key=key, period_ends_at=ends_at, days=smallest_period(known, now, POLICY))

    def _tells_the_owner(self, known: Authorization, now: datetime) -> None:
        """The owner gets to it at work, and telephones when it is day where the creator lives."""
        seed, ends_at = self.life.creator.seed, known.expires_at
        who = (seed, self.life.creator.handle, known.key, ends_at, "owner")
        if draw(*who, "acts") >= OWNER_ACTS:
            return
        desk = desk_of(seed, advertiser_of(known.key))
        works_at = at_work(now + timedelta(hours=between(0.5, 6, *who, "gets to it")), desk)
        calls_at = opening(works_at, zone=self.life.creator.place.key, hours=Hours(), fallback=ZoneInfo("UTC"))
        self.life.at(calls_at, lambda at: self._calls(known.key, ends_at, at))

    def _calls(self, key: str, ends_at: datetime | None, now: datetime) -> None:
        if self.engine.looks_first:
            self.engine.looks([key], now)
        item = self._item(key, now)
        if item is not None and item.period_ends_at == ends_at:
            self.life.calls(item, now)
