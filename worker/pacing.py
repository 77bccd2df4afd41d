"""How often a mailbox is drained under load: a short pause lets a batch gather, where hurrying would drain by handfuls.

A drain costs some two milliseconds whatever it finds. A quiet mailbox is drained at once; one whose last drain found
plenty waits until `SPACING` has passed since, so its events pay that price by the dozen. One that held enough for a batch
is in arrears, and waits for nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

SPACING = 0.1
PLENTY, ENOUGH = 8, 250


@dataclass(slots=True)
class Pacing:
    """When each mailbox was drained last, in seconds of `now`, and how many events that was; for one process."""

    now: Callable[[], float] = time.monotonic
    _last: dict[int, tuple[float, int]] = field(default_factory=dict)

    def pause(self, mailbox: int) -> float:
        """Seconds to wait before draining `mailbox`; 0 when it was quiet, or in arrears."""
        begun, events = self._last.get(mailbox, (0.0, 0))
        return max(0.0, begun + SPACING - self.now()) if PLENTY <= events < ENOUGH else 0.0

    def note(self, mailbox: int, *, begun: float, events: int) -> None:
        """A drain of `mailbox` that began at `begun` found `events`."""
        self._last[mailbox] = (begun, events)
