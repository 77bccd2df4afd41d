"""However many nudges and sweeps there are: acts and imports go on in one chain, and rest in between."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import dramatiq
import pytest
from dramatiq.brokers.stub import StubBroker
from sqlalchemy import Engine

from domain.acts import Act
from infra import bulks
from infra.broker import BULK, IMPORT, OUTBOX_QUEUE, Nudges, make_broker
from infra.clock import HandClock
from infra.database import hot
from infra.inbox import Letter, accept
from infra.reports.concerned import Chosen
from infra.vault import Vault
from infra.wake_keys import MemoryWakeKeys
from scheduler.sweeps import sweep
from tests.importing import OFFERED, Desk, sheet, with_end
from tests.portfolio import Post, holds
from tests.sweeping import NEXT_SLOT, SETTINGS, World
from worker.actors import bulking, importing
from worker.bulks import BATCH
from worker.importing import Importing
from worker.resting import MOST_BACKLOG

UNTIL = datetime(2027, 3, 1, tzinfo=UTC)


class Line:
    """Two large acts and two sheets, a queue, and one worker that takes what is due."""

    def __init__(self, engine: Engine, clock: HandClock, vault: Vault) -> None:
        self.engine, self.clock = engine, clock
        self._desk = Desk(engine, clock, vault)
        broker = make_broker("")
        assert isinstance(broker, StubBroker)
        self._queues = broker.queues
        self.nudges = Nudges(broker, MemoryWakeKeys())
        work = Importing(vault, offered_days=OFFERED, size=2)
        self._actors: dict[str, Callable[..., None]] = {
            BULK: bulking(engine, clock, self.nudges),
            IMPORT: importing(engine, clock, work, self.nudges),
        }

    def begins_two_of_each(self) -> None:
        holds(self.engine, [Post(number=number) for number in range(3 * BATCH)], now=self.clock.now())
        with hot(self.engine) as connection:
            for nonce in "ab":
                bulks.create(
                    connection, Act.NEED, Chosen(), until=UNTIL, actor="cli:ada", now=self.clock.now(), nonce=nonce
                )
        for _ in range(2):
            self._desk.receives(sheet(*(with_end(number) for number in range(9))))

    def is_busy(self) -> None:
        """More waits in the mailboxes than any act goes before."""
        now = self.clock.now()
        letters = [
            Letter(sender="crm", event_id=str(n), type="look.wanted", key=f"1/{n}", occurred_at=now, data=b"{}")
            for n in range(MOST_BACKLOG + 1)
        ]
        with hot(self.engine) as connection:
            accept(connection, letters, now=now)

    def is_nudged(self, times: int) -> None:
        for _ in range(times):
            self.nudges.bulks()
            self.nudges.imports()
            self.works()

    def rescues(self) -> int:
        self.clock.advance(NEXT_SLOT)
        fence = World(self.engine, self.clock).elects("the leader")
        return sweep("rescue", engine=self.engine, clock=self.clock, nudges=self.nudges, settings=SETTINGS, fence=fence)

    def works(self, *, rested: bool = False) -> None:
        """What is there to be done at once; what rests as well, if it has `rested`."""
        for queue in [self._queues[OUTBOX_QUEUE]] + [self._queues[f"{OUTBOX_QUEUE}.DQ"]] * rested:
            for _ in range(queue.qsize()):
                message: dramatiq.Message[None] = dramatiq.Message.decode(queue.get_nowait())
                self._actors[message.actor_name](*message.args)

    def resting(self) -> list[str]:
        queue = self._queues[f"{OUTBOX_QUEUE}.DQ"]
        return sorted(dramatiq.Message.decode(item).actor_name for item in list(queue.queue))

    def batches(self) -> tuple[int, int]:
        """Of acts, of imports: how many were done."""
        with hot(self.engine) as connection:
            acts = connection.execute("SELECT coalesce(sum(done), 0) FROM bulks").fetchall()
            rows = connection.execute("SELECT coalesce(sum(good), 0) FROM imports").fetchall()
        return int(acts[0][0]) // BATCH, int(rows[0][0]) // 2


@pytest.fixture
def line(engine: Engine, clock: HandClock, vault: Vault) -> Line:
    return Line(engine, clock, vault)


def test_nudges_and_sweeps_leave_one_nudge_and_no_rest_is_shorter(line: Line) -> None:
    line.begins_two_of_each()

    line.is_nudged(5)
    for _ in range(3):
        line.rescues()
        line.works()

    assert line.resting() == [BULK, IMPORT]
    assert line.batches() == (1, 1)
    line.works(rested=True)
    assert line.resting() == [BULK, IMPORT]
    assert line.batches() == (2, 2)


def test_of_two_chains_one_goes_on(line: Line) -> None:
    line.begins_two_of_each()
    line.nudges.bulks_in(NEXT_SLOT)
    line.nudges.bulks_in(NEXT_SLOT)

    line.works(rested=True)

    assert line.resting() == [BULK]
    assert line.batches() == (1, 0)


def test_behind_a_backlog_they_rest_and_are_not_neglected(line: Line) -> None:
    line.begins_two_of_each()
    line.is_nudged(1)
    line.is_busy()

    for _ in range(8):
        line.works(rested=True)
        line.rescues()
        assert line.resting() == [BULK, IMPORT]

    assert line.batches() == (1, 1)
    with hot(line.engine) as connection:
        assert not bulks.is_any_neglected(connection, now=line.clock.now())
