"""Which period to propose to a creator who is asked often."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.advisor import OFTEN, SENTENCES, Advice, Estimate, Recommendation, advise, estimate, estimates
from domain.renewal import FOREVER, Policy

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
A_DAY = timedelta(days=1)
A_YEAR = 365 * A_DAY


def advised(
    *needs: timedelta, days: int = 30, asked: int = OFTEN, offered: tuple[int, ...] = (7, 30, 60, 365)
) -> Recommendation:
    """The advice for a creator who was asked `asked` times, once a week."""
    asked_at = [NOW - timedelta(weeks=number) for number in range(asked)]
    return advise(needs, days=days, asked_at=asked_at, now=NOW, policy=Policy(offered_days=offered))


@pytest.mark.parametrize(
    ("days", "renewals", "most"),
    [(7, 53, 212), (30, 13, 52), (60, 7, 35), (365, 1, 5), (None, 1, 1)],
)
def test_a_year_of_one_post_takes_this_many_asks(days: int | None, renewals: int, most: int) -> None:
    assert estimate(days, [A_YEAR]) == Estimate(days=days, renewals=renewals, fewest=renewals, most=most)


def test_every_period_on_offer_is_estimated_and_account_access() -> None:
    assert [each.days for each in estimates([A_YEAR], Policy())] == [7, 30, 60, 365, None]


def test_a_need_for_ever_counts_a_year() -> None:
    assert estimate(30, [FOREVER - NOW]) == estimate(30, [A_YEAR])


def test_each_post_is_asked_for_and_access_to_the_account_only_once() -> None:
    assert estimate(30, [A_YEAR, 40 * A_DAY]).fewest == 13 + 2
    assert estimate(None, [A_YEAR, 40 * A_DAY]).fewest == 1


def test_what_is_needed_no_longer_takes_no_ask() -> None:
    assert {each.most for each in estimates([timedelta(), -A_DAY], Policy())} == {0}


def test_who_is_not_asked_often_is_left_with_the_smallest_period() -> None:
    assert advised(A_YEAR, asked=OFTEN - 1).advice is Advice.NOT_ASKED_OFTEN
    assert advised(A_YEAR, asked=OFTEN - 1).proposed is None


def test_who_is_asked_often_is_offered_the_shortest_period_with_the_fewest_renewals() -> None:
    assert advised(A_YEAR).proposed == estimate(365, [A_YEAR])
    assert advised(50 * A_DAY).proposed == estimate(60, [50 * A_DAY])


def test_three_posts_are_worth_asking_for_the_account() -> None:
    several = advised(A_YEAR, A_YEAR, 20 * A_DAY)

    assert several.advice is Advice.ACCOUNT_ACCESS
    assert several.proposed == estimate(None, [A_YEAR])


@pytest.mark.parametrize(("need", "days"), [(A_YEAR, 365), (20 * A_DAY, 30), (timedelta(), 7)])
def test_where_nothing_takes_fewer_asks_nothing_is_proposed(need: timedelta, days: int) -> None:
    assert advised(need, days=days).advice is Advice.NOTHING_BETTER


def test_asks_of_long_ago_do_not_count() -> None:
    old = [NOW - timedelta(days=90 + number) for number in range(20)]

    assert advise([A_YEAR], days=30, asked_at=old, now=NOW, policy=Policy()).asked == 0


def test_the_advice_is_a_sentence_with_its_numbers() -> None:
    assert advised(A_YEAR, asked=5).sentence == (
        "the creator was asked often; a longer period takes fewer requests "
        "(asked 5 times in 90 days; at 30 days: 13 to 52 requests a year; at 365 days: 1 to 5 requests a year)"
    )
    assert advised(A_YEAR, A_YEAR, A_YEAR).sentence.endswith("with account access: 1 request a year)")
    assert set(SENTENCES) == set(Advice)


needs = st.lists(st.timedeltas(timedelta(days=-10), timedelta(days=900)), max_size=5)


@given(needs)
def test_a_longer_period_never_takes_more_renewals(spans: list[timedelta]) -> None:
    renewals = [each.renewals for each in estimates(spans, Policy())]

    assert renewals == sorted(renewals, reverse=True)


@given(needs, st.sampled_from((7, 30, 60, 365)), st.integers(0, 12))
def test_nothing_is_proposed_that_does_not_take_fewer_asks(spans: list[timedelta], days: int, asked: int) -> None:
    advice = advised(*spans, days=days, asked=asked)

    assert advice.proposed is None or (asked >= OFTEN and advice.proposed.fewest < advice.present.fewest)
