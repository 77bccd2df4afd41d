"""The grid is total, decides without raising, and everything that speaks of states speaks its words."""

from __future__ import annotations

import re
from dataclasses import fields
from datetime import datetime
from enum import StrEnum
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import CheckConstraint
from sqlmodel import SQLModel

from domain import guards
from domain.authorization import ENDED_STATES, RUNNING_STATES, Action, Authorization, Flight, Plan, State
from domain.events import Ad, CodeGranted, Condition, LifecycleEvent, Route
from domain.lifecycle import GRID, Outcome
from domain.reasons import SENTENCES, Reason, sentence
from domain.renewal import Urgency, plan
from infra import tables
from tests.domain.story import KEY, POLICY, day, hears

CELLS = [(event, state, cell) for event, cells in GRID.items() for state, cell in zip(State, cells, strict=True)]


def test_there_are_70_cells_one_for_each_event_and_state() -> None:
    assert set(GRID) == set(get_args(LifecycleEvent))
    assert len(CELLS) == 14 * 5


def test_each_cell_ends_in_a_rule_that_always_applies_and_has_no_other_such() -> None:
    for event, state, cell in CELLS:
        unguarded = [place for place, rule in enumerate(cell) if not rule.guards]
        assert unguarded == [len(cell) - 1], f"{event.__name__} x {state}"


def test_a_rule_names_a_new_state_exactly_if_it_moves_and_never_the_present_one() -> None:
    for event, state, cell in CELLS:
        for rule in cell:
            assert (rule.to is not None) == (rule.outcome is Outcome.MOVED), f"{event.__name__} x {state}"
            assert rule.to is not state, f"{event.__name__} x {state}"


def test_every_guard_is_asked_somewhere() -> None:
    asked = {guard.__name__ for _, _, cell in CELLS for rule in cell for guard in rule.guards}
    helpers = {"new_end"}
    written = {name for name, thing in vars(guards).items() if getattr(thing, "__module__", "") == guards.__name__}

    assert asked == written - helpers


def test_states_either_run_or_have_ended_or_wait_for_a_first_grant() -> None:
    assert {*RUNNING_STATES, *ENDED_STATES, State.REQUESTED} == set(State)


def test_every_reason_has_its_sentence() -> None:
    assert set(SENTENCES) == set(Reason)
    assert all(sentence(reason.value) == SENTENCES[reason] for reason in Reason)


def test_a_reason_of_a_newer_version_speaks_for_itself() -> None:
    assert sentence("moon_in_the_wrong_phase") == "moon_in_the_wrong_phase"


@pytest.mark.parametrize(
    ("table", "constraint", "words"),
    [
        ("authorizations", "authorizations_state", State),
        ("authorizations", "authorizations_condition", Condition),
        ("authorizations", "authorizations_route", Route),
        ("authorizations", "authorizations_next_action", Action),
        ("asks", "asks_urgency", Urgency),
    ],
)
def test_the_database_allows_exactly_the_words_of_the_domain(table: str, constraint: str, words: type[StrEnum]) -> None:
    assert words_allowed(table, constraint) == {word.value for word in words}


def test_the_inbox_knows_every_outcome() -> None:
    assert words_allowed("inbox", "inbox_outcome") >= {outcome.value for outcome in Outcome}


def test_the_indexes_of_what_runs_name_the_running_states() -> None:
    assert set(re.findall(r"'(\w+)'", tables.RUNNING)) == {state.value for state in RUNNING_STATES}


def words_allowed(table: str, name: str) -> set[str]:
    """The literals of a CHECK."""
    checks = [one for one in SQLModel.metadata.tables[table].constraints if isinstance(one, CheckConstraint)]
    return set(re.findall(r"'([^']*)'", next(str(one.sqltext) for one in checks if one.name == name)))


instants = st.integers(-400, 800).map(lambda number: day(number / 2))
maybe = st.none() | instants
ads = st.builds(Ad, ad_id=st.sampled_from("123"), flight_end=maybe)
flights = st.builds(Flight, ad=ads, started_at=maybe, stopped_at=maybe, lost_at=maybe)


def any_of(kind: type[LifecycleEvent]) -> st.SearchStrategy[LifecycleEvent]:
    """Events of a kind with any instants; what is not an instant is of no interest to the grid."""
    made_of = {"at": instants, "starts_at": instants, "ends_at": instants, "ad": ads, "creator": st.none()}
    made_of |= {"expires_at": maybe if kind is CodeGranted else instants, "code": st.none()}
    made_of |= {"needed_until": maybe, "contract_ends_at": maybe, "ad_id": st.sampled_from("123")}
    names = {one.name for one in fields(kind)}
    return st.builds(kind, **{name: strategy for name, strategy in made_of.items() if name in names})


def any_authorization() -> st.SearchStrategy[Authorization]:
    """Also ones that no story leads to."""
    return st.builds(
        Authorization,
        key=st.just(KEY),
        state_since=instants,
        state_reason=st.sampled_from(Reason),
        condition_at=maybe,
        needed_until=maybe,
        need_stated_at=maybe,
        contract_ends_at=maybe,
        requested_at=maybe,
        starts_at=maybe,
        expires_at=maybe,
        corrected_at=maybe,
        revoked_at=maybe,
        declined_at=maybe,
        suggested_at=maybe,
        rung=st.integers(0, 8),
        plan=st.builds(Plan, at=maybe),
        flights=st.lists(flights, max_size=3).map(lambda some: {one.ad.ad_id: one for one in some}),
    )


@settings(max_examples=300)
@given(st.none() | any_authorization(), st.one_of([any_of(kind) for kind in GRID]), instants)
def test_no_event_makes_any_authorization_raise(
    known: Authorization | None, event: LifecycleEvent, now: datetime
) -> None:
    decision = hears(known, event)

    assert decision.reason in SENTENCES
    if decision.authorization is not None:
        assert plan(decision.authorization, now=now, policy=POLICY).why in SENTENCES
