"""Requests a minute: counted by each process, or by all together, and on whatever becomes of Redis."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import redis
from fakeredis import FakeServer, FakeStrictRedis
from redis.backoff import NoBackoff
from redis.retry import Retry
from structlog.testing import capture_logs

from infra.allowances import REDIS_REST, Allowances

NOON = datetime(2026, 5, 24, 12, 0, 10, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture(params=["memory", "redis"])
def client(request: pytest.FixtureRequest) -> redis.Redis | None:
    return FakeStrictRedis(server=FakeServer()) if request.param == "redis" else None


def test_so_many_pass_in_a_minute_and_the_next_one_begins_anew(client: redis.Redis | None) -> None:
    allowances = Allowances(2, client=client)

    taken = [allowances.take("crm", now=NOON) for _ in range(3)]

    assert [(each.left, each.seconds, each.is_spent) for each in taken if each] == [
        (1, 50, False),
        (0, 50, False),
        (0, 50, True),
    ]
    later = allowances.take("crm", now=NOON + 50 * SECOND)
    assert later is not None
    assert (later.left, later.seconds, later.is_spent) == (1, 60, False)


def test_each_name_has_its_own(client: redis.Redis | None) -> None:
    allowances = Allowances(1, client=client)
    allowances.take("crm", now=NOON)

    other = allowances.take("bi", now=NOON)

    assert other is not None
    assert not other.is_spent


def test_none_means_no_limit() -> None:
    assert Allowances(0).take("crm", now=NOON) is None


def test_processes_count_together() -> None:
    server = FakeServer()
    one, other = (Allowances(1, client=FakeStrictRedis(server=server)) for _ in range(2))
    one.take("crm", now=NOON)

    taken = other.take("crm", now=NOON)

    assert taken is not None
    assert taken.is_spent


def test_while_redis_is_away_each_process_counts_on_and_says_so_once() -> None:
    server = FakeServer()
    allowances = Allowances(2, client=FakeStrictRedis(server=server, retry=Retry(NoBackoff(), 0)))
    allowances.take("crm", now=NOON)
    server.connected = False

    with capture_logs() as logged:
        second, third = (allowances.take("crm", now=NOON + number * SECOND) for number in (1, 2))

    assert second is not None
    assert third is not None
    assert (second.is_spent, third.is_spent) == (False, True)
    assert [line["event"] for line in logged] == ["allowances_unshared"]
    server.connected = True
    back = allowances.take("crm", now=NOON + SECOND + REDIS_REST)
    assert back is not None
    assert back.left == 0
