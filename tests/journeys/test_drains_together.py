"""Workers of different mailboxes write to the same creators, messages and advertisers at once, and never deadlock."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from random import Random
from typing import Any

import msgspec
import psycopg
import pytest
from sqlalchemy import Engine

from domain.renewal import Policy
from infra import advertisers, creators, inbox
from infra.clock import HandClock
from infra.database import hot
from infra.inbox import MAILBOXES, Letter
from tests.deliveries import ADVERTISER, day, letter
from tests.waiting import until
from worker.drain import Drained, drain

HANDLES = ("ana", "bea", "cem", "dora", "eva", "fay")
TURNS, POSTS = 8, 24
TOLD: tuple[tuple[str, dict[str, Any]], ...] = (
    ("creator.payment_due", {"is_due": False}),
    ("creator.snoozed", {"until": day(30)}),
)
# Not pg_stat_activity: a transaction that looks at it twice sees the same twice.
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"
CONNECTED = "INSERT INTO advertisers (advertiser_id, token, connected_at, next_look_at, next_kpis_at) VALUES (%s, '', %s, %s, %s)"


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(MAILBOXES) as pool:
        yield pool


class Crowd:
    """A worker for each mailbox; each turn brings all of them asks and facts of the same few creators."""

    def __init__(self, engine: Engine, clock: HandClock, threads: ThreadPoolExecutor) -> None:
        self.engine, self.clock, self._threads, self._dice = engine, clock, threads, Random(20261122)

    def hears(self, letters: Sequence[Letter]) -> None:
        """Letters of all mailboxes, in any order, applied by all workers at once; what one of them raises is raised here."""
        with hot(self.engine) as connection:
            inbox.accept(connection, self._dice.sample(letters, len(letters)), now=self.clock.now())
        work = [self._threads.submit(self._drain, mailbox) for mailbox in range(MAILBOXES)]
        assert all(each.result().outcomes["parked"] == 0 for each in work)

    def _drain(self, mailbox: int) -> Drained:
        return drain(self.engine, self.clock, Policy(), mailbox)

    def asks(self, query: str) -> list[tuple[Any, ...]]:
        with hot(self.engine) as connection:
            return connection.execute(query.encode()).fetchall()


def about(turn: int) -> list[str]:
    """The posts of a turn, in all mailboxes."""
    return [str(10**18 + 1000 * turn + number) for number in range(POSTS)]


def wishes(post: str, number: int) -> list[Letter]:
    """A post of one of the creators, whose first ask is due ten days before its end."""
    creator = {"handle": HANDLES[number % len(HANDLES)], "email": f"{number}@creators.test"}
    return [
        letter(
            "authorization.requested", day(0), event_id=f"{post} 0", post=post, route="code", days=30, creator=creator
        ),
        letter("code.granted", day(0), event_id=f"{post} 1", post=post, starts_at=day(0), expires_at=day(30)),
        letter("ad.started", day(1), event_id=f"{post} 2", post=post, ad={"ad_id": post}),
    ]


def reminder(post: str) -> Letter:
    data = msgspec.json.encode({"period_ends_at": day(30), "rung": 0})
    return Letter(
        sender="clock",
        event_id=f"due {post}",
        type="renewal.due",
        key=f"{ADVERTISER}/{post}",
        occurred_at=day(21),
        data=data,
    )


def contact(post: str, handle: str, turn: int) -> Letter:
    """A fact of another creator, by way of a post that is known."""
    creator = {"handle": handle, "name": f"{handle} {turn}"}
    return letter(
        "authorization.requested", day(21), event_id=f"{post} 3", post=post, route="code", days=30, creator=creator
    )


def words(turn: int) -> list[Letter]:
    """What each of the creators says, of whom some are new."""
    return [
        Letter(
            sender="operator",
            event_id=f"{turn} {type_} {handle}",
            type=type_,
            key=f"creator/{handle}",
            occurred_at=day(21),
            data=msgspec.json.encode(data),
        )
        for type_, data in TOLD
        for handle in (*HANDLES, *(f"{name}{turn}" for name in HANDLES))
    ]


def test_many_turns_of_all_workers_over_the_same_creators(
    engine: Engine, clock: HandClock, threads: ThreadPoolExecutor
) -> None:
    clock.set(day(21))
    crowd = Crowd(engine, clock, threads)
    with hot(engine) as connection:
        connection.execute(CONNECTED, [ADVERTISER, day(0), day(40), day(40)])

    for turn in range(TURNS):
        posts = about(turn)
        crowd.hears([each for number, post in enumerate(posts) for each in wishes(post, number)])
        facts = [contact(post, f"{HANDLES[number % 5]}{turn}", turn) for number, post in enumerate(posts[: POSTS // 3])]
        crowd.hears([*map(reminder, posts[POSTS // 3 :]), *facts, *words(turn)])

    # One message for each creator, whoever was first; each ask in one of them.
    gathered = crowd.asks("SELECT key FROM outbox WHERE kind = 'ask.mail' ORDER BY key")
    assert gathered == [(f"creator/{handle}",) for handle in HANDLES]
    [(asked,)] = crowd.asks("SELECT count(*) FROM asks JOIN outbox ON outbox.id = outbox_id")
    assert asked == TURNS * POSTS * 2 // 3
    assert crowd.asks("SELECT FROM pending") == []


def in_another(
    engine: Engine, threads: ThreadPoolExecutor, does: Callable[[psycopg.Connection[Any]], None]
) -> Future[None]:
    """Begins it in a transaction of its own; returns once that one waits for a lock."""

    def work() -> None:
        with hot(engine) as connection:
            does(connection)

    future = threads.submit(work)
    with hot(engine) as watching:
        until(lambda: watching.execute(WAITING).fetchall() == [(1,)])
    return future


def test_who_waits_for_a_creator_holds_none_that_comes_later(engine: Engine, threads: ThreadPoolExecutor) -> None:
    with hot(engine) as connection:
        creators.lock(connection, ["zoe", "ana"], keys=[])

    with hot(engine) as first:
        creators.lock(first, ["ana"], keys=[])
        second = in_another(engine, threads, lambda other: creators.lock(other, ["zoe", "ana", "mia"], keys=[]))
        # Had the second one begun with these, each would wait for the other from here on.
        creators.lock(first, ["mia", "zoe"], keys=[])
    second.result()


def test_who_waits_for_an_advertiser_holds_none_that_comes_later(engine: Engine, threads: ThreadPoolExecutor) -> None:
    with hot(engine) as connection:
        for name in ("9", "5", "1"):
            connection.execute(CONNECTED, [name, day(0), day(40), day(40)])

    with hot(engine) as first:
        advertisers.lock(first, ["1"])
        second = in_another(engine, threads, lambda other: _look_soon(other, ["9", "5", "1"]))
        advertisers.look_soon(first, ["9"], now=day(1))
    second.result()


def _look_soon(connection: psycopg.Connection[Any], names: list[str]) -> None:
    advertisers.look_soon(connection, names, now=day(1))
