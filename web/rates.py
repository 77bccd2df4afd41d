"""A token bucket for each producer: a flood of one does not take the others' turn."""

from __future__ import annotations

import math
from datetime import datetime


class Rates:
    """Lets `rate` deliveries a second pass for each name, and as many at once; 0 lets everything pass."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._burst = max(rate, 1.0)
        self._left: dict[str, tuple[float, datetime]] = {}

    def wait(self, name: str, now: datetime) -> int:
        """0 for go ahead, else the seconds after which it is worth asking again."""
        if self._rate <= 0:
            return 0
        left, since = self._left.get(name, (self._burst, now))
        left = min(self._burst, left + max(0.0, (now - since).total_seconds()) * self._rate)
        if left < 1:
            self._left[name] = (left, now)
            return max(1, math.ceil((1 - left) / self._rate))
        self._left[name] = (left - 1, now)
        return 0
