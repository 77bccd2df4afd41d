"""Of several schedulers one leads; whoever is deposed writes nothing more."""

from __future__ import annotations

from collections.abc import Iterable
from threading import Event
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, event
from structlog.testing import capture_logs

from infra import ledger
from infra.clock import HandClock
from infra.database import make_engine
from infra.leases import Deposed
from infra.settings import load
from scheduler import due
from scheduler.main import Scheduler, make
from scheduler.sweeps import JOBS, sweep_all
from tests.sweeping import DAY, HOUR, Nudged, World


@pytest.fixture
def world(engine: Engine, clock: HandClock) -> World:
    return World(engine, clock)


def test_of_two_schedulers_only_one_works(world: World) -> None:
    world.has("active", expires_at=world.now - HOUR)
    ada, bob = scheduler(world), scheduler(world)

    for each in (ada, bob):
        each.campaign()
    for each in (bob, ada, bob):
        each.tick("expire")

    assert (ada.is_leading, bob.is_leading) == (True, False)
    assert len(world.letters()) == 1
    assert [row["fence"] for row in world.ledger("expire")] == [1]


def test_a_silent_leader_is_replaced_when_its_lease_is_over(world: World) -> None:
    world.has("active", expires_at=world.now - HOUR)
    ada, bob = scheduler(world), scheduler(world)
    ada.campaign()
    world.does("UPDATE leases SET expires_at = now()")

    bob.campaign()
    bob.tick("expire")

    assert bob.is_leading
    assert [row["fence"] for row in world.ledger("expire")] == [2]


def test_a_deposed_leader_writes_nothing_and_notices(world: World) -> None:
    world.has("active", expires_at=world.now - HOUR)
    ada, bob = scheduler(world), scheduler(world)
    ada.campaign()
    world.does("UPDATE leases SET expires_at = now()")
    bob.campaign()

    with capture_logs() as logs:
        ada.tick("expire")

    assert world.letters() == []
    assert world.ledger("expire") == []
    assert not ada.is_leading
    assert [line["event"] for line in logs] == ["leader_deposed"]


def test_who_is_deposed_between_two_batches_writes_no_second_one(world: World) -> None:
    world.has("active", last=3 * due.BATCH, expires_at=world.now - DAY)
    ada = world.elects("ada")

    class TakenOver(Nudged):
        def mailboxes(self, _numbers: Iterable[int]) -> None:
            world.does("UPDATE leases SET expires_at = now()")
            world.elects("bob")

    world.nudges = TakenOver()
    with pytest.raises(Deposed):
        world.sweeps("expire", fence=ada)

    assert len(world.letters()) == due.BATCH
    (row,) = world.ledger("expire")
    assert (row["ended_at"], row["error"]) == (None, None)


def test_a_leader_that_stops_is_replaced_at_once(world: World) -> None:
    measured = Measured()
    ada, bob = scheduler(world, measured), scheduler(world)
    ada.start()
    measured.wait()

    ada.stop()
    bob.campaign()

    assert bob.is_leading


def test_whoever_is_elected_sweeps_at_once(world: World) -> None:
    world.has("active", expires_at=world.now - HOUR)
    measured = Measured()
    ada = scheduler(world, measured)

    ada.start()
    measured.wait()
    ada.stop()

    assert len(world.letters()) == 1
    assert {row["job"] for row in world.asks("SELECT job FROM sweeps")} == set(ledger.JOBS)


def test_nobody_else_sweeps_all_while_one_leads(world: World) -> None:
    world.elects("another")

    assert sweep_all(engine=world.engine, clock=world.clock, nudges=world.nudges, settings=world.settings) == {}


def test_an_outage_of_the_database_is_logged_and_survived(world: World, database_url: str) -> None:
    world.has("active", expires_at=world.now - HOUR)
    engine, outage = make_engine(database_url), Outage()
    event.listen(engine, "do_connect", outage.on_connect)
    measured = Measured()
    ada = make(settings=load(lease_seconds=1), engine=engine, clock=world.clock, nudges=world.nudges, metrics=measured)

    with capture_logs() as logs:
        ada.start()
        assert outage.felt.wait(timeout=20)
        outage.is_over.set()
        measured.wait()
        ada.stop()
    engine.dispose()

    failed = [line for line in logs if line["event"] == "sweep_failed"]
    assert {(line["job"], line["error"]) for line in failed} == {("campaign", "the database is away")}
    assert "traceback" not in failed[0]
    assert len(world.letters()) == 1


def scheduler(world: World, metrics: Measured | None = None) -> Scheduler:
    return make(settings=world.settings, engine=world.engine, clock=world.clock, nudges=world.nudges, metrics=metrics)


class Measured:
    """Waits until every job has been run by the threads of a started scheduler."""

    def __init__(self) -> None:
        self.jobs: set[str] = set()
        self._all = Event()

    def swept(self, job: str, *, found: int, seconds: float) -> None:
        assert (found, seconds) >= (0, 0)
        self.jobs.add(job)
        if self.jobs == set(JOBS):
            self._all.set()

    def wait(self) -> None:
        assert self._all.wait(timeout=20), f"only {self.jobs} ran"


class Outage:
    """A database that refuses connections until it is over; felt from the second refusal on."""

    def __init__(self) -> None:
        self.felt, self.is_over = Event(), Event()
        self._refused = 0

    def on_connect(self, *_ignored: Any) -> None:
        if self.is_over.is_set():
            return
        self._refused += 1
        if self._refused > 1:
            self.felt.set()
        raise psycopg.OperationalError("the database is away\nand says so at length")
