"""Clocks speak UTC, and the one moved by hand moves only so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from infra.clock import HandClock, RunningClock, SystemClock


def test_the_system_clock_is_aware() -> None:
    assert SystemClock().now().tzinfo is UTC


def test_a_hand_clock_moves_only_by_hand() -> None:
    clock = HandClock(datetime(2026, 11, 22, 11, tzinfo=timezone(timedelta(hours=1))))

    assert clock.now() == clock.now() == datetime(2026, 11, 22, 10, tzinfo=UTC)
    assert clock.advance(timedelta(days=1)) == datetime(2026, 11, 23, 10, tzinfo=UTC)


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        HandClock(datetime(2026, 11, 22))  # noqa: DTZ001  the very thing that is refused


class Seconds:
    """The machine's seconds, counted by the test."""

    def __init__(self) -> None:
        self.passed = 100.0

    def __call__(self) -> float:
        return self.passed


NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_a_running_clock_passes_a_day_in_ten_seconds() -> None:
    seconds = Seconds()
    clock = RunningClock(NOON, 8640, monotonic=seconds)

    seconds.passed += 10

    assert clock.now() == NOON + timedelta(days=1)


def test_a_running_clock_runs_on_from_where_it_is_set() -> None:
    seconds = Seconds()
    clock = RunningClock(NOON, 60, monotonic=seconds)
    seconds.passed += 60

    clock.set(NOON - timedelta(days=7))
    clock.advance(timedelta(days=1))
    seconds.passed += 1

    assert clock.now() == NOON - timedelta(days=6) + timedelta(minutes=1)


def test_another_pace_keeps_the_instant() -> None:
    seconds = Seconds()
    clock = RunningClock(NOON, 60, monotonic=seconds)
    seconds.passed += 1

    clock.run_at(3600)
    assert (clock.now(), clock.speed) == (NOON + timedelta(minutes=1), 3600)
    seconds.passed += 1

    assert clock.now() == NOON + timedelta(minutes=61)


def test_a_running_clock_needs_a_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        RunningClock(datetime(2026, 11, 22), 1)  # noqa: DTZ001  the very thing that is refused
