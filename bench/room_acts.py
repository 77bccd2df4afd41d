"""An act on a hundred thousand authorizations while webhooks come in: how long these wait, beside when nothing else is done."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import quantiles

from bench import room_rows
from bench.over_http import PATH, WEB, register
from bench.queued import WORKERS, Say
from bench.results import Result, at_most, for_comparison
from bench.servers import Act, BenchError, Player, Stage, free_port, wait_for_port
from domain import acts as deeds
from infra import bulks
from infra.broker import make_broker, make_nudges
from infra.database import hot, make_engine
from infra.reports.concerned import Chosen

SIZE, RATE, SECONDS, IDLE_WINDOWS, TURNS, PATIENCE = 100_000, 100, 2, 6, 2, 900.0
# Until its last letter is applied; a webhook or two of the last window may be on their way.
UNDER_WAY = """
SELECT EXISTS (SELECT FROM bulks WHERE status IN ('waiting', 'running')) OR count(*) > 100
FROM (SELECT FROM pending WHERE status = 'ready' LIMIT 101) AS waiting
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """Milliseconds from request to answer; megabytes of the worker at most, before and after; seconds of each act."""

    idle: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    acts: list[float] = field(default_factory=list)


def acts(stage: Stage, say: Say, *, quick: bool) -> list[Result]:
    """Webhooks alone before, between and after the acts, so that a busy moment meets both."""
    size, turns = (10_000, 1) if quick else (SIZE, TURNS)
    with stage.act("acts") as act:
        say(f"filling {size:,} authorizations")
        room_rows.fill(act, size)
        taken = played(act, say, turns)
    rows = f"an act on {size:,} rows"
    p99, grown = (
        f"p99 of {RATE} webhooks a second beside {rows}, against alone",
        f"memory of the worker after {rows}, against before",
    )
    return [
        at_most(2, name=p99, unit="ms", ours=_p99(taken.beside), against=_p99(taken.idle)),
        at_most(1.5, name=grown, unit="MB", ours=taken.memory[-1], against=taken.memory[0]),
        for_comparison(
            name=f"{rows}, all applied, against the other turn", unit="s", ours=taken.acts[-1], against=taken.acts[0]
        ),
    ]


def played(act: Act, say: Say, turns: int) -> Taken:
    register(act)
    port, taken = free_port(), Taken()
    with act.process("-m", *WEB["ours"], str(port)), act.worker(*WORKERS["ours"]) as worker:
        wait_for_port(port)
        with act.player("bench.room_load", str(port), PATH, str(RATE), str(SECONDS)) as load:
            _window(load)
            for turn in range(turns):
                say(f"webhooks alone, {turn + 1} of {turns + 1}")
                taken.idle.extend(alone(load))
                taken.memory.append(_peak(worker.pid))
                say(f"webhooks beside an act, {turn + 1} of {turns}")
                began = time.perf_counter()
                taken.beside.extend(beside(act, load, turn))
                taken.acts.append(time.perf_counter() - began)
            say(f"webhooks alone, {turns + 1} of {turns + 1}")
            taken.idle.extend(alone(load))
            taken.memory.append(_peak(worker.pid))
    return taken


def alone(load: Player) -> list[float]:
    return [took for _ in range(IDLE_WINDOWS) for took in _window(load)]


def beside(act: Act, load: Player, turn: int) -> list[float]:
    """Every window that began and ended while the act was under way."""
    begin(act, turn)
    taken: list[float] = []
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        window = _window(load)
        if not act.value(UNDER_WAY):
            break
        taken += window
    if not taken:
        raise BenchError("the act was over before a webhook was timed beside it")
    if act.value("SELECT count(*) FROM bulks WHERE status <> 'done'"):
        raise BenchError("an act did not end")
    return taken


def begin(act: Act, turn: int) -> None:
    """Everything is needed until another day."""
    engine, now = make_engine(act.url), datetime.now(UTC)
    with hot(engine) as connection:
        until_ = now + timedelta(days=500 + turn)
        bulks.create(
            connection, deeds.Act.NEED, Chosen(), until=until_, actor="cli:bench", now=now, nonce=f"bench-{turn}"
        )
    engine.dispose()
    make_nudges(make_broker(act.environment["EVERSPARK_REDIS_URL"])).bulks()


def _window(load: Player) -> list[float]:
    load.go()
    return list(load.outcome()["taken"])


def _p99(taken: list[float]) -> float:
    return quantiles(taken, n=100)[98]


def _peak(pid: int) -> float:
    """The most memory that a process had, in megabytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024
