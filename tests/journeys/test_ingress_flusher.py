from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Self

import pytest
from sqlalchemy import Engine, text

from infra.clock import HandClock
from infra.database import make_engine
from infra.inbox import Letter
from infra.metrics import Metrics
from web.flusher import Flusher, StorageAwayError, UnkeepableError

AT = datetime(2026, 11, 22, 10, tzinfo=UTC)


@dataclass
class Heard:
    numbers: list[int] = field(default_factory=list)
    seen: list[set[str]] = field(default_factory=list)
    is_broken: bool = False

    def mailboxes(self, numbers: Iterable[int]) -> None:
        if self.is_broken:
            raise RuntimeError("the queue is on fire")
        self.numbers += numbers


def letter(name: str, data: bytes = b"{}") -> Letter:
    return Letter(sender="producer:crm", event_id=name, type="ad.stopped", key="1/2", occurred_at=AT, data=data)


def run(
    engine: Engine,
    clock: HandClock,
    story: Callable[[Flusher], Awaitable[None]],
    *,
    heard: Heard,
    most: int = 1000,
    patience: float = 10,
) -> None:
    async def told() -> None:
        flusher = Flusher(
            engine,
            clock=clock,
            nudges=heard,
            metrics=Metrics(),
            seen=heard.seen.append,
            most_waiting=most,
            patience=patience,
        )
        flusher.start()
        try:
            await story(flusher)
        finally:
            await flusher.stop()

    asyncio.run(told())


def kept(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.execute(text("SELECT event_id FROM inbox ORDER BY seq")).scalars())


def test_concurrent_deliveries_are_each_answered_and_nudged(engine: Engine, clock: HandClock) -> None:
    heard = Heard()

    async def story(flusher: Flusher) -> None:
        answers = await asyncio.gather(*(flusher.post([letter(f"m{n}"), letter("same")]) for n in range(300)))
        assert sum(receipt.is_new for answer in answers for receipt in answer) == 301

    run(engine, clock, story, heard=heard)

    assert len(kept(engine)) == 301
    assert heard.numbers
    assert heard.seen[0] == {"producer:crm"}


def test_what_the_database_cannot_keep_costs_its_neighbours_nothing(engine: Engine, clock: HandClock) -> None:
    async def story(flusher: Flusher) -> None:
        good, bad, other = (
            flusher.post([letter("good")]),
            flusher.post([letter("half"), letter("bad", b'{"a":"\\u0000"}')]),
            flusher.post([letter("other")]),
        )
        assert (await good)[0].is_new
        with pytest.raises(UnkeepableError):
            await bad
        assert (await other)[0].is_new

    run(engine, clock, story, heard=Heard())

    assert kept(engine) == ["good", "other"]


def test_a_client_that_leaves_and_a_queue_that_fails_stop_nobody(engine: Engine, clock: HandClock) -> None:
    async def story(flusher: Flusher) -> None:
        gone = flusher.post([letter("gone")])
        gone.cancel()
        assert (await flusher.post([letter("stays")]))[0].is_new
        assert (await flusher.post([letter("later")]))[0].is_new

    run(engine, clock, story, heard=Heard(is_broken=True))

    assert kept(engine) == ["gone", "stays", "later"]


def test_a_lost_connection_is_replaced(engine: Engine, clock: HandClock) -> None:
    async def story(flusher: Flusher) -> None:
        await flusher.post([letter("before")])
        await asyncio.to_thread(cut)
        assert (await flusher.post([letter("after")]))[0].is_new

    def cut() -> None:
        with engine.begin() as connection:
            connection.execute(
                text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'everspark web'")
            )

    run(engine, clock, story, heard=Heard())

    assert kept(engine) == ["before", "after"]


class Line:
    """The way to the database; while it is silent nothing passes, and nobody is told so."""

    def __init__(self, engine: Engine) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._database = engine.url
        self._passes = asyncio.Event()
        self._carriers: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        self.connections = 0

    @property
    def engine(self) -> Engine:
        return make_engine(
            self._database.set(host="127.0.0.1", port=self._listening.getsockname()[1], query={}).render_as_string(
                hide_password=False
            )
        )

    async def __aenter__(self) -> Self:
        self._passes.set()
        self._server = await asyncio.start_server(self._joined, sock=self._listening)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for carrier in self._carriers:
            carrier.cancel()
        await asyncio.gather(*self._carriers, return_exceptions=True)
        for writer in self._writers:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in self._writers), return_exceptions=True)

    def falls_silent(self) -> None:
        self._passes.clear()

    def passes_again(self) -> None:
        self._passes.set()

    async def _joined(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        await self._passes.wait()
        host = self._database.query.get("host") or self._database.host or ""
        port = int(str(self._database.query.get("port") or self._database.port or 5432))
        if str(host).startswith("/"):
            there, here = await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        else:
            there, here = await asyncio.open_connection(str(host), port)
        self._writers.append(here)
        for source, target in ((reader, here), (there, writer)):
            self._carriers.add(asyncio.create_task(self._carried(source, target)))

    async def _carried(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            await self._passes.wait()
            target.write(data)
        target.close()


def test_a_database_that_falls_silent_is_given_up_after_a_while(engine: Engine, clock: HandClock) -> None:
    line = Line(engine)

    async def story(flusher: Flusher) -> None:
        async with line:
            assert (await flusher.post([letter("before")]))[0].is_new
            line.falls_silent()
            for name in ("silence on the old line", "silence on a new one"):
                async with asyncio.timeout(3):
                    with pytest.raises(StorageAwayError):
                        await flusher.post([letter(name)])
            line.passes_again()
            assert (await flusher.post([letter("after")]))[0].is_new

    run(line.engine, clock, story, heard=Heard(), patience=0.3)

    assert {"before", "after"} <= set(kept(engine))
    assert line.connections >= 3


def test_too_much_waiting_is_turned_away_and_a_stop_flushes_what_is_in_hand(engine: Engine, clock: HandClock) -> None:
    async def story(flusher: Flusher) -> None:
        flusher.post([letter("a"), letter("b")])
        with pytest.raises(StorageAwayError):
            flusher.post([letter("c"), letter("d")])

    run(engine, clock, story, heard=Heard(), most=3)

    assert kept(engine) == ["a", "b"]


def test_a_database_that_is_away_fails_the_waiting_and_only_them(clock: HandClock) -> None:
    async def story(flusher: Flusher) -> None:
        for _ in range(2):
            with pytest.raises(StorageAwayError):
                await flusher.post([letter("x", json.dumps({}).encode())])

    run(make_engine("postgresql://nobody@127.0.0.1:1/nothing"), clock, story, heard=Heard())
