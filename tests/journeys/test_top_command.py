"""`everspark top`: one frame for people, one for machines, and a screen that is drawn anew."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console
from sqlalchemy import Engine

from everspark.cli import main
from everspark.opened import Opened
from everspark.top import read, watch
from everspark.top_picture import span
from infra.clock import HandClock, RunningClock
from infra.database import hot, make_engine
from infra.settings import Settings
from tests.journeys.commands import Command, Ended
from tests.portfolio import Post, holds, owes_message
from tests.sweeping import World

MAYA, SMALL = Post(number=1, ends=3), Post(number=2, creator="ana.small", ends=2, spend="1", currency="USD")
LATER = Post(number=3, creator="ed.later", ends=40)


@pytest.fixture
def everspark(engine: Engine, data_dir: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command on this run's database."""

    def run(*arguments: str) -> Ended:
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--data", str(data_dir)])
        said = capsys.readouterr()
        return Ended(code=ended.value.code or 0, out=said.out, err=said.err)

    return run


@pytest.fixture
def tools(engine: Engine, clock: HandClock) -> Opened:
    return Opened(settings=Settings(), engine=engine, clock=clock)


def frame(tools: Opened, turns: int = 1) -> str:
    """What a terminal of 120 by 60 was sent."""
    screen = io.StringIO()
    watch(tools, Console(file=screen, force_terminal=True, width=120, height=60, highlight=False), range(turns))
    return screen.getvalue()


def test_one_frame_has_the_money_what_lapses_what_waits_and_the_machinery(everspark: Command, engine: Engine) -> None:
    holds(engine, [MAYA, SMALL, LATER], now=datetime.now(UTC))

    told = everspark("top", "--once")

    assert told.code == 0
    assert "EUR at risk within 7 days" in told.out
    assert "USD at risk within 7 days" in told.out
    assert told.out.index(MAYA.key) < told.out.index(SMALL.key)
    assert LATER.key not in told.out
    assert all(part in told.out for part in ("@maya.moves", "For you", "Inbox", "quarantined", "Outbox", "Sweeps"))
    assert "! none ever ran" in told.out


def test_a_message_that_waits_is_what_comes_next(tools: Opened, engine: Engine, clock: HandClock) -> None:
    holds(engine, [MAYA], now=clock.now())
    owes_message(engine, MAYA, now=clock.now(), due_at=clock.now() + timedelta(hours=8), reason=None)

    [row] = [line for line in frame(tools).splitlines() if MAYA.key in line]

    assert "message in 8 h" in row


def test_what_is_late_was_due_and_a_little_that_is_covered_is_not_nothing(
    tools: Opened, engine: Engine, clock: HandClock
) -> None:
    covered = Post(number=4, creator="di.covered", ends=5, flight=1, spend="1")
    holds(engine, [MAYA, covered, Post(number=5, ends=5, spend="900")], now=clock.now())
    with hot(engine) as connection:
        late = clock.now() - timedelta(hours=19)
        connection.execute("UPDATE authorizations SET next_action = 'ask', next_action_at = %s WHERE id = 1", [late])

    shown = frame(tools)

    assert "under 1 % of the spend, 1,001.00 EUR a day, is covered" in shown
    [row] = [line for line in shown.splitlines() if MAYA.key in line]
    assert "ask was due 19 h ago" in row


def test_machines_get_the_same(everspark: Command, engine: Engine) -> None:
    holds(engine, [MAYA, SMALL, LATER], now=datetime.now(UTC))

    told = everspark("top", "--json").json

    assert [(each["currency"], each["spend_a_day"]) for each in told["money"]] == [("EUR", "200.00"), ("USD", "1.00")]
    assert (told["states"], told["ending_within_7_days"]) == ({"active": 3}, 2)
    assert [lapse["key"] for lapse in told["lapses"]] == [MAYA.key, SMALL.key]
    assert told["lapses"][0]["at_risk"][0]["currency"] == "EUR"
    assert told["inbox"] == {"ready": 0, "early": 0, "parked": 0, "quarantined": 0, "oldest_received_at": None}
    assert told["outbox"] == {"owed": 0, "paying": 0, "uncertain": 0, "failed": 0}
    assert (told["sweeps"], told["for_you"], told["escalated"]) == ([], [], 0)


def test_the_screen_is_drawn_anew_in_each_turn(tools: Opened, engine: Engine, clock: HandClock) -> None:
    screen = io.StringIO()

    def turns() -> Iterator[int]:
        yield 0
        assert MAYA.key not in screen.getvalue()
        holds(engine, [MAYA], now=clock.now())
        yield 1

    watch(tools, Console(file=screen, force_terminal=True, width=120, height=60, highlight=False), turns())

    assert MAYA.key in screen.getvalue()
    assert "ends in" in screen.getvalue()


def test_sweeps_and_what_is_wrong_carry_a_mark(tools: Opened, engine: Engine, clock: HandClock) -> None:
    world = World(engine, clock)
    world.sweeps("expire")
    clock.advance(timedelta(seconds=10))
    world.sweeps("expire")
    with hot(engine) as connection:
        connection.execute("UPDATE sweeps SET error = 'RuntimeError: [red] away'")
    clock.advance(timedelta(minutes=3))

    told = frame(tools)

    assert "! expire" in told
    assert "RuntimeError: [red] away" in told
    assert "3 min ago" in told
    assert "! Sweeps are late" in told


def test_a_job_that_never_ran_is_named(tools: Opened, engine: Engine, clock: HandClock) -> None:
    World(engine, clock).sweeps("expire")

    assert [line.split()[-2:] for line in frame(tools).splitlines() if "vows " in line] == [["never", "-"]]


def test_a_job_that_is_late_by_its_own_pace_carries_a_mark(tools: Opened, engine: Engine, clock: HandClock) -> None:
    world = World(engine, clock)
    for _ in range(3):
        world.sweeps("prune")
        clock.advance(timedelta(hours=1))
    assert "! prune" not in frame(tools)

    clock.advance(timedelta(hours=7))

    assert "! prune" in frame(tools)


def test_in_a_demo_sweeps_are_late_by_its_own_pace(engine: Engine, clock: HandClock) -> None:
    world = World(engine, clock)
    for _ in range(2):
        world.sweeps("expire")
        clock.advance(timedelta(minutes=30))
    demo = RunningClock(clock.now() + timedelta(minutes=30), 1440)

    told = read(Opened(settings=Settings(), engine=engine, clock=demo))

    assert told.page.chores == []


def test_an_old_event_is_marked(tools: Opened, engine: Engine, clock: HandClock) -> None:
    with hot(engine) as connection:
        connection.execute(
            "WITH event AS (INSERT INTO inbox (sender, event_id, type, key, mailbox, occurred_at, received_at, data)"
            " VALUES ('crm', 'a', 'ad.started', '72/73', 0, %(at)s, %(at)s, '{}') RETURNING seq)"
            " INSERT INTO pending (seq, mailbox, key) SELECT seq, 0, '72/73' FROM event",
            {"at": clock.now()},
        )
    clock.advance(timedelta(minutes=7))

    assert read(tools).pulse.inbox["ready"] == 1
    assert "! oldest" in frame(tools)
    assert "7 min" in frame(tools)


def test_a_database_that_is_away_is_waited_for(clock: HandClock) -> None:
    away = make_engine("postgresql://nobody@127.0.0.1:1/nothing", pool_size=1)

    told = frame(Opened(settings=Settings(), engine=away, clock=clock), turns=2)

    assert "The database does not answer" in told
    away.dispose()


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (-172_800, "2 d")]
)
def test_spans_are_short(seconds: int, told: str) -> None:
    assert span(timedelta(seconds=seconds)) == told
