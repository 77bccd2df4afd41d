"""What an authorization is worth a day, and what its end puts at risk."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from domain.authorization import Flight, State, changed
from domain.events import Ad
from domain.posts import AdDay
from domain.worth import Appraisal, appraisal, worth
from tests.domain.story import authorization, day, flight

NOW = day(20)


def spent(days_ago: int, amount: int, currency: str = "EUR") -> AdDay:
    return AdDay(
        ad_id="",
        day=NOW.date() - timedelta(days=days_ago),
        spend=Decimal(amount),
        impressions=1000,
        clicks=10,
        conversions=Decimal(0),
        currency=currency,
    )


def test_the_mean_of_the_days_that_had_any_counts_and_today_does_not() -> None:
    found = worth(authorization(State.ACTIVE), [spent(0, 900), spent(1, 30), spent(3, 50), spent(8, 700)], now=NOW)

    assert found.spend_a_day == {"EUR": Decimal("40.00")}
    assert found.week["EUR"].spend == 80
    assert found.week["EUR"].ctr == 1
    assert found.week["EUR"].cpa is None


def test_an_ad_without_an_end_puts_thirty_days_at_risk_and_one_that_ends_fewer() -> None:
    endless = authorization(State.ACTIVE)
    short = authorization(State.ACTIVE, flight(end=36))

    assert worth(endless, [spent(1, 40)], now=NOW).at_risk == {"EUR": Decimal("1200.00")}
    assert worth(short, [spent(1, 40)], now=NOW).at_risk == {"EUR": Decimal("200.00")}
    assert [worth(each, [], now=NOW).days_at_risk for each in (endless, short)] == [30, 5]


def test_what_was_stated_counts_until_something_is_measured() -> None:
    ad = Ad(ad_id="1", daily_spend=Decimal(60), currency="EUR")
    known = authorization(State.ACTIVE, replace(flight(), ad=ad))

    assert worth(known, [], now=NOW).spend_a_day == {"EUR": Decimal("60.00")}
    assert worth(known, [spent(1, 40)], now=NOW).spend_a_day == {"EUR": Decimal("40.00")}


def test_without_a_live_ad_nothing_is_spent_and_after_the_end_nothing_is_at_risk() -> None:
    resting = authorization(State.AUTHORIZED, flight(lost=10))

    assert worth(resting, [spent(1, 40)], now=NOW).spend_a_day == {}
    assert worth(authorization(State.EXPIRED, flight()), [spent(1, 40)], now=NOW).at_risk == {}


def test_currencies_are_never_added() -> None:
    found = worth(authorization(State.ACTIVE), [spent(1, 40), spent(1, 7, "USD")], now=NOW)

    assert found.spend_a_day == {"EUR": Decimal("40.00"), "USD": Decimal("7.00")}


def test_an_appraisal_is_in_the_currency_of_the_largest_amount_and_by_what_was_measured_last() -> None:
    ads = {
        number: Flight(
            ad=Ad(ad_id=number, daily_spend=Decimal(spend), currency=currency, flight_end=day(36)), started_at=day(2)
        )
        for number, spend, currency in (("1", 60, "EUR"), ("2", 90, "USD"))
    }
    stated = authorization(State.ACTIVE, *ads.values())
    measured = changed(stated, measured={"EUR": Decimal(40), "": Decimal(30)})

    assert appraisal(stated, now=NOW) == Appraisal(
        spend_a_day=Decimal("90.00"), at_risk=Decimal("450.00"), currency="USD"
    )
    assert appraisal(measured, now=NOW) == Appraisal(spend_a_day=Decimal(40), at_risk=Decimal("200.00"), currency="EUR")


def test_what_spends_nothing_has_no_appraisal_and_what_has_ended_nothing_at_risk() -> None:
    ad = Ad(ad_id="1", daily_spend=Decimal(60), currency="EUR")
    over = appraisal(authorization(State.EXPIRED, replace(flight(), ad=ad)), now=NOW)

    assert appraisal(authorization(State.ACTIVE), now=NOW) is None
    assert over is not None
    assert over.at_risk == 0
