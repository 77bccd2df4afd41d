"""Measures over the queue: events a second, CPU seconds per 1,000 events, and the latency at a steady rate."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median

from bench.results import Result, at_least, at_most, for_comparison
from bench.servers import Act, BenchError, Stage, cpu_seconds
from bench.work import AUTHORIZATIONS, EVENTS_EACH, WARM_UP

Say = Callable[[str], None]

# What a person would type to start the workers of each.
WORKERS = {
    "ours": ("everspark", "worker"),
    "dramatiq": ("dramatiq", "bench.plain_dramatiq"),
    "celery": ("celery", "--app", "bench.plain_celery", "worker", "--loglevel", "warning"),
}
# The plain builds run at a constant rate, so fewer events tell it as well (docs/performance.md).
PLAIN_AUTHORIZATIONS = 750
TURNS = 3
STEADY_RATE = 200
LAST_COMMIT = "SELECT extract(epoch FROM max(pg_xact_commit_timestamp(xmin)))::float FROM history"
# Whoever applies an event writes its inbox row last, so the row's own commit is the moment of its application.
P99 = """
    SELECT percentile_cont(0.99) WITHIN GROUP (ORDER BY extract(epoch FROM pg_xact_commit_timestamp(xmin) - received_at))::float
      FROM inbox WHERE seq > {warm}"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """What one contender did in one turn."""

    rate: float
    cpu_per_1000: float
    p99: float


def queue(stage: Stage, say: Say, *, quick: bool) -> list[Result]:
    """From the first enqueue to the last commit, and what it costs. Turns alternate: a busy moment meets everybody."""
    size, plain, turns = (1_000, 250, 1) if quick else (AUTHORIZATIONS, PLAIN_AUTHORIZATIONS, TURNS)
    say("plain Celery")
    celery = run(stage, "celery", plain).rate
    ours, plains, limits = [], [], []
    for turn in range(turns):
        say(f"plain dramatiq, {turn + 1} of {turns}")
        plains.append(run(stage, "dramatiq", plain))
        say(f"the database's limit, {turn + 1} of {turns}")
        limits.append(database_limit(stage, size))
        say(f"Everspark, {turn + 1} of {turns}")
        ours.append(run(stage, "ours", size))
    rate, cpu = median(run.rate for run in ours), median(run.cpu_per_1000 for run in ours)
    plain_rate, plain_cpu = median(run.rate for run in plains), median(run.cpu_per_1000 for run in plains)
    return [
        at_least(30, name="queue to commit, against plain dramatiq", unit="events/s", ours=rate, against=plain_rate),
        for_comparison(name="queue to commit, against plain Celery", unit="events/s", ours=rate, against=celery),
        at_least(
            0.40,
            name="queue to commit, against the database's limit",
            unit="events/s",
            ours=rate,
            against=median(limits),
        ),
        at_most(
            1 / 30, name="CPU of all processes, against plain dramatiq", unit="s/1,000", ours=cpu, against=plain_cpu
        ),
    ]


def latency(stage: Stage, say: Say, *, quick: bool) -> list[Result]:
    """From accepted to applied, at 200 events a second."""
    size = STEADY_RATE * (4 if quick else 12) // EVENTS_EACH
    say(f"plain dramatiq at {STEADY_RATE} events/s")
    plain = run(stage, "dramatiq", size, STEADY_RATE).p99 * 1000
    say(f"Everspark at {STEADY_RATE} events/s")
    ours = run(stage, "ours", size, STEADY_RATE).p99 * 1000
    return [at_most(1 / 4, name=f"p99 accepted to applied at {STEADY_RATE}/s", unit="ms", ours=ours, against=plain)]


def run(stage: Stage, contender: str, authorizations: int, rate: float = 0) -> Run:
    """One turn, begun when the workers have applied the warm-up."""
    events = authorizations * EVENTS_EACH
    work = ("bench.enqueue", contender, str(authorizations), str(rate))
    with stage.act(contender) as act, act.worker(*WORKERS[contender]) as worker, act.player(*work) as player:
        act.until("SELECT count(*) FROM history", WARM_UP)
        processes = [*act.shared, worker.pid, player.pid]
        spent = cpu_seconds(processes)
        player.go()
        began = player.outcome()["began"]
        act.until("SELECT count(*) FROM history", WARM_UP + events, every=0.2)
        spent = cpu_seconds(processes) - spent
        _check(act, authorizations)
        took = act.value(LAST_COMMIT) - began
        return Run(rate=events / took, cpu_per_1000=spent / events * 1000, p99=act.value(P99.format(warm=WARM_UP)))


def database_limit(stage: Stage, authorizations: int, shares: int = 2) -> float:
    """Events a second with one connection for each core."""
    with stage.act("limit") as act, ExitStack() as stack:
        work = [("bench.database_limit", str(share), str(shares), str(authorizations)) for share in range(shares)]
        players = [stack.enter_context(act.player(*each)) for each in work]
        for player in players:
            player.go()
        outcomes = [player.outcome() for player in players]
        _check(act, authorizations)
        took = max(outcome["ended"] for outcome in outcomes) - min(outcome["began"] for outcome in outcomes)
        return float(authorizations * EVENTS_EACH / took)


def _check(act: Act, authorizations: int) -> None:
    """A contender that is fast and wrong does not count."""
    ended = act.value("SELECT count(*) FROM authorizations WHERE state = 'expired'")
    facts = act.value("SELECT count(*) FROM ads JOIN grants USING (authorization_id)")
    if (ended, facts) != (authorizations, authorizations):
        raise BenchError(f"of {authorizations} authorizations {ended} ended and {facts} have their grant and ad")
