"""How often TikTok may be called: buckets that all processes share through Redis, or that one process keeps in memory.

A bucket is one instant, the generic cell rate algorithm: each call moves it on by an interval, and a call may be made
while it is at most `size - 1` intervals ahead. So no window of a second or a minute, wherever it begins, holds more
calls than the rate allows; a bucket that refills at the full rate would allow nearly twice as many in its first second.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from threading import Lock
from typing import Any, Protocol

import redis
import structlog

log = structlog.get_logger()

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND, SECOND, MINUTE = timedelta(microseconds=1), 1_000_000, 60_000_000
# After a failure Redis is left alone for this long: each attempt may cost its whole time-out.
REDIS_REST = timedelta(seconds=30)
KEY_LIFE_MS, BLOCK_LIFE_MS = 120_000, 26 * 3_600_000

# KEYS: one hash for each bucket, everspark:limit:<bucket> with `ahead` (the instant it was moved to) and `until` (closed
# before that), both in microseconds since 1970. ARGV: now, key life in ms, then interval and tolerance of each bucket.
# Answers the longest wait in microseconds; only if that is 0 something was taken, and then from all.
TAKE = """
local now, life, longest, ahead = tonumber(ARGV[1]), ARGV[2], 0, {}
for i, key in ipairs(KEYS) do
  local held = redis.call('HMGET', key, 'ahead', 'until')
  ahead[i] = math.max(tonumber(held[1]) or 0, now)
  local free = math.max(ahead[i] - tonumber(ARGV[2 * i + 2]), tonumber(held[2]) or 0)
  longest = math.max(longest, free - now)
end
if longest > 0 then return string.format('%.0f', longest) end
for i, key in ipairs(KEYS) do
  redis.call('HSET', key, 'ahead', string.format('%.0f', ahead[i] + tonumber(ARGV[2 * i + 1])))
  redis.call('PEXPIRE', key, life)
end
return '0'
"""
# KEYS: a bucket. ARGV: until when it is closed, key life in ms. A shorter closure never replaces a longer one.
BLOCK = """
local held = tonumber(redis.call('HGET', KEYS[1], 'until')) or 0
if tonumber(ARGV[1]) > held then
  redis.call('HSET', KEYS[1], 'until', ARGV[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 1
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate:
    """Most calls in any second and in any minute."""

    per_second: int
    per_minute: int

    @property
    def size(self) -> int:
        """Calls that may follow each other without a pause."""
        return max(1, min(self.per_second, self.per_minute) // 5)

    @property
    def interval(self) -> int:
        """Microseconds for which one call counts: `size` calls and what the window brings stay within the limit."""
        # Where the size is all that the limit allows, 0.9 of a call a window refills: nearly one, and never one.
        a_second = SECOND / max(self.per_second - self.size, 0.9)
        a_minute = MINUTE / max(self.per_minute - self.size, 0.9)
        return ceil(max(a_second, a_minute))

    @property
    def tolerance(self) -> int:
        """Microseconds by which a bucket may be ahead of the clock when a call is made."""
        return (self.size - 1) * self.interval


# Per developer app, by its level. Source: TikTok's page on rate limits.
LEVELS = {
    "basic": Rate(per_second=10, per_minute=600),
    "advanced": Rate(per_second=20, per_minute=1_200),
    "premium": Rate(per_second=30, per_minute=1_800),
    "ultimate": Rate(per_second=50, per_minute=3_000),
}


class Limits(Protocol):
    """Buckets by name."""

    def take(self, *, buckets: Mapping[str, Rate], now: datetime) -> timedelta:
        """Zero if one call was taken from each bucket; else how long to wait, and nothing was taken."""
        ...

    def block(self, bucket: str, *, until: datetime) -> None:
        """Nothing is taken from this bucket before `until`; an earlier and longer closure stands."""
        ...


class MemoryLimits:
    """Buckets of one process, for all of its threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._ahead: dict[str, int] = {}
        self._until: dict[str, int] = {}

    def take(self, *, buckets: Mapping[str, Rate], now: datetime) -> timedelta:
        instant = microseconds(now)
        with self._lock:
            ahead = {name: max(self._ahead.get(name, 0), instant) for name in buckets}
            free = [max(ahead[name] - rate.tolerance, self._until.get(name, 0)) for name, rate in buckets.items()]
            longest = max([instant, *free]) - instant
            if not longest:
                self._ahead |= {name: ahead[name] + rate.interval for name, rate in buckets.items()}
        return longest * MICROSECOND

    def block(self, bucket: str, *, until: datetime) -> None:
        with self._lock:
            self._until[bucket] = max(self._until.get(bucket, 0), microseconds(until))


class RedisLimits:
    """Buckets of all processes. While Redis is away each process counts for itself, and says so once."""

    def __init__(self, client: redis.Redis) -> None:
        self._take: Any = client.register_script(TAKE)
        self._block: Any = client.register_script(BLOCK)
        self._own = MemoryLimits()
        self._rests_until: datetime | None = None
        self._is_away = False

    def take(self, *, buckets: Mapping[str, Rate], now: datetime) -> timedelta:
        if self._rests_until is not None and now < self._rests_until:
            return self._own.take(buckets=buckets, now=now)
        numbers = [number for rate in buckets.values() for number in (rate.interval, rate.tolerance)]
        try:
            wait = self._take(keys=_keys(buckets), args=[microseconds(now), KEY_LIFE_MS, *numbers])
        except redis.RedisError as error:
            self._rests_until = now + REDIS_REST
            self._away(error)
            return self._own.take(buckets=buckets, now=now)
        self._is_away, self._rests_until = False, None
        return int(wait) * MICROSECOND

    def block(self, bucket: str, *, until: datetime) -> None:
        # Kept here too: what TikTok closed stays closed when Redis goes away.
        self._own.block(bucket, until=until)
        if self._is_away:
            return
        try:
            self._block(keys=_keys([bucket]), args=[microseconds(until), BLOCK_LIFE_MS])
        except redis.RedisError as error:
            self._away(error)

    def _away(self, error: redis.RedisError) -> None:
        if not self._is_away:
            log.warning("limits_unshared", error=type(error).__name__)
        self._is_away = True


def microseconds(instant: datetime) -> int:
    """Microseconds since 1970, exactly: a Lua number holds them until the year 2255."""
    return (instant - EPOCH) // MICROSECOND


def _keys(buckets: Mapping[str, Rate] | list[str]) -> list[str]:
    return [f"everspark:limit:{name}" for name in buckets]
