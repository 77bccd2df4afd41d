"""Deliveries repeat and overtake each other: whatever their order, the ending is the one of the order in which things happened.

The lives told here are believable ones: ads start only while a grant is in force, and each new grant ends later than those
before it (docs/lifecycle.md says what happens where one does not).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.authorization import Authorization, State
from domain.events import Condition, LifecycleEvent, PeriodEnded
from domain.lifecycle import Outcome
from tests.domain.story import (
    ad_lost,
    ad_started,
    ad_stopped,
    day,
    declined,
    extended,
    granted,
    hears,
    need_stated,
    post_changed,
    requested,
    withdrawn,
)

Ending = tuple[Any, ...]


@dataclass(slots=True)
class Desk:
    """Hears events as the worker does: early ones again after each change; parked ones when a person replays them."""

    now: datetime
    known: Authorization | None = None
    waiting: list[LifecycleEvent] = field(default_factory=list)

    def hears(self, event: LifecycleEvent) -> None:
        decision = hears(self.known, event)
        if decision.outcome in (Outcome.EARLY, Outcome.PARKED):
            self.waiting.append(event)
            return
        self.known = decision.authorization
        self.tries_again()

    def tries_again(self) -> None:
        """Replays everything put aside, as long as some of it is taken."""
        for event in self.waiting:
            decision = hears(self.known, event)
            if decision.outcome not in (Outcome.EARLY, Outcome.PARKED):
                self.waiting.remove(event)
                self.known = decision.authorization
                return self.tries_again()
        return None

    def ticks(self) -> None:
        """The clock announces a period that is over, as the sweep does."""
        known = self.known
        if known is not None and known.is_running and known.expires_at is not None and known.expires_at <= self.now:
            self.hears(PeriodEnded(at=known.expires_at, ends_at=known.expires_at))


def ending(events: Iterable[LifecycleEvent], *, now: datetime, ticks: bool = False) -> Ending:
    """What is known after `events` in this order and a last look at the clock; `ticks` looks after each event, too."""
    desk = Desk(now=now)
    for event in events:
        desk.hears(event)
        if ticks:
            desk.ticks()
    desk.ticks()
    return told(desk.known)


def told(known: Authorization | None) -> Ending:
    """State, condition, need, and where they mean something the end and the live ads.

    The start is left out: an extension that overtakes its grant is counted from the grant before. So are a dead period's
    end, and the ads of who is asked anew, whose starts wait for the grant.
    """
    if known is None:
        return ()
    end = known.expires_at if known.state in (State.AUTHORIZED, State.ACTIVE, State.EXPIRED) else None
    live = {ad_id for ad_id, flight in known.flights.items() if flight.is_live}
    return (known.state, known.condition, known.needed_until, end, live if known.state is not State.REQUESTED else None)


@dataclass(slots=True)
class Life:
    """A believable life being told: `at` is the day that the story has come to, `end` the latest end given so far.

    Ends lie a little beside the grid of events, so that nothing happens at the very instant of an end.
    """

    draw: st.DrawFn
    at: float = 0
    end: float = 0
    was_withdrawn: bool = False
    events: list[LifecycleEvent] = field(default_factory=list)

    def maybe(self) -> bool:
        return self.draw(st.booleans())

    def happens(self, event: LifecycleEvent) -> None:
        self.events.append(event)
        self.at += 0.5

    def is_granted(self) -> None:
        self.end = max(self.at, self.end) + self.draw(st.sampled_from((7.01, 30.01)))
        self.happens(granted(self.at, self.end))

    def has_ads(self) -> None:
        for ad_id in ("1", "2"):
            if self.maybe():
                self.happens(ad_started(self.at, ad_id))
                if self.maybe():
                    self.happens(ad_lost(self.at, ad_id))
                    if self.maybe():
                        self.happens(ad_started(self.at, ad_id))
                if self.maybe():
                    self.happens(ad_stopped(self.at, ad_id))

    def ends(self) -> None:
        """It runs out, is extended before or after its end, or is taken back."""
        extensions = () if self.was_withdrawn else ("extended", "revived")
        match self.draw(st.sampled_from(("runs out", "withdrawn", *extensions))):
            case "runs out":
                self.at = self.end
            case "extended":
                self.is_extended()
            case "revived":
                self.at = self.end + 1
                self.is_extended()
            case _:
                self.happens(withdrawn(self.at))
                self.was_withdrawn = True

    def is_extended(self) -> None:
        self.end = max(self.at, self.end) + 30.01
        self.happens(extended(self.at, self.end))


@st.composite
def lives(draw: st.DrawFn) -> Life:
    """One to three periods, each with what may befall it, in the order in which it did."""
    life = Life(draw=draw)
    if life.maybe():
        life.happens(requested(0))
    for _ in range(draw(st.integers(1, 3))):
        life.is_granted()
        life.has_ads()
        if life.maybe():
            life.happens(post_changed(life.at, draw(st.sampled_from(Condition))))
        if life.maybe():
            life.happens(need_stated(life.at, draw(st.sampled_from((60, 90, None)))))
        if life.maybe():
            life.happens(declined(life.at))
        life.ends()
        life.at += 1
        if life.maybe():
            life.happens(requested(life.at))
    return life


@settings(max_examples=150)
@given(st.data())
def test_the_order_of_delivery_does_not_matter(data: st.DataObject) -> None:
    life = data.draw(lives())
    now = day(life.at)

    delivered = data.draw(st.permutations(life.events))

    assert ending(delivered, now=now) == ending(life.events, now=now)


@settings(max_examples=100)
@given(st.data())
def test_nor_does_it_matter_what_the_clock_says_between_them(data: st.DataObject) -> None:
    life = data.draw(lives())
    now = day(life.at)

    delivered = data.draw(st.permutations(life.events))

    assert ending(delivered, now=now, ticks=True) == ending(life.events, now=now)


@settings(max_examples=100)
@given(st.data())
def test_nor_how_often_an_event_is_delivered(data: st.DataObject) -> None:
    life = data.draw(lives())
    now = day(life.at)

    repeated = data.draw(st.lists(st.sampled_from(life.events), max_size=4))
    delivered = data.draw(st.permutations(life.events + repeated))

    assert ending(delivered, now=now, ticks=True) == ending(life.events, now=now)
