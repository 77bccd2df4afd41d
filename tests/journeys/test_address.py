"""What a running service leaves for the commands beside it: where it listens, and in a demo by which clock it lives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from everspark import address
from everspark.outcomes import Stop
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


def test_a_second_service_on_a_folder_is_refused_and_leaves_the_first_ones_address(settings: Settings) -> None:
    with address.alone(settings), address.announced(settings):
        with pytest.raises(Stop, match=r"already, at http://127\.0\.0\.1:9123: end it"), address.alone(settings):
            pass
        assert address.of(settings.model_copy(update={"port": 1})) == "http://127.0.0.1:9123"

    with address.alone(settings):
        pass


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(Stop, match="cannot be written to"), address.alone(load(data_dir=tmp_path / "file" / "data")):
        pass


def test_before_a_given_database_any_number_may_run(tmp_path: Path) -> None:
    settings = load(data_dir=tmp_path, database_url="postgresql://elsewhere")

    with address.alone(settings), address.alone(settings):
        pass
