"""The sweeps over a million authorizations beside a hundred thousand: what they cost must follow what is due, not what exists."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median

from bench.queued import Say
from bench.results import Result, at_most
from bench.servers import Act, Stage
from infra.broker import make_broker, make_nudges
from infra.clock import HandClock
from infra.database import make_engine
from infra.settings import Settings
from scheduler.leadership import Leadership
from scheduler.sweeps import sweep

SMALL, LARGE = 100_000, 1_000_000
DUE, TURNS, EMPTY_TURNS = 5_000, 5, 31
NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
JOBS = ("expire", "remind")

# Ends and asks lie in the year to come; {first} and {last} number the rows.
FILL = """
    INSERT INTO authorizations (key, advertiser_id, item_id, route, state, state_reason, state_since, starts_at, expires_at,
           next_action, next_action_at, why, created_at, updated_at)
    SELECT advertiser || '/' || item, advertiser, item, 'code', 'active', 'ad_started', starts, starts, ends,
           'ask', least(ends, greatest(asks, starts)), 'renewal_needed', starts, starts
      FROM (SELECT (7200000000000000000 + n % 2000)::text AS advertiser, (7300000000000000000 + n)::text AS item,
                   timestamptz '{now}' - interval '30 days' AS starts, timestamptz '{now}' + {ends} AS ends,
                   timestamptz '{now}' + {asks} AS asks
              FROM generate_series({first}, {last}) AS n) AS rows"""
LATER = "interval '1 day' + n % 364 * interval '1 day' + n % 86400 * interval '1 second'"
JUST_NOW = "- n % 3600 * interval '1 second'"
# What a worker does to a row that was announced: it is due no more, and its old index entries are dead.
APPLIED = """
    UPDATE authorizations SET state = 'expired', next_action = NULL, next_action_at = NULL, version = version + 1
     WHERE (expires_at <= '{now}' OR next_action_at <= '{now}') AND state = 'active'"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Times:
    """Seconds: for 1,000 due, and for a sweep that finds nothing."""

    per_1000: float
    empty: float


def sweeps(stage: Stage, say: Say, *, quick: bool) -> list[Result]:
    small, large = (20_000, 100_000) if quick else (SMALL, LARGE)
    fewer, more = measured(stage, say, small), measured(stage, say, large)
    results = []
    for job in JOBS:
        one, other = more[job], fewer[job]
        title = f"{job}, {large:,} against {small:,} authorizations"
        results += [
            at_most(1.5, name=title, unit="ms/1,000 due", ours=one.per_1000 * 1000, against=other.per_1000 * 1000),
            at_most(2.0, name=f"{title}, nothing due", unit="ms", ours=one.empty * 1000, against=other.empty * 1000),
        ]
    return results


def measured(stage: Stage, say: Say, size: int) -> dict[str, Times]:
    with stage.act("sweeps") as act:
        say(f"filling {size:,} authorizations")
        fill(act, 1, size, ends=LATER, asks=LATER + " - interval '12 hours'")
        act.connection.execute("VACUUM ANALYZE authorizations")
        run = sweeper(act)
        times = {}
        for turn, job in enumerate(JOBS):
            say(f"{job} over {size:,} authorizations")
            empty = median(run(job) for _ in range(EMPTY_TURNS))
            first = LARGE + 1 + turn * TURNS * DUE
            full = median(_due_turn(act, run, job, first + number * DUE) for number in range(TURNS))
            times[job] = Times(per_1000=full / DUE * 1000, empty=empty)
        return times


def sweeper(act: Act) -> Callable[[str], float]:
    """Runs a sweep as the elected leader, in a slot of its own, and says how long it took."""
    settings = Settings(database_url=act.url, redis_url=act.environment["EVERSPARK_REDIS_URL"])
    engine, clock = make_engine(settings.database_url), HandClock(NOW)
    nudges = make_nudges(make_broker(settings.redis_url))
    leadership = Leadership(engine, seconds=3600)
    leadership.campaign()
    assert leadership.fence is not None
    fence = leadership.fence

    def run(job: str) -> float:
        clock.advance(timedelta(seconds=settings.sweep_seconds))
        began = time.perf_counter()
        sweep(job, engine=engine, clock=clock, nudges=nudges, settings=settings, fence=fence)
        return time.perf_counter() - began

    return run


def _due_turn(act: Act, run: Callable[[str], float], job: str, first: int) -> float:
    ends, asks = (JUST_NOW, JUST_NOW) if job == "expire" else (LATER, JUST_NOW)
    fill(act, first, first + DUE - 1, ends=ends, asks=asks)
    took = run(job)
    announced = act.value("SELECT count(*) FROM pending")
    assert announced == DUE, f"{job} announced {announced} of {DUE}"
    act.connection.execute(APPLIED.format(now=NOW).encode())
    act.connection.execute("DELETE FROM pending")
    return took


def fill(act: Act, first: int, last: int, *, ends: str, asks: str) -> None:
    act.connection.execute(FILL.format(now=NOW, first=first, last=last, ends=ends, asks=asks).encode())
