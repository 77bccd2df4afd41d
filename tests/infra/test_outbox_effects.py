"""Rows that are owed to TikTok: claimed again while uncertain, fenced, and uncertain exactly while a step is open."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine

from infra import outbox
from infra.clock import HandClock
from infra.database import hot
from infra.outbox import ABANDONED_AFTER, ASK_MAIL, CODE_CHECK, EFFECTS, EFFECTS_LOCK, STOPPED_IN_CALL, Debt

SECOND = timedelta(seconds=1)


class Books:
    """One row, with verbs."""

    def __init__(self, engine: Engine, clock: HandClock) -> None:
        self.engine, self.clock = engine, clock

    def owes(self, kind: str) -> None:
        query = """INSERT INTO outbox (kind, key, idempotency_key, payload, due_at, created_at)
            VALUES (%s, '72/73', 'one', '{"fingerprint": "f"}', %s, %s)"""
        self.does(lambda connection: connection.execute(query, [kind, self.clock.now(), self.clock.now()]))

    def claims(self) -> Debt:
        [debt] = self.does(lambda connection: outbox.claim(connection, now=self.clock.now(), kinds=EFFECTS))
        assert isinstance(debt, Debt)
        return debt

    def puts_off(self, debt: Debt, **how: Any) -> Any:
        due_at = self.clock.now() + SECOND
        return self.does(
            lambda connection: outbox.put_off(connection, debt, "why", due_at=due_at, now=self.clock.now(), **how)
        )

    def begins(self, debt: Debt) -> Any:
        return self.does(lambda connection: outbox.begin_step(connection, debt, "binding"))

    def does(self, deed: Callable[[psycopg.Connection[Any]], Any]) -> Any:
        with hot(self.engine) as connection:
            return deed(connection)

    @property
    def row(self) -> tuple[Any, ...]:
        query = "SELECT status, payload, settled_at IS NOT NULL FROM outbox"
        [row] = self.does(lambda connection: connection.execute(query).fetchall())
        return tuple(row)


@pytest.fixture
def books(engine: Engine, clock: HandClock) -> Books:
    return Books(engine, clock)


def test_it_is_uncertain_exactly_while_a_step_is_open(books: Books) -> None:
    books.owes(CODE_CHECK)
    debt = books.claims()
    assert books.puts_off(debt) == "owed"

    books.clock.advance(SECOND)
    debt = books.claims()
    assert books.begins(debt)
    assert books.puts_off(debt, put={"readings": 1}) == "uncertain"
    assert books.row == ("uncertain", {"fingerprint": "f", "step": "binding", "readings": 1}, True)

    books.clock.advance(SECOND)
    debt = books.claims()
    assert books.row[:1] == ("paying",)
    assert books.puts_off(debt, drop=("step", "readings")) == "owed"
    assert books.row == ("owed", {"fingerprint": "f"}, False)


def test_an_uncertain_effect_is_claimed_when_it_is_due_and_not_before(books: Books) -> None:
    books.owes(CODE_CHECK)
    debt = books.claims()
    books.begins(debt)
    books.puts_off(debt)

    assert books.does(lambda connection: outbox.claim(connection, now=books.clock.now(), kinds=EFFECTS)) == []
    books.clock.advance(SECOND)
    assert books.claims().payload["step"] == "binding"


def test_an_uncertain_message_is_never_claimed(books: Books) -> None:
    books.owes(ASK_MAIL)
    books.does(lambda connection: connection.execute("UPDATE outbox SET status = 'uncertain'"))

    assert books.does(lambda connection: outbox.claim(connection, now=books.clock.now())) == []


def test_who_was_overtaken_writes_nothing(books: Books) -> None:
    books.owes(CODE_CHECK)
    slow = books.claims()
    books.clock.advance(ABANDONED_AFTER + SECOND)
    books.does(lambda connection: outbox.abandoned(connection, now=books.clock.now(), kinds=EFFECTS))
    fast = books.claims()

    assert not books.begins(slow)
    assert books.puts_off(slow) is None
    assert not books.does(lambda connection: outbox.done(connection, slow, now=books.clock.now()))
    assert books.does(lambda connection: outbox.done(connection, fast, now=books.clock.now()))
    assert books.row[0] == "done"


def test_each_payer_gives_up_its_own_kinds_only(books: Books) -> None:
    books.owes(CODE_CHECK)
    books.claims()
    books.clock.advance(ABANDONED_AFTER + SECOND)

    assert books.does(lambda connection: outbox.abandoned(connection, now=books.clock.now())) == []
    [held] = books.does(
        lambda connection: outbox.abandoned(connection, now=books.clock.now(), kinds=EFFECTS, reason=STOPPED_IN_CALL)
    )
    assert held.key == "72/73"


def test_the_two_payers_do_not_lock_each_other_out(books: Books) -> None:
    with (
        outbox.sole_payer(books.engine) as mail,
        outbox.sole_payer(books.engine, lock=EFFECTS_LOCK) as calls,
        outbox.sole_payer(books.engine, lock=EFFECTS_LOCK) as another,
    ):
        assert (mail, calls, another) == (True, True, False)


def test_the_number_of_tries_has_an_end_that_the_column_can_hold(books: Books) -> None:
    books.owes(CODE_CHECK)
    books.does(lambda connection: connection.execute("UPDATE outbox SET attempts = 32767"))

    assert books.claims().attempts == 32767
