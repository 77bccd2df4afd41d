"""How a period ended, what a lapse cost, and which step failed."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.outcome import (
    SENTENCES,
    AnswerTime,
    Lapse,
    Outcome,
    Period,
    SentAsk,
    Step,
    Wanted,
    answer_time,
    failed_step,
    lapse_of,
    outcome_of,
)
from tests.domain.story import day

YEN, DOLLARS = "JPY", "USD"


def period(**facts: Any) -> Period:
    """Thirty days, needed for sixty, asked for in time."""
    plain = Period(begins_at=day(0), ends_at=day(30), needed_until=day(60), asks=(SentAsk(at=day(20)),))
    return replace(plain, **facts)


def wanted(since: float = 2, until: float | None = None, **spend: int) -> Wanted:
    amounts: dict[str | None, Decimal] = {currency.upper(): Decimal(amount) for currency, amount in spend.items()}
    return Wanted(since=day(since), until=None if until is None else day(until), spend_a_day=amounts)


def lapse(known: Period, *ads: Wanted, now: float = 90) -> Lapse:
    report = lapse_of(known, ads, now=day(now))
    assert report is not None
    return report


@pytest.mark.parametrize(
    ("known", "outcome"),
    [
        (period(renewed_at=day(25)), Outcome.RENEWED_BY_EXTENSION),
        (period(renewed_at=day(30), is_extension=False), Outcome.RENEWED_BY_NEW_CODE),
        (period(renewed_at=day(25), needed_until=None), Outcome.RENEWED_BY_EXTENSION),
        (period(renewed_at=day(31)), Outcome.LAPSED),
        (period(), Outcome.LAPSED),
        (period(needed_until=None), Outcome.NOT_NEEDED),
        (period(needed_until=day(30)), Outcome.NOT_NEEDED),
        (period(contract_ends_at=day(30)), Outcome.NOT_NEEDED),
        (period(contract_ends_at=day(31)), Outcome.LAPSED),
    ],
)
def test_a_period_ends_in_one_of_four_ways(known: Period, outcome: Outcome) -> None:
    assert outcome_of(known, now=day(90)) is outcome


def test_what_still_runs_has_no_outcome_yet() -> None:
    assert outcome_of(period(), now=day(29)) is None
    assert outcome_of(period(), now=day(30)) is Outcome.LAPSED


def test_what_did_not_lapse_has_no_report() -> None:
    assert lapse_of(period(renewed_at=day(25)), [wanted()], now=day(90)) is None
    assert lapse_of(period(needed_until=None), [wanted()], now=day(90)) is None


def test_a_lapse_costs_what_a_day_spends_until_the_late_renewal() -> None:
    report = lapse(period(renewed_at=day(31.5)), wanted(usd=100), wanted(usd=20, jpy=3000))

    assert report.down == timedelta(days=1.5)
    assert report.minutes_down == 36 * 60
    assert report.not_delivered == {DOLLARS: Decimal("180.00"), YEN: Decimal("4500.00")}
    assert report.is_over


def test_a_lapse_that_lasts_is_counted_until_now() -> None:
    report = lapse(period(), wanted(usd=100), now=32)

    assert report.minutes_down == 2 * 24 * 60
    assert not report.is_over


def test_only_time_in_which_an_ad_was_wanted_counts_and_only_once() -> None:
    report = lapse(period(), wanted(2, 31, usd=10), wanted(30.5, 32, usd=10), wanted(40, 41, usd=10), now=50)

    assert report.down == timedelta(days=3)
    assert report.not_delivered == {DOLLARS: Decimal("35.00")}


def test_after_the_contracts_end_nothing_is_lost() -> None:
    assert lapse(period(contract_ends_at=day(33)), wanted(usd=10)).not_delivered == {DOLLARS: Decimal("30.00")}


def test_a_stated_need_without_an_ad_lapses_without_loss() -> None:
    report = lapse(period())

    assert (report.minutes_down, report.not_delivered) == (0, {})


@pytest.mark.parametrize(
    ("known", "step"),
    [
        (period(), Step.NO_ANSWER),
        (period(asks=()), Step.NOBODY_ASKED),
        (period(asks=(SentAsk(at=day(31)),)), Step.NOBODY_ASKED),
        (period(asks=(SentAsk(at=day(29)),)), Step.ASKED_LATE),
        (period(asks=(SentAsk(at=day(29)), SentAsk(at=day(28)))), Step.NO_ANSWER),
        (period(refused_at=day(27)), Step.REFUSED_CODE),
        (period(refused_at=day(27), declined_at=day(28)), Step.DECLINED),
        (period(withdrawn_at=day(30)), Step.WITHDRAWN),
        (period(removed_at=day(9), declined_at=day(28)), Step.POST_GONE),
        (period(removed_at=day(31), declined_at=day(32), refused_at=day(33)), Step.NO_ANSWER),
    ],
)
def test_the_step_that_failed_before_the_end_is_named(known: Period, step: Step) -> None:
    assert failed_step(known) is step
    assert lapse(known).failed is step


def test_a_renewal_has_its_answer_time_and_the_last_channel_the_credit() -> None:
    asks = (SentAsk(at=day(25), channel="sms"), SentAsk(at=day(20)), SentAsk(at=day(29), channel="slack"))

    answered = answer_time(period(renewed_at=day(26), asks=asks))

    assert answered == AnswerTime(since_first=timedelta(days=6), since_last=timedelta(days=1), channel="sms")


def test_a_late_answer_is_one_too() -> None:
    answered = answer_time(period(renewed_at=day(33)))

    assert answered is not None
    assert answered.since_first == timedelta(days=13)


@pytest.mark.parametrize("known", [period(), period(asks=(), renewed_at=day(22)), period(renewed_at=day(19))])
def test_who_was_not_asked_or_did_not_renew_has_no_answer_time(known: Period) -> None:
    assert answer_time(known) is None


def test_each_outcome_and_each_step_has_its_sentence() -> None:
    assert set(SENTENCES) == {*Outcome, *Step}


days = st.floats(0, 120)
ads = st.lists(
    st.builds(lambda since, length: wanted(since, since + length, usd=10), days, st.floats(0, 60)), max_size=5
)


@given(ads, days)
def test_down_is_never_more_than_the_gap_nor_than_the_sum_of_the_ads(running: list[Wanted], now: float) -> None:
    report = lapse_of(period(), running, now=day(now))
    if report is None:
        assert day(now) < day(30)
        return

    silences = [min(ad.until or day(now), day(now)) - max(ad.since, day(30)) for ad in running]

    alone = [silence for silence in silences if silence > timedelta()]
    assert max(alone, default=timedelta()) <= report.down <= min(sum(alone, timedelta()), day(now) - day(30))


@given(st.lists(days, max_size=6), days)
def test_every_period_with_a_renewal_after_an_ask_has_a_time_that_is_not_negative(
    asked: list[float], renewed: float
) -> None:
    asks = tuple(SentAsk(at=day(each)) for each in asked)

    answered = answer_time(period(asks=asks, renewed_at=day(renewed)))

    assert (answered is None) == all(each.at > day(renewed) for each in asks)
    assert answered is None or timedelta() <= answered.since_last <= answered.since_first


@given(st.sampled_from([None, day(60)]), st.sampled_from([None, day(25)]))
def test_needed_and_not_renewed_is_a_lapse_and_nothing_else_is(
    needed: datetime | None, renewed: datetime | None
) -> None:
    known = period(needed_until=needed, renewed_at=renewed)

    assert (outcome_of(known, now=day(31)) is Outcome.LAPSED) == (needed is not None and renewed is None)
