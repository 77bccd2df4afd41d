"""Buckets: no window holds more calls than allowed, whoever takes them; the two kinds behave alike."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import redis
from fakeredis import FakeServer, FakeStrictRedis
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.backoff import NoBackoff
from redis.retry import Retry
from structlog.testing import capture_logs

from infra.clock import HandClock
from infra.tiktok.limits import LEVELS, Limits, MemoryLimits, Rate, RedisLimits, microseconds

NOON = datetime(2026, 5, 24, 12, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
ZERO = timedelta(0)
Make = Callable[[], Limits]

RATES = st.builds(
    lambda second, minute: Rate(per_second=second, per_minute=minute),
    st.integers(1, 60),
    st.integers(1, 3_600),
)


def in_redis() -> Limits:
    return RedisLimits(FakeStrictRedis(server=FakeServer()))


@pytest.fixture(params=[MemoryLimits, in_redis], ids=["memory", "redis"])
def limits(request: pytest.FixtureRequest) -> Limits:
    made: Limits = request.param()
    return made


def hasty(limits: Limits, rate: Rate, *, idle: list[int], calls: int) -> list[datetime]:
    """When calls were made by somebody who calls as soon as it is allowed, with idle times (in ms) in between."""
    clock, pauses = HandClock(NOON), list(idle)
    made: list[datetime] = []
    while len(made) < calls:
        wait = limits.take(buckets={"b": rate}, now=clock.now())
        if wait:
            clock.advance(wait)
            continue
        made.append(clock.now())
        if pauses:
            clock.advance(timedelta(milliseconds=pauses.pop()))
    return made


def most_within(window: timedelta, made: list[datetime]) -> int:
    """The most calls in any window of this length, both ends included."""
    most = first = 0
    for last, instant in enumerate(made):
        while made[first] < instant - window:
            first += 1
        most = max(most, last - first + 1)
    return most


@given(rate=RATES, idle=st.lists(st.integers(0, 3_000), max_size=40))
@settings(deadline=None)
def test_no_window_of_a_second_or_a_minute_holds_more_than_its_limit(rate: Rate, idle: list[int]) -> None:
    made = hasty(MemoryLimits(), rate, idle=idle, calls=min(rate.per_minute + 20, 400))

    assert most_within(SECOND, made) <= rate.per_second
    assert most_within(MINUTE, made) <= rate.per_minute


@given(rate=RATES, idle=st.lists(st.integers(0, 2_000), max_size=10))
@settings(max_examples=25, deadline=None)
def test_redis_counts_to_the_microsecond_as_memory_does(rate: Rate, idle: list[int]) -> None:
    assert hasty(in_redis(), rate, idle=idle, calls=30) == hasty(MemoryLimits(), rate, idle=idle, calls=30)


@pytest.mark.parametrize("level", LEVELS)
def test_a_level_is_used_and_not_exceeded(level: str) -> None:
    rate = LEVELS[level]

    made = hasty(MemoryLimits(), rate, idle=[], calls=2 * rate.per_minute)

    assert most_within(SECOND, made) <= rate.per_second
    assert 0.75 * rate.per_minute <= most_within(MINUTE, made) <= rate.per_minute


def test_250_calls_of_the_lowest_level_take_half_a_minute() -> None:
    made = hasty(MemoryLimits(), LEVELS["basic"], idle=[], calls=250)

    assert made[-1] - made[0] < timedelta(seconds=32)


def test_nothing_is_taken_from_any_bucket_unless_all_have_something(limits: Limits) -> None:
    wide, narrow = Rate(per_second=10, per_minute=600), Rate(per_second=1, per_minute=60)
    assert limits.take(buckets={"app": wide, "path": narrow}, now=NOON) == ZERO

    assert limits.take(buckets={"app": wide, "path": narrow}, now=NOON) > SECOND
    assert limits.take(buckets={"app": wide}, now=NOON) == ZERO
    assert limits.take(buckets={"app": wide}, now=NOON) > ZERO


def test_a_closed_bucket_gives_nothing_before_its_time(limits: Limits) -> None:
    rate = LEVELS["basic"]
    limits.block("b", until=NOON + MINUTE)
    limits.block("b", until=NOON + SECOND)

    assert limits.take(buckets={"a": rate, "b": rate}, now=NOON) == MINUTE
    assert limits.take(buckets={"a": rate}, now=NOON) == ZERO
    assert limits.take(buckets={"a": rate, "b": rate}, now=NOON + MINUTE) == ZERO


def test_threads_do_not_take_the_same_call_twice(limits: Limits) -> None:
    rate = Rate(per_second=50, per_minute=3_000)

    with ThreadPoolExecutor(8) as threads:
        waits = list(threads.map(lambda _: limits.take(buckets={"b": rate}, now=NOON), range(64)))

    assert waits.count(ZERO) == rate.size


def test_two_processes_share_what_is_in_redis_and_leave_nothing_there_for_ever() -> None:
    server, rate = FakeServer(), LEVELS["basic"]
    one, other = RedisLimits(FakeStrictRedis(server=server)), RedisLimits(FakeStrictRedis(server=server))
    taken = [limits.take(buckets={"b": rate}, now=NOON) for limits in (one, other, one, other)]

    assert taken.count(ZERO) == rate.size == 2
    one.block("c", until=NOON + MINUTE)
    assert other.take(buckets={"c": rate}, now=NOON) == MINUTE
    client = FakeStrictRedis(server=server)
    keys = sorted(client.scan_iter())
    assert keys == [b"everspark:limit:b", b"everspark:limit:c"]
    assert all(0 < client.pttl(key) <= 26 * 3_600_000 for key in keys)


def test_without_redis_each_process_counts_for_itself_and_says_so_once() -> None:
    away = redis.Redis(host="127.0.0.1", port=1, socket_connect_timeout=0.2, retry=Retry(NoBackoff(), 0))
    limits, rate = RedisLimits(away), LEVELS["basic"]

    with capture_logs() as logs:
        made = hasty(limits, rate, idle=[], calls=200)
        limits.block("b", until=made[-1] + MINUTE)

    assert most_within(SECOND, made) <= rate.per_second
    assert limits.take(buckets={"b": rate}, now=made[-1]) == MINUTE
    assert [line["event"] for line in logs] == ["limits_unshared"]


def test_when_redis_is_back_it_counts_again_and_a_second_absence_is_told() -> None:
    server, rate = FakeServer(), LEVELS["basic"]
    limits = RedisLimits(FakeStrictRedis(server=server))

    with capture_logs() as logs:
        server.connected = False
        limits.take(buckets={"b": rate}, now=NOON)
        server.connected = True
        limits.take(buckets={"b": rate}, now=NOON + MINUTE)
        assert FakeStrictRedis(server=server).exists("everspark:limit:b")
        server.connected = False
        limits.take(buckets={"b": rate}, now=NOON + 2 * MINUTE)

    assert [line["event"] for line in logs] == ["limits_unshared"] * 2


def test_instants_are_counted_exactly() -> None:
    assert microseconds(NOON + timedelta(microseconds=1)) - microseconds(NOON) == 1
    assert microseconds(datetime(2255, 1, 1, tzinfo=UTC)) < 2**53
