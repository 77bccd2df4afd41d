"""Reconciling with TikTok: a look that finds nothing, beside a plain build that asks for each code and saves each answer.

Both read the same simulated TikTok, which here has no rate limit: what is compared is what a reading costs, and how many
calls it takes, since under TikTok's limits the calls are what runs out.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import httpx
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from bench.queued import Say
from bench.results import Result, at_least, at_most
from bench.servers import KEY, Act, BenchError, Stage, wait_for_port
from bench.tiktok import APP, SECRET
from domain.renewal import Policy
from infra import advertisers
from infra.clock import SystemClock
from infra.database import hot, make_engine
from infra.inbox import MAILBOXES
from infra.tables import AuthorizationRow
from infra.tiktok.api import Api
from infra.tiktok.client import Tiktok
from infra.tiktok.limits import Rate
from infra.vault import Vault
from worker.drain import drain
from worker.looking import look

ADVERTISERS, POSTS, TURNS = 20, 500, 3
# The plain build runs at a constant rate, so it is given fewer.
PLAIN = 500


class NoLimits:
    """Stands where the buckets stand, and lets everything pass."""

    def take(self, *, buckets: Mapping[str, Rate], now: datetime) -> timedelta:  # noqa: ARG002
        return timedelta()

    def block(self, bucket: str, *, until: datetime) -> None:
        raise BenchError(f"TikTok closed {bucket} until {until}: the bench's TikTok has no limits")


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """Authorizations a second, and calls for 1,000 of them."""

    per_second: float
    calls: float


def reconcile(stage: Stage, say: Say, *, quick: bool) -> list[Result]:
    sizes = {"advertisers": 4, "posts": 100} if quick else {"advertisers": ADVERTISERS, "posts": POSTS}
    with tempfile.TemporaryDirectory(prefix="everspark-bench-") as folder, stage.act("reconcile") as act:
        path = Path(folder) / "tiktok.json"
        path.write_text(json.dumps(sizes))
        with act.player("bench.tiktok", str(path)) as tiktok:
            tiktok.go()
            world = json.loads(path.read_text())
            wait_for_port(int(world["url"].rpartition(":")[2]))
            say("adopting what TikTok shows")
            ours = looked(act, world, say)
            say("asking for each code")
            plain = asked(act, world)
    total = sizes["advertisers"] * sizes["posts"]
    title = f"look at {total:,} authorizations, nothing changed"
    return [
        at_least(
            5, name=f"{title}, a call a code", unit="authorizations/s", ours=ours.per_second, against=plain.per_second
        ),
        at_most(1 / 40, name=f"{title}, calls", unit="calls/1,000", ours=ours.calls, against=plain.calls),
    ]


def looked(act: Act, world: dict[str, Any], say: Say) -> Pace:
    """The first look adopts everything; the later ones find nothing, and are what is measured."""
    engine, clock, vault = make_engine(act.url), SystemClock(), Vault(KEY)
    tiktok = Tiktok(
        Api(
            base_url=world["url"],
            app_id=APP,
            secret=SECRET,
            limits=NoLimits(),
            clock=clock,
            authorize_per_second=1,
            timeout=timedelta(seconds=20),
        )
    )
    with hot(engine) as connection:
        for each in world["advertisers"]:
            named = {"advertiser_id": each["advertiser_id"], "token": each["token"]}
            advertisers.connect(connection, vault, now=clock.now(), **named)

    def turn() -> Pace:
        with hot(engine) as connection:
            connection.execute(
                "UPDATE advertisers SET next_look_at = now() - interval '1 minute', looked_at = NULL, tried_at = NULL,"
                " next_kpis_at = 'infinity'"
            )
        began = time.perf_counter()
        found = look(engine, clock, tiktok, vault)
        took = time.perf_counter() - began
        count = act.value("SELECT count(*) FROM authorizations")
        if not found.calls:
            raise BenchError("nobody was looked at")
        return Pace(per_second=count / took, calls=found.calls / max(count, 1) * 1000)

    turn()
    settle(engine, clock)
    expected = sum(len(each["codes"]) for each in world["advertisers"])
    if (held := act.value("SELECT count(*) FROM authorizations")) != expected:
        raise BenchError(f"the first look adopted {held} of {expected}")
    letters = act.value("SELECT count(*) FROM inbox")
    say("looking again")
    turns = [turn() for _ in range(TURNS)]
    if act.value("SELECT count(*) FROM inbox") != letters:
        raise BenchError("a look that had nothing to find wrote letters")
    return Pace(per_second=median(each.per_second for each in turns), calls=turns[-1].calls)


def settle(engine: Engine, clock: SystemClock) -> None:
    for mailbox in range(MAILBOXES):
        while drain(engine, clock, Policy(), mailbox).outcomes:
            pass


def asked(act: Act, world: dict[str, Any]) -> Pace:
    """What a competent user writes first: for each code a call, a session, a comparison, a commit."""
    engine = make_engine(act.url)
    codes = ((each, item_id, code) for each in world["advertisers"] for item_id, code in each["codes"].items())
    chosen = list(islice(codes, PLAIN))
    began = time.perf_counter()
    with httpx.Client(base_url=f"{world['url']}/open_api/v1.3") as http:
        for each, item_id, code in chosen:
            ask(http, engine, each, item_id, code)
    return Pace(per_second=len(chosen) / (time.perf_counter() - began), calls=1000)


def ask(http: httpx.Client, engine: Engine, advertiser: dict[str, Any], item_id: str, code: str) -> None:
    answer = http.get(
        "/tt_video/info/",
        params={"advertiser_id": advertiser["advertiser_id"], "auth_code": code},
        headers={"Access-Token": advertiser["token"]},
    ).json()
    with Session(engine) as session:
        key = f"{advertiser['advertiser_id']}/{item_id}"
        row = session.exec(select(AuthorizationRow).where(col(AuthorizationRow.key) == key)).one()
        row.expires_at = datetime.fromisoformat(answer["data"]["auth_info"]["auth_end_time"]).replace(tzinfo=UTC)
        row.updated_at = datetime.now(UTC)
        session.commit()
