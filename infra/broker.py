"""The queue. Its messages only say where there is mail: losing one, or getting it twice, is harmless.

A nudge is coalesced: while one is on its way to a mailbox (its wake key is set), no other is sent. The worker clears
the key before its first read, so whatever is committed later causes a new nudge.

Long work that rests between its batches sends the nudge of its next batch itself. That one takes the key over and leaves its
number in it: whatever else arrives during the rest does nothing, so that the work goes on once, and not sooner.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import dramatiq
import redis
import structlog
from dramatiq.brokers.redis import RedisBroker, _RedisConsumer
from dramatiq.brokers.stub import StubBroker
from dramatiq.common import q_name
from dramatiq.errors import ConnectionClosed
from dramatiq.middleware import default_middleware

from infra.wake_keys import AT_ONCE, WAKE_SECONDS, MemoryWakeKeys, RedisWakeKeys, WakeKeys

log = structlog.get_logger()

DRAIN, PAY, CALL, LOOK = "drain", "pay", "call", "look"
HOOK, CLIMB = "hook", "climb"
BULK, IMPORT, SUMMARIZE = "bulk", "import", "summarize"
MAILBOXES_QUEUE, OUTBOX_QUEUE, TIKTOK_QUEUE = "mailboxes", "outbox", "tiktok"
# A message of a killed worker comes back by a random maintenance pass: after some ten minutes by default, like this
# within seconds. The guarantee is the `rescue` sweep over SQL.
HEARTBEAT_MS, MAINTENANCE_CHANCE = 10_000, 1_000_000
REDIS_TIMEOUT_SECONDS = 5
# dramatiq's consumer sleeps between polls, up to a second: that would be the latency of a quiet system. Ours waits for a
# bell that each enqueue rings, and polls as well, since a bell may be heard by another consumer that is busy.
LONGEST_SLEEP_MS, LONGEST_WAIT_SECONDS, MOST_BELLS = 2, 1.0, 100
# While delayed messages are held, no bell rings when the time of one has come: a rest of 0.2 s would become a second.
WAIT_BEFORE_DELAYED_SECONDS = 0.05


class BellConsumer(_RedisConsumer):
    """dramatiq's consumer, woken by the next message instead of by a clock."""

    def __next__(self) -> dramatiq.MessageProxy | None:
        """The next message; None after a wait in vain."""
        try:
            message: dramatiq.MessageProxy | None = super().__next__()  # type: ignore[no-untyped-call]
            if message is None and self.outstanding_message_count < self.prefetch:
                holds_delayed = self.queue_name != q_name(self.queue_name) and self.outstanding_message_count > 0
                seconds = WAIT_BEFORE_DELAYED_SECONDS if holds_delayed else LONGEST_WAIT_SECONDS
                self.broker.wait_for_bell(self.queue_name, seconds=seconds)
        except redis.TimeoutError as error:
            raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]
        return message


class PromptRedisBroker(RedisBroker):
    """dramatiq's Redis broker without its polling pauses, however its workers are started."""

    @property
    def consumer_class(self) -> type[BellConsumer]:
        """What consumes queues."""
        return BellConsumer

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> dramatiq.Consumer:
        """A consumer that hardly sleeps: it waits for the bell instead."""
        return super().consume(queue_name, prefetch, min(timeout, LONGEST_SLEEP_MS))

    def enqueue(self, message: dramatiq.Message[Any], *, delay: int | None = None) -> dramatiq.Message[Any]:
        """Enqueues, then rings the queue's bell."""
        sent = super().enqueue(message, delay=delay)
        bell = f"everspark:bell:{sent.queue_name}"
        pipeline = self.client.pipeline(transaction=False)
        pipeline.lpush(bell, 1)
        pipeline.ltrim(bell, 0, MOST_BELLS)
        pipeline.expire(bell, WAKE_SECONDS)
        pipeline.execute()
        return sent

    def wait_for_bell(self, queue_name: str, *, seconds: float) -> None:
        """Until something is enqueued, but no longer than this."""
        try:
            self.client.blpop([f"everspark:bell:{queue_name}"], timeout=seconds)
        except redis.ConnectionError as error:
            raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]


class Nudges:
    """Tells the workers where there is work. Never raises: what a lost nudge leaves behind, `rescue` finds."""

    def __init__(self, broker: dramatiq.Broker, wake: WakeKeys) -> None:
        self._broker = broker
        self._wake = wake

    def mailboxes(self, numbers: Iterable[int]) -> None:
        """There is mail in these mailboxes."""
        self._send({f"mailbox:{number}": message(DRAIN, MAILBOXES_QUEUE, number) for number in sorted(set(numbers))})

    def outbox(self) -> None:
        """A message to somebody is owed."""
        self._send({"outbox": message(PAY, OUTBOX_QUEUE)})

    def outbox_in(self, span: timedelta) -> None:
        """A message to somebody will be due after some seconds."""
        self._send_in("outbox", message(PAY, OUTBOX_QUEUE), span)

    def hooks(self) -> None:
        """A webhook to an endpoint is owed."""
        self._send({"hooks": message(HOOK, OUTBOX_QUEUE)})

    def climbs(self) -> None:
        """It is time to see whether silence has to climb."""
        self._send({"climb": message(CLIMB, OUTBOX_QUEUE)})

    def bulks(self) -> None:
        """An act on many authorizations is not done yet."""
        self._send({"bulks": message(BULK, OUTBOX_QUEUE)})

    def bulks_in(self, span: timedelta) -> None:
        """It goes on after a rest, and no nudge makes that shorter."""
        self._rest("bulks", BULK, span)

    def imports(self) -> None:
        """A sheet is not checked, or not applied, to its end yet."""
        self._send({"imports": message(IMPORT, OUTBOX_QUEUE)})

    def imports_in(self, span: timedelta) -> None:
        """It goes on after a rest, and no nudge makes that shorter."""
        self._rest("imports", IMPORT, span)

    def summaries(self) -> None:
        """It is time to sum up."""
        self._send({"summaries": message(SUMMARIZE, OUTBOX_QUEUE)})

    def climbs_in(self, span: timedelta) -> None:
        """The same after some seconds: a text to a creator waits for them."""
        self._send_in("climb", message(CLIMB, OUTBOX_QUEUE), span)

    def calls(self) -> None:
        """A call to TikTok is owed."""
        self._send({"calls": message(CALL, TIKTOK_QUEUE)})

    def looks(self) -> None:
        """An advertiser is due to be looked at."""
        self._send({"looks": message(LOOK, TIKTOK_QUEUE)})

    def arrived(self, name: str) -> None:
        """A worker begins: from here on a new commit needs a new nudge."""
        try:
            self._wake.clear(name)
        except redis.RedisError as error:
            log.warning("nudge_lost", name=name, error=type(error).__name__)

    def begins(self, name: str, number: int = AT_ONCE) -> bool:
        """As `arrived`, for work that rests: False where a nudge of another number is on its way, and will do."""
        try:
            if self._wake.holder(name) not in (None, number):
                return False
        except redis.RedisError as error:
            log.warning("nudge_lost", name=name, error=type(error).__name__)
            return True
        self.arrived(name)
        return True

    def _rest(self, name: str, actor: str, span: timedelta) -> None:
        """The one nudge that counts from now on, after a rest; should it be lost, the key is free again soon after."""
        number = secrets.randbits(48) + 1
        try:
            self._wake.reserve(name, number, seconds=span.total_seconds() + WAKE_SECONDS)
        except redis.RedisError as error:
            log.warning("nudge_lost", name=name, error=type(error).__name__)
            return
        self._send_in(name, message(actor, OUTBOX_QUEUE, number), span)

    def _send_in(self, name: str, nudge: dramatiq.Message[Any], span: timedelta) -> None:
        """Not coalesced: a nudge of now would come too soon."""
        try:
            self._broker.enqueue(nudge, delay=round(span.total_seconds() * 1000))
        except (redis.RedisError, dramatiq.DramatiqError) as error:
            log.warning("nudge_lost", names=[name], count=1, error=type(error).__name__)

    def _send(self, messages: dict[str, dramatiq.Message[None]]) -> None:
        if not messages:
            return
        try:
            for name in self._wake.claim(list(messages)):
                self._broker.enqueue(messages[name])
        except (redis.RedisError, dramatiq.DramatiqError) as error:
            log.warning("nudge_lost", names=list(messages)[:3], count=len(messages), error=type(error).__name__)


def message(actor: str, queue: str, *args: int) -> dramatiq.Message[None]:
    """A message by name, so that no process needs to import the actor."""
    return dramatiq.Message(queue_name=queue, actor_name=actor, args=args, kwargs={}, options={})


def make_broker(redis_url: str | None) -> dramatiq.Broker:
    """The broker: on Redis where an address is given, else in the memory of this process."""
    middleware = [part() for part in default_middleware]
    if not redis_url:
        broker: dramatiq.Broker = StubBroker(middleware=middleware)
    else:
        broker = PromptRedisBroker(  # type: ignore[no-untyped-call]
            client=redis_client(redis_url),
            namespace="everspark",
            middleware=middleware,
            heartbeat_timeout=HEARTBEAT_MS,
            maintenance_chance=MAINTENANCE_CHANCE,
        )
    for queue in (MAILBOXES_QUEUE, OUTBOX_QUEUE, TIKTOK_QUEUE):
        broker.declare_queue(queue)
    return broker


def make_nudges(broker: dramatiq.Broker) -> Nudges:
    """Nudges through `broker`, with the wake keys where the messages are."""
    wake = RedisWakeKeys(broker.client) if isinstance(broker, RedisBroker) else MemoryWakeKeys()
    return Nudges(broker, wake)


def redis_client(url: str) -> redis.Redis:
    """A client with time-outs: a time limit cannot interrupt a system call."""
    return redis.Redis.from_url(
        url,
        socket_timeout=REDIS_TIMEOUT_SECONDS,
        socket_connect_timeout=REDIS_TIMEOUT_SECONDS,
        health_check_interval=15,
    )
