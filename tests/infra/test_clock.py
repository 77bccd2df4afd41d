"""Clocks speak UTC, and the one moved by hand moves only so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from infra.clock import HandClock, SystemClock


def test_the_system_clock_is_aware() -> None:
    assert SystemClock().now().tzinfo is UTC


def test_a_hand_clock_moves_only_by_hand() -> None:
    clock = HandClock(datetime(2026, 11, 22, 11, tzinfo=timezone(timedelta(hours=1))))

    assert clock.now() == clock.now() == datetime(2026, 11, 22, 10, tzinfo=UTC)
    assert clock.advance(timedelta(days=1)) == datetime(2026, 11, 23, 10, tzinfo=UTC)


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        HandClock(datetime(2026, 11, 22))  # noqa: DTZ001  the very thing that is refused
