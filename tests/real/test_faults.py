"""Whatever is killed under load: every event that was answered 202 is in the inbox once, and applied exactly once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.real.fleet import COMMANDS, WORKERS, Fleet, now, wait_until
from tests.real.producer import Load, load

pytestmark = pytest.mark.real

# `record_property`: what the fault was, and the seconds until all was well. tests/conftest.py shows them at the end.
Recorded = Callable[[str, float], None]

# All that was taken in until the fault was over is applied, and so is something that came later.
RECOVERED = """
SELECT NOT EXISTS (SELECT FROM inbox WHERE received_at <= %s AND outcome IS NULL)
   AND EXISTS (SELECT FROM inbox WHERE received_at > %s AND outcome IS NOT NULL)
"""
NOTHING_READY = "SELECT NOT EXISTS (SELECT FROM pending WHERE status = 'ready')"
NEW_LEADER_SWEPT = "SELECT EXISTS (SELECT FROM sweeps WHERE fence > %s AND ended_at IS NOT NULL)"


class Fault:
    """Something that happens to the fleet while it is busy."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet, self._begun = fleet, time.monotonic()

    def recovers(self) -> float:
        """Waits until all is as if nothing had happened, and says how many seconds after the fault that was."""
        at = now()
        wait_until(lambda: self._fleet.answers(RECOVERED, at, at), "the service recovers")
        return time.monotonic() - self._begun


@contextmanager
def busy(fleet: Fleet) -> Iterator[Load]:
    """A fleet under load; when the block ends all that was accepted is accounted for."""
    with load(fleet) as carried:
        wait_until(lambda: len(carried.accepted) > 100, "the load flows")
        yield carried
    assert carried.failures == []
    wait_until(lambda: fleet.answers(NOTHING_READY), "all events are handled")
    accounts_for(fleet, carried.accepted)


def accounts_for(fleet: Fleet, accepted: list[str]) -> None:
    """Each is in the inbox once, with an outcome, and has exactly one line in the history."""
    rows = fleet.asks(
        "SELECT event_id, outcome, (SELECT count(*) FROM history WHERE history.seq = inbox.seq) FROM inbox"
        " WHERE sender = 'producer:crm' AND event_id = ANY(%s)",
        accepted,
    )
    assert sorted(row[0] for row in rows) == sorted(accepted)
    assert {row[1] for row in rows} <= {"moved", "stayed"}
    assert {row[2] for row in rows} == {1}
    assert fleet.asks("SELECT status, error FROM pending") == []


@pytest.mark.parametrize("names", [("worker 1",), ("worker 2",), WORKERS], ids=["everspark worker", "dramatiq", "all"])
def test_workers_are_killed(fleet: Fleet, record_property: Recorded, names: tuple[str, ...]) -> None:
    with busy(fleet):
        fault = Fault(fleet)
        fleet.kills(*names)
        if names == WORKERS:
            fleet.starts(*names)

        # One of two is not missed: whichever is left, `everspark worker` or dramatiq's own command, works alone.
        record_property(f"kill -9 of {' and '.join(names)}", fault.recovers())

        if names != WORKERS:
            fleet.starts(*names)


def test_the_web_process_is_killed(fleet: Fleet, record_property: Recorded) -> None:
    with busy(fleet) as carried:
        fault = Fault(fleet)
        fleet.kills("web")
        fleet.starts("web")

        record_property("kill -9 of web", fault.recovers())
    assert carried.again > 0


def test_the_leading_scheduler_is_killed(fleet: Fleet, record_property: Recorded) -> None:
    with busy(fleet):
        leader, fence = fleet.leader()
        fault = Fault(fleet)
        fleet.kills(leader)

        wait_until(lambda: fleet.answers(NEW_LEADER_SWEPT, fence), "the other scheduler leads")
        record_property("kill -9 of the leading scheduler", fault.recovers())
        fleet.starts(leader)


def test_redis_is_flushed(fleet: Fleet, record_property: Recorded) -> None:
    with busy(fleet):
        fault = Fault(fleet)
        fleet.flushes_redis()

        record_property("Redis FLUSHALL", fault.recovers())


def test_redis_is_killed_and_comes_back_empty(fleet: Fleet, record_property: Recorded) -> None:
    with busy(fleet):
        fault = Fault(fleet)
        fleet.restarts_redis()

        record_property("kill -9 of Redis", fault.recovers())


def test_postgresql_crashes_and_recovers(fleet: Fleet, record_property: Recorded) -> None:
    with busy(fleet) as carried:
        fault = Fault(fleet)
        fleet.restarts_postgresql()

        record_property("crash of PostgreSQL", fault.recovers())
    assert carried.again > 0


def test_all_are_told_to_stop_and_are_started_again(fleet: Fleet, record_property: Recorded) -> None:
    with busy(fleet):
        wait_until(lambda: all(fleet.has_begun(name) for name in COMMANDS), "all processes have begun")
        fault = Fault(fleet)
        codes = fleet.stops(*COMMANDS)
        fleet.starts(*COMMANDS)

        record_property("SIGTERM to all but Redis and PostgreSQL", fault.recovers())
    # uvicorn finishes what is in hand and then ends by the very signal that it was sent.
    assert codes == dict.fromkeys(COMMANDS, 0)
