"""A small world walked to its end: every order of a few events at two instants each, breadth first, nothing left out.

`always`: what holds of every authorization that can be reached. `sometimes`: what must be reached, or it is dead code.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache

from domain.authorization import Action, Authorization, State
from domain.events import Condition, LifecycleEvent
from domain.facts import learn
from domain.lifecycle import GRID, Decision, Outcome, Rule, ruling
from domain.reasons import Reason
from domain.renewal import plan
from tests.domain.story import (
    POLICY,
    START,
    ad_lost,
    ad_started,
    ad_stopped,
    corrected,
    day,
    declined,
    extended,
    granted,
    hears,
    lapsed,
    need_stated,
    period_ended,
    post_changed,
    refused,
    requested,
    withdrawn,
)

# Two of each, so that each pair occurs in both orders. A grant ends on day 5 and another on day 12; the flight ends on 8.
ALPHABET: tuple[LifecycleEvent, ...] = (
    requested(0),
    requested(7),
    requested(13),
    granted(1, 5),
    granted(6, 12),
    ad_started(2, flight_end=8),
    ad_started(6, flight_end=8),
    ad_stopped(3),
    ad_stopped(9),
    extended(4, 9),
    extended(9, 12),
    period_ended(5),
    period_ended(9),
    period_ended(12),
    withdrawn(3),
    withdrawn(8),
    declined(3),
    lapsed(14),
    lapsed(21),
)
# These touch nothing that the others look at, so a walk of their own keeps the world small.
ASIDE: tuple[LifecycleEvent, ...] = (
    requested(0),
    granted(1, 5),
    ad_started(2),
    ad_started(3, "2"),
    ad_stopped(3),
    period_ended(5),
    withdrawn(3),
    refused(2),
    refused(4),
    post_changed(2, Condition.PRIVATE),
    post_changed(4, Condition.REMOVED),
)

# What only TikTok says: ads that it silences, ends that are earlier than was told.
SHOWN: tuple[LifecycleEvent, ...] = (
    requested(0),
    requested(7),
    granted(1, 5),
    ad_started(2),
    ad_started(4),
    ad_started(2, "2"),
    ad_stopped(4.5),
    ad_lost(3),
    corrected(0.5, 4),
    corrected(3, 4.5),
    extended(2.5, 9),
    extended(4, 9),
    period_ended(5),
    withdrawn(4),
)

# What is needed, said of everything that can be.
NEEDED: tuple[LifecycleEvent, ...] = (
    requested(0, needed_until=day(6)),
    requested(7, needed_until=day(14)),
    granted(1, 5),
    granted(6, 12),
    ad_started(2, flight_end=8),
    ad_stopped(3),
    period_ended(5),
    withdrawn(3),
    need_stated(3, 9),
    need_stated(8, None),
)


@dataclass(slots=True)
class World:
    """Everything that was seen on the way; `is_closed`: nothing more can be reached."""

    reached: set[str] = field(default_factory=set)
    known: list[Authorization] = field(default_factory=list)
    rules: set[tuple[type[LifecycleEvent], State, int]] = field(default_factory=set)
    steps: list[tuple[Authorization | None, LifecycleEvent, Decision]] = field(default_factory=list)
    is_closed: bool = False


def fingerprint(authorization: Authorization) -> str:
    """What distinguishes two authorizations; the flights' order of arrival does not."""
    return repr(replace(authorization, flights=dict(sorted(authorization.flights.items()))))


def settled(authorization: Authorization) -> Authorization:
    """With a plan, as the worker leaves it behind; the plan is that of the story's begin, the ladder's own tests move on."""
    return replace(authorization, plan=plan(authorization, now=START, policy=POLICY))


@cache
def walk(alphabet: tuple[LifecycleEvent, ...], depth: int) -> World:
    """The world of `alphabet`: until nothing new is reached, or `depth` events deep."""
    world = World()
    edge: list[Authorization | None] = [None]
    for _ in range(depth):
        edge = [new for known in edge for event in alphabet if (new := step(world, known, event)) is not None]
        if not edge:
            world.is_closed = True
            break
    return world


def step(world: World, known: Authorization | None, event: LifecycleEvent) -> Authorization | None:
    """One event applied and noted; the authorization after it, if it has not been seen before."""
    decision = hears(known, event)
    world.steps.append((known, event, decision))
    if known is not None:
        cell = GRID[type(event)][tuple(State).index(known.state)]
        world.rules.add((type(event), known.state, cell.index(ruling(known, event, learn(known, event)))))
    if decision.authorization is None:
        return None
    after = settled(decision.authorization)
    if (mark := fingerprint(after)) in world.reached:
        return None
    world.reached.add(mark)
    world.known.append(after)
    return after


ALPHABETS = (ALPHABET, ASIDE, SHOWN, NEEDED)
CLOSED = 30


def worlds() -> list[World]:
    return [walk(alphabet, CLOSED) for alphabet in ALPHABETS]


def everyone() -> list[Authorization]:
    return [known for world in worlds() for known in world.known]


def everything() -> list[tuple[Authorization | None, LifecycleEvent, Decision]]:
    return [one for world in worlds() for one in world.steps]


def test_the_worlds_are_walked_to_their_end() -> None:
    for alphabet in ALPHABETS:
        assert walk(alphabet, CLOSED).is_closed
        assert len(walk(alphabet, CLOSED).known) > 150


def test_always_who_runs_has_a_period_that_nobody_took_back() -> None:
    for known in everyone():
        if known.is_running:
            assert known.starts_at is not None
            assert known.revoked_at is None or known.starts_at > known.revoked_at


def test_always_who_is_active_has_a_live_ad() -> None:
    for known in everyone():
        if known.state is State.ACTIVE:
            assert any(flight.is_live for flight in known.flights.values())


def test_always_who_is_authorized_has_no_ad_that_delivers() -> None:
    for known in everyone():
        if known.state is State.AUTHORIZED:
            assert not known.delivers_at(known.state_since)


def test_always_who_comes_into_force_is_active_exactly_if_an_ad_delivers() -> None:
    for _, event, decision in everything():
        after = decision.authorization
        if after is not None and decision.reason in (Reason.GRANTED, Reason.REVIVED, Reason.ADOPTED):
            assert (after.state is State.ACTIVE) == after.delivers_at(event.at)


def test_always_who_is_revoked_knows_since_when_and_keeps_nothing_newer() -> None:
    for known in everyone():
        if known.state is State.REVOKED:
            assert known.revoked_at is not None
            assert known.starts_at is None or known.starts_at <= known.revoked_at


def test_always_who_is_expired_had_a_period_or_a_request_that_lapsed() -> None:
    for known in everyone():
        if known.state is State.EXPIRED:
            assert known.has_period or known.state_reason == Reason.REQUEST_LAPSED


def test_always_who_is_requested_was_asked_for_and_lapses_some_day() -> None:
    for known in everyone():
        if known.state is State.REQUESTED:
            assert known.requested_at is not None
            assert known.requested_at >= known.state_since
            assert known.plan.action is Action.LAPSE


def test_always_the_plan_fits_the_state() -> None:
    fitting: dict[State, set[Action | None]] = {
        State.REQUESTED: {Action.LAPSE},
        State.AUTHORIZED: {Action.ASK, Action.EXPIRE},
        State.ACTIVE: {Action.ASK, Action.EXPIRE},
        State.EXPIRED: {Action.ASK, None},
        State.REVOKED: {None},
    }
    for known in everyone():
        assert known.plan.action in fitting[known.state]
        assert (known.plan.action is None) == (known.plan.at is None)


def test_always_an_outcome_says_what_became_of_the_state() -> None:
    for known, _, decision in everything():
        after = decision.authorization
        if decision.outcome is Outcome.MOVED:
            assert after is not None
            assert known is None or after.state is not known.state
        elif decision.outcome is Outcome.EARLY:
            assert after is known
        elif decision.outcome is Outcome.PARKED:
            assert known is not None
            assert after is not None
            # A stray start is known of, so that a grant still under way finds the ad live; nothing else is learned.
            assert after == replace(known, flights=after.flights)
        else:
            assert known is not None
            assert after is not None
            assert after.state is known.state


def test_always_an_event_told_twice_changes_nothing_more() -> None:
    for _, event, decision in everything():
        if decision.outcome in (Outcome.EARLY, Outcome.PARKED) or decision.authorization is None:
            continue

        told_again = hears(decision.authorization, event)

        assert told_again.authorization == decision.authorization


def test_sometimes_every_state_and_every_outcome() -> None:
    assert {known.state for known in everyone()} == set(State)
    assert {decision.outcome for _, _, decision in everything()} == set(Outcome)


def test_sometimes_every_rule_of_every_cell() -> None:
    seen = {place for world in worlds() for place in world.rules}
    rules: dict[tuple[type[LifecycleEvent], State, int], Rule] = {
        (event, state, place): rule
        for event, cells in GRID.items()
        for state, cell in zip(State, cells, strict=True)
        for place, rule in enumerate(cell)
    }

    assert [rule for place, rule in rules.items() if place not in seen] == []
