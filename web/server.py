"""uvicorn, set up for the ingress, on a thread of its own: signals stay with the main thread, which ends parts in order."""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

import uvicorn

BACKLOG = 2048
GRACE_SECONDS = 10


class ServerError(Exception):
    """The server cannot serve; the text is one sentence for the person who starts it."""


def listen(host: str, port: int, *, option: str = "--port or EVERSPARK_PORT") -> socket.socket:
    """A listening socket. Raises ServerError, with the `option` to choose another, where it is taken or not this machine's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise ServerError(
            f"{host}:{port} cannot be listened on ({_why(error)}): choose another with {option}."
        ) from error


def _why(error: OSError) -> str:
    """The system's own words: Python's carry the address as it holds it."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error.strerror)


class Server:
    """Serves an ASGI application on a listening socket between `start` and `stop`; `stop` finishes what is in hand.

    `hang_up` ends what would never end by itself, so that the grace is not waited for.
    """

    def __init__(self, app: Any, listening: socket.socket, *, hang_up: Callable[[], None] = lambda: None) -> None:
        self._hang_up = hang_up
        config = uvicorn.Config(
            app,
            # psycopg cannot wait on Windows' default loop, nor does uvloop exist there.
            loop="asyncio:SelectorEventLoop" if sys.platform == "win32" else "uvloop",
            http="httptools",
            access_log=False,
            log_config=None,
            lifespan="on",
            server_header=False,
            proxy_headers=False,  # nothing here asks where a request came from; every header read costs
            backlog=BACKLOG,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([listening],), name="web")

    def start(self) -> None:
        """Returns when it answers. Raises ServerError when it does not come up."""
        self._thread.start()
        while not self._server.started:
            self._thread.join(0.02)
            if not self.is_alive():
                raise ServerError("The web server did not start; the log says why.")

    def stop(self) -> None:
        """Returns when the last request is answered, or the grace is over."""
        self._hang_up()
        self._server.should_exit = True
        self._thread.join()

    def is_alive(self) -> bool:
        """Whether it still serves."""
        return self._thread.is_alive()
