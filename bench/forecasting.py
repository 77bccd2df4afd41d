"""The forecast over a hundred thousand authorizations beside ten thousand: what it costs must follow what there is to foresee.

Codes of all lengths, each at a random place of its period, ten to a creator, each with an ad; somewhat more than half of the
ads run on after their code. Beside the forecast stands the least look at each: load it, and plan once.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

from sqlalchemy import Engine

from bench.queued import Say
from bench.renewals.campaigns import COVERED, DURATIONS, EXTRA_DAYS
from bench.results import Result, at_most
from bench.servers import BenchError, Stage
from domain.authorization import Authorization, Flight, State, changed
from domain.events import Ad, Creator, Route
from domain.forecast import Forecast
from domain.renewal import law_of, plan
from infra import authorizations
from infra.chosen import policy_of
from infra.database import hot, make_engine
from infra.forecasting import foresee
from infra.settings import Settings

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
SMALL, LARGE, DAYS, PAGE = 10_000, 100_000, 30, 5_000
# As in bench/renewals, where each end of the year is as likely as any: how many are in force follows from how long they last.
IN_FORCE = {days: share * days for share, days in DURATIONS}
ZONES = ("Europe/Paris", "America/New_York", "Asia/Tokyo", "America/Sao_Paulo")
A_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Times:
    """Seconds, and what was foreseen in them."""

    forecast: float
    plans: float
    foreseen: Forecast


def forecasts(stage: Stage, say: Say, *, quick: bool) -> list[Result]:
    small, large = (2_000, 20_000) if quick else (SMALL, LARGE)
    fewer, more = measured(stage, say, small), measured(stage, say, large)
    told = f"{len(more.foreseen.messages):,} messages and {len(more.foreseen.lapses):,} lapses"
    title = f"forecast of {DAYS} days, {large:,} authorizations ({told})"
    return [
        at_most(10, name=f"{title}, against one plan of each", unit="s", ours=more.forecast, against=more.plans),
        at_most(
            1.5,
            name=f"{title}, against {small:,}",
            unit="ms/1,000",
            ours=more.forecast / large * 1e6,
            against=fewer.forecast / small * 1e6,
        ),
    ]


def measured(stage: Stage, say: Say, size: int) -> Times:
    with stage.act("forecast") as act:
        say(f"filling {size:,} authorizations")
        settings = Settings(database_url=act.url)
        engine = make_engine(act.url)
        keys = fill(engine, settings, size)
        act.connection.execute("VACUUM ANALYZE")
        say(f"one plan for each of {size:,}")
        plans = planned(engine, settings, keys)
        say(f"forecast over {size:,} authorizations")
        began = time.perf_counter()
        foreseen = foresee(engine, settings, now=NOW, days=DAYS)
        took = time.perf_counter() - began
        engine.dispose()
    if not foreseen.messages or not foreseen.lapses:
        raise BenchError("nothing was foreseen")
    return Times(forecast=took, plans=plans, foreseen=foreseen)


def planned(engine: Engine, settings: Settings, keys: list[str]) -> float:
    """Loads every authorization and plans it once."""
    policy, began = policy_of(settings), time.perf_counter()
    for place in range(0, len(keys), PAGE):
        with hot(engine) as connection:
            for known in authorizations.load(connection, keys[place : place + PAGE]).values():
                plan(known, now=NOW, policy=policy)
    return time.perf_counter() - began


def fill(engine: Engine, settings: Settings, size: int) -> list[str]:
    random, policy, keys = Random(1), policy_of(settings), list[str]()
    for first in range(0, size, PAGE):
        made = [authorization(random, number) for number in range(first, min(first + PAGE, size))]
        made = [changed(known, plan=plan(known, now=NOW, policy=policy)) for known in made]
        handles = {known.key: f"creator{(first + place) // 10}" for place, known in enumerate(made)}
        people = {handle: (person(handle, random), NOW) for handle in handles.values()}
        with hot(engine) as connection:
            authorizations.save_creators(connection, people)
            authorizations.save(connection, made, handles, now=NOW)
            flights = {(known.key, ad_id): flight for known in made for ad_id, flight in known.flights.items()}
            authorizations.save_ads(connection, flights)
        keys += [known.key for known in made]
    return keys


def person(handle: str, random: Random) -> Creator:
    return Creator(handle=handle, email=f"{handle}@creators.test", timezone=random.choice(ZONES))


def authorization(random: Random, number: int) -> Authorization:
    days = random.choices(list(IN_FORCE), list(IN_FORCE.values()))[0]
    ends_at = NOW + random.random() * days * A_DAY
    begins_at = ends_at - days * A_DAY
    needed_for = timedelta(
        days=random.uniform(-20, 0) if random.random() < COVERED else random.expovariate(1 / EXTRA_DAYS)
    )
    ad = Ad(
        ad_id=str(number),
        flight_end=ends_at + needed_for,
        daily_spend=Decimal(random.randint(10, 500)),
        currency=random.choice(("EUR", "USD")),
    )
    return Authorization(
        key=f"{7200000000000000000 + number % 2000}/{7300000000000000000 + number}",
        route=Route.CODE,
        state=State.ACTIVE,
        state_reason="ad_started",
        state_since=begins_at,
        days=days,
        starts_at=begins_at,
        expires_at=ends_at,
        # The asks that are past were made.
        rung=sum(ends_at - before < NOW for before in law_of(begins_at, ends_at).rungs),
        flights={ad.ad_id: Flight(ad=ad, started_at=begins_at)},
    )
