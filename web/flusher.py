"""Grouped commit: concurrent deliveries share one insert, and each is answered after the commit that holds it.

No timer: while one commit is under way the next group gathers by itself, so a lone delivery does not wait.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import psycopg
import structlog
from sqlalchemy import Engine

from infra import inbox
from infra.clock import Clock
from infra.inbox import Letter, Receipt
from infra.metrics import Metrics

log = structlog.get_logger()

ROWS_A_COMMIT = 500
# Rows waiting for the database before new deliveries are turned away: some seconds of full speed.
MOST_WAITING = 20_000
SESSION = "-c timezone=UTC -c statement_timeout=10s"
TELL_SPACING_SECONDS = 0.02
# Longer than any commit, shorter than a producer's own patience: what is not committed by then is answered 503.
PATIENCE_SECONDS = 10.0


class Nudging(Protocol):
    """Tells the workers which mailboxes have mail; infra.broker.Nudges."""

    def mailboxes(self, numbers: Iterable[int]) -> None: ...


class StorageAwayError(Exception):
    """The database did not answer; whether it kept the delivery is unknown, sending it again is safe."""


class UnkeepableError(Exception):
    """The database refused this delivery's content."""


@dataclass(frozen=True, slots=True)
class Delivery:
    letters: Sequence[Letter]
    done: asyncio.Future[list[Receipt]]


class Flusher:
    """One task and one connection of its own; what it does not own (threads, queue) never fails a request."""

    def __init__(
        self,
        engine: Engine,
        *,
        clock: Clock,
        nudges: Nudging,
        metrics: Metrics,
        seen: Callable[[set[str]], None],
        most_waiting: int = MOST_WAITING,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._address = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._clock, self._nudges, self._metrics, self._seen = clock, nudges, metrics, seen
        self._waiting: deque[Delivery] = deque()
        self._rows_waiting = 0
        self._most_waiting, self._patience = most_waiting, patience
        self._wake = asyncio.Event()
        self._is_closing = False
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._flushing: asyncio.Task[None] | None = None
        self._told: tuple[set[int], set[str]] = (set(), set())
        self._telling: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._flushing = asyncio.create_task(self._run(), name="flusher")

    async def stop(self) -> None:
        """Flushes what is in hand, then closes."""
        self._is_closing = True
        self._wake.set()
        if self._flushing is not None:
            await self._flushing
        if self._telling is not None:
            await self._telling
        await self._disconnect()

    def post(self, letters: Sequence[Letter]) -> asyncio.Future[list[Receipt]]:
        """The receipts, once the letters are committed. Raises StorageAwayError when too much is waiting already."""
        if self._is_closing or self._rows_waiting + len(letters) > self._most_waiting:
            raise StorageAwayError
        done: asyncio.Future[list[Receipt]] = asyncio.get_running_loop().create_future()
        self._waiting.append(Delivery(letters, done))
        self._rows_waiting += len(letters)
        self._wake.set()
        return done

    async def _run(self) -> None:
        while not self._is_closing or self._waiting:
            if not self._waiting:
                await self._wake.wait()
                self._wake.clear()
                continue
            await self._flush(self._next_group())

    def _next_group(self) -> list[Delivery]:
        group: list[Delivery] = []
        rows = 0
        while self._waiting and (not group or rows + len(self._waiting[0].letters) <= ROWS_A_COMMIT):
            delivery = self._waiting.popleft()
            rows += len(delivery.letters)
            group.append(delivery)
        self._rows_waiting -= rows
        return group

    async def _flush(self, group: list[Delivery]) -> None:
        letters = [letter for delivery in group for letter in delivery.letters]
        try:
            receipts = await self._store(letters)
        except (psycopg.DataError, psycopg.IntegrityError, psycopg.ProgrammingError):
            await self._flush_apart(group)
        except (psycopg.Error, OSError) as error:
            log.warning("events_not_stored", deliveries=len(group), events=len(letters), error=type(error).__name__)
            await self._disconnect()
            _fail(group, StorageAwayError())
        except Exception:
            # The loop must outlive a bug: whoever waits is told, and the traceback is in the log.
            log.exception("flush_failed", deliveries=len(group), events=len(letters))
            await self._disconnect()
            _fail(group, StorageAwayError())
        else:
            self._resolve(group, letters, receipts)

    async def _flush_apart(self, group: list[Delivery]) -> None:
        """One delivery holds something that the database cannot keep: its neighbours must not pay for it."""
        if len(group) == 1:
            _fail(group, UnkeepableError())
            return
        for delivery in group:
            await self._flush([delivery])

    async def _store(self, letters: list[Letter]) -> list[Receipt]:
        if not letters:
            return []
        deadline = asyncio.get_running_loop().time() + self._patience
        if self._connection is not None:
            try:
                return await self._accept(self._connection, letters, deadline)
            except psycopg.OperationalError:
                # The database was restarted while we were idle, or during the statement: an event is stored once, so
                # that asking again is safe.
                await self._disconnect()
        async with asyncio.timeout_at(deadline):
            self._connection = await self._connect()
        return await self._accept(self._connection, letters, deadline)

    async def _accept(
        self, connection: psycopg.AsyncConnection[Any], letters: list[Letter], deadline: float
    ) -> list[Receipt]:
        """Commits until `deadline`. Raises TimeoutError, after which the connection is of no use.

        No asyncio.timeout: a cancelled psycopg first asks the server to cancel too, and waits 10 s more for a silent one.
        """
        loop = asyncio.get_running_loop()
        cutting = loop.call_at(deadline, _cut, connection)
        try:
            return await inbox.accept_async(connection, letters, now=self._clock.now())
        except psycopg.OperationalError:
            if loop.time() >= deadline:
                raise TimeoutError from None
            raise
        finally:
            cutting.cancel()

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        # autocommit: `accept` is one statement, hence one transaction in one round trip.
        return await psycopg.AsyncConnection.connect(
            self._address,
            autocommit=True,
            connect_timeout=3,
            options=SESSION,
            application_name="everspark web",
            # As infra.database.make_engine has them.
            tcp_user_timeout=15_000,
            keepalives_idle=10,
        )

    async def _disconnect(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()

    def _resolve(self, group: list[Delivery], letters: list[Letter], receipts: list[Receipt]) -> None:
        place = 0
        for delivery in group:
            end = place + len(delivery.letters)
            # A client that went away has cancelled its future; its events are kept all the same.
            if not delivery.done.done():
                delivery.done.set_result(receipts[place:end])
            place = end
        if letters:
            new = sum(receipt.is_new for receipt in receipts)
            log.info("events_accepted", deliveries=len(group), events=len(letters), new=new)
            self._metrics.accepted(new=new, again=len(letters) - new)
            self._tell(letters)

    def _tell(self, letters: list[Letter]) -> None:
        """Nudges, also for what was known before: a crash between commit and nudge must not strand an event."""
        mailboxes, senders = self._told
        mailboxes.update(inbox.mailboxes_of(letters))
        senders.update(letter.sender for letter in letters)
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell_all(), name="teller")

    async def _tell_all(self) -> None:
        while self._told[0]:
            (mailboxes, senders), self._told = self._told, (set(), set())
            try:
                await asyncio.to_thread(self._tell_once, mailboxes, senders)
            except Exception:
                # The events are committed; the rescue sweep finds what a lost nudge left behind.
                log.exception("nudge_failed", mailboxes=len(mailboxes))
            # The first commit is told at once; those of the next moments together, which spares Redis and this thread.
            await asyncio.sleep(TELL_SPACING_SECONDS)

    def _tell_once(self, mailboxes: set[int], senders: set[str]) -> None:
        self._nudges.mailboxes(mailboxes)
        self._seen(senders)


def _cut(connection: psycopg.AsyncConnection[Any]) -> None:
    """Ends the connection's socket, not the connection: whoever waits for it sees the end of the stream at once."""
    with socket.socket(fileno=os.dup(connection.fileno())) as line, suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)


def _fail(group: list[Delivery], error: Exception) -> None:
    for delivery in group:
        if not delivery.done.done():
            delivery.done.set_exception(error)
            # Nobody may be waiting any more; that is no error of ours.
            delivery.done.exception()
