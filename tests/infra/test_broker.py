"""Nudges: coalesced until they arrive, prompt on an idle queue, and harmless when Redis is away."""

from __future__ import annotations

import time
from datetime import timedelta
from threading import Thread

import dramatiq
import pytest
import redis
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import TimeLimit
from fakeredis import FakeServer, FakeStrictRedis
from structlog.testing import capture_logs

from infra.broker import (
    LONGEST_WAIT_SECONDS,
    MAILBOXES_QUEUE,
    OUTBOX_QUEUE,
    WAIT_BEFORE_DELAYED_SECONDS,
    Nudges,
    PromptRedisBroker,
    make_broker,
    message,
)
from infra.settings import load
from infra.wake_keys import MemoryWakeKeys, RedisWakeKeys, WakeKeys
from worker.main import make_worker


@pytest.fixture(params=["memory", "redis"])
def wake(request: pytest.FixtureRequest) -> WakeKeys:
    return MemoryWakeKeys() if request.param == "memory" else RedisWakeKeys(FakeStrictRedis(server=FakeServer()))


def queued(broker: StubBroker) -> list[tuple[int, ...]]:
    queue = broker.queues[MAILBOXES_QUEUE]
    return [dramatiq.Message.decode(queue.get_nowait()).args for _ in range(queue.qsize())]


def test_a_mailbox_is_nudged_once_until_the_nudge_arrives(wake: WakeKeys) -> None:
    broker = make_broker("")
    assert isinstance(broker, StubBroker)
    nudges = Nudges(broker, wake)

    nudges.mailboxes([3, 3, 5])
    nudges.mailboxes([3])
    assert queued(broker) == [(3,), (5,)]

    nudges.arrived("mailbox:3")
    nudges.mailboxes([3, 5])
    assert queued(broker) == [(3,)]


def test_a_nudge_for_later_is_not_held_back_by_one_of_now(wake: WakeKeys) -> None:
    broker = make_broker("")
    assert isinstance(broker, StubBroker)
    nudges = Nudges(broker, wake)

    nudges.outbox()
    nudges.outbox_in(timedelta(seconds=5))

    assert (broker.queues[OUTBOX_QUEUE].qsize(), broker.queues[f"{OUTBOX_QUEUE}.DQ"].qsize()) == (1, 1)


def resting(broker: StubBroker) -> list[int]:
    """The numbers of the nudges that rest."""
    queue = broker.queues[f"{OUTBOX_QUEUE}.DQ"]
    return [dramatiq.Message.decode(queue.get_nowait()).args[0] for _ in range(queue.qsize())]


def test_what_rests_goes_on_once_and_not_sooner(wake: WakeKeys) -> None:
    broker = make_broker("")
    assert isinstance(broker, StubBroker)
    nudges = Nudges(broker, wake)
    nudges.bulks()
    assert nudges.begins("bulks")

    nudges.bulks()
    nudges.bulks_in(timedelta(seconds=5))
    nudges.bulks_in(timedelta(seconds=5))
    nudges.bulks()

    assert not nudges.begins("bulks")
    assert [nudges.begins("bulks", number) for number in resting(broker)] == [False, True]
    assert nudges.begins("bulks")


def test_without_redis_what_rests_goes_on() -> None:
    away = redis.Redis(host="127.0.0.1", port=1, socket_connect_timeout=0.2)

    assert Nudges(make_broker(""), RedisWakeKeys(away)).begins("bulks", 7)


def test_a_nudge_that_redis_does_not_take_is_lost_without_a_word_to_the_caller() -> None:
    away = redis.Redis(host="127.0.0.1", port=1, socket_connect_timeout=0.2)
    nudges = Nudges(make_broker(""), RedisWakeKeys(away))

    with capture_logs() as logs:
        nudges.mailboxes([1])
        nudges.outbox()
        nudges.arrived("outbox")

    assert [line["event"] for line in logs] == ["nudge_lost"] * 3


def test_a_waiting_consumer_is_woken_by_the_next_message() -> None:
    broker = PromptRedisBroker(client=FakeStrictRedis(server=FakeServer()))  # type: ignore[no-untyped-call]
    broker.declare_queue(MAILBOXES_QUEUE)
    consumer = broker.consume(MAILBOXES_QUEUE, prefetch=4, timeout=1_000)
    got: list[tuple[int, ...]] = []

    def consume() -> None:
        deadline = time.monotonic() + 20
        while not got and time.monotonic() < deadline:
            found = next(consumer)
            if found is not None:
                got.append(found.args)

    thread = Thread(target=consume)
    thread.start()
    broker.enqueue(message("drain", MAILBOXES_QUEUE, 7))
    thread.join()

    assert got == [(7,)]


class Waited(PromptRedisBroker):
    """Writes down how long it would have waited for a bell."""

    def __init__(self) -> None:
        super().__init__(client=FakeStrictRedis(server=FakeServer()))  # type: ignore[no-untyped-call]
        self.waits: list[tuple[str, float]] = []

    def wait_for_bell(self, queue_name: str, *, seconds: float) -> None:
        self.waits.append((queue_name, seconds))


def test_while_something_is_held_for_later_the_time_is_looked_at_often() -> None:
    broker = Waited()
    broker.declare_queue(OUTBOX_QUEUE)
    # With room for more than the one that it holds.
    consumer = broker.consume(f"{OUTBOX_QUEUE}.DQ", prefetch=4)
    assert next(consumer) is None

    broker.enqueue(message("bulk", OUTBOX_QUEUE), delay=200)
    assert next(consumer) is not None
    assert next(consumer) is None

    assert broker.waits == [("outbox.DQ", LONGEST_WAIT_SECONDS), ("outbox.DQ", WAIT_BEFORE_DELAYED_SECONDS)]
    consumer.close()
    broker.close()


def test_time_limits_begin_with_the_worker_and_not_with_whoever_only_sends() -> None:
    broker = make_broker("")
    [limit] = [part for part in broker.middleware if isinstance(part, TimeLimit)]
    assert isinstance(limit.manager, Thread)
    before = limit.manager.is_alive()

    make_worker(broker, load())

    assert (before, limit.manager.is_alive()) == (False, True)
