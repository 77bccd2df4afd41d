"""The ends that a message speaks of as a calendar file (RFC 5545), for creators who keep their dates in a calendar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote

from icalendar import Alarm, Calendar, Event

# The hour before the end is marked, and announced the day before.
MARKED = timedelta(hours=1)
ANNOUNCED = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """`key` stays the same from one message to the next, so that a later end moves the entry in place of adding one."""

    key: str
    title: str
    ends_at: datetime
    link: str | None


def calendar_of(entries: Sequence[Entry], *, domain: str, now: datetime) -> bytes:
    """The file. Nobody is invited, and nobody's time is shown as taken."""
    calendar = Calendar()
    calendar.add("prodid", "-//Everspark//Everspark//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    for entry in entries:
        calendar.add_component(_event(entry, domain, now))
    return bytes(calendar.to_ical())


def _event(entry: Entry, domain: str, now: datetime) -> Event:
    event = Event()
    event.add("uid", f"{quote(entry.key, safe='')}@{domain}")
    event.add("dtstamp", now)
    event.add("sequence", int(now.timestamp()))
    event.add("summary", entry.title)
    event.add("dtstart", entry.ends_at - MARKED)
    event.add("dtend", entry.ends_at)
    event.add("transp", "TRANSPARENT")
    if entry.link:
        event.add("url", entry.link)
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", entry.title)
    alarm.add("trigger", -ANNOUNCED)
    event.add_component(alarm)
    return event
