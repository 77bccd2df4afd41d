"""Reads what ads spent and brought, for the days that TikTok may still revise."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import count

from sqlalchemy import Engine

from domain.posts import AdDay
from infra import appraisals, kpis, turns
from infra.clock import Clock
from infra.database import hot
from infra.tiktok.sizes import MOST_DAYS
from infra.turns import Turn
from worker.reading import Reading

# Conversions are attributed for up to seven days after a click, so a day changes until a week after it.
DAYS_REVISED = 8
EVERY = timedelta(hours=4)
# As many rows are locked at once, while the drain may want them.
AT_ONCE = 500


def spend(engine: Engine, clock: Clock, reading: Reading, turn: Turn) -> int:
    """Reads the report of one advertiser and keeps what is different; how many rows were."""
    now = clock.now()
    days = read(reading, *window(turn.spent_at, now))
    with hot(engine) as connection:
        changed = kpis.save(connection, turn.advertiser_id, days)
        appraisals.measure(connection, turn.advertiser_id, now=now)
        keys = appraisals.in_question(connection, turn.advertiser_id)
        turns.spent(connection, turn, spent_at=now, next_at=now + EVERY)
    for begin in range(0, len(keys), AT_ONCE):
        with hot(engine) as connection:
            appraisals.appraise(connection, keys[begin : begin + AT_ONCE], now=now)
    return changed


def window(spent_at: datetime | None, now: datetime) -> tuple[date, date]:
    """First and last day to read: what may be revised since the last reading, and all that a report covers at first.

    Days are the advertiser's; which zone that is makes the first and the last of them incomplete, and the next reading
    completes them.
    """
    unread = timedelta(days=MOST_DAYS) if spent_at is None else now - spent_at
    days = min(DAYS_REVISED + unread.days, MOST_DAYS)
    return now.date() - timedelta(days=days - 1), now.date()


def read(reading: Reading, start: date, end: date) -> list[AdDay]:
    """All rows of the report."""
    days: list[AdDay] = []
    for number in count(1):
        page = reading.value(reading.advertiser.report(start=start, end=end, page=number))
        days += page.items
        if page.is_last:
            break
    return days
