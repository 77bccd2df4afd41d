"""Somebody else's server, which takes webhooks: behind a real HTTP server, it keeps what came and answers as it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from anyio import to_thread
from standardwebhooks import Webhook
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.serving import serving


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """One delivery as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def is_signed_with(self, secret: str) -> bool:
        """Whether the public package signs this very delivery in the same way."""
        sent = datetime.fromtimestamp(int(self.headers["webhook-timestamp"]), UTC)
        mark = Webhook(secret).sign(self.id, sent, self.body.decode())
        return mark in self.headers["webhook-signature"].split(" ")


@dataclass(slots=True)
class Receiver:
    """`answers` are the next statuses, `status` what comes after them; `holds` keeps the answer of `/slow` back."""

    url: str = ""
    status: int = 204
    answers: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    said: bytes = b""
    taken: list[Taken] = field(default_factory=list)
    holds: threading.Event = field(default_factory=threading.Event)

    async def take(self, request: Request) -> Response:
        body = await request.body()
        self.taken.append(Taken(path=request.url.path, headers=dict(request.headers), body=body))
        if request.url.path == "/slow":
            await to_thread.run_sync(self.holds.wait, 10)
        status = self.answers.pop(0) if self.answers else self.status
        return Response(self.said, status_code=status, headers=self.headers)

    @property
    def ids(self) -> list[str]:
        return [each.id for each in self.taken]

    def at(self, path: str) -> list[Taken]:
        return [each for each in self.taken if each.path == path]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on a free port of this machine."""
    receiver = Receiver()
    with serving(Starlette(routes=[Route("/{path:path}", receiver.take, methods=["POST"])])) as http:
        receiver.url = str(http.base_url).rstrip("/")
        yield receiver
        receiver.holds.set()
