"""When a creator is asked to renew, and when nobody is."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.authorization import Action, Authorization, Flight, Plan, State
from domain.events import Condition
from domain.reasons import Reason
from domain.renewal import (
    LAWS,
    MOST_JITTER,
    STALE_AFTER,
    AskDue,
    Policy,
    Urgency,
    ask_due,
    jitter_share,
    law_of,
    may_come_early,
    most_jitter,
    need_of,
    plan,
    smallest_period,
    urgency_of,
)
from tests.domain.story import POLICY, access_given, after, authorization, day, flight, planned, requested

HOUR = timedelta(hours=1)
PERIODS = tuple(law.days for law in LAWS)


def running(days: int = 30, *flights: Flight, **facts: Any) -> Authorization:
    """Active from day 0 for `days` days, with an ad that runs on unless told otherwise."""
    flights = flights or (flight(started=0),)
    return replace(authorization(State.ACTIVE, *flights, starts_at=day(0), expires_at=day(days)), **facts)


def why(known: Authorization, *, now: float = 25) -> str:
    return plan(known, now=day(now), policy=POLICY).why


def asks_of(
    known: Authorization, *, begin: float, end: float, every: timedelta = HOUR
) -> list[tuple[datetime, AskDue]]:
    """Every ask of a worker that looks each `every`, and lets the period end when it does."""
    asks, now = [], day(begin)
    while now <= day(end):
        if known.is_running and known.expires_at is not None and now >= known.expires_at:
            known = replace(known, state=State.EXPIRED, state_reason=Reason.PERIOD_ENDED, state_since=known.expires_at)
        known = replace(known, plan=plan(known, now=now, policy=POLICY))
        if due := ask_due(known, now=now, policy=POLICY):
            asks.append((now, due))
            known = replace(known, rung=due.rung + 1)
        now += every
    return asks


def test_the_table_is_the_one_agreed_on() -> None:
    days = timedelta(days=1)
    rows = [(law.days, *(span / days for span in (law.window, law.emergency, law.last_resort))) for law in LAWS]

    assert rows == [
        (7, 5, 1, 0.14),
        (30, 10, 2, 0.6),
        (60, 20, 3, 1.2),
        (180, 30, 9, 3.6),
        (365, 30, 18, 7.3),
    ]


def test_in_every_row_the_rungs_descend_within_the_window() -> None:
    for law in LAWS:
        assert law.rungs[0] <= law.window
        assert list(law.rungs) == sorted(law.rungs, reverse=True)
        assert law.last_resort < law.emergency < law.window


@pytest.mark.parametrize(
    ("length", "row"),
    [(3, 7), (7, 7), (29, 30), (30, 30), (31, 30), (59.5, 60), (90, 60), (179, 180), (364, 365), (730, 365)],
)
def test_a_period_follows_the_longest_row_that_it_fills(length: float, row: int) -> None:
    assert law_of(day(0), day(length)).days == row


@pytest.mark.parametrize("days", PERIODS)
def test_a_silent_creator_is_asked_once_on_each_rung_before_and_after_the_end(days: int) -> None:
    law = law_of(day(0), day(days))

    asks = asks_of(running(days), begin=0, end=days + 10)

    assert [due.rung for _, due in asks] == list(range(len(law.rungs)))
    for (at, _), before in zip(asks, law.rungs, strict=True):
        assert timedelta() <= at - (day(days) - before) <= MOST_JITTER + HOUR


def test_asks_grow_more_urgent() -> None:
    known = running(30)

    assert urgency_of(known, day(21)) is Urgency.WINDOW
    assert urgency_of(known, day(28.5)) is Urgency.EMERGENCY
    assert urgency_of(known, day(29.4)) is Urgency.LAST_RESORT
    assert urgency_of(known, day(30)) is Urgency.AFTER_END


def test_of_several_rungs_missed_only_the_latest_is_asked() -> None:
    asks = asks_of(running(30), begin=27, end=30)

    assert [due.rung for _, due in asks] == [2, 3]


def test_a_late_ask_that_is_nearly_at_the_next_rung_takes_its_place() -> None:
    asks = asks_of(running(30), begin=27.9, end=29.5)

    assert [due.rung for _, due in asks] == [3]


def test_what_ended_long_ago_is_not_asked_for() -> None:
    expired = running(30, state=State.EXPIRED, state_reason=Reason.PERIOD_ENDED)

    assert why(expired, now=30 + 5 + STALE_AFTER.days + 1) == Reason.TOO_LATE_TO_ASK
    assert asks_of(expired, begin=50, end=80) == []


def test_a_need_that_somebody_stated_is_asked_for_without_any_ad() -> None:
    known = authorization(State.AUTHORIZED, needed_until=day(90))

    assert planned(known, now=0).plan.action is Action.ASK


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        (running(30, flight(started=0, end=30)), Reason.COVERED),
        (running(30, flight(started=0, end=12), flight("2", started=0, end=29)), Reason.COVERED),
        (running(30, flight(started=0, stopped=9)), Reason.NO_AD_NEEDS_IT),
        (authorization(State.AUTHORIZED), Reason.NO_AD_NEEDS_IT),
        (authorization(State.AUTHORIZED, needed_until=day(20)), Reason.COVERED),
        (running(30, contract_ends_at=day(29)), Reason.CONTRACT_ENDS_FIRST),
        (running(30, declined_at=day(3)), Reason.CREATOR_DECLINED),
        (running(30, condition=Condition.REMOVED), Reason.POST_REMOVED),
        (running(30, rung=4), Reason.LADDER_CLIMBED),
    ],
)
def test_nobody_is_asked_without_need_nor_where_it_cannot_help(known: Authorization, reason: Reason) -> None:
    assert why(known) == reason
    assert plan(known, now=day(25), policy=POLICY).action is Action.EXPIRE
    assert [due for at, due in asks_of(known, begin=0, end=29)] == []


def test_a_private_post_is_asked_for_all_the_same() -> None:
    assert why(running(30, condition=Condition.PRIVATE)) == Reason.RENEWAL_NEEDED


def test_who_withdrew_is_not_asked() -> None:
    assert why(authorization(State.REVOKED, flight())) == Reason.IS_REVOKED


def test_access_without_an_end_needs_no_clock() -> None:
    assert why(after(access_given())) == Reason.NO_END_DATE


def test_a_request_waits_for_its_answer_from_when_it_was_last_made() -> None:
    assert plan(after(requested(0), requested(3)), now=day(3), policy=POLICY).at == day(3) + POLICY.lapse_after


def test_a_request_that_lapsed_is_left_alone() -> None:
    lapsed = authorization(State.EXPIRED, flight(), state_reason=Reason.REQUEST_LAPSED, starts_at=None, expires_at=None)

    assert why(lapsed) == Reason.LAPSED_UNANSWERED


@pytest.mark.parametrize(("need", "days"), [(31, 7), (37, 7), (38, 30), (60, 30), (61, 60), (91, 365), (900, 365)])
def test_the_fewest_days_that_cover_the_need_are_asked_for(need: float, days: int) -> None:
    known = running(30, flight(started=0, end=need))

    assert smallest_period(known, day(25), POLICY) == days


def test_180_days_are_asked_for_where_they_are_on_offer() -> None:
    known = running(30, flight(started=0, end=150))

    assert smallest_period(known, day(25), Policy(offered_days=(7, 30, 60, 180, 365))) == 180


def test_nobody_is_asked_for_more_than_the_contract_allows() -> None:
    assert smallest_period(running(30, contract_ends_at=day(50)), day(25), POLICY) == 30


def test_after_the_end_the_days_are_counted_from_now() -> None:
    known = running(30, flight(started=0, end=38), state=State.EXPIRED)

    assert smallest_period(known, day(31), POLICY) == 7


instants = st.floats(-30, 500).map(day)
maybe = st.none() | instants


@st.composite
def anyone(draw: st.DrawFn) -> Authorization:
    """Running or ended, mostly with a need and now and then with a hindrance."""
    days = draw(st.sampled_from(PERIODS))
    ends = draw(st.lists(st.none() | st.floats(0, 500), max_size=2))
    known = running(days, *(flight(str(number), started=0, end=end) for number, end in enumerate(ends)))
    if draw(st.booleans()):
        known = replace(known, flights={}, needed_until=draw(maybe))
    if draw(st.booleans()):
        known = replace(known, state=State.EXPIRED, state_reason=Reason.PERIOD_ENDED)
    match draw(st.integers(0, 9)):
        case 0:
            known = replace(known, contract_ends_at=draw(maybe))
        case 1:
            known = replace(known, declined_at=draw(instants))
        case 2:
            known = replace(known, condition=draw(st.sampled_from(Condition)))
        case 3:
            known = replace(known, state=State.REVOKED)
        case _:
            known = replace(known, rung=draw(st.integers(0, 3)))
    return known


def times_near_the_end(known: Authorization) -> st.SearchStrategy[datetime]:
    assert known.expires_at is not None
    end = (known.expires_at - day(0)) / timedelta(days=1)
    return st.floats(end - 40, end + 20).map(day)


@settings(max_examples=200)
@given(st.data())
def test_an_ask_is_planned_only_within_the_window_or_soon_after_the_end(data: st.DataObject) -> None:
    known = data.draw(anyone())
    planned_now = plan(known, now=data.draw(times_near_the_end(known)), policy=POLICY)
    if planned_now.action is not Action.ASK:
        return
    assert planned_now.at is not None
    assert known.starts_at is not None
    assert known.expires_at is not None

    law = law_of(known.starts_at, known.expires_at)

    if known.is_running:
        assert known.expires_at - law.window <= planned_now.at < known.expires_at
    else:
        assert known.expires_at < planned_now.at <= known.expires_at - law.rungs[-1] + MOST_JITTER


@settings(max_examples=200)
@given(st.data())
def test_nobody_is_ever_asked_without_need_nor_after_a_no(data: st.DataObject) -> None:
    known = data.draw(anyone())
    now = data.draw(times_near_the_end(known))
    if ask_due(replace(known, plan=plan(known, now=now, policy=POLICY)), now=now, policy=POLICY) is None:
        return

    need = need_of(known)

    assert need is not None
    assert known.expires_at is not None
    assert need > known.expires_at
    assert known.declined_at is None
    assert known.condition is not Condition.REMOVED
    assert known.state is not State.REVOKED
    assert known.contract_ends_at is None or known.contract_ends_at > known.expires_at


@settings(max_examples=40)
@given(anyone(), st.floats(0, 40), st.integers(1, 60))
def test_no_rung_is_ever_asked_twice(known: Authorization, before: float, hours: int) -> None:
    assert known.expires_at is not None
    end = (known.expires_at - day(0)).days

    asks = asks_of(known, begin=end - before, end=end + 10, every=timedelta(hours=hours))

    rungs = [due.rung for _, due in asks]
    assert rungs == sorted(set(rungs))


@settings(max_examples=100)
@given(st.text(max_size=20), instants)
def test_jitter_is_the_same_each_time_and_never_much(key: str, ends_at: datetime) -> None:
    share = jitter_share(key, ends_at)

    assert share == jitter_share(key, ends_at.astimezone(timezone(timedelta(hours=9))))
    assert 0 <= share < 1


def test_jitter_is_small_beside_its_rung_and_none_in_the_emergency() -> None:
    for law in LAWS:
        for before in law.rungs:
            assert most_jitter(law, before) <= min(MOST_JITTER, abs(before) / 20)
            if timedelta() < before <= law.emergency:
                assert most_jitter(law, before) == timedelta()


def test_jitter_spreads_what_ends_together() -> None:
    shares = {jitter_share(f"7/{number}", day(30)) for number in range(100)}

    assert len(shares) == 100
    assert max(shares) - min(shares) > 0.8


def test_an_ask_may_come_early_by_half_its_distance_from_the_end_and_never_after_it() -> None:
    def early(at: float, *, now: float) -> bool:
        return may_come_early(day(at), day(30), now=day(now), policy=POLICY)

    assert (early(20, now=17), early(20, now=16.9)) == (True, False)  # three days
    assert (early(28, now=27), early(28, now=26.9)) == (True, False)
    assert (early(29, now=28.5), early(29, now=28.4)) == (True, False)
    assert not early(31, now=30.9)


def test_what_comes_early_is_the_next_rung_and_only_if_it_is_said_so() -> None:
    known = planned(running(), now=18)

    assert ask_due(known, now=day(18), policy=POLICY) is None
    due = ask_due(known, now=day(18), policy=POLICY, is_early=True)
    assert due is not None
    assert due.rung == 0


def test_a_suggestion_moves_the_ask_but_not_into_the_emergency() -> None:
    assert plan(running(suggested_at=day(12)), now=day(5), policy=POLICY) == Plan(
        action=Action.ASK, at=day(12), why=Reason.RENEWAL_SUGGESTED
    )
    # Later than the first rungs: these are not asked as well.
    late = planned(running(suggested_at=day(27)), now=21)
    assert (late.plan.at, late.plan.why) == (day(27), Reason.RENEWAL_SUGGESTED)
    due = ask_due(late, now=day(27), policy=POLICY)
    assert due is not None
    assert (due.rung, due.why) == (2, Reason.RENEWAL_SUGGESTED)
    assert why(running(suggested_at=day(29)), now=21) == Reason.RENEWAL_NEEDED
    assert why(running(suggested_at=day(31)), now=21) == Reason.RENEWAL_NEEDED
    assert why(running(30, flight(started=0, end=20), suggested_at=day(12)), now=5) == Reason.COVERED
