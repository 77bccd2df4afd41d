"""How a process is asked to end: the first SIGTERM or Ctrl-C lets it finish what is in hand, the second does not, and the
third does not even wait for what would be left behind.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from queue import Empty, SimpleQueue
from types import FrameType

STOPPING = (signal.SIGTERM, signal.SIGINT)


def expected(at_once: Callable[[], None] | None = None) -> SimpleQueue[int]:
    """Begins to catch the signals; the first one arrives in the queue. Before the second ends the process, it does
    `at_once`: what would go on without it is ended.
    """
    # A SimpleQueue may be put to inside a signal handler; an Event's lock may be held by the very thread interrupted.
    received: SimpleQueue[int] = SimpleQueue()

    def receive(number: int, _frame: FrameType | None) -> None:
        _each(signal.SIG_DFL if at_once is None else end)
        received.put(number)

    def end(number: int, _frame: FrameType | None) -> None:
        _each(signal.SIG_DFL)
        try:
            if at_once is not None:
                at_once()
        finally:
            signal.raise_signal(number)

    _each(receive)
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


def _each(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    for number in STOPPING:
        signal.signal(number, handler)
