"""When a creator may be written to, on clocks that are put forward and back, and on both sides of the date line."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.hours import Hours, opening, place_of
from domain.renewal import FOREVER

BERLIN = ZoneInfo("Europe/Berlin")
DAILY = Hours(opens=time(9), closes=time(20), weekends=True)
WEEKDAYS = Hours(opens=time(9), closes=time(20))
STEP = timedelta(minutes=15)
# Zones with the day on which their clocks do something that has broken calendars before.
ODD_DAYS = {
    "Europe/Berlin": date(2026, 3, 29),
    "America/New_York": date(2026, 11, 1),
    "Africa/Casablanca": date(2026, 2, 15),  # back by an hour for Ramadan
    "Asia/Kathmandu": date(2026, 5, 1),  # 5:45 ahead of UTC
    "Pacific/Kiritimati": date(2026, 1, 1),  # 14 hours ahead
    "Pacific/Pago_Pago": date(2026, 1, 1),  # 11 hours behind
    "Pacific/Apia": date(2011, 12, 30),  # a Friday that never was
    "Pacific/Kwajalein": date(1993, 8, 21),  # a Saturday that never was
    "America/Sao_Paulo": date(2018, 11, 4),  # midnight is skipped
    "America/St_Johns": date(2010, 11, 7),  # a minute past midnight, back into Saturday
    "Australia/Lord_Howe": date(2026, 4, 5),  # back by half an hour
    "America/Havana": date(2026, 11, 1),  # midnight comes twice
}


def utc(*numbers: int) -> datetime:
    return datetime(*numbers, tzinfo=UTC)  # type: ignore[arg-type,misc]


def opens(at: datetime, zone: str | None, hours: Hours = DAILY) -> datetime:
    return opening(at, zone=zone, hours=hours, fallback=BERLIN)


def shows_open(at: datetime, zone: str, hours: Hours) -> bool:
    """What the clock on the wall says, counted in minutes of a week: not how the code under test asks it."""
    wall = at.astimezone(ZoneInfo(zone))
    minute = wall.weekday() * 1440 + wall.hour * 60 + wall.minute
    first, last = (each.hour * 60 + each.minute for each in (hours.opens, hours.closes))
    last += 1440 if last <= first else 0
    days = range(-1, 7 if hours.weekends else 5)
    starts = [day for day in days if hours.weekends or day >= 0]
    return any(day * 1440 + first <= minute < day * 1440 + last for day in starts)


quarters = st.builds(time, st.integers(0, 23), st.sampled_from((0, 15, 30, 45)))
any_hours = st.builds(Hours, opens=quarters, closes=quarters, weekends=st.booleans())


@st.composite
def moments(draw: st.DrawFn) -> tuple[datetime, str]:
    """A zone, and an instant around the day on which its clock is odd; now and then of any other day."""
    zone = draw(st.sampled_from(sorted(ODD_DAYS)))
    noon = datetime.combine(ODD_DAYS[zone], time(12), UTC)
    minutes = draw(st.integers(-5 * 1440, 3 * 1440) | st.integers(-400 * 1440, 400 * 1440))
    return noon + timedelta(minutes=minutes), zone


def long_enough(hours: Hours) -> bool:
    """A window of an hour or more: a shorter one can fall into a gap for good, and is not what anybody sets."""
    minutes = (hours.closes.hour - hours.opens.hour) * 60 + hours.closes.minute - hours.opens.minute
    return minutes >= 60 or minutes <= 0


@settings(max_examples=400, deadline=None)
@given(moments(), any_hours.filter(long_enough))
@example((utc(2011, 12, 30, 9), "Pacific/Apia"), WEEKDAYS)
@example((utc(2010, 11, 7, 2, 20), "America/St_Johns"), Hours(opens=time(23, 30), closes=time(0, 30), weekends=True))
@example((utc(2018, 11, 4, 2, 50), "America/Sao_Paulo"), Hours(opens=time(0), closes=time(2), weekends=True))
def test_the_opening_is_the_first_instant_at_which_the_creators_clock_shows_an_hour_of_the_window(
    moment: tuple[datetime, str], hours: Hours
) -> None:
    at, zone = moment

    opened = opens(at, zone, hours)

    assert opened >= at
    assert opened.tzinfo is UTC
    assert shows_open(opened, zone, hours)
    assert (opened == at) == shows_open(at, zone, hours)
    earlier = (at + STEP * number for number in range((opened - at) // STEP + 1))
    assert not any(shows_open(each, zone, hours) for each in earlier if each < opened)
    if opened > at:
        assert not shows_open(opened - timedelta(seconds=1), zone, hours)


@settings(max_examples=100)
@given(moments(), st.timedeltas(timedelta(), timedelta(days=4)))
def test_who_waits_longer_is_never_sent_earlier(moment: tuple[datetime, str], later: timedelta) -> None:
    at, zone = moment

    assert opens(at, zone) <= opens(at + later, zone)


@given(moments())
def test_the_same_instant_gives_the_same_opening_however_it_is_written(moment: tuple[datetime, str]) -> None:
    at, zone = moment

    assert opens(at.astimezone(ZoneInfo("Asia/Kathmandu")), zone) == opens(at, zone)


@pytest.mark.parametrize(
    ("zone", "at", "opened"),
    [
        ("Pacific/Kiritimati", utc(2026, 1, 1, 12), utc(2026, 1, 1, 19)),  # 2 a.m. on the 2nd there
        ("Asia/Kathmandu", utc(2026, 5, 1, 0), utc(2026, 5, 1, 3, 15)),
        ("Pacific/Apia", utc(2011, 12, 30, 9), utc(2011, 12, 30, 19)),  # Thursday night; Saturday morning is next
        ("Africa/Casablanca", utc(2026, 2, 14, 23), utc(2026, 2, 15, 9)),  # an hour later than on the day before
        ("Europe/Berlin", utc(2026, 3, 28, 22), utc(2026, 3, 29, 7)),
        ("Europe/Berlin", utc(2026, 10, 24, 22), utc(2026, 10, 25, 8)),
    ],
)
def test_a_day_begins_by_the_creators_clock(zone: str, at: datetime, opened: datetime) -> None:
    assert opens(at, zone) == opened


def test_an_hour_that_the_clock_skips_opens_right_after_the_gap() -> None:
    hours = Hours(opens=time(2, 30), closes=time(5), weekends=True)

    assert opens(utc(2026, 3, 29, 0), "Europe/Berlin", hours) == utc(2026, 3, 29, 1)


def test_a_window_within_a_gap_opens_on_the_next_day() -> None:
    hours = Hours(opens=time(2, 10), closes=time(2, 50), weekends=True)

    assert opens(utc(2026, 3, 29, 0), "Europe/Berlin", hours) == utc(2026, 3, 30, 0, 10)


def test_an_hour_that_comes_twice_is_open_twice() -> None:
    hours = Hours(opens=time(2, 15), closes=time(2, 30), weekends=True)

    assert opens(utc(2026, 10, 25), "Europe/Berlin", hours) == utc(2026, 10, 25, 0, 15)
    assert opens(utc(2026, 10, 25, 0, 40), "Europe/Berlin", hours) == utc(2026, 10, 25, 1, 15)


def test_a_clock_that_goes_back_over_midnight_opens_yesterday_once_more() -> None:
    hours = Hours(opens=time(23, 30), closes=time(0), weekends=True)

    assert opens(utc(2010, 11, 7, 2, 30, 30), "America/St_Johns", hours) == utc(2010, 11, 7, 3)


def test_weekends_are_left_in_peace_unless_told_otherwise() -> None:
    friday_evening = utc(2026, 11, 20, 19, 30)

    assert opens(friday_evening, "Europe/Berlin", WEEKDAYS) == utc(2026, 11, 23, 8)
    assert opens(friday_evening, "Europe/Berlin", DAILY) == utc(2026, 11, 21, 8)


def test_before_a_friday_that_never_was_the_next_weekday_is_monday() -> None:
    assert opens(utc(2011, 12, 30, 9), "Pacific/Apia", WEEKDAYS) == utc(2012, 1, 1, 19)


def test_a_window_over_midnight_belongs_to_the_day_on_which_it_opens() -> None:
    hours = Hours(opens=time(20), closes=time(2))

    assert opens(utc(2026, 11, 21, 0, 30), "Europe/Berlin", hours) == utc(2026, 11, 21, 0, 30)
    assert opens(utc(2026, 11, 23, 0, 30), "Europe/Berlin", hours) == utc(2026, 11, 23, 19)


@pytest.mark.parametrize("zone", [None, "", "Mars/Olympus", "Europe", "../etc/passwd", "x" * 5000, "a\0b", "\ud800"])
def test_a_zone_that_nobody_knows_is_the_stated_fallback(zone: str | None) -> None:
    assert place_of(zone, BERLIN) is BERLIN
    assert opens(utc(2026, 11, 22, 0), zone) == utc(2026, 11, 22, 8)


def test_what_waits_for_ever_has_no_opening() -> None:
    assert opens(FOREVER, "Pacific/Kiritimati") == FOREVER


def test_a_year_of_mornings_keeps_the_creators_hour() -> None:
    """Chapter by chapter through 2026 in Casablanca, whose clock changes with the moon."""
    at, mornings = utc(2026, 1, 1), []
    while at < utc(2027, 1, 1):
        at = opens(at, "Africa/Casablanca") + timedelta(hours=12)
        mornings.append(at - timedelta(hours=12))

    assert {each.astimezone(ZoneInfo("Africa/Casablanca")).hour for each in mornings} == {9}
    assert {b - a for a, b in pairwise(mornings)} == {timedelta(hours=hours) for hours in (23, 24, 25)}
