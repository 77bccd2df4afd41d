"""A chat room or a gateway on this machine: takes what Apprise's `json://` posts, and answers as told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from tests.serving import serving


class Receiver:
    """`taken`: (path, title, text) of what arrived; `status` and `delay` (seconds) are how it answers."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str, str]] = []
        self.status, self.delay, self.base = 200, 0.0, ""

    def url(self, path: str = "room") -> str:
        return f"json://{self.base}/{path}"

    def at(self, path: str) -> list[tuple[str, str]]:
        """(title, text) of what arrived there."""
        return [(title, text) for where, title, text in self.taken if where == path]

    async def take(self, request: Request) -> PlainTextResponse:
        said: dict[str, Any] = await request.json()
        self.taken.append((request.path_params["path"], said["title"], said["message"]))
        await asyncio.sleep(self.delay)
        return PlainTextResponse("so be it", status_code=self.status)


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Serves until the block ends."""
    here = Receiver()
    with serving(Starlette(routes=[Route("/{path:path}", here.take, methods=["POST"])])) as http:
        here.base = f"{http.base_url.host}:{http.base_url.port}"
        yield here
