"""Carries the simulated TikTok's webhooks out while it runs, on a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from simulator.sending import posting
from simulator.world import World

PAUSE_SECONDS = 0.5
TIMEOUT_SECONDS = 5.0


@contextmanager
def delivering(world: World, *, pause: float = PAUSE_SECONDS) -> Iterator[None]:
    """What falls due is posted, looked at each `pause` real seconds."""
    is_over = threading.Event()

    def carry() -> None:
        with httpx.Client(timeout=TIMEOUT_SECONDS) as client:
            post = posting(client)
            while not is_over.wait(pause):
                world.deliver_due(post)

    thread = threading.Thread(target=carry, name="simulated-webhooks", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join(2 * TIMEOUT_SECONDS)
