"""Wake keys: which nudges are on their way, so that no other is sent for the same work."""

from __future__ import annotations

import time
from typing import Protocol, cast

import redis

# A wake key outlives its message only when a worker was killed in between; then this is how long nudges are held back.
WAKE_SECONDS = 10
# In the wake key of what is sent to be done at once; in that of what rests first stands a number of its own.
AT_ONCE = 0


class WakeKeys(Protocol):
    """Which nudges are under way."""

    def claim(self, names: list[str]) -> list[str]: ...

    def reserve(self, name: str, number: int, *, seconds: float) -> None: ...

    def holder(self, name: str) -> int | None: ...

    def clear(self, name: str) -> None: ...


class MemoryWakeKeys:
    """Wake keys of a program that runs as one process."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[int, float]] = {}

    def claim(self, names: list[str]) -> list[str]:
        """The names that were free; they are taken now."""
        free = [name for name in names if self.holder(name) is None]
        for name in free:
            self.reserve(name, AT_ONCE, seconds=WAKE_SECONDS)
        return free

    def reserve(self, name: str, number: int, *, seconds: float) -> None:
        """Takes the name, also from another."""
        self._held[name] = (number, time.monotonic() + seconds)

    def holder(self, name: str) -> int | None:
        """The number that has the name; None where it is free."""
        number, until = self._held.get(name, (AT_ONCE, 0.0))
        return number if until > time.monotonic() else None

    def clear(self, name: str) -> None:
        """The nudge has arrived; the next one may be sent."""
        self._held.pop(name, None)


class RedisWakeKeys:
    """Wake keys shared by all processes: `everspark:wake:<name>`, each for half a minute at most."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def claim(self, names: list[str]) -> list[str]:
        """The names that were free; they are taken now."""
        pipeline = self._client.pipeline(transaction=False)
        for name in names:
            pipeline.set(f"everspark:wake:{name}", AT_ONCE, nx=True, ex=WAKE_SECONDS)
        return [name for name, was_free in zip(names, pipeline.execute(), strict=True) if was_free]

    def reserve(self, name: str, number: int, *, seconds: float) -> None:
        """Takes the name, also from another."""
        self._client.set(f"everspark:wake:{name}", number, px=round(seconds * 1000))

    def holder(self, name: str) -> int | None:
        """The number that has the name; None where it is free."""
        number = cast("bytes | None", self._client.get(f"everspark:wake:{name}"))
        return None if number is None else int(number)

    def clear(self, name: str) -> None:
        """The nudge has arrived; the next one may be sent."""
        self._client.delete(f"everspark:wake:{name}")
