"""An operator's browser without a socket: it calls the web process's own ASGI application, so that what is timed is the server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

from bench.servers import KEY, Act, BenchError
from domain.people import Role
from infra import people, sessions
from infra.broker import make_broker, make_nudges
from infra.clock import SystemClock
from infra.database import hot, make_engine
from infra.settings import Settings
from infra.vault import Vault
from web.main import Application, make_app


@dataclass(frozen=True, kw_only=True, slots=True)
class Desk:
    """Somebody signed in at one portfolio, with the application that shows it to them."""

    size: int
    engine: Engine
    app: Application
    cookie: str
    runner: asyncio.Runner

    def opens(self, address: str) -> float:
        """Seconds until the page was made whole. Raises BenchError unless it is there."""
        began = time.perf_counter()
        status = self.runner.run(self._answer(address))
        took = time.perf_counter() - began
        if status != 200:
            raise BenchError(f"{address} was answered with {status} over {self.size:,} authorizations")
        return took

    async def _answer(self, address: str) -> int:
        path, _, query = address.partition("?")
        heard: list[MutableMapping[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: MutableMapping[str, Any]) -> None:
            heard.append(message)

        headers = [(b"host", b"127.0.0.1"), (b"accept", b"text/html"), (b"cookie", f"everspark={self.cookie}".encode())]
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
            "path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
            "headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
        }  # fmt: skip
        await self.app(scope, receive, send)
        return int(heard[0]["status"])


@contextmanager
def desk(act: Act, size: int) -> Iterator[Desk]:
    """An operator signed in at the web process's application over the act's database."""
    engine, clock, settings = make_engine(act.url), SystemClock(), Settings(database_url=act.url)
    with hot(engine) as connection:
        ada = people.add(connection, email="ada@example.com", role=Role.OPERATOR, now=clock.now())
        cookie = sessions.begin(connection, ada, now=clock.now())
    app = make_app(settings=settings, engine=engine, vault=Vault(KEY), clock=clock, nudges=make_nudges(make_broker("")))
    with asyncio.Runner() as runner:
        yield Desk(size=size, engine=engine, app=app, cookie=cookie, runner=runner)
    engine.dispose()
