"""An ASGI application behind a real server on a free port of this machine, for the length of a `with`."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import uvicorn


class Announcing(uvicorn.Server):
    """Says when it has started, so that nobody has to ask again and again."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_up.set()


@contextmanager
def serving(app: Any) -> Iterator[httpx.Client]:
    """A client of the application; lifespan included."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = Announcing(uvicorn.Config(app, log_config=None, access_log=False, lifespan="on", http="httptools"))
    thread = threading.Thread(target=server.run, args=([listening],), name="served")
    thread.start()
    try:
        assert server.is_up.wait(30), "the server did not start"
        with httpx.Client(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=30) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(30)
        listening.close()
