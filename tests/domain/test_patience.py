"""Whether a creator may be asked now, later or not at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.hours import Hours
from domain.patience import (
    A_WEEK,
    EMERGENCIES,
    SENTENCES,
    TIME_TO_ACT,
    Answer,
    CreatorFacts,
    Deadline,
    Holiday,
    Manners,
    Patience,
    Verdict,
    deadline_of,
    may_ask,
)
from domain.renewal import FOREVER, LAWS, Law, Urgency

MIA = CreatorFacts(zone="Europe/Berlin")
MANNERS = Manners(fallback=ZoneInfo("Europe/Berlin"))
# A Wednesday, 11 o'clock in Berlin.
NOON = datetime(2026, 11, 25, 10, tzinfo=UTC)
NIGHT = NOON + timedelta(hours=13)
MORNING = NOON + timedelta(hours=22)
FRIDAY_NIGHT = NIGHT + timedelta(days=2)
MONDAY = MORNING + timedelta(days=4)


def hours_on(hours: float, *, since: datetime = NOON) -> datetime:
    return since + timedelta(hours=hours)


def ends(hours: float, *, since: datetime = NOON, emergency: float = 36) -> Deadline:
    """The deadline of a period that ends `hours` after `since`, the last 36 of them an emergency."""
    end = hours_on(hours, since=since)
    return Deadline(emergency_at=end - timedelta(hours=emergency), latest_at=end - TIME_TO_ACT)


def asked(
    facts: CreatorFacts = MIA,
    *sent_at: datetime,
    at: datetime = NOON,
    urgency: Urgency = Urgency.WINDOW,
    deadline: Deadline | None = None,
) -> Verdict:
    return may_ask(facts, sent_at, at=at, urgency=urgency, deadline=deadline, manners=MANNERS)


def later(reason: Patience, not_before: datetime) -> Verdict:
    return Verdict(answer=Answer.LATER, reason=reason, not_before=not_before)


YES = Verdict(answer=Answer.YES, reason=Patience.MAY_BE_ASKED)
NOW_OR_NEVER = Verdict(answer=Answer.YES, reason=Patience.CANNOT_WAIT)


def test_by_day_nothing_speaks_against_asking() -> None:
    assert asked() == YES


def test_by_night_the_morning_is_waited_for() -> None:
    assert asked(at=NIGHT, deadline=ends(100)) == later(Patience.QUIET_HOURS, MORNING)


def test_an_emergency_waits_too_as_long_as_that_misses_nothing() -> None:
    waiting = later(Patience.QUIET_HOURS, MORNING)

    assert asked(at=NIGHT, urgency=Urgency.LAST_RESORT, deadline=ends(23)) == waiting


def test_an_emergency_does_not_wait_for_a_morning_that_is_too_late() -> None:
    assert asked(at=NIGHT, urgency=Urgency.EMERGENCY, deadline=ends(22.5)) == NOW_OR_NEVER


def test_what_is_not_yet_an_emergency_waits_for_it() -> None:
    close = ends(70, since=FRIDAY_NIGHT)

    assert asked(at=FRIDAY_NIGHT, deadline=close).not_before == MONDAY
    close = ends(40, since=FRIDAY_NIGHT)
    # Monday is too late, and Saturday's hours come in the emergency.
    assert asked(at=FRIDAY_NIGHT, deadline=close) == later(Patience.QUIET_HOURS, MORNING + timedelta(days=2))


def test_an_emergency_takes_the_weekends_days_before_its_nights() -> None:
    close = ends(20, since=FRIDAY_NIGHT)
    saturday = MORNING + timedelta(days=2)

    waiting = asked(at=FRIDAY_NIGHT, urgency=Urgency.EMERGENCY, deadline=close)

    assert waiting == later(Patience.QUIET_HOURS, saturday)
    assert asked(at=saturday, urgency=Urgency.EMERGENCY, deadline=close) == NOW_OR_NEVER


def test_after_the_end_there_is_no_haste() -> None:
    assert asked(at=NIGHT, urgency=Urgency.AFTER_END) == later(Patience.QUIET_HOURS, MORNING)
    assert asked(at=NIGHT, urgency=Urgency.AFTER_END, deadline=ends(1)) == later(Patience.QUIET_HOURS, MORNING)


def test_two_messages_in_seven_days_are_enough() -> None:
    first, second = hours_on(-100), hours_on(-30)

    assert asked(MIA, first) == YES
    assert asked(MIA, second, first) == later(Patience.WEEKLY_CAP, MONDAY)


def test_an_emergency_goes_beyond_the_weekly_cap_and_no_further_than_its_own() -> None:
    sent = [hours_on(-10 * number) for number in (1, 2, 3, 4)]
    close = ends(20)

    assert asked(MIA, *sent[:3], urgency=Urgency.EMERGENCY, deadline=close) == NOW_OR_NEVER
    assert asked(MIA, *sent, urgency=Urgency.EMERGENCY, deadline=close).answer is Answer.LATER


@pytest.mark.parametrize("urgency", Urgency)
def test_who_opted_out_or_waits_for_money_is_never_asked(urgency: Urgency) -> None:
    opted_out, unpaid = replace(MIA, has_opted_out=True), replace(MIA, payment_due=True)

    assert asked(opted_out, urgency=urgency, deadline=ends(2)).reason is Patience.OPTED_OUT
    assert asked(unpaid, urgency=urgency, deadline=ends(2)) == Verdict(answer=Answer.NEVER, reason=Patience.PAYMENT_DUE)


def test_a_snooze_and_a_holiday_hold_in_an_emergency_too() -> None:
    snoozed = replace(MIA, snoozed_until=hours_on(24))
    away = replace(MIA, holiday=Holiday(begins_at=hours_on(-24), ends_at=hours_on(24)))

    assert asked(snoozed, urgency=Urgency.LAST_RESORT, deadline=ends(6)) == later(Patience.SNOOZED, hours_on(24))
    assert asked(away, urgency=Urgency.LAST_RESORT, deadline=ends(6)) == later(Patience.ON_HOLIDAY, hours_on(24))


def test_a_snooze_beyond_the_end_leaves_nothing_to_be_won_by_haste() -> None:
    snoozed = replace(MIA, snoozed_until=NIGHT)

    assert asked(snoozed, urgency=Urgency.LAST_RESORT, deadline=ends(6)) == later(Patience.SNOOZED, MORNING)


def test_a_snooze_that_ends_at_night_ends_in_the_morning() -> None:
    assert asked(replace(MIA, snoozed_until=NIGHT)).not_before == MORNING


def test_a_holiday_ahead_is_none_yet_but_a_night_may_lead_into_it() -> None:
    away = replace(MIA, holiday=Holiday(begins_at=hours_on(-2, since=MORNING), ends_at=hours_on(48, since=MORNING)))

    assert asked(away) == YES
    assert asked(away, at=NIGHT) == later(Patience.ON_HOLIDAY, MONDAY)


def test_a_snooze_for_ever_is_one() -> None:
    assert asked(replace(MIA, snoozed_until=FOREVER)) == later(Patience.SNOOZED, FOREVER)


def test_every_reason_has_its_sentence() -> None:
    assert set(SENTENCES) == set(Patience)


@pytest.mark.parametrize(("weekly", "emergency"), [(0, 4), (3, 2)])
def test_caps_that_make_no_sense_are_refused(weekly: int, emergency: int) -> None:
    with pytest.raises(ValueError, match="weekly cap"):
        Manners(weekly_cap=weekly, emergency_cap=emergency)


@pytest.mark.parametrize("law", LAWS)
def test_a_deadline_follows_the_law(law: Law) -> None:
    end = NOON + timedelta(days=law.days)

    assert deadline_of(NOON, end) == Deadline(emergency_at=end - law.emergency, latest_at=end - TIME_TO_ACT)


instants = st.timedeltas(timedelta(days=-8), timedelta(days=8)).map(lambda span: NOON + span)


@st.composite
def creators(draw: st.DrawFn) -> CreatorFacts:
    """On either side of the date line, mostly patient, now and then with one wish."""
    facts = CreatorFacts(
        zone=draw(st.sampled_from(["Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu", None]))
    )
    match draw(st.integers(0, 7)):
        case 0:
            return replace(facts, has_opted_out=True)
        case 1:
            return replace(facts, payment_due=True)
        case 2:
            return replace(facts, snoozed_until=draw(instants))
        case 3:
            begin = draw(instants)
            return replace(facts, holiday=Holiday(begins_at=begin, ends_at=begin + timedelta(days=3)))
        case _:
            return facts


sendings = st.lists(instants, max_size=6)
urgencies = st.sampled_from((Urgency.WINDOW, *EMERGENCIES))
hours_left = st.floats(0.1, 200)


@settings(max_examples=400)
@given(creators(), sendings, instants, urgencies, hours_left)
def test_whatever_comes_the_rules_hold(
    facts: CreatorFacts, sent: list[datetime], at: datetime, urgency: Urgency, left: float
) -> None:
    deadline = ends(left, since=at)

    verdict = asked(facts, *sent, at=at, urgency=urgency, deadline=deadline)

    recent = sum(at - A_WEEK < each for each in sent)
    wall = at.astimezone(ZoneInfo(facts.zone or "Europe/Berlin"))
    assert (verdict.answer is Answer.NEVER) == (facts.has_opted_out or facts.payment_due)
    assert (verdict.answer is Answer.LATER) == (verdict.not_before is not None)
    assert verdict.not_before is None or verdict.not_before > at
    if verdict.answer is Answer.YES:
        assert recent < MANNERS.emergency_cap
        assert facts.snoozed_until is None or facts.snoozed_until <= at
        assert facts.holiday is None or not facts.holiday.begins_at <= at < facts.holiday.ends_at
    if verdict.reason is Patience.MAY_BE_ASKED:
        assert recent < MANNERS.weekly_cap
        assert wall.weekday() < 5
        assert time(9) <= wall.time() < time(20)
    if verdict.reason is Patience.CANNOT_WAIT:
        assert urgency in EMERGENCIES or at >= deadline.emergency_at
        patient = asked(facts, *sent, at=at, urgency=Urgency.AFTER_END)
        assert patient.not_before is not None
        assert patient.not_before > deadline.latest_at


def final_verdict(facts: CreatorFacts, sent: list[datetime], at: datetime, end: datetime) -> tuple[datetime, Verdict]:
    """Who looks again at each `not_before`, with the urgency of that instant, comes to an answer within a few looks."""
    deadline = deadline_of(end - timedelta(days=30), end)
    for _ in range(10):
        urgency = Urgency.AFTER_END if at >= end else Urgency.WINDOW
        urgency = Urgency.EMERGENCY if deadline.emergency_at <= at < end else urgency
        verdict = asked(facts, *sent, at=at, urgency=urgency, deadline=deadline)
        if verdict.not_before is None:
            return at, verdict
        at = verdict.not_before
    raise AssertionError("it waits for ever")


@settings(max_examples=300)
@given(creators(), sendings, instants, hours_left)
def test_looking_again_when_told_to_always_comes_to_an_answer_and_in_time_where_that_is_possible(
    facts: CreatorFacts, sent: list[datetime], at: datetime, left: float
) -> None:
    end = hours_on(left, since=at)

    reached, verdict = final_verdict(facts, sent, at, end)

    assert verdict.answer is not Answer.LATER
    is_free = facts.snoozed_until is None and facts.holiday is None and len(sent) < MANNERS.emergency_cap
    if verdict.answer is Answer.YES and is_free and left > 1:
        assert reached <= end - TIME_TO_ACT


def test_a_window_without_weekends_is_the_default_and_may_be_changed() -> None:
    at = NOON + timedelta(days=3)
    open_always = replace(MANNERS, hours=Hours(weekends=True))

    assert asked(at=at).answer is Answer.LATER
    assert may_ask(MIA, (), at=at, urgency=Urgency.WINDOW, deadline=None, manners=open_always) == YES
