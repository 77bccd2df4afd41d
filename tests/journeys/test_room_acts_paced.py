"""However many nudges and sweeps there are: acts and imports go on in one chain, and rest in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import dramatiq
import pytest
from dramatiq.brokers.stub import StubBroker
from sqlalchemy import Engine

from domain.acts import Act
from infra import advertisers, bulks
from infra.broker import BULK, IMPORT, OUTBOX_QUEUE, Nudges, make_broker
from infra.clock import HandClock
from infra.database import hot
from infra.inbox import Letter, accept
from infra.outbox import CODE_CHECK, EFFECTS, claim, done
from infra.owed import SubmittedCode, owe_checks, save_codes
from infra.reports.concerned import Chosen
from infra.vault import Vault
from infra.wake_keys import MemoryWakeKeys
from scheduler.sweeps import sweep
from tests.acting import Floor, floor
from tests.importing import OFFERED, Desk, sheet, with_end
from tests.portfolio import Post, holds
from tests.sweeping import NEXT_SLOT, SETTINGS, World
from worker.actors import bulking, importing
from worker.bulks import BATCH, advance
from worker.importing import Importing
from worker.main import take_up
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

    def forgets(self) -> None:
        """What rests is lost."""
        self._queues[f"{OUTBOX_QUEUE}.DQ"].queue.clear()

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


def test_what_a_killed_worker_had_in_hand_goes_on_when_one_starts(line: Line) -> None:
    line.begins_two_of_each()
    # Its nudges died with it; their keys are held for a while yet.
    line.nudges.bulks_in(NEXT_SLOT)
    line.nudges.imports_in(NEXT_SLOT)
    line.forgets()

    take_up(line.nudges)
    take_up(line.nudges)
    line.works(rested=True)

    assert line.batches() == (1, 1)
    assert line.resting() == [BULK, IMPORT]


@pytest.fixture
def room(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[Floor]:
    with floor(engine, clock, vault) as room:
        yield room


def looks_at(room: Floor, vault: Vault, many: int) -> int:
    """A bulk of looks at posts of a connected advertiser."""
    posts = [Post(number=number) for number in range(1, many + 1)]
    room.holds(*posts)
    with hot(room.engine) as connection:
        advertisers.connect(connection, vault, advertiser_id=posts[0].advertiser, token="t", now=room.clock.now())
    return room.begins("look", key=[post.key for post in posts])


def goes_on(room: Floor) -> None:
    """Until it rests or is done."""
    for _ in range(20):
        batch = advance(room.engine, room.clock)
        room.drains()
        if batch is None or batch.must_rest:
            return


def pays(room: Floor, most: int) -> list[str]:
    """The kinds of so many calls that are owed, in the order in which they are made."""
    kinds = []
    for _ in range(most):
        with hot(room.engine) as connection:
            for debt in claim(connection, now=room.clock.now(), kinds=EFFECTS):
                done(connection, debt, now=room.clock.now())
                kinds.append(debt.kind)
    return kinds


def test_a_code_is_checked_behind_few_looks_of_an_act(room: Floor, vault: Vault) -> None:
    number = looks_at(room, vault, 100)
    goes_on(room)

    room.clock.advance(timedelta(minutes=2))
    code = SubmittedCode(key=Post(number=1).key, fingerprint="f", sealed=b"s", last="1234", at=room.clock.now())
    with hot(room.engine) as connection:
        save_codes(connection, [code])
        owe_checks(connection, [code], now=room.clock.now())
    goes_on(room)

    assert CODE_CHECK in pays(room, 2 * bulks.CALLS_AT_ONCE)
    assert room.one("SELECT status FROM bulks") == {"status": "running"}
    for _ in range(20):
        goes_on(room)
        pays(room, bulks.CALLS_AT_ONCE)
    assert room.one("SELECT status, done FROM bulks WHERE id = %s", number) == {"status": "done", "done": 100}
    assert room.one("SELECT count(*) FROM outbox WHERE kind = 'look.one' AND status = 'done'") == {"count": 100}


def test_while_looks_of_an_act_wait_other_acts_go_on(room: Floor, vault: Vault) -> None:
    number = looks_at(room, vault, 30)
    goes_on(room)
    room.clock.advance(timedelta(seconds=1))
    other = room.begins("need", until="2026-12-10T09:00", everything="1", query="")
    one = room.begins("look", nonce="one", key=Post(number=30).key)

    goes_on(room)

    stands = {row["id"]: row["status"] for row in room.asks("SELECT id, status FROM bulks")}
    assert stands == {number: "running", other: "done", one: "done"}


def test_the_preview_of_many_looks_says_about_how_long_they_take(room: Floor, vault: Vault) -> None:
    number = looks_at(room, vault, 1_000)

    # At eight calls a second.
    room.ada.opens("/account")
    assert "It takes about 2 min" in room.previews("look", everything="1", query="")
    room.ada.opens(f"/acts/{number}")
    assert "About 2 min more" in room.ada.text
    room.ada.opens("/account")
    assert "It takes about" not in room.previews("look", key=Post(number=1).key)
    room.ada.opens("/account")
    assert "It takes about" not in room.previews("need", everything="1", query="")
