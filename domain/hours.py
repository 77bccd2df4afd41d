"""When a creator may be written to: hours of the creator's own clock, right across changes of that clock and the date line.

An hour is open when the clock on the creator's wall says so: in the night that an hour is repeated both of them count,
and what a clock skips is made up at the instant after the gap.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

A_DAY = timedelta(days=1)
SATURDAY = 5
# A window is at most a weekend, a skipped date (Pacific/Apia, 2011) and a window inside a gap away.
DAYS_AHEAD = 8
# "For ever" has no next opening: the days after it cannot be written.
CALENDARS_END = datetime(9999, 12, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Hours:
    """The window of each day, `closes` not included. A window that closes at or before it opens ends on the next day.

    `weekends`: whether a window may open on Saturdays and Sundays.
    """

    opens: time = time(9)
    closes: time = time(20)
    weekends: bool = False


def opening(at: datetime, *, zone: str | None, hours: Hours, fallback: ZoneInfo) -> datetime:
    """`at` itself (as UTC) within a window, else the next instant that is. Raises ValueError if no clock ever shows one.

    `zone` is an IANA name; `fallback` holds where there is none, or none of that name.
    """
    place, at = place_of(zone, fallback), at.astimezone(UTC)
    if at >= CALENDARS_END or is_open(at, place, hours):
        return at
    for start in starts_around(at.astimezone(place).date(), place, hours):
        if start > at:
            return start
    raise ValueError(f"no window of {hours} within {DAYS_AHEAD} days of {at} in {place.key}")


@lru_cache(maxsize=1024)
def place_of(zone: str | None, fallback: ZoneInfo) -> ZoneInfo:
    """The zone of that name, else `fallback`; creators' zones are typed by people."""
    try:
        return ZoneInfo(zone) if zone else fallback
    except (KeyError, ValueError, OSError):  # unknown; no name at all; a folder of names ("Europe")
        return fallback


def is_open(at: datetime, place: ZoneInfo, hours: Hours) -> bool:
    """Whether the clock on the wall in `place` shows a time within a window."""
    wall = at.astimezone(place)
    now, today = wall.time(), wall.date()
    if hours.opens < hours.closes:
        return hours.opens <= now < hours.closes and opens_on(today, hours)
    since_today = now >= hours.opens and opens_on(today, hours)
    return since_today or (now < hours.closes and opens_on(today - A_DAY, hours))


def opens_on(day: date, hours: Hours) -> bool:
    """Whether a window opens on the date `day`."""
    return hours.weekends or day.weekday() < SATURDAY


@lru_cache(maxsize=8192)
def starts_around(today: date, place: ZoneInfo, hours: Hours) -> tuple[datetime, ...]:
    """The instants (UTC), in order, at which an open stretch may begin on the dates around a local one: where the clock
    shows the hour, or jumps. From the day before: a clock may go back over midnight.
    """
    days = (today + A_DAY * ahead for ahead in range(-1, DAYS_AHEAD))
    return tuple(
        sorted(start for day in days for start in candidates(day, place, hours) if is_open(start, place, hours))
    )


def candidates(day: date, place: ZoneInfo, hours: Hours) -> Iterator[datetime]:
    """The opening hour, twice where the clock shows it twice, and a jump of the clock into the window."""
    for fold in (0, 1):
        yield datetime.combine(day, hours.opens, place).replace(fold=fold).astimezone(UTC)
    if change := change_of_clock(day, place):
        yield change


def change_of_clock(day: date, place: ZoneInfo) -> datetime | None:
    """The instant (UTC) within a local date at which the clock is put forward or back, to the second; None if it is not."""
    first = int(datetime.combine(day, time(), place).timestamp())
    last = int(datetime.combine(day + A_DAY, time(), place).timestamp())
    before = offset_at(first, place)
    if offset_at(last, place) == before:
        return None
    seconds = range(first, last + 1)
    second = bisect_left(seconds, True, key=lambda each: offset_at(each, place) != before)
    return datetime.fromtimestamp(seconds[second], UTC)


def offset_at(second: int, place: ZoneInfo) -> timedelta | None:
    """How far the clock in `place` is ahead of UTC at a second of the Unix epoch."""
    return datetime.fromtimestamp(second, place).utcoffset()
