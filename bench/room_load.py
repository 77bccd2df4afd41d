"""Signed webhooks at a steady rate, window by window, each answer timed from when its request was due.

Run as `python -m bench.room_load PORT PATH RATE SECONDS`. Each line `go` begins a window; its milliseconds are the answer.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import uvloop

from bench.work import happenings, webhook

CONNECTIONS, MOST = 32, 30_000


class Sender:
    """A keep-alive connection that sends one request after the other, as they are due."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def opens(self) -> None:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)

    async def sends(self, due: Iterator[tuple[float, bytes]]) -> list[float]:
        """Milliseconds of each; a late one counts from when it was due, not from when its turn came."""
        taken = []
        for instant, request in due:
            await asyncio.sleep(max(0.0, instant - time.perf_counter()))
            self._writer.write(request)
            head = await self._reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 202"):
                raise RuntimeError(head.decode())
            await self._reader.readexactly(int(head.lower().partition(b"content-length:")[2].split()[0]))
            taken.append((time.perf_counter() - instant) * 1000)
        return taken


async def window(senders: list[Sender], requests: list[bytes], rate: float) -> list[float]:
    began = time.perf_counter() + 0.1
    # One iterator for all: who is free takes the next.
    due = iter([(began + number / rate, request) for number, request in enumerate(requests)])
    return [took for part in await asyncio.gather(*(sender.sends(due) for sender in senders)) for took in part]


def main() -> None:
    port, path, rate, seconds = int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), float(sys.argv[4])
    events = iter(happenings(MOST))
    count = int(rate * seconds)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        senders = [Sender(port) for _ in range(CONNECTIONS)]
        for sender in senders:
            runner.run(sender.opens())
        print("ready", flush=True)
        while sys.stdin.readline().strip() == "go":
            now = datetime.now(UTC)
            requests = [webhook(next(events), path=path, sent_at=now) for _ in range(count)]
            print(json.dumps({"taken": runner.run(window(senders, requests, rate))}), flush=True)


if __name__ == "__main__":
    main()
