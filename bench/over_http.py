"""Measures over HTTP: 64 connections, signed webhooks, 202 after the commit."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from statistics import median

from bench.queued import LAST_COMMIT, PLAIN_AUTHORIZATIONS, TURNS, WORKERS, Say
from bench.results import Result, at_least
from bench.servers import KEY, Act, BenchError, Stage, free_port, wait_for_port
from bench.work import AUTHORIZATIONS, EVENTS_EACH, PRODUCER, SECRET
from infra.database import make_engine, transaction
from infra.producers import add
from infra.vault import Vault

# What a person would type to start the web process of each; the port comes last.
WEB = {
    "ours": ("everspark", "web", "--port"),
    "dramatiq": ("uvicorn", "bench.plain_fastapi:app", "--log-level", "warning", "--port"),
    "nothing": ("bench.storing_nothing",),
}
PATH = f"/webhooks/{PRODUCER}"


def http(stage: Stage, say: Say, *, quick: bool) -> list[Result]:
    """With the workers keeping up, until the last event is applied; and the ingress alone, beside one that stores nothing."""
    size, plain, turns = (1_000, 250, 1) if quick else (AUTHORIZATIONS, PLAIN_AUTHORIZATIONS, TURNS)
    plains, applied, answered, forgotten = [], [], [], []
    for turn in range(turns):
        say(f"plain FastAPI and dramatiq, {turn + 1} of {turns}")
        plains.append(applied_rate(stage, "dramatiq", plain))
        say(f"Everspark, workers keeping up, {turn + 1} of {turns}")
        applied.append(applied_rate(stage, "ours", size))
        say(f"the ingress storing nothing, {turn + 1} of {turns}")
        forgotten.append(answered_rate(stage, "nothing", size))
        say(f"Everspark, workers idle, {turn + 1} of {turns}")
        answered.append(answered_rate(stage, "ours", size))
    unit = "requests/s"
    return [
        at_least(
            25, name="HTTP to applied, against plain FastAPI", unit=unit, ours=median(applied), against=median(plains)
        ),
        at_least(
            0.40,
            name="HTTP to commit, against storing nothing",
            unit=unit,
            ours=median(answered),
            against=median(forgotten),
        ),
    ]


def applied_rate(stage: Stage, contender: str, authorizations: int) -> float:
    """Requests a second, from the first one sent until the last one's event is applied."""
    with stage.act(contender) as act, act.worker(*WORKERS[contender]):
        began, _ = _sent(act, WEB[contender], authorizations)
        events = authorizations * EVENTS_EACH
        act.until("SELECT count(*) FROM history", events, every=0.2)
        return float(events / (act.value(LAST_COMMIT) - began))


def answered_rate(stage: Stage, contender: str, authorizations: int) -> float:
    """Requests a second, answered; no worker runs."""
    with stage.act(contender) as act:
        began, ended = _sent(act, WEB[contender], authorizations)
        return authorizations * EVENTS_EACH / (ended - began)


def _sent(act: Act, web: Sequence[str], authorizations: int) -> tuple[float, float]:
    """Sends every request, and gives back when the first was sent and the last answered."""
    register(act)
    port = free_port()
    with ExitStack() as stack:
        stack.enter_context(act.process("-m", *web, str(port)))
        wait_for_port(port)
        load = stack.enter_context(act.player("bench.load", str(port), PATH, str(authorizations)))
        load.go()
        outcome = load.outcome()
        if outcome["answers"] != {"202": authorizations * EVENTS_EACH}:
            raise BenchError(f"answers by status: {outcome['answers']}")
        return outcome["began"], outcome["ended"]


def register(act: Act) -> None:
    """The producer whose secret the requests are signed with."""
    engine = make_engine(act.url)
    with transaction(engine) as session:
        add(session, Vault(KEY), name=PRODUCER, secret=SECRET, now=datetime.now(UTC))
    engine.dispose()
