"""An ASGI application behind a real server on a free port of this machine, for the length of a `with`."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import uvicorn


class Announcing(uvicorn.Server):
    """Says when it has started, and ends as soon as it is told to: uvicorn itself looks only ten times a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = threading.Event()
        self._is_over = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        self.is_up.set()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self._is_over.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for listening in (*self.servers, *(sockets or ())):
            listening.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        while self.server_state.connections or self.server_state.tasks:  # noqa: ASYNC110  uvicorn has no event for it
            await asyncio.sleep(0.001)
        await self.lifespan.shutdown()

    def ends(self) -> None:
        """From any thread, once it is up."""
        self._loop.call_soon_threadsafe(self._is_over.set)


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


@contextmanager
def serving(app: Any, *, port: int = 0) -> Iterator[httpx.Client]:
    """A client of the application; lifespan included. `port`: one that `free_port` gave, where the address must be known."""
    listening = socket.create_server(("127.0.0.1", port))
    server = Announcing(uvicorn.Config(app, log_config=None, access_log=False, lifespan="on", http="httptools"))
    thread = threading.Thread(target=server.run, args=([listening],), name="served")
    thread.start()
    try:
        assert server.is_up.wait(30), "the server did not start"
        base_url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with httpx.Client(base_url=base_url, verify=False, timeout=30) as client:  # loading certificates takes 25 ms
            yield client
    finally:
        getattr(app, "hang_up", lambda: None)()
        server.ends()
        thread.join(30)
        listening.close()
