"""How a process is asked to end: the first SIGTERM or Ctrl-C lets it finish what is in hand, the second does not."""

from __future__ import annotations

import signal
from collections.abc import Callable
from queue import Empty, SimpleQueue
from types import FrameType

STOPPING = (signal.SIGTERM, signal.SIGINT)


def expected() -> SimpleQueue[int]:
    """Begins to catch the signals; the first one arrives in the queue."""
    # A SimpleQueue may be put to inside a signal handler; an Event's lock may be held by the very thread interrupted.
    received: SimpleQueue[int] = SimpleQueue()

    def receive(number: int, _frame: FrameType | None) -> None:
        for each in STOPPING:
            signal.signal(each, signal.SIG_DFL)
        received.put(number)

    for each in STOPPING:
        signal.signal(each, receive)
    return received


def always() -> bool:
    """For processes that only a signal ends."""
    return True


def wait(received: SimpleQueue[int], *, while_: Callable[[], bool] = always) -> bool:
    """Waits for the signal; False when `while_` ceased to hold first."""
    while while_():
        try:
            # Bounded: on Windows an unbounded wait cannot be interrupted.
            received.get(timeout=0.5)
        except Empty:
            continue
        return True
    return False
