"""The HTTP load: 64 keep-alive connections in a process of their own, requests signed in advance, answers barely looked at.

Run as `python -m bench.load PORT PATH AUTHORIZATIONS`.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import cast

import uvloop

from bench.cue import report, wait_for_cue
from bench.work import happenings, webhook

CONNECTIONS = 64
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class Sender(asyncio.Protocol):
    """Sends the next request as soon as the last one is answered."""

    def __init__(self, requests: Iterator[bytes], answers: Counter[str]) -> None:
        self.requests, self.answers = requests, answers
        self.done = asyncio.get_running_loop().create_future()
        self.heard = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not inherit from asyncio's.
        self.transport = cast("asyncio.Transport", transport)

    def begin(self) -> None:
        request = next(self.requests, None)
        if request is None:
            self.done.set_result(None)
            self.transport.close()
        else:
            self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.heard += data
        head, found, body = self.heard.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if found and length and len(body) >= int(length[1]):
            self.answers[head[9:12].decode()] += 1
            self.heard = b""
            self.begin()

    def connection_lost(self, _: Exception | None) -> None:
        if not self.done.done():
            self.answers["lost"] += 1
            self.done.set_result(None)


async def run(port: int, requests: Iterator[bytes]) -> Counter[str]:
    loop, answers = asyncio.get_running_loop(), Counter[str]()
    pairs = [
        await loop.create_connection(lambda: Sender(requests, answers), "127.0.0.1", port) for _ in range(CONNECTIONS)
    ]
    for _, sender in pairs:
        sender.begin()
    await asyncio.gather(*(sender.done for _, sender in pairs))
    return answers


def main() -> None:
    port, path, authorizations = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    now = datetime.now(UTC)
    requests = [webhook(event, path=path, sent_at=now) for event in happenings(authorizations, "ad.stopped")]
    wait_for_cue()
    began = datetime.now(UTC).timestamp()
    answers = uvloop.run(run(port, iter(requests)))
    report({"began": began, "ended": datetime.now(UTC).timestamp(), "answers": dict(answers)})


if __name__ == "__main__":
    main()
