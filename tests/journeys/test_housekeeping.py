"""What nobody handled is nudged again, and what nobody needs any more is removed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from domain.acts import Act, ActError
from infra import bulks, inbox
from infra.clock import HandClock
from infra.database import hot
from infra.reports.concerned import Chosen
from scheduler import prune
from tests.portfolio import Post, holds
from tests.sweeping import DAY, HOUR, NEXT_SLOT, World
from worker.bulks import advance


@pytest.fixture
def world(engine: Engine, clock: HandClock) -> World:
    return World(engine, clock)


# What nobody handled


def test_mail_that_nobody_handled_is_nudged_once_an_interval(world: World) -> None:
    world.hears("old", at=world.now - NEXT_SLOT)
    world.hears("young", at=world.now, key="a/2")

    assert [world.sweeps("rescue"), world.sweeps("rescue")] == [1, 0]
    assert world.nudges.boxes == [inbox.mailbox_of("a/1")]

    world.clock.advance(NEXT_SLOT)
    assert world.sweeps("rescue") == 2


def test_mail_that_is_to_be_tried_again_is_nudged_when_its_time_has_come(world: World) -> None:
    world.hears("raised", at=world.now - DAY)
    world.does("UPDATE pending SET try_at = %(at)s", at=world.now + NEXT_SLOT)

    assert world.sweeps("rescue") == 0
    world.clock.advance(NEXT_SLOT)
    assert world.sweeps("rescue") == 1


@pytest.mark.parametrize("status", ["early", "parked", "quarantined"])
def test_mail_that_waits_for_something_else_is_left_alone(world: World, status: str) -> None:
    world.hears("waiting", at=world.now - DAY)
    world.does("UPDATE pending SET status = %(status)s", status=status)

    assert world.sweeps("rescue") == 0
    assert world.nudges.boxes == []


def test_effects_that_are_owed_are_nudged(world: World) -> None:
    world.owes("due", due_at=world.now)

    assert (world.sweeps("rescue"), world.nudges.payers) == (1, 1)


def test_an_effect_whose_payer_is_lost_is_nudged_after_five_minutes(world: World) -> None:
    world.owes("paying", status="paying", due_at=world.now - DAY, claimed_at=world.now)

    world.clock.advance(timedelta(minutes=5))
    assert world.sweeps("rescue") == 0
    world.clock.advance(NEXT_SLOT)
    assert (world.sweeps("rescue"), world.nudges.payers) == (1, 1)


@pytest.mark.parametrize("status", ["owed", "uncertain"])
def test_calls_to_tiktok_that_are_owed_or_uncertain_are_nudged(world: World, status: str) -> None:
    world.owes("due", kind="code.check", status=status, due_at=world.now)

    assert (world.sweeps("rescue"), world.nudges.callers, world.nudges.payers) == (1, 1, 0)


def test_effects_that_are_not_due_or_settled_are_left_alone(world: World) -> None:
    world.owes("later", due_at=world.now + HOUR)
    for status in ("done", "failed", "uncertain", "cancelled"):
        world.owes(status, status=status, due_at=world.now - DAY, settled_at=world.now - DAY)

    assert (world.sweeps("rescue"), world.nudges.payers) == (0, 0)


# What nobody needs any more


def test_events_are_removed_when_they_were_handled_long_ago(world: World) -> None:
    long_ago, lately = world.now - 91 * DAY, world.now - 89 * DAY
    handled = world.hears("handled long ago", at=long_ago)
    late = world.hears("handled lately", at=long_ago)
    world.hears("never handled", at=long_ago)
    parked = world.hears("parked", at=long_ago)
    waiting = world.hears("waits for TikTok", at=long_ago)
    world.owes("the code's check", kind="code.check", due_at=long_ago)
    young = world.hears("young", at=world.now)
    for seq, at in ((handled, long_ago), (late, lately), (young, world.now)):
        world.applies(seq, at=at)
    world.applies(waiting, at=long_ago, outcome="waiting")
    world.does("UPDATE inbox SET outcome = 'parked', handled_at = %(at)s WHERE seq = %(seq)s", at=long_ago, seq=parked)

    assert world.sweeps("prune") == 1
    kept = {row["event_id"] for row in world.letters()}
    assert kept == {"handled lately", "never handled", "parked", "waits for TikTok", "young"}

    world.does("UPDATE outbox SET status = 'done', settled_at = %(at)s", at=world.now)
    world.clock.advance(prune.EVERY)
    assert world.sweeps("prune") == 1


def test_what_is_kept_on_purpose_does_not_end_the_walk(world: World) -> None:
    long_ago = world.now - 91 * DAY
    kept = [
        inbox.Letter(sender="clock", event_id=str(number), type="x", key="a/1", occurred_at=long_ago, data=b"{}")
        for number in range(prune.BATCH)
    ]
    with hot(world.engine) as connection:
        inbox.accept(connection, kept, now=long_ago)
    world.applies(world.hears("last", at=long_ago), at=long_ago)

    assert world.sweeps("prune") == 1


def test_effects_are_removed_when_they_were_settled_long_ago(world: World) -> None:
    long_ago = world.now - 91 * DAY
    for status in ("done", "cancelled", "failed", "uncertain"):
        world.owes(status, status=status, due_at=long_ago, settled_at=long_ago)
    world.owes("settled lately", status="done", due_at=long_ago, settled_at=world.now)
    world.owes("owed", due_at=long_ago)

    assert world.sweeps("prune") == 2
    kept = {row["idempotency_key"] for row in world.asks("SELECT idempotency_key FROM outbox")}
    assert kept == {"failed", "uncertain", "settled lately", "owed"}


def test_the_ledger_keeps_a_week(world: World) -> None:
    for days in (8, 6):
        at = world.now - days * DAY
        world.does("INSERT INTO sweeps (job, slot, fence, started_at) VALUES ('expire', %(at)s, 1, %(at)s)", at=at)

    assert world.sweeps("prune") == 1
    assert [row["slot"] for row in world.ledger("expire")] == [world.now - 6 * DAY]


def test_the_last_good_run_of_a_sweep_that_fails_is_kept_for_as_long_as_it_fails(world: World) -> None:
    run = (
        "INSERT INTO sweeps (job, slot, fence, started_at, ended_at) VALUES (%(job)s, %(at)s, 1, %(at)s, %(ended_at)s)"
    )
    for job, days, has_ended in (
        *(("climb", days, True) for days in (40, 30, 20)),
        *(("climb", days, False) for days in (19, 10, 1)),
        *(("a job of an older version", days, True) for days in (40, 20)),
    ):
        at = world.now - days * DAY
        world.does(run, job=job, at=at, ended_at=at if has_ended else None)

    assert world.sweeps("prune") == 6
    assert [world.now - row["slot"] for row in world.ledger("climb")] == [20 * DAY, DAY]
    assert world.ledger("a job of an older version") == []


def test_what_the_api_answered_is_forgotten_after_a_day(world: World) -> None:
    for hours in (25, 23):
        values = {"key": str(hours), "at": world.now - hours * HOUR}
        world.does(
            "INSERT INTO api_answers (actor, key, request, status, answer, created_at)"
            " VALUES ('token:crm', %(key)s, '', 200, '', %(at)s)",
            **values,
        )

    assert world.sweeps("prune") == 1
    assert world.asks("SELECT key FROM api_answers") == [{"key": "23"}]


def test_how_things_stood_before_an_act_is_forgotten_in_the_end(world: World) -> None:
    holds(world.engine, [Post(number=1)], now=world.now)
    with hot(world.engine) as connection:
        until = world.now + 30 * DAY
        number = bulks.create(connection, Act.NEED, Chosen(), until=until, actor="cli:ada", now=world.now, nonce="abc")
    advance(world.engine, world.clock)

    world.clock.advance(world.settings.prune_after_days * DAY + HOUR)
    assert world.sweeps("prune") == 1
    with hot(world.engine) as connection, pytest.raises(ActError, match="no longer kept"):
        bulks.undo(connection, number, actor="cli:ada", now=world.clock.now())


def test_how_things_stood_before_an_act_that_stands_still_is_forgotten_too(world: World) -> None:
    holds(world.engine, [Post(number=number) for number in range(3)], now=world.now)
    with hot(world.engine) as connection:
        until = world.now + 30 * DAY
        number = bulks.create(connection, Act.NEED, Chosen(), until=until, actor="cli:ada", now=world.now, nonce="abc")
    advance(world.engine, world.clock, size=2)
    with hot(world.engine) as connection:
        bulks.pause(connection, number, actor="cli:ada", now=world.now)

    world.clock.advance(world.settings.prune_after_days * DAY + HOUR)

    assert world.sweeps("prune") == 2
    assert world.asks("SELECT * FROM bulk_marks") == []
    assert world.asks("SELECT status FROM bulks") == [{"status": "paused"}]


def test_acts_are_kept_as_long_as_the_audit_log_speaks_of_them(world: World) -> None:
    holds(world.engine, [Post(number=1)], now=world.now)
    with hot(world.engine) as connection:
        until = world.now + 30 * DAY
        number = bulks.create(connection, Act.NEED, Chosen(), until=until, actor="cli:ada", now=world.now, nonce="abc")
    advance(world.engine, world.clock)
    with hot(world.engine) as connection:
        bulks.undo(connection, number, actor="cli:ada", now=world.clock.now())
    advance(world.engine, world.clock)

    world.clock.advance(729 * DAY)
    world.sweeps("prune")
    assert len(world.asks("SELECT id FROM bulks")) == 2
    world.clock.advance(2 * DAY)
    world.sweeps("prune")
    world.sweeps("prune")

    assert world.asks("SELECT id FROM bulks") == []


def test_the_audit_log_is_kept_for_two_years_and_counts_of_deliveries_for_a_week(world: World) -> None:
    note = "INSERT INTO audit (at, actor, act, subject) VALUES (%(at)s, 'cli:ada', 'person.invited', %(subject)s)"
    count = "INSERT INTO deliveries VALUES ('crm', %(at)s, 'accepted', 1)"
    for days in (731, 729):
        world.does(note, at=world.now - days * DAY, subject=str(days))
    for days in (8, 6):
        world.does(count, at=world.now - days * DAY)

    assert world.sweeps("prune") == 2
    assert [row["subject"] for row in world.asks("SELECT subject FROM audit")] == ["729"]
    assert [row["hour"] for row in world.asks("SELECT hour FROM deliveries")] == [world.now - 6 * DAY]
