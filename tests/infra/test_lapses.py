"""An advertiser's report: what the database sums up is what each ending says for itself."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from statistics import median
from typing import Any

import pytest
from sqlalchemy import Engine

from domain.digest import sums
from domain.outcome import Outcome
from infra.clock import HandClock
from infra.database import hot
from infra.endings import Ending, save
from infra.reports import lapses
from infra.reports.lapses import Ended
from tests.portfolio import DAY, Post, holds

OURS, OTHER = "7200000000000000001", "7200000000000000002"
HOUR = timedelta(hours=1)
OPEN = 4


def ending(number: int, at: datetime, outcome: str = "lapsed", **more: Any) -> Ending:
    return Ending(authorization_id=number, period_ends_at=at, outcome=outcome, decided_at=at, **more)


@pytest.fixture
def now(engine: Engine, clock: HandClock) -> datetime:
    """Of six posts the periods ended in all ways, two lapses are over and four go on; another advertiser's, and an old one."""
    now = clock.now()
    ours = [Post(number=number, ends=-number, currency="EUR" if number % 2 else "USD") for number in range(1, 7)]
    holds(engine, [*ours, Post(number=7, advertiser=OTHER, ends=-1)], now=now)
    with hot(engine) as connection:
        ids = dict(connection.execute("SELECT item_id, id FROM authorizations").fetchall())
        numbers = [0, *(ids[str(7300000000000000000 + number)] for number in range(1, 8))]
        past, spans = now - 40 * DAY, [(HOUR * 3 + timedelta(seconds=59), "12.5000"), (HOUR * 5, "7")]
        rows = [
            ending(numbers[1], past, "renewed_by_extension", asked_at=past - DAY, answered_at=past - HOUR),
            ending(numbers[2], past, "renewed_by_new_code", asked_at=past - DAY, answered_at=past - HOUR * 2),
            ending(numbers[3], past, "not_needed"),
            *(
                ending(number, past, down_from=past, down_until=past + down, lost={"EUR": lost}, step="no_answer")
                for number, (down, lost) in zip(numbers[4:6], spans, strict=True)
            ),
            *(
                ending(numbers[n], now - n * DAY, down_from=now - n * DAY, step="asked_late")
                for n in range(1, 1 + OPEN)
            ),
            ending(numbers[7], now - DAY, down_from=now - DAY, step="declined"),
            ending(numbers[6], now - 95 * DAY, down_from=past, down_until=now, lost={"EUR": "9"}, step="declined"),
        ]
        save(connection, rows)
    return now


def one_by_one(engine: Engine, now: datetime) -> list[Ended]:
    with hot(engine) as connection:
        every = lapses.ended(connection, now=now, since=now - 90 * DAY)
    return [each for each in every if each.key.startswith(OURS)]


def reported(engine: Engine, now: datetime, **more: Any) -> lapses.Report:
    with hot(engine) as connection:
        return lapses.report(connection, OURS, since=now - 90 * DAY, now=now, **more)


def test_it_says_what_its_endings_say(engine: Engine, now: datetime) -> None:
    every = one_by_one(engine, now)
    report = reported(engine, now)

    lapsed = [each for each in every if each.has_lapsed]
    answers = [each.answered_in.total_seconds() for each in every if each.answered_in]
    assert (report.renewed, report.lapsed, report.not_needed, report.left_out) == (2, len(lapsed), 1, 0)
    assert report.on_time == 2 / 8
    assert report.answered_in == timedelta(seconds=median(answers))
    assert report.minutes_down == sum(each.minutes_down or 0 for each in lapsed) == 8 * 60 + (1 + 2 + 3 + 4) * 24 * 60
    assert report.lost == sums(each.lost or {} for each in lapsed) == {"EUR": Decimal("419.5"), "USD": Decimal(600)}
    assert report.steps == [("asked_late", OPEN), ("no_answer", 2)]


def test_of_very_many_lapses_that_go_on_the_newest_are_counted(engine: Engine, now: datetime) -> None:
    report = reported(engine, now, most=1)

    assert (report.lapsed, report.left_out) == (6, OPEN - 1)
    assert report.minutes_down == 8 * 60 + 24 * 60
    assert report.lost == {"EUR": Decimal("119.5")}


def test_no_more_lapses_are_read_than_are_listed(engine: Engine, now: datetime) -> None:
    with hot(engine) as connection:
        newest = lapses.newest_lapses(connection, OURS, since=now - 90 * DAY, now=now, limit=5)

    every = [each for each in one_by_one(engine, now) if each.ending.outcome == Outcome.LAPSED]
    assert newest == every[::-1][:5]
    assert [each.goes_on for each in newest] == [True] * OPEN + [False]


def test_one_of_which_nothing_ended_has_an_empty_report(engine: Engine, now: datetime) -> None:
    with hot(engine) as connection:
        report = lapses.report(connection, "7200000000000000009", since=now - 90 * DAY, now=now)

    assert (report.renewed, report.lapsed, report.lost, report.steps) == (0, 0, {}, [])
    assert (report.on_time, report.answered_in, report.minutes_down) == (None, None, 0)
