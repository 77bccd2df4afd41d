"""Whom silence climbs to, when, and when nobody is troubled."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.authorization import Action, Plan, State
from domain.escalation import CLIMBS, HARD, SENTENCES, Case, Cause, Step, is_over, steps_due
from domain.events import Condition, Route
from domain.patience import CreatorFacts, Holiday
from domain.renewal import LAWS, STALE_AFTER
from tests.domain.story import authorization, day, flight

HOUR = timedelta(hours=1)


def case(days: int = 30, *, state: State = State.ACTIVE, **facts: Any) -> Case:
    """Active from day 0 for `days` days with an ad that runs on, the creator with mail and a telephone."""
    more = {name: facts.pop(name) for name in list(facts) if name in Case.__dataclass_fields__}
    needed = facts.pop("flights", (flight(started=0),)) or (flight(started=0, stopped=1),)
    known = replace(authorization(state, *needed, starts_at=day(0), expires_at=day(days)), **facts)
    return Case(authorization=known, **{"has_channel": True, **more})


def asked(days: int, rungs: int) -> dict[int, Any]:
    """The first `rungs` asks of a period of `days`, each sent at its instant."""
    return {rung: day(days) - LAWS_OF[days].rungs[rung] for rung in range(rungs)}


LAWS_OF = {law.days: law for law in LAWS}


def due(known: Case, at: float) -> dict[Step, Cause]:
    return {each.step: each.cause for each in steps_due(known, now=day(at))}


def test_the_table_has_a_row_for_each_law_and_climbs_in_time() -> None:
    assert [row.days for row in CLIMBS] == [law.days for law in LAWS]
    for row, law in zip(CLIMBS, LAWS, strict=True):
        channel_left = law.rungs[row.channel_rung] - row.channel_silence
        owner_left = law.rungs[row.owner_rung] - row.owner_silence
        assert channel_left > owner_left > law.last_resort


def test_every_cause_has_a_sentence() -> None:
    assert set(SENTENCES) == set(Cause)


@pytest.mark.parametrize("row", CLIMBS, ids=lambda row: f"{row.days} days")
def test_silence_climbs_to_the_other_channel_and_then_to_the_owner(row: Any) -> None:
    rungs = LAWS_OF[row.days].rungs
    channel_at = row.days - (rungs[row.channel_rung] - row.channel_silence) / timedelta(days=1)
    owner_at = row.days - (rungs[row.owner_rung] - row.owner_silence) / timedelta(days=1)
    silent = case(row.days, asked=asked(row.days, row.owner_rung + 1))

    assert due(silent, channel_at - 0.01) == {}
    assert due(silent, channel_at) == {Step.OTHER_CHANNEL: Cause.SILENT}
    assert due(silent, owner_at - 0.01) == {Step.OTHER_CHANNEL: Cause.SILENT}
    assert due(silent, owner_at) == {Step.OTHER_CHANNEL: Cause.SILENT, Step.OWNER: Cause.SILENT}


def test_a_later_rung_counts_where_the_first_ones_were_never_sent() -> None:
    # The owner hears on day 27 whatever was sent; the channel waits for a day of silence after the ask of day 26.
    late = case(asked={2: day(26)})

    assert due(late, 26.9) == {}
    assert due(late, 27) == {Step.OTHER_CHANNEL: Cause.SILENT, Step.OWNER: Cause.SILENT}


def test_without_a_second_way_silence_climbs_to_the_owner_alone() -> None:
    assert due(case(has_channel=False, asked=asked(30, 3)), 27.1) == {Step.OWNER: Cause.SILENT}


def test_the_owner_hears_no_later_where_nobody_could_be_asked() -> None:
    assert due(case(), 26.9) == {}
    assert due(case(), 27) == {Step.OWNER: Cause.NOT_ASKED}


def test_who_came_close_to_the_end_is_asked_before_anybody_is_told_that_it_could_not_be_done() -> None:
    late = case(state_since=day(28))

    assert due(late, 28.03) == {}
    assert due(late, 28.05) == {Step.OWNER: Cause.NOT_ASKED}


@pytest.mark.parametrize(
    ("known", "at", "cause"),
    [
        (case(condition=Condition.REMOVED), 3, Cause.POST_REMOVED),
        (case(declined_at=day(2)), 3, Cause.DECLINED),
        (case(facts=CreatorFacts(has_opted_out=True)), 20, Cause.OPTED_OUT),
        (case(facts=CreatorFacts(payment_due=True)), 20, Cause.PAYMENT_DUE),
        (case(is_reachable=False, has_channel=False), 20, Cause.NO_ADDRESS),
    ],
    ids=lambda value: str(value) if isinstance(value, Cause) else "",
)
def test_what_no_ask_can_mend_goes_to_the_owner_at_once_and_never_to_the_creator(
    known: Case, at: float, cause: Cause
) -> None:
    assert due(known, at) == {Step.OWNER: cause}
    assert due(replace(known, asked=asked(30, 4)), 29.5) == {Step.OWNER: cause}


def test_what_matters_only_when_somebody_would_be_asked_is_not_told_before() -> None:
    assert due(case(facts=CreatorFacts(payment_due=True)), 19.9) == {}


def test_who_cannot_be_mailed_is_reached_by_the_other_channel_too() -> None:
    assert due(case(is_reachable=False), 20) == {Step.OTHER_CHANNEL: Cause.NO_ADDRESS, Step.OWNER: Cause.NO_ADDRESS}


def test_who_asked_for_time_is_not_silent_but_the_owner_hears_in_time() -> None:
    snoozed = case(facts=CreatorFacts(snoozed_until=day(25.5)), asked=asked(30, 3))
    away = case(facts=CreatorFacts(holiday=Holiday(begins_at=day(24), ends_at=day(40))), asked=asked(30, 3))

    assert due(snoozed, 26.4) == {}
    assert due(snoozed, 26.5) == {Step.OTHER_CHANNEL: Cause.SILENT}
    assert due(snoozed, 27) == {Step.OTHER_CHANNEL: Cause.SILENT, Step.OWNER: Cause.SILENT}
    assert due(away, 26.9) == {}
    assert due(away, 27) == {Step.OWNER: Cause.SILENT}


@pytest.mark.parametrize(
    "facts",
    [
        {"flights": (flight(started=0, end=29),)},
        {"flights": (flight(started=0, stopped=5),)},
        {"flights": ()},
        {"contract_ends_at": day(30)},
    ],
)
def test_nothing_climbs_for_what_is_not_needed(facts: dict[str, Any]) -> None:
    for known in (case(**facts), case(condition=Condition.REMOVED, **facts), case(state=State.EXPIRED, **facts)):
        assert due(replace(known, asked=asked(30, 4)), 29.5) == {}
        assert due(replace(known, asked=asked(30, 4)), 31) == {}


def test_a_lapse_is_told_from_its_end_for_a_week() -> None:
    lapsed = case(state=State.EXPIRED, asked=asked(30, 5))

    assert due(lapsed, 30) == {Step.LAPSED: Cause.ENDED}
    assert due(lapsed, 36) == {Step.LAPSED: Cause.ENDED}
    assert due(lapsed, 30 + STALE_AFTER.days + 0.1) == {}


def test_a_withdrawal_of_what_is_needed_is_a_lapse_from_that_instant() -> None:
    assert due(case(state=State.REVOKED, revoked_at=day(12)), 12) == {Step.LAPSED: Cause.WITHDRAWN}
    without_end = case(state=State.REVOKED, revoked_at=day(12), expires_at=None)
    assert due(without_end, 12) == {Step.LAPSED: Cause.WITHDRAWN}
    assert without_end.period_ends_at == day(12)


def test_a_step_is_over_once_renewed_not_needed_or_lapsed() -> None:
    open_ = case(asked=asked(30, 4))

    assert not is_over(open_, Step.OWNER, day(30), now=day(29))
    assert is_over(case(60), Step.OWNER, day(30), now=day(29))
    assert is_over(case(flights=(flight(started=0, stopped=28),)), Step.OWNER, day(30), now=day(29))
    assert is_over(case(state=State.EXPIRED), Step.OWNER, day(30), now=day(31))
    assert not is_over(case(state=State.EXPIRED), Step.LAPSED, day(30), now=day(31))
    assert is_over(case(60), Step.LAPSED, day(30), now=day(31))


def test_a_cause_that_went_away_leaves_the_step_open_until_renewed() -> None:
    paid = case(asked=asked(30, 1))

    assert not is_over(paid, Step.OWNER, day(30), now=day(21))


@settings(max_examples=300, deadline=None)
@given(
    days=st.sampled_from([law.days for law in LAWS]),
    rungs=st.integers(0, 4),
    opted_out=st.booleans(),
    payment_due=st.booleans(),
    removed=st.booleans(),
    reachable=st.booleans(),
    channel=st.booleans(),
    needed=st.booleans(),
    share=st.floats(0, 1.3),
)
def test_whatever_happened(
    *,
    days: int,
    rungs: int,
    opted_out: bool,
    payment_due: bool,
    removed: bool,
    reachable: bool,
    channel: bool,
    needed: bool,
    share: float,
) -> None:
    """Each step at most once; none unneeded; hard causes never the creator's; what is due stays due, and is not over."""
    now = day(days * share)
    state = State.ACTIVE if share < 1 else State.EXPIRED
    known = case(
        days,
        state=state,
        condition=Condition.REMOVED if removed else Condition.PUBLIC,
        flights=(flight(started=0),) if needed else (),
        facts=CreatorFacts(has_opted_out=opted_out, payment_due=payment_due),
        asked={rung: at for rung, at in asked(days, min(rungs, len(LAWS_OF[days].rungs) - 1)).items() if at <= now},
        is_reachable=reachable,
        has_channel=channel,
    )

    found = steps_due(known, now=now)

    assert len({each.step for each in found}) == len(found)
    assert all(each.at <= now for each in found)
    assert not found or needed
    for each in found:
        assert not is_over(known, each.step, day(days), now=now)
        if each.step is Step.OTHER_CHANNEL:
            assert channel
            assert each.cause not in set(HARD) - {Cause.NO_ADDRESS}
    if needed and day(days) - LAWS_OF[days].last_resort <= now < day(days):
        assert Step.OWNER in {each.step for each in found}
    later = min(now + HOUR, day(days) - timedelta(seconds=1))
    if share < 1:
        assert {each.step for each in found} <= {each.step for each in steps_due(known, now=max(now, later))}


def requested(**facts: Any) -> Case:
    """Asked for on day 0, without an answer; it lapses on day 14."""
    plan = Plan(action=Action.LAPSE, at=day(14), why="unanswered_request")
    blank = authorization(State.REQUESTED, starts_at=None, expires_at=None)
    return Case(authorization=replace(blank, **{"requested_at": day(0), "plan": plan, **facts}), has_channel=True)


def test_a_first_request_that_nobody_answers_is_told_to_the_owner_alone_at_half_of_its_time() -> None:
    assert due(requested(), 6.99) == {}
    assert due(requested(), 7) == {Step.OWNER: Cause.UNANSWERED}
    assert due(requested(), 13.99) == {Step.OWNER: Cause.UNANSWERED}
    assert due(requested(), 14) == {}


@pytest.mark.parametrize("facts", [{"needed_until": day(7)}, {"contract_ends_at": day(7)}, {"route": Route.OWN}])
def test_a_request_that_is_over_or_asks_no_creator_is_nobodys_matter(facts: dict[str, Any]) -> None:
    assert due(requested(**facts), 8) == {}


def test_a_request_that_was_answered_repeated_or_lapsed_is_over() -> None:
    open_ = requested()
    repeated = requested(requested_at=day(9), plan=Plan(action=Action.LAPSE, at=day(23), why="unanswered_request"))
    lapsed = replace(open_.authorization, state=State.EXPIRED, state_reason="request_lapsed", plan=Plan())

    assert not is_over(open_, Step.OWNER, day(14), now=day(8))
    assert is_over(repeated, Step.OWNER, day(14), now=day(10))
    assert is_over(Case(authorization=lapsed), Step.OWNER, day(14), now=day(14))
    assert is_over(case(), Step.OWNER, day(14), now=day(10))


def test_what_lapsed_and_is_asked_for_anew_is_over_as_a_lapse() -> None:
    anew = requested(starts_at=day(-40), expires_at=day(-10))

    assert is_over(anew, Step.LAPSED, day(-10), now=day(1))
