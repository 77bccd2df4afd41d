"""Power cuts on purpose: a machine whose every statement, commit, enqueue, call and sent message can be its last deed.

A cut ends the database sessions on the server's side, loses the queue, and raises what no `except Exception` catches.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any, cast

import dramatiq
import httpx
import psycopg
from dramatiq.brokers.stub import StubBroker
from psycopg import Transaction
from sqlalchemy import Engine, event

from infra.broker import MAILBOXES_QUEUE, OUTBOX_QUEUE, Nudges
from infra.clock import HandClock
from infra.database import hot, make_engine
from infra.inbox import Letter, accept, mailboxes_of
from infra.mail import Mailer, Outcome, Sent
from infra.posting import Courier
from infra.settings import Settings
from infra.tiktok.client import Tiktok
from infra.vault import Vault
from infra.wake_keys import MemoryWakeKeys
from scheduler.leadership import Leadership
from scheduler.sweeps import sweep
from tests.waiting import until
from worker.actors import declare

BEFORE_COMMIT, AFTER_COMMIT = "before a commit", "after a commit"
BEFORE_SENDING, AFTER_SENDING = "before sending", "after sending"
COURIER = Courier()  # loading certificates takes 25 ms
TERMINATED = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = ANY(%s)"
ARE_GONE = "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = ANY(%s))"


class PowerCut(BaseException):
    """The machine is off. No exception of the program's own, so that nothing may handle it."""


class Meter:
    """Counts the boundaries that a run passes, by name; at the chosen one the power goes."""

    def __init__(self, admin: psycopg.Connection) -> None:
        self._admin = admin
        self._connections: list[psycopg.Connection] = []
        self.begin()

    def begin(self, *, cut_at: int | None = None) -> list[str]:
        """The power is on, until boundary number `cut_at`. Returns the list in which the boundaries will stand."""
        self._passed: list[str] = []
        self._cut_at, self._is_off = cut_at, False
        return self._passed

    def feed(self, connection: psycopg.Connection) -> None:
        """The connection ends with the power."""
        self._connections.append(connection)

    def reach(self, boundary: str) -> None:
        """Raises PowerCut at the chosen boundary, and ever after."""
        if len(self._passed) == self._cut_at:
            self._cut()
        if self._is_off:
            raise PowerCut(boundary)
        self._passed.append(boundary)

    def _cut(self) -> None:
        self._cut_at, self._is_off = None, True
        alive = [connection for connection in self._connections if not connection.closed]
        self._connections.clear()
        sessions = [connection.info.backend_pid for connection in alive]
        for connection in alive:
            connection.pgconn.finish()
        self._admin.execute(TERMINATED, [sessions])
        # Their locks are gone when the next run begins. (pg_terminate_backend itself waits in steps of 100 ms.)
        until(lambda: self._admin.execute(ARE_GONE, [sessions]).fetchone() == (True,), every=0.001)


class MeteredCursor(psycopg.Cursor[Any]):
    """Inside a transaction, a cut after a statement is a cut before the next one: both take it back."""

    def execute(self, query: Any, *args: Any, **options: Any) -> MeteredCursor:
        # The pool's look whether a connection lives is outside of any transaction, and touches nothing.
        if not self.connection.autocommit:
            cast("MeteredConnection", self.connection).meter.reach(f"before {' '.join(str(query).split())[:60]}")
        super().execute(query, *args, **options)
        return self


class MeteredConnection(psycopg.Connection[Any]):
    """psycopg's connection under a meter."""

    meter: Meter

    @contextmanager
    def transaction(self, *args: Any, **options: Any) -> Iterator[Transaction]:
        with super().transaction(*args, **options) as block:
            yield block
            self.meter.reach(BEFORE_COMMIT)
        self.meter.reach(AFTER_COMMIT)

    def commit(self) -> None:
        self.meter.reach(BEFORE_COMMIT)
        super().commit()
        self.meter.reach(AFTER_COMMIT)


class MeteredBroker(StubBroker):
    """A queue in memory: it is gone with the power, as a flushed Redis would be."""

    def __init__(self, meter: Meter) -> None:
        super().__init__()
        self._meter = meter
        for name in (MAILBOXES_QUEUE, OUTBOX_QUEUE):
            self.declare_queue(name)

    def enqueue(self, message: dramatiq.Message[Any], *, delay: int | None = None) -> dramatiq.Message[Any]:
        self._meter.reach("before an enqueue")
        sent = super().enqueue(message, delay=delay)
        self._meter.reach("after an enqueue")
        return sent

    def work(self) -> None:
        """Runs what is queued, and what that queues, without threads."""
        while waiting := next((queue for queue in self.queues.values() if not queue.empty()), None):
            message: dramatiq.Message[Any] = dramatiq.Message.decode(waiting.get_nowait())
            self.actors[message.actor_name](*message.args)


class MeteredTransport(httpx.HTTPTransport):
    """The way to TikTok: a call that left has arrived, whoever loses power before its answer."""

    def __init__(self, meter: Meter) -> None:
        super().__init__(verify=False)
        self._meter = meter

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/open_api/v1.3/").strip("/")
        self._meter.reach(f"before calling {path}")
        response = super().handle_request(request)
        self._meter.reach(f"after calling {path}")
        return response


class RecordingMailer:
    """The outside: what it has taken stays taken, whoever loses power."""

    def __init__(self, meter: Meter) -> None:
        self.taken: list[str] = []
        self._meter = meter

    def send(self, message: EmailMessage) -> Outcome:
        self._meter.reach(BEFORE_SENDING)
        self.taken.append(str(message["Message-ID"]))
        self._meter.reach(AFTER_SENDING)
        return Sent()


class Machine:
    """Web, worker and scheduler in one process, from power-on to power cut; database, clock and mail outlive it."""

    def __init__(
        self,
        *,
        engine: Engine,
        clock: HandClock,
        mailer: Mailer,
        meter: Meter,
        settings: Settings,
        tiktok: Tiktok | None = None,
    ) -> None:
        self._engine, self._clock, self._settings = engine, clock, settings
        self._queue = MeteredBroker(meter)
        self._nudges = Nudges(self._queue, MemoryWakeKeys())
        declare(
            self._queue,
            engine=engine,
            clock=clock,
            settings=settings,
            nudges=self._nudges,
            vault=Vault(bytes(range(32))),
            mailer=mailer,
            tiktok=tiktok,
        )

    def hears(self, *letters: Letter) -> None:
        """A delivery, as the ingress takes it: stored, committed, nudged; then the workers run."""
        with hot(self._engine) as connection:
            accept(connection, letters, now=self._clock.now())
        self._nudges.mailboxes(mailboxes_of(letters))
        self._queue.work()

    def sweeps(self, *jobs: str) -> None:
        """The scheduler's sweeps, in a slot of their own; then the workers run."""
        self._clock.advance(timedelta(seconds=self._settings.sweep_seconds))
        leadership = Leadership(self._engine, seconds=30, holder="the only one")
        leadership.campaign()
        for job in jobs:
            sweep(
                job,
                engine=self._engine,
                clock=self._clock,
                nudges=self._nudges,
                settings=self._settings,
                fence=leadership.fence or 0,
            )
        self._queue.work()

    def sleeps_until(self, instant: datetime) -> None:
        """Time passes; it never goes back."""
        self._clock.set(max(instant, self._clock.now()))


def metered_engine(url: str, meter: Meter) -> Engine:
    """The product's own engine, on connections under the meter. Dead ones leave its pool, as after any outage."""
    engine = make_engine(url)

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _record: Any, arguments: list[Any], options: dict[str, Any]) -> psycopg.Connection:
        connection = MeteredConnection.connect(*arguments, **options)
        connection.meter = meter
        connection.cursor_factory = MeteredCursor
        meter.feed(connection)
        return connection

    return engine
