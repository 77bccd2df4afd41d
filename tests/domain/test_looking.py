"""How often TikTok is looked at."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.authorization import State
from domain.events import Route
from domain.looking import EVERY, MUCH_A_DAY, RHYTHMS, SPREAD, Glance, NextLook, Pace, next_look, paces_of
from tests.domain.story import day

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


def glance(state: State = State.ACTIVE, **facts: Any) -> Glance:
    """30 days from day 0 on, with a live ad unless told otherwise."""
    return Glance(
        state=state, **{"expires_at": day(30), "ladder_begins_at": day(0), "is_wanted": state is State.ACTIVE, **facts}
    )


def look(*glances: Glance, at: float = 0) -> NextLook:
    return next_look(glances, advertiser_id="7200000000000000001", looked_at=day(at))


def pace_of(seen: Glance, *, now: datetime) -> Pace:
    """The most pressing pace that holds at `now`."""
    return min((pace for pace, begins_at in paces_of(seen, now) if begins_at <= now), key=lambda pace: EVERY[pace])


def glances() -> st.SearchStrategy[Glance]:
    """Any glance of the first month."""
    return st.builds(
        Glance,
        state=st.sampled_from(State),
        route=st.sampled_from(Route),
        expires_at=st.none() | st.floats(0, 60).map(day),
        ladder_begins_at=st.none() | st.floats(-60, 0).map(day),
        is_wanted=st.booleans(),
        has_open_ask=st.booleans(),
        spend_a_day=st.sampled_from((Decimal(), MUCH_A_DAY)),
    )


@pytest.mark.parametrize(
    ("pace", "seen", "at"),
    [
        (Pace.LIVE, glance(), 5),
        (Pace.MUCH_MONEY, glance(spend_a_day=MUCH_A_DAY), 5),
        (Pace.WINDOW, glance(), 21),
        (Pace.EMERGENCY, glance(), 29),
        (Pace.EMERGENCY, glance(), 31),
        (Pace.EMERGENCY, glance(State.AUTHORIZED, is_wanted=True), 29),
        (Pace.AT_REST, glance(State.AUTHORIZED), 29),
        (Pace.ANSWER_AWAITED, glance(has_open_ask=True), 21),
        (Pace.ANSWER_AWAITED, glance(State.AUTHORIZED, has_open_ask=True), 21),
        (Pace.ANSWER_AWAITED, glance(State.EXPIRED, has_open_ask=True), 32),
        (Pace.OVER, glance(State.EXPIRED, has_open_ask=True), 38),
        (Pace.OVER, glance(State.EXPIRED), 32),
        (Pace.OVER, glance(State.REVOKED, has_open_ask=True), 20),
        (Pace.LIVE, glance(State.REVOKED, is_wanted=True), 20),
        (Pace.LIVE, glance(expires_at=None, route=Route.ACCOUNT), 500),
        (Pace.AT_REST, glance(State.REQUESTED, has_open_ask=True), 2),
        (Pace.ACCESS_AWAITED, glance(State.REQUESTED, route=Route.ACCOUNT), 2),
    ],
)
def test_the_pace_follows_the_end_and_the_money(pace: Pace, seen: Glance, at: float) -> None:
    assert pace_of(seen, now=day(at)) is pace


def test_one_that_presses_sets_the_pace_of_the_advertiser() -> None:
    resting = [glance(State.AUTHORIZED)] * 499

    assert look(*resting, at=29.9).pace is Pace.AT_REST
    assert look(*resting, glance(), at=29.9).pace is Pace.EMERGENCY


def test_an_advertiser_without_authorizations_is_looked_at_twice_a_day() -> None:
    upcoming = look()

    assert upcoming.pace is Pace.AT_REST
    assert timedelta(hours=12) <= upcoming.at - day(0) <= timedelta(hours=14)


def test_an_emergency_that_begins_soon_does_not_wait_for_a_slow_look() -> None:
    an_hour_before = 28.5 - 1 / 24

    upcoming = next_look([glance(expires_at=day(30))], advertiser_id="7", looked_at=day(an_hour_before))

    assert upcoming.at <= day(28.5) + 11 * MINUTE


def test_advertisers_looked_at_together_spread() -> None:
    looks = {next_look([glance()], advertiser_id=str(number), looked_at=day(0)).at for number in range(50)}

    assert len(looks) == 50


@given(seen=st.lists(glances(), min_size=1, max_size=5), at=st.floats(0, 60))
def test_the_next_look_comes_within_the_pace_that_holds_and_never_at_once(seen: list[Glance], at: float) -> None:
    now = day(at)
    most = min(EVERY[pace_of(each, now=now)] for each in seen)

    upcoming = next_look(seen, advertiser_id="7", looked_at=now)

    assert EVERY[Pace.EMERGENCY] <= upcoming.at - now <= most * (1 + SPREAD) + SECOND


@given(seen=glances(), at=st.floats(0, 60))
def test_every_glance_has_a_pace(seen: Glance, at: float) -> None:
    assert pace_of(seen, now=day(at)) in Pace


@given(
    begin=st.floats(-60, 0),
    end=st.floats(1, 60),
    sooner=st.timedeltas(timedelta(), timedelta(days=30)),
    at=st.floats(-60, 60),
)
def test_of_authorizations_of_one_length_the_earliest_end_looks_first(
    begin: float, end: float, sooner: timedelta, at: float
) -> None:
    """So an aggregate by length stands for all of them."""
    begins_at, ends_at = day(begin), day(end)
    late = glance(ladder_begins_at=begins_at, expires_at=ends_at)
    early = glance(ladder_begins_at=begins_at - sooner, expires_at=ends_at - sooner)

    assert EVERY[pace_of(early, now=day(at))] <= EVERY[pace_of(late, now=day(at))]


def test_each_pace_has_one_row_and_more_pressing_ones_stand_higher() -> None:
    assert [row.pace for row in RHYTHMS] == list(Pace)
    assert [row.every for row in RHYTHMS] == sorted(EVERY.values())
