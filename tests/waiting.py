"""Waiting for what another process does: by polling, with an end."""

from __future__ import annotations

import threading
from collections.abc import Callable


def until(holds: Callable[[], bool], *, seconds: float = 30, every: float = 0.05) -> None:
    """Returns as soon as it holds; raises AssertionError when it does not within `seconds`."""
    pause = threading.Event()
    for _ in range(int(seconds / every)):
        if holds():
            return
        pause.wait(every)
    raise AssertionError(f"did not come true within {seconds} s")
