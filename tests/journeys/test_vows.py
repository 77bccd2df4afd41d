"""Sentences that are always true: kept where all is well, and loud where one is broken."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs

from infra import ledger
from infra.clock import HandClock
from infra.database import hot
from infra.watched import VOWS_SLICE
from scheduler import vows
from scheduler.sweeps import JOBS
from tests.sweeping import DAY, HOUR, World


@pytest.fixture
def world(engine: Engine, clock: HandClock) -> World:
    return World(engine, clock)


def test_every_vow_holds_where_all_is_well(world: World) -> None:
    world.has("authorized", first=1, action=("ask", world.now + DAY))
    world.has("active", first=2, last=2, action=("expire", world.now + 30 * DAY))
    world.has("requested", first=3, last=3, action=("lapse", world.now + DAY))
    world.has("expired", first=4, last=4, expires_at=world.now - DAY, action=("ask", world.now + DAY))
    world.has("revoked", first=5, last=5)
    world.does("INSERT INTO ads (authorization_id, ad_id, started_at) VALUES (2, 'ad', %(at)s)", at=world.now)
    world.hears("new", at=world.now)

    assert world.sweeps("vows") == 0
    assert world.ledger("vows")[0]["error"] is None


def _sweeping_since(world: World, begin: timedelta) -> None:
    """Every watched sweep has come round each five minutes, as the ledger tells it."""
    with hot(world.engine) as connection:
        for job in vows.WATCHED_JOBS:
            for minutes in range(0, int(begin.total_seconds() // 60) + 1, 5):
                at = world.clock.now() - timedelta(minutes=minutes)
                sweep = ledger.begin(connection, job=job, slot=at, fence=1, now=at)
                assert sweep is not None
                ledger.end(connection, sweep, found=0, error=None, now=at)


def _unhandled(world: World) -> None:
    world.hears("lost", at=world.now)
    world.does("DELETE FROM pending")


def _applied(world: World) -> None:
    world.hears("twice", at=world.now)
    world.does("UPDATE inbox SET outcome = 'moved', handled_at = received_at")


def _active_without_ad(world: World) -> None:
    world.has("active", action=("expire", world.now + 30 * DAY))
    world.does(
        "INSERT INTO ads (authorization_id, ad_id, started_at, stopped_at) VALUES (1, 'ad', %(at)s, %(stopped_at)s)",
        at=world.now,
        stopped_at=world.now + HOUR,
    )


def _authorized_with_ad(world: World) -> None:
    world.has("authorized", action=("expire", world.now + 30 * DAY))
    world.does("INSERT INTO ads (authorization_id, ad_id, started_at) VALUES (1, 'ad', %(at)s)", at=world.now)


def _overrun(world: World) -> None:
    past = world.now - HOUR
    world.has("authorized", expires_at=past, action=("expire", past))


def _unasked(world: World) -> None:
    world.has("authorized", action=("ask", world.now - HOUR))


def _unlapsed(world: World) -> None:
    world.has("requested", action=("lapse", world.now - HOUR))


def _planless(world: World) -> None:
    world.has("authorized")


def _other_history(world: World) -> None:
    world.has("revoked")
    world.does(
        """
        INSERT INTO history (authorization_id, seq, at, recorded_at, event, outcome, to_state, reason)
        VALUES (1, 1, now(), now(), 'period.ended', 'moved', 'expired', 'period_ended')
        """
    )


def _unsettled(world: World) -> None:
    world.owes("hanging", status="paying", due_at=world.now - HOUR, claimed_at=world.now - HOUR)


BREAKERS = {
    "unhandled_is_pending": (_unhandled, "event 1"),
    "applied_is_not_pending": (_applied, "event 1"),
    "active_has_a_live_ad": (_active_without_ad, "a/1"),
    "authorized_delivers_nothing": (_authorized_with_ad, "a/1"),
    "running_is_within_its_period": (_overrun, "a/1"),
    "asks_are_made": (_unasked, "a/1"),
    "requests_lapse": (_unlapsed, "a/1"),
    "plan_fits_state": (_planless, "a/1"),
    "state_is_the_last_in_history": (_other_history, "a/1"),
    "debts_are_settled": (_unsettled, "effect 1"),
}


@pytest.mark.parametrize("vow", vows.VOWS, ids=lambda vow: vow.name)
def test_a_broken_vow_is_an_error_in_the_log_and_in_the_ledger(world: World, vow: vows.Vow) -> None:
    break_it, row = BREAKERS[vow.name]
    break_it(world)
    _sweeping_since(world, timedelta(minutes=20))

    with capture_logs() as logs:
        assert world.sweeps("vows") == 1

    (line,) = [line for line in logs if line["event"] == "vow_broken"]
    assert (line["log_level"], line["vow"], line["rows"]) == ("error", vow.name, [row])
    (entry,) = world.ledger("vows")
    assert entry["ended_at"] is not None
    assert entry["error"] == f"{vow.name}: {vow.sentence}; broken by {row}"


OVERDUE = ("running_is_within_its_period", "asks_are_made", "requests_lapse", "debts_are_settled")


@pytest.mark.parametrize("vow", OVERDUE)
def test_what_fell_due_in_a_downtime_is_broken_only_when_sweeping_does_not_help(world: World, vow: str) -> None:
    break_it, row = BREAKERS[vow]
    break_it(world)
    with hot(world.engine) as connection:
        before = ledger.begin(connection, job="expire", slot=world.now - DAY, fence=1, now=world.now - DAY)
        assert before is not None
        ledger.end(connection, before, found=0, error=None, now=world.now - DAY)

    assert world.sweeps("vows") == 0

    world.clock.advance(timedelta(minutes=20))
    _sweeping_since(world, timedelta(minutes=20))
    assert world.sweeps("vows") == 1
    assert world.ledger("vows")[-1]["error"].endswith(f"broken by {row}")


def test_a_plan_that_was_written_late_has_its_time(world: World) -> None:
    _sweeping_since(world, HOUR)
    _overrun(world)
    world.does("UPDATE authorizations SET updated_at = %(now)s", now=world.now)

    assert world.sweeps("vows") == 0


def test_every_authorization_has_its_turn_to_be_checked(world: World) -> None:
    with hot(world.engine) as connection:
        connection.execute("SELECT setval('authorizations_id_seq', %s)", (2 * VOWS_SLICE + 5,))
    world.has("authorized")

    found = []
    for _ in range(3):
        found.append(world.sweeps("vows"))
        world.clock.advance(timedelta(seconds=world.settings.vows_seconds))

    assert sorted(found) == [0, 0, 1]


def test_the_page_for_operators_names_every_vow_and_every_sweep() -> None:
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    named = set(re.findall(r"^\| `([a-z_]+)` \|", page, re.MULTILINE))

    assert {vow.name for vow in vows.VOWS} | set(JOBS) <= named
