"""Open pages are told what has changed: at the same cost for one and for two hundred, and no longer than they may be."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, event
from structlog.testing import capture_logs

from domain.people import Role
from infra import people, sessions
from infra.broker import make_broker, make_nudges
from infra.clock import HandClock
from infra.database import hot
from infra.reports import summaries
from infra.settings import load
from infra.vault import Vault
from tests.operator import COOKIE, person, session_of
from tests.portfolio import Post, holds
from tests.serving import serving
from web.main import make_app
from web.room import live
from web.room.calls import Visitor
from web.room.live import Live
from web.server import Server, listen

PATIENCE = 30
EVENTS = {"accept": "text/event-stream"}
Story = Callable[[Live], Awaitable[None]]


def visitor(session: bytes = b"", role: Role = Role.OPERATOR) -> Visitor:
    return Visitor(user_id=1, email="ada@example.com", name="Ada", role=role, csrf="", session=session)


@pytest.fixture
def tell(engine: Engine, clock: HandClock) -> Callable[[Story], None]:
    """Runs a story with a poll every hundredth of a second."""

    def tell(story: Story) -> None:
        async def run() -> None:
            async with asyncio.timeout(PATIENCE):
                await story(Live(engine, clock, poll_seconds=0.01))

        asyncio.run(run())

    return tell


class Page:
    """One open page of these stories, which hears."""

    def __init__(self, stream: AsyncIterator[bytes]) -> None:
        self._stream = stream

    async def hears(self) -> dict[str, Any]:
        """The next event with its data."""
        async for part in self._stream:
            if part.startswith(b"event:"):
                name, data = part.decode().splitlines()[:2]
                return {"event": name.removeprefix("event: "), **json.loads(data.removeprefix("data: "))}
        return {"event": "end"}

    async def hears_of(self, topic: str) -> dict[str, Any]:
        """The next event that names this topic."""
        while topic not in (told := await self.hears()).get("topics", ()):
            assert told["event"] == "changed"
        return told


def changes(engine: Engine, clock: HandClock, number: int = 1) -> None:
    """A line in the history of an authorization."""
    with hot(engine) as connection:
        connection.execute(
            "INSERT INTO history (authorization_id, seq, at, recorded_at, event, outcome, to_state, reason)"
            " VALUES (%(id)s, 1, %(now)s, %(now)s, 'ad.started', 'moved', 'active', 'ad_started')",
            {"id": number, "now": clock.now()},
        )


def test_a_page_hears_what_has_changed_and_of_which_authorization(
    tell: Callable[[Story], None], engine: Engine, clock: HandClock
) -> None:
    holds(engine, [Post(number=1), Post(number=2)], now=clock.now())

    async def story(hub: Live) -> None:
        page = Page(hub.stream(visitor(), since=""))
        first = await page.hears()
        changes(engine, clock, number=2)
        second = await page.hears_of("authorizations")
        changes(engine, clock, number=1)
        third = await page.hears_of("authorizations")

        assert (first["event"], first["topics"]) == ("changed", ["*"])
        assert "authorization:2" in second["topics"]
        assert "authorization:1" in third["topics"]
        assert "authorization:2" not in third["topics"]
        assert len({first["mark"], second["mark"], third["mark"]}) == 3

    tell(story)


def test_who_comes_back_hears_what_was_missed_and_else_nothing(
    tell: Callable[[Story], None], engine: Engine, clock: HandClock
) -> None:
    holds(engine, [Post(number=1)], now=clock.now())

    async def story(hub: Live) -> None:
        stays = Page(hub.stream(visitor(), since=""))
        before = (await stays.hears())["mark"]
        summaries.write(engine, now=clock.now(), remedy_of=lambda _reason: None)
        after = (await stays.hears_of("sums"))["mark"]

        missed = await Page(hub.stream(visitor(), since=before)).hears()
        nothing = await Page(hub.stream(visitor(), since=after)).hears()

        assert "sums" in missed["topics"]
        assert "*" not in missed["topics"]
        assert "sums" not in nothing["topics"]

    tell(story)


def test_a_quiet_stream_gives_a_sign_of_life(engine: Engine, clock: HandClock) -> None:
    async def story() -> list[bytes]:
        async with asyncio.timeout(PATIENCE):
            stream = Live(engine, clock, poll_seconds=0.01, heartbeat_seconds=0.05).stream(visitor(), since="")
            return [await anext(stream) for _ in range(4)]

    parts = asyncio.run(story())

    assert parts[-1] == b": quiet\n\n"


def test_while_nobody_listens_nothing_is_asked(tell: Callable[[Story], None], engine: Engine) -> None:
    async def story(hub: Live) -> None:
        stream = hub.stream(visitor(), since="")
        await Page(stream).hears()
        assert hub.mark
        await stream.aclose()  # type: ignore[attr-defined]  # it is a generator
        while hub.mark:  # noqa: ASYNC110  it tells nobody that it rests
            await asyncio.sleep(0.01)
        with counted(engine) as uses:
            await asyncio.sleep(0.05)
        assert uses == []

    tell(story)


def test_a_poll_that_raises_does_not_silence_the_pages(engine: Engine, clock: HandClock) -> None:
    class Mishap:
        """Sessions are looked up by a clock that fails."""

        def __init__(self) -> None:
            self.was_asked = threading.Event()

        def now(self) -> Any:
            self.was_asked.set()
            raise ValueError("no time")

    async def story() -> None:
        mishap = Mishap()
        async with asyncio.timeout(PATIENCE):
            page = Page(Live(engine, mishap, poll_seconds=0.01).stream(visitor(b"ada's"), since=""))
            await page.hears()
            await asyncio.to_thread(mishap.was_asked.wait, PATIENCE)
            changes(engine, clock)
            await page.hears_of("authorizations")

    holds(engine, [Post(number=1)], now=clock.now())
    with capture_logs() as lines:
        asyncio.run(story())

    assert {(line["event"], line["log_level"]) for line in lines} == {("live_not_read", "error")}


def test_a_session_that_is_over_hears_no_more(tell: Callable[[Story], None], engine: Engine, clock: HandClock) -> None:
    ended, stays = (people.kept(session_of(engine, clock)) for _ in range(2))

    async def story(hub: Live) -> None:
        pages = [Page(hub.stream(visitor(session), since="")) for session in (ended, stays)]
        for page in pages:
            await page.hears()
        with hot(engine) as connection:
            sessions.end(connection, ended)
        while (told := await pages[0].hears())["event"] == "changed":
            pass

        assert told["event"] == "over"
        assert hub.visitor(stays) is not None
        assert hub.visitor(ended) is None

    tell(story)


@pytest.mark.parametrize("change", ["disabled_at = now()", "role = 'viewer'"])
def test_who_is_disabled_or_gets_another_role_is_sent_back_to_the_door(
    tell: Callable[[Story], None], engine: Engine, clock: HandClock, change: str
) -> None:
    session = people.kept(session_of(engine, clock))

    async def story(hub: Live) -> None:
        page = Page(hub.stream(visitor(session), since=""))
        await page.hears()
        with hot(engine) as connection:
            connection.execute(f"UPDATE users SET {change}".encode())
        while (told := await page.hears())["event"] == "changed":
            pass
        assert told["event"] == "over"
        assert hub.visitor(session) is None

    tell(story)


def test_so_many_pages_and_no_more(tell: Callable[[Story], None]) -> None:
    async def story(hub: Live) -> None:
        async with AsyncExitStack() as stack:
            for _ in range(live.MOST_OF_ONE):
                assert hub.has_room(visitor())
                stream = hub.stream(visitor(), since="")
                stack.push_async_callback(stream.aclose)  # type: ignore[attr-defined]  # it is a generator
                await anext(stream)
            assert not hub.has_room(visitor())

    tell(story)


@contextmanager
def counted(engine: Engine) -> Iterator[list[float]]:
    """When the pool gave a connection away: every transaction is one."""
    uses: list[float] = []

    def note(*_: Any) -> None:
        uses.append(time.monotonic())

    event.listen(engine, "checkout", note)
    yield uses
    event.remove(engine, "checkout", note)


@pytest.fixture
def address(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[str]:
    app = make_app(settings=load(), engine=engine, vault=vault, clock=clock, nudges=make_nudges(make_broker("")))
    with serving(app) as client:
        yield str(client.base_url)


def cookies_of(engine: Engine, clock: HandClock, count: int) -> list[str]:
    """A session each of several people."""
    found = []
    for number in range(count):
        somebody = person(engine, clock, Role.VIEWER, email=f"viewer.{number}@example.com")
        with hot(engine) as connection:
            found.append(sessions.begin(connection, somebody, now=clock.now()))
    return found


class Tab:
    """An open page of a browser: its stream, and fetching itself again when it is told."""

    def __init__(self, http: httpx.AsyncClient, cookie: str) -> None:
        self._http, self._headers = http, {"cookie": f"{COOKIE}={cookie}"}
        self.is_open, self.is_told, self.bodies = asyncio.Event(), asyncio.Event(), list[str]()

    async def lives(self) -> None:
        headers = self._headers | EVENTS
        async with self._http.stream("GET", "/live", headers=headers) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            async for line in answer.aiter_lines():
                if line.startswith("data: {") and not self.is_open.is_set():
                    self.is_open.set()
                elif line.startswith("data: {"):
                    await self._fetch(json.loads(line.removeprefix("data: "))["mark"])
                    self.is_told.set()

    async def _fetch(self, mark: str) -> None:
        page = await self._http.get("/", headers=self._headers | {"accept": "text/html", "x-live-mark": mark})
        assert page.status_code == 200
        self.bodies.append(page.text)


def test_two_hundred_open_pages_cost_what_one_does(address: str, engine: Engine, clock: HandClock) -> None:
    """All of them fetch Today again at a change; the database is asked as for one."""
    holds(engine, [Post(number=1)], now=clock.now())
    cookies = cookies_of(engine, clock, 5)

    async def uses_of(tabs: int) -> float:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
        async with httpx.AsyncClient(base_url=address, timeout=PATIENCE, limits=limits, verify=False) as http:
            open_ = [Tab(http, cookies[number % len(cookies)]) for number in range(tabs)]
            living = [asyncio.create_task(each.lives()) for each in open_]
            await asyncio.gather(*(each.is_open.wait() for each in open_))
            with counted(engine) as uses:
                begun = time.monotonic()
                await asyncio.to_thread(changes, engine, clock)
                await asyncio.gather(*(each.is_told.wait() for each in open_))
                await asyncio.sleep(2)  # what is measured is the cost of a second
                seconds = time.monotonic() - begun
            for task in living:
                task.cancel()
            await asyncio.gather(*living, return_exceptions=True)
            assert all(each.bodies for each in open_)
        return len(uses) / seconds

    async def story() -> tuple[float, float]:
        async with asyncio.timeout(4 * PATIENCE):
            return await uses_of(1), await uses_of(200)

    one, many = asyncio.run(story())

    # A poll a second, a look at all sessions each ten seconds, the change itself, and the page once for each change.
    assert many <= one + 2, (one, many)
    assert many < 6


def test_only_who_may_look_is_let_in(address: str, engine: Engine, clock: HandClock) -> None:
    cookie = {"cookie": f"{COOKIE}={session_of(engine, clock, Role.VIEWER)}"}

    assert httpx.get(f"{address}/live", headers=EVENTS, verify=False).status_code == 303
    assert httpx.get(f"{address}/live", headers=cookie, verify=False).status_code == 400
    with httpx.stream("GET", f"{address}/live", headers=EVENTS | cookie, verify=False) as answer:
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        assert next(answer.iter_lines()) == "retry: 5000"


def test_signing_out_ends_the_stream_and_what_it_let_in(address: str, engine: Engine, clock: HandClock) -> None:
    """A page that fetches itself again is known by its stream: not a moment longer than it is signed in."""
    secret = session_of(engine, clock, Role.VIEWER)
    cookie = {"cookie": f"{COOKIE}={secret}", "accept": "text/html"}
    with httpx.Client(base_url=address, timeout=PATIENCE, verify=False) as http:
        page = http.get("/account", headers=cookie).text
        csrf = page.partition('name="csrf" value="')[2].partition('"')[0]
        with http.stream("GET", "/live", headers=cookie | EVENTS) as answer:
            lines = answer.iter_lines()
            while not next(lines).startswith("event: changed"):
                pass
            assert http.get("/", headers=cookie | {"x-live-mark": "m"}).status_code == 200

            assert http.post("/sign-out", headers=cookie, data={"csrf": csrf}).status_code == 303

            assert "event: over" in list(lines)
        assert http.get("/", headers=cookie | {"x-live-mark": "m"}).status_code == 303


def test_a_mark_alone_opens_nothing(address: str, engine: Engine, clock: HandClock) -> None:
    answer = httpx.get(f"{address}/", headers={"accept": "text/html", "x-live-mark": "any"}, verify=False)

    assert answer.status_code == 303


def test_the_server_stops_at_once_though_pages_are_open(engine: Engine, clock: HandClock, vault: Vault) -> None:
    app = make_app(settings=load(), engine=engine, vault=vault, clock=clock, nudges=make_nudges(make_broker("")))
    cookie = {"cookie": f"{COOKIE}={session_of(engine, clock)}"}
    with listen("127.0.0.1", 0) as listening:
        server = Server(app, listening, hang_up=app.hang_up)
        server.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/live"
        with httpx.stream("GET", url, headers=EVENTS | cookie, timeout=PATIENCE, verify=False) as answer:
            lines = answer.iter_lines()
            while not next(lines).startswith("event: changed"):
                pass
            begun = time.monotonic()

            server.stop()

            assert time.monotonic() - begun < timedelta(seconds=3).total_seconds()
            assert "event: over" not in list(lines)
