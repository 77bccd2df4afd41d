"""An event that raises is put aside, tried again, and kept for a person with its traceback; its neighbours go on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import count, islice
from typing import Any

import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs

from domain.renewal import Policy
from infra import inbox
from infra.clock import HandClock
from infra.database import hot
from infra.inbox import MAILBOXES, RETRY_AFTER, Letter, mailbox_of
from tests.deliveries import CREATOR, POST, day, letter
from worker.drain import drain

END_OF_TIME = datetime.max.replace(tzinfo=UTC)


def requested(event_id: str, *, post: str = POST) -> Letter:
    return letter(
        "authorization.requested", day(0), event_id=event_id, post=post, route="code", days=30, creator=CREATOR
    )


# No producer gets such an instant through; to the plan, which adds days to it, it is as good as a bug.
PLAN_FAILS = replace(requested("poison"), occurred_at=END_OF_TIME)


class World:
    def __init__(self, engine: Engine, clock: HandClock) -> None:
        self.engine, self.clock = engine, clock

    def hears(self, *letters: Letter) -> None:
        with hot(self.engine) as connection:
            inbox.accept(connection, letters, now=self.clock.now())

    def drains(self) -> int:
        """How many events were handled, in whichever mailbox."""
        drained = [drain(self.engine, self.clock, Policy(), mailbox) for mailbox in range(MAILBOXES)]
        return sum(each.outcomes.total() for each in drained)

    def asks(self, query: str) -> list[tuple[Any, ...]]:
        with hot(self.engine) as connection:
            return connection.execute(query.encode()).fetchall()


@pytest.fixture
def world(engine: Engine, clock: HandClock) -> World:
    return World(engine, clock)


def test_a_plan_that_fails_holds_nobody_up(world: World) -> None:
    neighbours = [requested(f"{number}", post=f"{10**18 + number}") for number in range(5)]
    before = requested("before")
    world.hears(*neighbours[:3], before, PLAN_FAILS, *neighbours[3:])

    with capture_logs() as logs:
        world.drains()

    assert world.asks("SELECT event_id FROM inbox WHERE outcome IS NULL") == [("poison",)]
    assert world.asks("SELECT count(*) FROM history") == [(6,)]
    [line] = [line for line in logs if line["log_level"] == "warning"]
    assert (line["event"], line["key"], line["attempts"]) == ("event_raised", PLAN_FAILS.key, 1)


@pytest.mark.parametrize("place", [0, 1, 700, 2_499])
def test_in_a_long_backlog_it_is_found_within_one_drain(world: World, place: int) -> None:
    mailbox = mailbox_of(PLAN_FAILS.key)
    crowd = (requested(f"{number}", post=f"{10**18 + number}") for number in count())
    letters = list(islice((each for each in crowd if mailbox_of(each.key) == mailbox), 2_500))
    world.hears(*letters[:place], PLAN_FAILS, *letters[place:])

    drained = drain(world.engine, world.clock, Policy(), mailbox)

    assert (drained.outcomes.total(), drained.has_more) == (2_500, False)
    assert world.asks("SELECT event_id FROM inbox WHERE outcome IS NULL") == [("poison",)]
    # Each batch on the way is half of the one before.
    assert drained.batches < 18
    assert drained.taken < 4 * 2_500


def test_after_some_tries_it_waits_for_a_person_with_its_traceback(world: World) -> None:
    world.hears(PLAN_FAILS)

    with capture_logs() as logs:
        world.drains()
        for wait in RETRY_AFTER:
            assert world.drains() == 0
            world.clock.advance(wait)
            world.drains()

    assert [line["event"] for line in logs] == ["event_raised"] * 3 + ["event_quarantined"]
    assert world.asks("SELECT outcome FROM inbox") == [("quarantined",)]
    [(status, error)] = world.asks("SELECT status, error FROM pending")
    assert status == "quarantined"
    assert "OverflowError" in error


def test_what_was_quarantined_can_be_replayed(world: World) -> None:
    world.hears(PLAN_FAILS)
    world.drains()
    for wait in RETRY_AFTER:
        world.clock.advance(wait)
        world.drains()
    world.asks("UPDATE inbox SET occurred_at = received_at RETURNING seq")

    with hot(world.engine) as connection:
        assert inbox.replay(connection, [1]) == {1: mailbox_of(PLAN_FAILS.key)}
    world.drains()

    assert world.asks("SELECT outcome FROM inbox") == [("moved",)]
    assert world.asks("SELECT * FROM pending") == []
