from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb
from sqlalchemy import Engine

from infra import outbox
from infra.clock import HandClock
from infra.database import hot
from infra.outbox import ASK_MAIL, RETRIES, Debt

MINUTE = timedelta(minutes=1)


class Ledger:
    """The outbox table, with verbs for the tests."""

    def __init__(self, engine: Engine, clock: HandClock) -> None:
        self.engine = engine
        self.clock = clock

    def owes(self, *keys: str, kind: str = ASK_MAIL) -> None:
        with hot(self.engine) as connection:
            for key in keys:
                connection.execute(
                    "INSERT INTO outbox (kind, key, idempotency_key, payload, due_at, created_at)"
                    " VALUES (%s, 'a/1', %s, %s, %s, %s)",
                    (kind, key, Jsonb({}), self.clock.now(), self.clock.now()),
                )

    def claim(self, limit: int = 20) -> list[Debt]:
        with hot(self.engine) as connection:
            return outbox.claim(connection, now=self.clock.now(), limit=limit)

    def rows(self, columns: str = "status") -> list[Any]:
        with hot(self.engine) as connection:
            rows = connection.execute(f"SELECT {columns} FROM outbox ORDER BY id").fetchall()
        return [row[0] if len(row) == 1 else row for row in rows]

    @contextmanager
    def open(self) -> Iterator[psycopg.Connection[Any]]:
        with hot(self.engine) as connection:
            yield connection


@pytest.fixture
def ledger(engine: Engine, clock: HandClock) -> Ledger:
    return Ledger(engine, clock)


def test_a_claim_takes_the_oldest_due_rows_and_notes_the_try(ledger: Ledger) -> None:
    ledger.owes("one", "two", "three")

    claimed = ledger.claim(limit=2)

    assert [debt.idempotency_key for debt in claimed] == ["one", "two"]
    assert ledger.rows("status, attempts, claimed_at") == [
        ("paying", 1, ledger.clock.now()),
        ("paying", 1, ledger.clock.now()),
        ("owed", 0, None),
    ]


def test_nothing_is_claimed_before_it_is_due_or_when_nothing_can_pay_it(ledger: Ledger) -> None:
    ledger.owes("later")
    ledger.clock.set(ledger.clock.now() - MINUTE)
    ledger.owes("code", kind="code.check")

    assert ledger.claim() == []


def test_two_claims_at_once_never_meet(ledger: Ledger) -> None:
    ledger.owes(*"abcd")

    with ledger.open() as first:
        ours = outbox.claim(first, now=ledger.clock.now(), limit=2)
        theirs = ledger.claim()

    assert [d.idempotency_key for d in ours] == ["a", "b"]
    assert [d.idempotency_key for d in theirs] == ["c", "d"]


def test_each_way_to_settle(ledger: Ledger) -> None:
    ledger.owes(*"abcd")
    a, b, c, d = ledger.claim()
    now = ledger.clock.now()

    with ledger.open() as connection:
        outbox.done(connection, a, now=now)
        outbox.failed(connection, b, "no", now=now)
        outbox.cancelled(connection, c, "not needed", now=now)
        outbox.uncertain(connection, d, "lost", now=now)

    assert ledger.rows("status, settled_at, last_error") == [
        ("done", now, None),
        ("failed", now, "no"),
        ("cancelled", now, "not needed"),
        ("uncertain", now, "lost"),
    ]


def test_the_schedule_is_walked_to_its_end_and_then_the_row_has_failed(ledger: Ledger) -> None:
    ledger.owes("a")
    began_at = ledger.clock.now()
    tried_at = []

    while claimed := ledger.claim():
        tried_at.append(ledger.clock.now() - began_at)
        with ledger.open() as connection:
            due_at = outbox.again(connection, claimed[0], "busy", now=ledger.clock.now())
        ledger.clock.set(due_at or ledger.clock.now() + timedelta(days=9))

    assert tried_at == [sum(RETRIES[:n], timedelta()) for n in range(len(RETRIES) + 1)]
    assert tried_at[-1] == timedelta(hours=41, minutes=21)
    assert ledger.rows("status, last_error") == [("failed", "busy (given up after 8 tries)")]


def test_waiting_gives_the_try_back_and_is_news_once(ledger: Ledger) -> None:
    ledger.owes("a")
    news = []

    for _ in range(12):
        (debt,) = ledger.claim()
        with ledger.open() as connection:
            news.append(outbox.wait(connection, debt, "no address", now=ledger.clock.now()))
        ledger.clock.advance(MINUTE)

    assert news == [True] + [False] * 11
    assert ledger.rows("status, attempts, last_error") == [("owed", 0, "no address")]


def test_a_hold_is_visible_and_is_news_once(ledger: Ledger) -> None:
    ledger.owes("a", "b")
    ledger.owes("c", kind="code.check")

    with ledger.open() as connection:
        first = outbox.hold(connection, "no server", now=ledger.clock.now())
        ledger.clock.advance(MINUTE)
        second = outbox.hold(connection, "no server", now=ledger.clock.now())

    assert [held.id for held in first] == [1, 2]
    assert second == []
    assert ledger.rows("status, attempts, last_error") == [
        ("owed", 0, "no server"),
        ("owed", 0, "no server"),
        ("owed", 0, None),
    ]


def test_a_hold_is_bounded_and_goes_on_with_the_next_call(ledger: Ledger) -> None:
    ledger.owes("a", "b", "c")

    with ledger.open() as connection:
        calls = [outbox.hold(connection, "no server", now=ledger.clock.now(), limit=2) for _ in range(3)]

    assert [[held.id for held in call] for call in calls] == [[1, 2], [3], []]


def test_there_is_one_payer_at_a_time_and_the_next_one_after_it_even_if_it_broke(ledger: Ledger) -> None:
    with pytest.raises(ZeroDivisionError), outbox.sole_payer(ledger.engine) as first:
        with outbox.sole_payer(ledger.engine) as second:
            pass
        _ = 1 / 0

    with outbox.sole_payer(ledger.engine) as third:
        pass
    assert (first, second, third) == (True, False, True)


def test_a_payer_whose_connection_dies_leaves_the_lock_to_the_next(ledger: Ledger) -> None:
    with outbox.sole_payer(ledger.engine) as first, ledger.open() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks"
            " WHERE locktype = 'advisory' AND objid::bigint = %s AND pid <> pg_backend_pid()",
            [outbox.PAYER_LOCK],
        )

    with outbox.sole_payer(ledger.engine) as second:
        pass
    assert (first, second) == (True, True)


def test_a_claim_nobody_settled_becomes_uncertain_and_is_never_claimed_again(ledger: Ledger) -> None:
    ledger.owes("a")
    ledger.claim()

    ledger.clock.advance(5 * MINUTE)
    with ledger.open() as connection:
        early = outbox.abandoned(connection, now=ledger.clock.now())
        ledger.clock.advance(timedelta(seconds=1))
        late = outbox.abandoned(connection, now=ledger.clock.now())

    assert (early, [held.id for held in late]) == ([], [1])
    ledger.clock.advance(timedelta(days=30))
    assert ledger.claim() == []
    assert ledger.rows() == ["uncertain"]


def test_the_one_who_made_the_call_still_knows_better_than_uncertain(ledger: Ledger) -> None:
    ledger.owes("a")
    (debt,) = ledger.claim()
    ledger.clock.advance(6 * MINUTE)

    with ledger.open() as connection:
        outbox.abandoned(connection, now=ledger.clock.now())
        outbox.done(connection, debt, now=ledger.clock.now())

    assert ledger.rows() == ["done"]


def test_an_overtaken_claim_settles_nothing(ledger: Ledger) -> None:
    ledger.owes("a")
    (old,) = ledger.claim()
    with ledger.open() as connection:
        outbox.again(connection, old, "busy", now=ledger.clock.now())
    ledger.clock.advance(MINUTE)
    (new,) = ledger.claim()

    with ledger.open() as connection:
        outbox.failed(connection, old, "late news", now=ledger.clock.now())

    assert new.attempts == 2
    assert ledger.rows() == ["paying"]
