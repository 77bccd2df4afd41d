"""How often each API token may ask: so many requests in each minute, counted for all processes through Redis, or by one
process in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, cast

import redis
import structlog

log = structlog.get_logger()

WINDOW = 60
# After a failure Redis is left alone for this long: each attempt may cost its whole time-out.
REDIS_REST = timedelta(seconds=30)


@dataclass(frozen=True, kw_only=True, slots=True)
class Allowance:
    """How a caller stands after one more request: how many are `left` in this window, which ends in `seconds`."""

    most: int
    left: int
    seconds: int
    is_spent: bool


class Allowances:
    """Lets `most` requests a minute pass for each name; `client` is the Redis in which all processes count together."""

    def __init__(self, most: int, *, client: redis.Redis | None = None) -> None:
        self._most = most
        self._count: Callable[[str, int, datetime], int] = SharedCounts(client) if client else Counts()

    def take(self, name: str, *, now: datetime) -> Allowance | None:
        """Counts one request; None where nothing is limited."""
        if not self._most:
            return None
        window, gone = divmod(int(now.timestamp()), WINDOW)
        count = self._count(name, window, now)
        return Allowance(
            most=self._most, left=max(self._most - count, 0), seconds=WINDOW - gone, is_spent=count > self._most
        )


class Counts:
    """Of one process, for all of its threads; a window that is over is forgotten."""

    def __init__(self) -> None:
        self._lock, self._window = Lock(), 0
        self._counts: dict[str, int] = {}

    def __call__(self, name: str, window: int, _now: datetime) -> int:
        with self._lock:
            if window != self._window:
                self._window, self._counts = window, {}
            count = self._counts[name] = self._counts.get(name, 0) + 1
        return count


class SharedCounts:
    """Of all processes. While Redis is away each process counts for itself, and says so once."""

    def __init__(self, client: redis.Redis) -> None:
        self._client: Any = client
        self._own = Counts()
        self._rests_until: datetime | None = None

    def __call__(self, name: str, window: int, now: datetime) -> int:
        # Counted here too, so that nobody begins anew when Redis goes.
        own = self._own(name, window, now)
        if self._rests_until is not None and now < self._rests_until:
            return own
        try:
            count = self._counted(f"everspark:allowance:{name}:{window}")
        except redis.RedisError as error:
            if self._rests_until is None:
                log.warning("allowances_unshared", error=type(error).__name__)
            self._rests_until = now + REDIS_REST
            return own
        self._rests_until = None
        return count

    def _counted(self, key: str) -> int:
        with self._client.pipeline() as pipeline:
            pipeline.incr(key)
            pipeline.expire(key, 2 * WINDOW)
            return cast("int", pipeline.execute()[0])
