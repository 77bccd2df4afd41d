"""Spend a day, money at risk, and ratios."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.events import Ad
from domain.money import MOST_DAYS_AT_RISK, Amounts, Totals, days_at_risk, money_at_risk, spend_a_day, totals
from domain.posts import AdDay
from domain.renewal import FOREVER
from tests.domain.story import day

TODAY = date(2026, 11, 22)
EUR: Amounts = {"EUR": Decimal("100.00")}


def spent(amount: str, ago: int = 1, **facts: Any) -> AdDay:
    """A day `ago` days before today on which ad 1 spent `amount` euros."""
    return AdDay(
        **{
            "ad_id": "1",
            "day": TODAY - timedelta(days=ago),
            "spend": Decimal(amount),
            "impressions": 1000,
            "clicks": 20,
            "conversions": Decimal(2),
            "currency": "EUR",
            **facts,
        }
    )


def ad(ad_id: str = "1", stated: str | None = None, currency: str | None = "EUR") -> Ad:
    return Ad(ad_id=ad_id, daily_spend=Decimal(stated) if stated else None, currency=currency)


def test_a_day_is_the_mean_of_the_days_on_which_the_ad_delivered() -> None:
    days = [spent("30", ago=1), spent("50", ago=3), spent("0", ago=4, impressions=0)]

    assert spend_a_day([ad()], days, today=TODAY) == {"EUR": Decimal("40.00")}


def test_today_is_not_over_and_a_week_ago_is_forgotten() -> None:
    days = [spent("1", ago=0), spent("70", ago=7), spent("1000", ago=8)]

    assert spend_a_day([ad()], days, today=TODAY) == {"EUR": Decimal("70.00")}


def test_what_was_stated_counts_until_something_was_measured() -> None:
    assert spend_a_day([ad(stated="25")], [], today=TODAY) == {"EUR": Decimal("25.00")}
    assert spend_a_day([ad(stated="25")], [spent("60")], today=TODAY) == {"EUR": Decimal("60.00")}


def test_each_ad_counts_as_measured_or_as_stated_and_only_those_asked_for() -> None:
    days = [spent("60"), spent("999", ad_id="stopped")]

    assert spend_a_day([ad(), ad("2", stated="40")], days, today=TODAY) == EUR


def test_currencies_are_never_added() -> None:
    ads = [ad(stated="10"), ad("2", stated="7", currency="USD"), ad("3", stated="1", currency=None)]

    assert spend_a_day(ads, [], today=TODAY) == {"EUR": 10, "USD": 7, None: 1}


def test_a_report_without_a_currency_takes_that_of_the_ad() -> None:
    assert spend_a_day([ad()], [spent("5", currency=None)], today=TODAY) == {"EUR": Decimal("5.00")}


def test_nothing_known_is_no_amount() -> None:
    assert spend_a_day([ad()], [], today=TODAY) == {}


@pytest.mark.parametrize(
    ("ends", "need", "contract", "now", "days"),
    [
        (10, 15, None, 0, "5"),
        (10, 15, 12, 0, "2"),
        (10, 15, 9, 0, "0"),
        (10, 10, None, 0, "0"),
        (10, 5, None, 0, "0"),
        (10, 15, None, 12, "3"),
        (10, 15, None, 20, "0"),
        (10, 10.5, None, 0, "0.5"),
    ],
)
def test_at_risk_is_what_lies_between_the_end_and_the_need(
    ends: float, need: float, contract: float | None, now: float, days: str
) -> None:
    contract_ends_at = None if contract is None else day(contract)

    at_risk = days_at_risk(ends_at=day(ends), need=day(need), contract_ends_at=contract_ends_at, now=day(now))

    assert at_risk == Decimal(days)


def test_an_endless_need_puts_thirty_days_at_risk() -> None:
    assert money_at_risk(EUR, ends_at=day(10), need=FOREVER, now=day(0)) == {"EUR": Decimal("3000.00")}


def test_without_an_end_or_a_need_nothing_is_at_risk() -> None:
    assert money_at_risk(EUR, ends_at=None, need=day(5), now=day(0)) == {}
    assert money_at_risk(EUR, ends_at=day(5), need=None, now=day(0)) == {}


def test_each_currency_has_its_own_amount_at_risk() -> None:
    spend: Amounts = {"EUR": Decimal(10), "USD": Decimal("0.01"), None: Decimal(0)}

    assert money_at_risk(spend, ends_at=day(1), need=day(1.5), now=day(0)) == {"EUR": 5, "USD": Decimal("0.01")}


@given(ends=st.floats(0, 400), need=st.floats(0, 400), contract=st.none() | st.floats(0, 400), now=st.floats(0, 400))
def test_days_at_risk_stay_in_bounds(ends: float, need: float, contract: float | None, now: float) -> None:
    at_risk = days_at_risk(
        ends_at=day(ends), need=day(need), contract_ends_at=None if contract is None else day(contract), now=day(now)
    )

    assert 0 <= at_risk <= MOST_DAYS_AT_RISK.days


def test_ratios_come_from_sums() -> None:
    sums = totals([spent("30"), spent("10", ago=2, clicks=0), spent("5", currency="USD")])

    assert sums["EUR"] == Totals(spend=Decimal(40), impressions=2000, clicks=20, conversions=Decimal(4))
    assert [sums["EUR"].ctr, sums["EUR"].cpc, sums["EUR"].cpm, sums["EUR"].cpa] == [
        Decimal(each) for each in (1, 2, 20, 10)
    ]
    assert sums["USD"].spend == 5


def test_nothing_is_divided_by_zero() -> None:
    assert (Totals().ctr, Totals().cpc, Totals().cpm, Totals().cpa) == (None, None, None, None)
