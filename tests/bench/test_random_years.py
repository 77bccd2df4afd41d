"""Whatever a year brings, and in whatever order it is told: the promises to a creator hold for every message.

Each promise is read off what was told and sent, by other means than the engine's own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from bench.renewals.life import Item
from domain.events import (
    AdStarted,
    AdStopped,
    CodeGranted,
    CodeWithdrawn,
    Condition,
    LifecycleEvent,
    PeriodExtended,
    PostChanged,
)
from domain.patience import CreatorFacts
from domain.renewal import Urgency
from tests.bench.casting import code
from tests.bench.wandering import Happening, Told, What, World, Year

A_WEEK = timedelta(days=7)
# Both sides of the date line, half hours of summer time, and none.
ZONES = ("Europe/Paris", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Kiritimati", "Pacific/Pago_Pago", "UTC")
# As the settings have them.
WEEKLY_CAP, EMERGENCY_CAP = 2, 4

CODES = st.builds(
    lambda days, begins, flight: (days, begins, begins + flight),
    st.sampled_from((7, 30, 60, 365)),
    st.integers(0, 120),
    st.sampled_from((20, 45, 100, 400)),
)
HAPPENINGS = st.builds(
    Happening,
    day=st.floats(1, 360),
    what=st.sampled_from(What),
    code=st.integers(0, 3),
    days=st.sampled_from((1, 7, 30, 60, 90)),
    late=st.sampled_from((0.0, 0.5, 20.0, 100.0)),
    twice=st.booleans(),
)
YEARS = st.builds(
    lambda zone, has_phone, codes, happenings, meanwhile: Year(
        zone=zone,
        has_phone=has_phone,
        codes=tuple(
            code(f"code{number}", days=days, begins=begins, flight=flight)
            for number, (days, begins, flight) in enumerate(codes)
        ),
        happenings=tuple(happenings),
        meanwhile=tuple(meanwhile),
    ),
    st.sampled_from(ZONES),
    st.booleans(),
    st.lists(CODES, min_size=1, max_size=4),
    st.lists(HAPPENINGS, max_size=24),
    st.lists(st.sampled_from(What), max_size=8),
)


def items_of(world: World) -> Iterator[tuple[datetime, Item]]:
    for message in world.messages:
        for item in message.items:
            yield message.at, item


def told_of(world: World, key: str, before: datetime) -> list[LifecycleEvent]:
    """What had been told of a code, in the order in which it had happened."""
    events = (each.event for each in world.told if each.key == key and each.at < before)
    return sorted(events, key=lambda event: event.at)


def no_rung_is_in_two_messages(world: World) -> None:
    rungs = Counter((item.key, item.period_ends_at, item.rung) for _, item in items_of(world) if item.rung is not None)
    assert max(rungs.values(), default=1) == 1


def nobody_is_asked_after_success(world: World) -> None:
    for at, item in items_of(world):
        ends = [
            event.expires_at
            for event in told_of(world, item.key, at)
            if isinstance(event, CodeGranted | PeriodExtended) and event.expires_at is not None
        ]
        assert item.period_ends_at == max(ends), (at, item)


def nobody_is_asked_for_what_is_gone(world: World) -> None:
    for at, item in items_of(world):
        gone = Condition.PUBLIC
        is_withdrawn = False
        for event in told_of(world, item.key, at):
            match event:
                case PostChanged():
                    gone = event.condition
                case CodeWithdrawn():
                    is_withdrawn = True
                case CodeGranted():
                    is_withdrawn = False
                case _:
                    pass
        assert gone is Condition.PUBLIC, (at, item)
        assert not is_withdrawn, (at, item)


def nobody_is_asked_for_what_no_ad_needs(world: World) -> None:
    for at, item in items_of(world):
        ends: dict[str, datetime] = {}
        for event in told_of(world, item.key, at):
            if isinstance(event, AdStarted):
                assert event.ad.flight_end is not None
                ends[event.ad.ad_id] = event.ad.flight_end
            elif isinstance(event, AdStopped):
                ends.pop(event.ad_id, None)
        assert max(ends.values(), default=at) > max(item.period_ends_at, at), (at, item)


def no_week_brings_more_than_the_cap(world: World) -> None:
    sent = [(each.at, each.urgency) for each in world.messages]
    for at, urgency in sent:
        others = sum(at - A_WEEK < other < at for other, _ in sent)
        is_emergency = urgency in (Urgency.EMERGENCY, Urgency.LAST_RESORT)
        assert others < (EMERGENCY_CAP if is_emergency else WEEKLY_CAP), (at, urgency)


def only_an_emergency_comes_outside_the_hours(world: World) -> None:
    for each in world.messages:
        wall = each.at.astimezone(world.life.creator.place)
        is_open = 9 <= wall.hour < 20 and wall.weekday() < 5
        assert is_open or each.urgency in (Urgency.EMERGENCY, Urgency.LAST_RESORT), wall


def the_creators_word_is_kept(world: World) -> None:
    for each in world.messages:
        said = said_by(world, each.at)
        assert not said.has_opted_out, each
        assert not said.payment_due, each
        assert said.snoozed_until is None or said.snoozed_until <= each.at, each
        assert said.holiday is None or not said.holiday.begins_at <= each.at < said.holiday.ends_at, each


def said_by(world: World, at: datetime) -> CreatorFacts:
    return [said for told_at, said in world.said if told_at < at][-1]


PROMISES = (
    no_rung_is_in_two_messages,
    nobody_is_asked_after_success,
    nobody_is_asked_for_what_is_gone,
    nobody_is_asked_for_what_no_ad_needs,
    no_week_brings_more_than_the_cap,
    only_an_emergency_comes_outside_the_hours,
    the_creators_word_is_kept,
)


@settings(max_examples=250, deadline=None)
@given(YEARS)
def test_every_promise_is_kept(year: Year) -> None:
    world = World(year).runs()

    for promise in PROMISES:
        promise(world)


def is_overtaken(world: World, told: Told) -> bool:
    """Whether something that happened later had been told before it."""
    return any(each.key == told.key and each.at < told.at and each.event.at > told.event.at for each in world.told)


def comes_back(world: World) -> bool:
    """Who had opted out gets messages again."""
    left_at = next((at for at, said in world.said if said.has_opted_out), None)
    return left_at is not None and any(each.at > left_at for each in world.messages)


@pytest.mark.parametrize(
    "sometimes",
    [
        lambda world: any(len(each.items) >= 3 for each in world.messages),
        lambda world: any(each.urgency is Urgency.LAST_RESORT for each in world.messages),
        lambda world: any(each.urgency is Urgency.AFTER_END for each in world.messages),
        lambda world: len(world.messages) >= 12,
        comes_back,
        lambda world: any(is_overtaken(world, each) for each in world.told),
    ],
    ids=["digest", "last resort", "after the end", "many", "back again", "out of order"],
)
def test_years_are_eventful(sometimes: Callable[[World], bool]) -> None:
    # Many more than it takes: what is drawn depends on which modules are loaded.
    tries = settings(max_examples=3_000, derandomize=True, phases=[Phase.generate])

    year = find(YEARS, lambda year: sometimes(World(year).runs()), settings=tries)

    assert sometimes(World(year).runs())
