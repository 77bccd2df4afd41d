"""The ledger of sweeps: once for each slot, and what is missing shows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from infra import ledger
from infra.clock import HandClock
from infra.database import hot

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
INTERVAL = timedelta(seconds=10)


def sweeps(engine: Engine, job: str, at: datetime, *, error: str | None = None) -> bool:
    """One whole sweep of ten seconds' slots; whether it was the slot's first."""
    with hot(engine) as connection:
        sweep_id = ledger.begin(connection, job=job, slot=ledger.slot_of(at, INTERVAL), fence=1, now=at)
        if sweep_id is not None:
            ledger.end(connection, sweep_id, found=3, error=error, now=at + timedelta(seconds=1))
    return sweep_id is not None


@pytest.mark.parametrize(("second", "slot"), [(0, 0), (9, 0), (9.999999, 0), (10, 10), (10.000001, 10), (3601.5, 3600)])
def test_a_slot_is_the_tick_floored_to_the_interval(second: float, slot: int) -> None:
    assert ledger.slot_of(TEN + timedelta(seconds=second), INTERVAL) == TEN + timedelta(seconds=slot)


def test_slots_of_odd_intervals_are_the_same_on_every_machine() -> None:
    interval = timedelta(seconds=7.5)
    slots = {ledger.slot_of(TEN + timedelta(milliseconds=step), interval) for step in range(0, 7500, 250)}

    assert all((slot - ledger.EPOCH) % interval == timedelta(0) for slot in slots)


def test_a_slot_is_swept_once(engine: Engine) -> None:
    assert sweeps(engine, "expire", TEN)
    assert not sweeps(engine, "expire", TEN + timedelta(seconds=9))
    assert sweeps(engine, "lapse", TEN)
    assert sweeps(engine, "expire", TEN + timedelta(seconds=10))


def test_the_newest_sweep_of_each_job_is_shown_in_the_order_of_jobs(engine: Engine) -> None:
    sweeps(engine, "vows", TEN, error="active_has_a_live_ad: 1")
    sweeps(engine, "expire", TEN)
    sweeps(engine, "expire", TEN + INTERVAL)

    with hot(engine) as connection:
        expire, vows = ledger.last_sweeps(connection)

    assert (expire.job, expire.slot, expire.found, expire.error) == ("expire", TEN + INTERVAL, 3, None)
    assert (vows.job, vows.error) == ("vows", "active_has_a_live_ad: 1")


def test_a_crashed_sweep_has_an_error_and_no_end(engine: Engine) -> None:
    with hot(engine) as connection:
        sweep_id = ledger.begin(connection, job="expire", slot=TEN, fence=1, now=TEN)
        assert sweep_id is not None
        ledger.fail(connection, sweep_id, error="ValueError: " + "x" * 5000)

    with hot(engine) as connection:
        (sweep,) = ledger.last_sweeps(connection)

    assert sweep.ended_at is None
    assert sweep.error is not None
    assert len(sweep.error) == ledger.ERROR_CHARACTERS


def test_the_longest_gap_counts_from_the_beginning_to_now(engine: Engine, clock: HandClock) -> None:
    for minute in (1, 2, 7, 8):
        sweeps(engine, "expire", TEN + timedelta(minutes=minute))

    def gap(since: int, now: int) -> timedelta:
        with hot(engine) as connection:
            begin, end = TEN + timedelta(minutes=since), TEN + timedelta(minutes=now)
            return ledger.longest_gap(connection, "expire", since=begin, now=end)

    assert gap(0, 9) == timedelta(minutes=5)
    assert gap(0, 20) == timedelta(minutes=12)
    assert gap(8, 9) == timedelta(minutes=1)
    assert gap(30, 50) == timedelta(minutes=20)
    assert gap(3, 8) == timedelta(minutes=4)


def test_what_was_before_the_first_run_of_all_is_no_gap(engine: Engine) -> None:
    for second in (0, 10, 20):
        sweeps(engine, "expire", TEN + timedelta(seconds=second))

    with hot(engine) as connection:
        now = TEN + timedelta(seconds=25)
        longest = ledger.longest_gap(connection, "expire", since=TEN - timedelta(days=1), now=now)

    assert longest == INTERVAL
