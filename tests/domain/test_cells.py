"""The cells that a newcomer would decide otherwise, one story each. docs/lifecycle.md gives the reasons."""

from __future__ import annotations

import pytest

from domain.authorization import State
from domain.events import CodeGranted, Condition, LifecycleEvent, Route
from domain.lifecycle import Outcome, decide
from domain.reasons import Reason
from tests.domain.story import (
    ACCOUNT_KEY,
    access_given,
    ad_lost,
    ad_started,
    ad_stopped,
    after,
    authorization,
    corrected,
    day,
    declined,
    extended,
    flight,
    granted,
    hears,
    lapsed,
    need_stated,
    period_ended,
    planned,
    post_changed,
    refused,
    requested,
    withdrawn,
)

REQUESTED, AUTHORIZED, ACTIVE, EXPIRED, REVOKED = State
MOVED, STAYED, AGAIN, LATE, EARLY, PARKED = Outcome


def test_the_main_line() -> None:
    known = after(requested(0))
    assert known.state is REQUESTED

    known = after(granted(1, 31), known=known)
    assert known.state is AUTHORIZED

    known = after(ad_started(2), known=known)
    assert known.state is ACTIVE

    known = after(ad_stopped(3), known=known)
    assert known.state is AUTHORIZED

    known = after(period_ended(31), known=known)
    assert known.state is EXPIRED


def test_a_grant_that_nobody_asked_for_is_adopted() -> None:
    decision = hears(None, granted())

    assert (decision.outcome, decision.reason) == (MOVED, Reason.ADOPTED)
    assert decision.authorization is not None
    assert decision.authorization.state is AUTHORIZED


def test_an_account_that_nobody_asked_for_is_adopted_as_an_account() -> None:
    adopted = decide(None, access_given(), key=ACCOUNT_KEY).authorization

    assert adopted is not None
    assert adopted.route is Route.ACCOUNT
    assert adopted.expires_at is None


@pytest.mark.parametrize(
    "event", [ad_started(), ad_stopped(), extended(), withdrawn(), declined(), refused(), post_changed(), need_stated()]
)
def test_whatever_else_comes_first_waits(event: LifecycleEvent) -> None:
    decision = hears(None, event)

    assert (decision.outcome, decision.authorization) == (EARLY, None)


def test_an_ad_heard_of_before_its_grant_waits_for_it() -> None:
    assert hears(authorization(REQUESTED), ad_started()).outcome is EARLY
    assert after(requested(0), ad_started(2), granted(1, 31)).state is ACTIVE


def test_a_grant_that_finds_an_ad_running_is_active_at_once() -> None:
    assert after(requested(0), ad_started(2), ad_stopped(3), ad_started(2, "2"), granted(1, 31)).state is ACTIVE


def test_the_second_of_two_ads_to_stop_ends_the_delivery() -> None:
    known = authorization(ACTIVE, flight("1"), flight("2"))

    first = hears(known, ad_stopped(3, "1"))
    assert first.authorization is not None
    second = hears(first.authorization, ad_stopped(4, "2"))

    assert (first.outcome, second.outcome) == (STAYED, MOVED)
    assert second.authorization is not None
    assert second.authorization.state is AUTHORIZED


def test_a_stop_that_is_older_than_the_last_start_is_late() -> None:
    assert hears(authorization(ACTIVE, flight(started=4)), ad_stopped(3)).outcome is LATE


def test_a_start_that_is_older_than_the_stop_known_is_late() -> None:
    assert hears(authorization(AUTHORIZED, flight(started=None, stopped=3)), ad_started(2)).outcome is LATE


def test_a_stop_is_a_fact_even_before_any_grant() -> None:
    known = after(requested(0), ad_stopped(3), granted(1, 31), ad_started(2))

    assert known.state is AUTHORIZED


def test_a_start_told_twice_does_not_restart_an_ad_whose_flight_is_over() -> None:
    over = authorization(AUTHORIZED, flight(started=2, end=20), state_since=day(25))

    assert hears(over, ad_started(2, flight_end=20)).outcome is AGAIN


def test_an_ad_that_tiktok_silences_is_wanted_still() -> None:
    known = after(ad_lost(10), known=authorization(ACTIVE, flight(end=90)))

    assert known.state is AUTHORIZED
    assert known.flights["1"].is_wanted
    assert planned(known, now=12).plan.why == Reason.RENEWAL_NEEDED


def test_an_ad_that_delivers_again_is_live_again() -> None:
    silenced = after(ad_lost(10), known=authorization(ACTIVE))

    assert after(ad_started(11), known=silenced).state is ACTIVE
    assert hears(silenced, ad_started(9)).outcome is LATE


def test_while_another_ad_delivers_a_silenced_one_moves_nothing() -> None:
    assert hears(authorization(ACTIVE, flight("1"), flight("2")), ad_lost(10, "1")).outcome is STAYED


def test_a_silenced_ad_does_not_come_back_by_itself_with_an_extension() -> None:
    lost = after(period_ended(31), ad_lost(31.1), known=authorization(ACTIVE))

    assert after(extended(32, 61), known=lost).state is AUTHORIZED
    assert after(extended(32, 61), ad_started(32.1), known=lost).state is ACTIVE


def test_what_tiktok_shows_of_the_end_is_truer_than_what_was_told() -> None:
    known = after(corrected(4, 20), known=authorization(ACTIVE))

    assert (known.state, known.expires_at, known.period_source) == (ACTIVE, day(20), "period.corrected")
    assert hears(known, extended(3, 61)).outcome is LATE
    assert after(extended(5, 61), known=known).expires_at == day(61)


def test_a_correction_read_before_the_period_began_is_late() -> None:
    assert hears(authorization(AUTHORIZED), corrected(0.5, 20)).outcome is LATE


def test_an_ad_that_starts_after_the_end_is_a_contradiction_for_a_person() -> None:
    decision = hears(authorization(EXPIRED), ad_started(33))

    assert (decision.outcome, decision.reason) == (PARKED, Reason.AD_WITHOUT_AUTHORIZATION)


def test_an_ad_that_started_before_the_end_is_only_late() -> None:
    assert hears(authorization(EXPIRED), ad_started(30)).outcome is LATE


def test_a_refused_code_takes_nothing_away() -> None:
    for state in State:
        decision = hears(authorization(state), refused())
        assert decision.outcome is STAYED
        assert decision.authorization == authorization(state)


def test_a_shorter_grant_does_not_shorten_the_period() -> None:
    decision = hears(authorization(), granted(2, 9))

    assert decision.outcome is LATE
    assert decision.authorization == authorization()


def test_the_same_grant_told_twice_is_known_already() -> None:
    assert hears(authorization(), granted(1, 31)).outcome is AGAIN


def test_access_without_an_end_outlasts_every_end() -> None:
    known = after(granted(1, 31), access_given(2))

    assert known.expires_at is None
    assert hears(known, period_ended(31)).outcome is LATE
    assert hears(known, granted(3, 365)).outcome is LATE


def test_the_end_that_the_clock_speaks_of_has_been_moved() -> None:
    known = after(requested(0), granted(1, 31), extended(20, 61), period_ended(31))

    assert (known.state, known.expires_at) == (AUTHORIZED, day(61))


@pytest.mark.parametrize("event", [extended(33, 61), granted(33, 63)])
def test_an_extension_or_a_newer_grant_revives_what_expired_and_its_ads_resume(event: LifecycleEvent) -> None:
    known = after(requested(0), granted(1, 31), ad_started(2), period_ended(31), event)

    assert (known.state, known.state_reason) == (ACTIVE, Reason.REVIVED)


def test_what_is_revived_after_the_flight_is_authorized_only() -> None:
    known = after(requested(0), granted(1, 31), ad_started(2, flight_end=31), period_ended(31), extended(33, 61))

    assert known.state is AUTHORIZED


def test_an_older_grant_does_not_revive_what_expired() -> None:
    assert hears(authorization(EXPIRED), granted(1, 20)).outcome is LATE


def test_a_withdrawal_ends_it_and_no_longer_grant_from_before_brings_it_back() -> None:
    known = after(requested(0), granted(1, 31), withdrawn(5), granted(2, 365))

    assert known.state is REVOKED


def test_a_grant_that_began_after_the_withdrawal_does_however_short_it_is() -> None:
    known = after(requested(0), granted(1, 365), withdrawn(5), granted(6, 13))

    assert (known.state, known.expires_at) == (AUTHORIZED, day(13))


def test_a_short_new_grant_answers_a_request_made_after_the_withdrawal() -> None:
    known = after(requested(0), granted(1, 365), withdrawn(5), requested(6), granted(7, 14))

    assert (known.state, known.expires_at) == (AUTHORIZED, day(14))


def test_a_grant_from_before_the_withdrawal_does_not_answer_it() -> None:
    known = after(requested(0), withdrawn(5), requested(6), granted(1, 365))

    assert known.state is REQUESTED


def test_a_withdrawal_overtaken_by_a_newer_grant_keeps_older_grants_out() -> None:
    known = after(requested(0), granted(6, 36), withdrawn(5), granted(1, 365))

    assert (known.state, known.expires_at) == (AUTHORIZED, day(36))


def test_a_withdrawal_older_than_the_grant_took_back_another_one() -> None:
    assert hears(authorization(starts_at=day(6)), withdrawn(5)).outcome is LATE


def test_an_extension_after_a_withdrawal_is_a_contradiction_for_a_person() -> None:
    assert hears(authorization(REVOKED), extended(6)).reason is Reason.EXTENSION_AFTER_REVOCATION
    assert hears(authorization(REVOKED), extended(4)).outcome is LATE


def test_an_extension_answers_a_request_made_after_the_end() -> None:
    known = after(requested(0), granted(1, 31), period_ended(31), requested(33), extended(34, 64))

    assert (known.state, known.expires_at) == (AUTHORIZED, day(64))


def test_an_extension_without_a_grant_waits_for_it() -> None:
    assert hears(authorization(REQUESTED), extended()).outcome is EARLY


def test_declining_a_first_request_ends_it() -> None:
    known = after(requested(0), declined(5))

    assert (known.state, known.state_reason, known.revoked_at) == (REVOKED, Reason.DECLINED, day(5))


def test_declining_to_renew_takes_nothing_back() -> None:
    decision = hears(authorization(ACTIVE), declined(5))

    assert (decision.outcome, decision.reason) == (STAYED, Reason.RENEWAL_DECLINED)


def test_a_refusal_that_overtook_the_grant_was_one_to_renew() -> None:
    known = after(requested(0), declined(5), granted(1, 31))

    assert (known.state, known.declined_at, known.revoked_at) == (AUTHORIZED, day(5), None)


def test_a_grant_that_was_over_when_the_creator_declined_changes_nothing() -> None:
    assert after(requested(0), declined(5), granted(-9, -2)).state is REVOKED


def test_a_newer_request_reopens_what_ended_and_an_older_one_does_not() -> None:
    for state in (EXPIRED, REVOKED):
        assert hears(authorization(state), requested(40)).reason is Reason.ASKED_ANEW
        assert hears(authorization(state), requested(3)).outcome is LATE


@pytest.mark.parametrize("end", [period_ended(31), withdrawn(31)])
def test_a_request_that_overtook_the_end_that_it_answers_stands(end: LifecycleEvent) -> None:
    known = after(requested(0), granted(1, 31), requested(33), end)

    assert (known.state, known.state_since) == (REQUESTED, day(33))


def test_a_request_while_it_runs_updates_facts_and_moves_nothing() -> None:
    decision = hears(authorization(ACTIVE), requested(9, needed_until=day(90), route=Route.OWN))

    assert decision.reason is Reason.FACTS_UPDATED
    assert decision.authorization is not None
    assert decision.authorization.needed_until == day(90)
    assert decision.authorization.route is Route.CODE


def test_an_older_request_changes_no_facts() -> None:
    known = after(requested(5, days=60))

    decision = hears(known, requested(0, days=7))

    assert decision.outcome is LATE
    assert decision.authorization == known


def test_a_request_lapses_unless_it_was_repeated() -> None:
    known = planned(authorization(REQUESTED), now=0)
    repeated = planned(after(requested(7), known=known), now=7)

    assert hears(known, lapsed(14)).reason is Reason.REQUEST_LAPSED
    assert hears(repeated, lapsed(14)).outcome is LATE


def test_a_grant_revives_a_request_that_lapsed() -> None:
    known = after(lapsed(14), granted(20, 50), known=planned(authorization(REQUESTED), now=0))

    assert known.state is AUTHORIZED


def test_the_posts_condition_blocks_ads_but_ends_nothing() -> None:
    for state in State:
        decision = hears(authorization(state), post_changed(9, Condition.REMOVED))
        assert decision.outcome is STAYED
        assert decision.authorization is not None
        assert (decision.authorization.state, decision.authorization.condition) == (state, Condition.REMOVED)


def test_an_older_condition_is_late() -> None:
    known = after(requested(0), post_changed(9, Condition.PUBLIC))

    assert hears(known, post_changed(4, Condition.PRIVATE)).outcome is LATE


def test_a_grant_says_when_it_began_not_when_it_was_heard() -> None:
    heard_late = CodeGranted(at=day(9), starts_at=day(1), expires_at=day(31))

    assert after(requested(0), granted(1, 31), withdrawn(5), heard_late).state is REVOKED


def test_what_is_needed_may_be_said_of_anything_and_moves_nothing() -> None:
    for state in State:
        decision = hears(authorization(state), need_stated(40, 90))
        assert (decision.outcome, decision.reason) == (STAYED, Reason.NEED_STATED)
        assert decision.authorization is not None
        assert (decision.authorization.state, decision.authorization.needed_until) == (state, day(90))


def test_of_two_statements_of_need_the_newer_counts_whatever_it_says() -> None:
    known = after(need_stated(9, None), known=authorization(needed_until=day(90)))

    assert known.needed_until is None
    assert hears(known, need_stated(4, 60)).outcome is LATE
    assert hears(known, need_stated(9, None)).outcome is AGAIN
    assert after(need_stated(10, 60), known=known).needed_until == day(60)


def test_a_request_states_a_need_too_unless_it_is_silent_or_a_newer_statement_is_known() -> None:
    known = after(requested(0, needed_until=day(60)), need_stated(5, 90))

    assert after(requested(3, needed_until=day(70)), known=known).needed_until == day(90)
    assert after(requested(7), known=known).needed_until == day(90)
    assert after(requested(7, needed_until=day(70)), known=known).needed_until == day(70)


def test_a_stated_need_opens_the_ladder_and_taking_it_back_shuts_it() -> None:
    needed = after(need_stated(4, 90), known=authorization())

    assert planned(authorization(), now=4).plan.why == Reason.NO_AD_NEEDS_IT
    assert planned(needed, now=4).plan.why == Reason.RENEWAL_NEEDED
    assert planned(after(need_stated(5, None), known=needed), now=5).plan.why == Reason.NO_AD_NEEDS_IT
