"""What a running service leaves for the commands beside it: where it listens, and in a demo by which clock it lives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from everspark import address
from infra.clock import RunningClock, SystemClock
from infra.settings import Settings, load

NEXT_SUMMER = datetime(2027, 7, 1, 12, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(data_dir=tmp_path, port=9123, database_url="")


def test_a_real_service_lives_by_the_machines_clock(settings: Settings) -> None:
    with address.announced(settings, SystemClock()):
        assert address.of(settings) == "http://127.0.0.1:9123"
        assert isinstance(address.clock_of(settings), SystemClock)


def test_a_demo_tells_its_clock(settings: Settings) -> None:
    clock = RunningClock(NEXT_SUMMER, 60)

    with address.announced(settings, clock):
        assert address.of(settings) == "http://127.0.0.1:9123"
        beside = address.clock_of(settings)
        assert isinstance(beside, RunningClock)
        assert beside.speed == 60
        # A minute each second: the two readings lie less than a second apart.
        assert abs(beside.now() - clock.now()) < timedelta(minutes=1)


def test_when_it_has_ended_the_clock_is_the_machines_again(settings: Settings) -> None:
    with address.announced(settings, RunningClock(NEXT_SUMMER, 60)):
        pass

    assert isinstance(address.clock_of(settings), SystemClock)


def test_the_folder_of_a_demo_stays_one_until_a_real_service_runs_on_it(settings: Settings) -> None:
    assert not address.is_demo(settings)

    with address.announced(settings, RunningClock(NEXT_SUMMER, 60)):
        assert address.is_demo(settings)
    assert address.is_demo(settings)

    with address.announced(settings):
        assert not address.is_demo(settings)
