"""Time passes: what is due is announced once, however long nobody looked."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine

from infra import inbox
from infra.clock import HandClock
from infra.database import hot
from scheduler import due
from scheduler.due import EXPIRE, LAPSE, REMIND, Announcement
from scheduler.sweeps import JOBS, sweep, sweep_all
from tests.sweeping import DAY, HOUR, NEXT_SLOT, World


@pytest.fixture
def world(engine: Engine, clock: HandClock) -> World:
    return World(engine, clock)


# What is due


@pytest.mark.parametrize("state", ["authorized", "active"])
def test_a_period_that_ended_is_announced(world: World, state: str) -> None:
    world.has(state, expires_at=world.now - HOUR)

    assert world.sweeps("expire") == 1

    (letter,) = world.letters()
    assert (letter["sender"], letter["event_id"], letter["type"]) == ("clock", "expire:1:7", "period.ended")
    assert (letter["key"], letter["occurred_at"]) == ("a/1", world.now - HOUR)
    assert letter["data"] == {"ends_at": "2026-11-22T09:00:00Z"}
    assert world.nudges.boxes == [inbox.mailbox_of("a/1")]


def test_the_very_instant_of_the_end_counts(world: World) -> None:
    world.has("active", expires_at=world.now)

    assert world.sweeps("expire") == 1


def test_a_request_that_nobody_answered_lapses(world: World) -> None:
    world.has("requested", action=("lapse", world.now - HOUR))

    assert world.sweeps("lapse") == 1

    (letter,) = world.letters()
    assert (letter["event_id"], letter["type"], letter["data"]) == ("lapse:1:7", "request.lapsed", {})
    assert letter["occurred_at"] == world.now - HOUR


def test_a_renewal_is_due(world: World) -> None:
    world.has("active", expires_at=world.now + DAY, action=("ask", world.now - HOUR))

    assert world.sweeps("remind") == 1

    (letter,) = world.letters()
    assert (letter["event_id"], letter["type"]) == ("remind:1:7", "renewal.due")
    assert letter["data"] == {"period_ends_at": "2026-11-23T10:00:00Z", "rung": 2}
    assert letter["occurred_at"] == world.now - HOUR


def test_where_nothing_is_due_nothing_is_written(world: World) -> None:
    soon = world.now + timedelta(microseconds=1)
    world.has("authorized", first=1, expires_at=soon, action=("ask", soon))
    world.has("requested", first=2, last=2, action=("lapse", soon))
    world.has("expired", first=3, last=3, expires_at=world.now - DAY)
    world.has("revoked", first=4, last=4, expires_at=world.now - DAY)

    found = sweep_all(engine=world.engine, clock=world.clock, nudges=world.nudges, settings=world.settings)

    assert found == dict.fromkeys(JOBS, 0)
    assert world.letters() == []
    assert (world.nudges.boxes, world.nudges.payers) == ([], 0)


def test_a_second_sweep_before_the_worker_ran_writes_nothing_and_nudges_again(world: World) -> None:
    world.has("active", expires_at=world.now - HOUR)
    world.sweeps("expire")

    world.clock.advance(NEXT_SLOT)

    assert world.sweeps("expire") == 0
    assert len(world.letters()) == 1
    assert len(world.nudges.boxes) == 2


def test_what_was_applied_and_is_due_again_is_announced_again(world: World) -> None:
    world.has("active", expires_at=world.now - HOUR)
    world.sweeps("expire")
    world.does("UPDATE authorizations SET version = version + 1")

    world.clock.advance(NEXT_SLOT)

    assert world.sweeps("expire") == 1
    assert [letter["event_id"] for letter in world.letters()] == ["expire:1:7", "expire:1:8"]


@pytest.mark.parametrize("many", [due.BATCH - 1, due.BATCH, due.BATCH + 1, 3 * due.BATCH])
def test_after_a_downtime_all_is_caught_up_in_bounded_batches(world: World, many: int) -> None:
    # All of one instant: the cursor must go on by id where the instants are equal.
    world.has("active", last=many, expires_at=world.now - DAY)

    assert world.sweeps("expire") == many

    assert {row["key"] for row in world.letters()} == {f"a/{number}" for number in range(1, many + 1)}
    # Each batch is a transaction of its own, and sees the same `now`.
    batches = world.asks("SELECT count(*) AS size FROM inbox GROUP BY xmin::text")
    assert max(row["size"] for row in batches) <= due.BATCH
    assert len(batches) == -(-many // due.BATCH)


def test_the_longest_overdue_come_first(world: World) -> None:
    world.has("active", first=1, expires_at=world.now - HOUR)
    world.has("active", first=2, last=2, expires_at=world.now - DAY)

    world.sweeps("expire")

    assert [letter["key"] for letter in world.letters()] == ["a/2", "a/1"]


def test_a_stopping_scheduler_ends_after_the_batch_in_hand(world: World) -> None:
    world.has("active", last=2 * due.BATCH, expires_at=world.now - DAY)
    fence = world.elects("the leader")

    found = sweep(
        "expire",
        engine=world.engine,
        clock=world.clock,
        nudges=world.nudges,
        settings=world.settings,
        fence=fence,
        is_stopping=lambda: True,
    )

    assert found == due.BATCH


# The cost


@pytest.mark.parametrize("what", [EXPIRE, LAPSE, REMIND], ids=lambda what: what.job)
@pytest.mark.parametrize("mode", ["auto", "force_generic_plan"])
def test_a_sweep_walks_its_partial_index(world: World, what: Announcement, mode: str) -> None:
    later = world.now + 20 * DAY
    world.has("active", first=1, last=2000, expires_at=later + DAY, action=("ask", later))
    world.has("requested", first=2001, last=4000, action=("lapse", later))
    world.has("authorized", first=4001, last=4020, expires_at=world.now - DAY, action=("ask", world.now - DAY))
    world.has("requested", first=4021, last=4040, action=("lapse", world.now - DAY))
    world.does("ANALYZE authorizations")

    with hot(world.engine) as connection:
        plan = explained(connection, what, now=world.now, mode=mode)

    (scan,) = [node for node in nodes(plan) if "Scan" in node["Node Type"]]
    assert scan["Node Type"] == "Index Scan"
    assert scan["Index Name"] == f"authorizations_{what.job}"
    assert not [node for node in nodes(plan) if node["Node Type"] == "Sort"]
    assert "ROW(" in scan["Index Cond"]


def explained(connection: psycopg.Connection, what: Announcement, *, now: datetime, mode: str) -> dict[str, Any]:
    """The plan of a prepared sweep query, as psycopg prepares it after a few batches."""
    connection.execute(f"SET LOCAL plan_cache_mode = {mode}".encode())
    text = what.query.replace("%(now)s", "$1").replace("%(at)s", "$2").replace("%(id)s", "$3")
    connection.execute(f"PREPARE swept (timestamptz, timestamptz, bigint) AS {text}".encode())
    at, number = due.BEGINNING
    run = f"EXPLAIN (FORMAT JSON) EXECUTE swept ('{now.isoformat()}', '{at.isoformat()}', {number})"
    row = connection.execute(run.encode()).fetchone()
    connection.execute("DEALLOCATE swept")
    assert row is not None
    plans = json.loads(row[0]) if isinstance(row[0], str) else row[0]
    return dict(plans[0]["Plan"])


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(inner for child in plan.get("Plans", []) for inner in nodes(child))]


# The ledger


def test_a_slot_is_swept_once_and_leaves_a_row(world: World) -> None:
    world.has("active", last=2, expires_at=world.now - HOUR)

    assert [world.sweeps("expire"), world.sweeps("expire")] == [2, 0]

    (row,) = world.ledger("expire")
    assert (row["slot"], row["found"], row["error"]) == (world.now, 2, None)
    assert row["ended_at"] is not None
    assert len(world.nudges.boxes) == len({inbox.mailbox_of("a/1"), inbox.mailbox_of("a/2")})


def test_a_sweep_that_crashed_says_so_and_the_next_slot_goes_on(world: World) -> None:
    world.has("active", expires_at=world.now - HOUR)
    world.does("ALTER TABLE inbox RENAME TO inbox_away")
    try:
        with pytest.raises(psycopg.errors.UndefinedTable):
            world.sweeps("expire")
    finally:
        world.does("ALTER TABLE inbox_away RENAME TO inbox")

    (row,) = world.ledger("expire")
    assert (row["ended_at"], row["found"]) == (None, None)
    assert row["error"].startswith("UndefinedTable")
    world.clock.advance(NEXT_SLOT)
    assert world.sweeps("expire") == 1
