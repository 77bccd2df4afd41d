"""What time it is. Nothing else in the program asks the machine: everything takes a clock, or a `now`."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Anything that knows the time."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class HandClock:
    """A clock that moves only when told to: for tests, the simulator and rehearsals."""

    def __init__(self, start: datetime) -> None:
        self._now = _aware(start)

    def now(self) -> datetime:
        return self._now

    def advance(self, span: timedelta) -> datetime:
        self._now += span
        return self._now

    def set(self, instant: datetime) -> datetime:
        self._now = _aware(instant)
        return self._now


class RunningClock:
    """A clock that runs at `speed` seconds for each real one, for the demo. What waits for the machine (leases, time-outs,
    rate limits) stays on the machine's own clock; `monotonic` counts its seconds.
    """

    def __init__(self, start: datetime, speed: float = 1.0, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._start, self._speed, self._monotonic = _aware(start), speed, monotonic
        self._begun = monotonic()

    @property
    def speed(self) -> float:
        """Simulated seconds for each real second."""
        return self._speed

    def now(self) -> datetime:
        return self._start + timedelta(seconds=(self._monotonic() - self._begun) * self._speed)

    def set(self, instant: datetime) -> datetime:
        """Runs on from `instant`."""
        self._start, self._begun = _aware(instant), self._monotonic()
        return self._start

    def advance(self, span: timedelta) -> datetime:
        return self.set(self.now() + span)

    def run_at(self, speed: float) -> None:
        """Changes the pace; the instant stays."""
        self.set(self.now())
        self._speed = speed


def _aware(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError("a clock needs an instant with a time zone")
    return instant.astimezone(UTC)
