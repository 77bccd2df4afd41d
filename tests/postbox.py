"""A real SMTP server on loopback for tests: keeps what it takes, and answers or hangs up as told."""

from __future__ import annotations

import asyncio
import email
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.policy import default
from typing import Any, cast

from aiosmtpd.smtp import SMTP, AuthResult

HANG_UP = "hang up"


class Postbox:
    """`at_sender`, `at_recipient`, `at_end`: the answers to MAIL, RCPT and the final dot; HANG_UP drops the line."""

    def __init__(self) -> None:
        self.port = 0
        self.taken: list[EmailMessage] = []
        self.dropped: list[EmailMessage] = []
        self.at_sender = self.at_recipient = self.at_end = "250 OK"
        self.users: list[tuple[str, str]] = []

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    async def handle_MAIL(self, server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802
        envelope.mail_from = address
        return self._answer(server, self.at_sender)

    async def handle_RCPT(self, server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802
        envelope.rcpt_tos.append(address)
        return self._answer(server, self.at_recipient)

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        message = email.message_from_bytes(envelope.content, policy=default)
        (self.taken if self.at_end.startswith("250") else self.dropped).append(message)
        return self._answer(server, self.at_end)

    def authenticate(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        self.users.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=data.password == b"p@ss/word", handled=False)

    @staticmethod
    def _answer(server: Any, answer: str) -> str:
        if answer == HANG_UP:
            server.transport.abort()
            return "421 gone"
        return answer


@contextmanager
def postbox(**options: Any) -> Iterator[Postbox]:
    """Serves on a port of its own until the block ends; `options` are aiosmtpd's."""
    box, ready, stop = Postbox(), threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        sessions: list[SMTP] = []

        def session() -> SMTP:
            sessions.append(SMTP(box, hostname="mail.test", authenticator=box.authenticate, loop=loop, **options))
            return sessions[-1]

        server = await loop.create_server(session, "127.0.0.1", 0)
        box.port = server.sockets[0].getsockname()[1]
        ready.set()
        async with server:
            await stop.wait()
        await hang_up(sessions)

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        if not ready.wait(5):
            raise RuntimeError("the SMTP server of the test did not start")
        yield box
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


async def hang_up(sessions: list[SMTP]) -> None:
    """A client that has not left yet, or has left this very moment, would be found as an open socket by a later test."""
    for each in sessions:
        if each.transport is not None:
            cast("asyncio.Transport", each.transport).abort()
    if tasks := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(tasks, timeout=5)
