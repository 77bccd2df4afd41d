"""Open pages that listen: how many transactions a second they cost the database, for one page and for two hundred."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import httpx

from bench import room_rows
from bench.over_http import WEB
from bench.queued import Say
from bench.results import Result, at_most, for_comparison
from bench.servers import Act, BenchError, Stage, free_port, wait_for_port
from domain.people import Role
from infra import people, sessions
from infra.database import hot, make_engine

PAGES, SIZE, OF_ONE, PATIENCE = (1, 50, 200), 10_000, 40, 60
# At each change every page fetches itself again.
A_CHANGE_EACH, CHANGES = 10.0, 3
CHANGE = """
INSERT INTO history (authorization_id, seq, at, recorded_at, event, outcome, to_state, reason)
SELECT id, 1, now(), now(), 'ad.started', 'stayed', state, 'another_ad' FROM authorizations WHERE state = 'active' LIMIT 1
"""
# A connection that rests hands its counts in within ten seconds; what it cost to open the pages is not to be counted.
SETTLED_AFTER = 12
COUNT = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"


class Tab:
    """An open page: its stream, and fetching itself again when it is told."""

    def __init__(self, http: httpx.AsyncClient, cookie: str) -> None:
        self._http, self._cookie = http, cookie
        self.is_open, self.is_told = asyncio.Event(), asyncio.Event()

    async def lives(self) -> None:
        headers = {"cookie": f"everspark={self._cookie}", "accept": "text/event-stream"}
        async with self._http.stream("GET", "/live", headers=headers) as answer:
            async for line in answer.aiter_lines():
                if not line.startswith("data: {"):
                    continue
                if self.is_open.is_set():
                    await self._fetches(json.loads(line.removeprefix("data: "))["mark"])
                self.is_open.set()

    async def _fetches(self, mark: str) -> None:
        headers = {"cookie": f"everspark={self._cookie}", "accept": "text/html", "x-live-mark": mark}
        page = await self._http.get("/", headers=headers)
        if page.status_code != httpx.codes.OK:
            raise BenchError(f"an open page was answered with {page.status_code}")
        self.is_told.set()


def live(stage: Stage, say: Say, *, quick: bool) -> list[Result]:
    """Transactions a second, with changes in between, for more and more open pages."""
    changes = 1 if quick else CHANGES
    with stage.act("live") as act:
        say(f"filling {SIZE:,} authorizations")
        room_rows.fill(act, SIZE)
        cookies, port, found = signed_in(act), free_port(), dict[int, float]()
        with act.process("-m", *WEB["ours"], str(port)):
            wait_for_port(port)
            for count in (0, *PAGES):
                say(f"{count} open pages")
                found[count] = asyncio.run(asked(act, f"http://127.0.0.1:{port}", cookies, count, changes))
    one, none = found[1], found[0]
    goals = [
        at_most(
            1.5, name=f"transactions with {count} open pages, against 1", unit="1/s", ours=found[count], against=one
        )
        for count in PAGES[1:]
    ]
    return [
        *goals,
        for_comparison(name="transactions with 1 open page, against none", unit="1/s", ours=one, against=none),
    ]


async def asked(act: Act, url: str, cookies: list[str], count: int, changes: int) -> float:
    """Transactions a second of the whole database while so many pages are open."""
    async with open_pages(url, cookies, count) as tabs:
        await asyncio.sleep(SETTLED_AFTER)
        began, before = time.monotonic(), act.value(COUNT)
        for _ in range(changes):
            act.connection.execute(CHANGE)
            await asyncio.sleep(A_CHANGE_EACH)
        took, made = time.monotonic() - began, act.value(COUNT) - before
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(tab.is_told.wait() for tab in tabs))
    return float(made / took)


@asynccontextmanager
async def open_pages(url: str, cookies: list[str], count: int) -> AsyncIterator[list[Tab]]:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE, limits=limits) as http:
        tabs = [Tab(http, cookies[number // OF_ONE]) for number in range(count)]
        living = [asyncio.create_task(tab.lives()) for tab in tabs]
        await asyncio.gather(*(tab.is_open.wait() for tab in tabs))
        yield tabs
        for task in living:
            task.cancel()
        ended = await asyncio.gather(*living, return_exceptions=True)
    if broken := [each for each in ended if isinstance(each, BenchError)]:
        raise broken[0]


def signed_in(act: Act) -> list[str]:
    """A session each of as many people as two hundred pages need."""
    engine, now, cookies = make_engine(act.url), datetime.now(UTC), list[str]()
    with hot(engine) as connection:
        for number in range(max(PAGES) // OF_ONE):
            person = people.add(connection, email=f"ada.{number}@example.com", role=Role.VIEWER, now=now)
            cookies.append(sessions.begin(connection, person, now=now))
    engine.dispose()
    return cookies
