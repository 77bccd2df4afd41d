"""When an ask comes forward, since its creator will be away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.absence import A_REST, LEAD, forward_at, last_ask_at
from domain.hours import opening
from domain.patience import UNIVERSAL, USUAL_HOURS, Holiday
from domain.renewal import LAWS, Law

BEGIN = datetime(2026, 11, 22, 10, tzinfo=UTC)


def day(number: float) -> datetime:
    return BEGIN + timedelta(days=number)


def away(begin: float, end: float) -> Holiday:
    return Holiday(begins_at=day(begin), ends_at=day(end))


@pytest.mark.parametrize(
    ("ask_at", "holiday", "comes_at"),
    [
        (20, away(15, 31), 12),  # the whole window is in it: three days before it begins
        (26, away(25, 40), 22),  # what is left of the window is
        (24, away(25, 40), 22),  # due a day before it: that day may be a Sunday
        (21, away(25, 40), None),  # goes before it anyway
        (23, away(22, 26), None),  # there are asks after it
        (23, away(22, 28), None),  # the last one, two days before the end, at its end
        (23, away(22, 28.1), 19),  # nothing but the last two days
        (20, away(2, 31), 1),  # a day after the grant at the earliest
        (20, away(1, 31), None),  # no day is left for that
        (28, away(30, 50), None),  # after the end
        (31, away(25, 50), None),  # an ask after the end helps as well a few days later
    ],
)
def test_a_holiday_that_covers_the_rest_of_a_month_brings_the_ask_forward(
    ask_at: float, holiday: Holiday, comes_at: float | None
) -> None:
    at = forward_at(day(ask_at), begins_at=BEGIN, ends_at=day(30), holiday=holiday)

    assert at == (None if comes_at is None else day(comes_at))


hours = st.integers(0, 400 * 24).map(lambda number: timedelta(hours=number))


@given(st.sampled_from(LAWS), hours, hours, hours)
def test_only_what_nobody_would_ask_for_in_time_comes_forward_and_into_the_days_before(
    law: Law, ask: timedelta, leaves: timedelta, stays: timedelta
) -> None:
    ends_at = BEGIN + timedelta(days=law.days)
    holiday = Holiday(begins_at=BEGIN + leaves, ends_at=BEGIN + leaves + stays)
    at = forward_at(BEGIN + ask, begins_at=BEGIN, ends_at=ends_at, holiday=holiday)

    if at is not None:
        assert BEGIN + A_REST <= at < min(BEGIN + ask, holiday.begins_at)
        assert holiday.begins_at - at <= LEAD
        assert BEGIN + ask < ends_at
        # Nothing of the ladder is left between the holiday and the end
        assert holiday.ends_at > last_ask_at(BEGIN, ends_at)


@given(hours, st.sampled_from(["Pacific/Auckland", "Europe/Paris", "America/Los_Angeles", "UTC"]))
def test_three_days_always_hold_an_hour_to_write_at(begin: timedelta, zone: str) -> None:
    assert opening(BEGIN + begin, zone=zone, hours=USUAL_HOURS, fallback=UNIVERSAL) < BEGIN + begin + LEAD
