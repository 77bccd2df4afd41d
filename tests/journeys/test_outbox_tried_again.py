"""After an outage much has failed for one reason: all of it is tried again at once, in the room and through the API."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from sqlalchemy import Engine

from domain.people import Role
from infra import audit, outbox_acts
from infra.clock import HandClock
from infra.database import hot
from infra.outbox_acts import MOST_RETRIED
from infra.vault import Vault
from tests.operator import Operator
from tests.program import Program, problem, served, token

PUTS = """
INSERT INTO outbox (kind, key, idempotency_key, payload, status, attempts, due_at, settled_at, last_error, created_at)
SELECT %(kind)s, 'a/' || n, %(kind)s || '-' || %(status)s || '-' || n, %(payload)s, %(status)s, 8, %(at)s, %(at)s, '550', %(at)s
FROM generate_series(1, %(count)s) AS n
"""


@dataclass
class House:
    """A service of which much may have failed."""

    engine: Engine
    clock: HandClock
    http: Any

    def ada(self, role: Role = Role.OPERATOR) -> Operator:
        return Operator(self.http, self.engine, self.clock, role)

    def program(self) -> Program:
        return Program(self.http, token(self.engine, self.clock))

    def owes(self, kind: str, status: str = "failed", count: int = 1, **payload: Any) -> None:
        values = {"kind": kind, "status": status, "count": count, "payload": Jsonb(payload), "at": self.clock.now()}
        with hot(self.engine) as connection:
            connection.execute(PUTS, values)

    def retries(self, kind: str = "", **bound: int) -> list[int]:
        with hot(self.engine) as connection:
            return outbox_acts.retry_failed(connection, kind, actor="cli:ada", now=self.clock.now(), **bound)

    def asks(self, query: str) -> list[dict[str, Any]]:
        with hot(self.engine) as connection:
            return connection.cursor(row_factory=dict_row).execute(query.encode()).fetchall()

    def stands(self) -> dict[tuple[str, str], int]:
        """How many of a kind stand how."""
        rows = self.asks("SELECT kind, status, count(*) FROM outbox GROUP BY kind, status")
        return {(row["kind"], row["status"]): row["count"] for row in rows}

    def noted(self) -> list[dict[str, Any]]:
        return self.asks("SELECT actor, act, subject, about FROM audit WHERE act LIKE 'outbox.%' ORDER BY id")


@pytest.fixture
def house(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[House]:
    with served(engine, clock, vault) as http:
        yield House(engine, clock, http)


def test_only_what_failed_and_can_be_tried_again_is_owed_anew(house: House) -> None:
    for status in ("failed", "uncertain", "done", "cancelled"):
        for kind in ("ask.mail", "code.check", "access.mail", "alert", "hook.1"):
            house.owes(kind, status)
    before = house.stands()

    numbers = house.retries()

    moved = {("ask.mail", "failed"), ("code.check", "failed")}
    assert len(numbers) == 2
    assert house.stands() == {key: count for key, count in before.items() if key not in moved} | {
        (kind, "owed"): 1 for kind, _ in moved
    }


def test_each_is_owed_as_if_it_alone_were_tried_again(house: House) -> None:
    house.owes("ask.mail", asks=[7])
    house.owes("code.check", fingerprint="f", tries=5, step="bind")

    house.retries()

    query = "SELECT kind, attempts, due_at, settled_at, last_error, payload FROM outbox ORDER BY kind"
    assert [tuple(row.values()) for row in house.asks(query)] == [
        ("ask.mail", 1, house.clock.now(), None, None, {"asks": [7]}),
        ("code.check", 0, house.clock.now(), None, None, {"fingerprint": "f"}),
    ]


def test_one_kind_leaves_the_others_and_a_second_time_finds_none(house: House) -> None:
    house.owes("ask.mail", count=3)
    house.owes("look.one", count=2)

    assert len(house.retries("ask.mail")) == 3
    assert house.stands() == {("ask.mail", "owed"): 3, ("look.one", "failed"): 2}
    assert house.retries("ask.mail") == []
    assert house.retries("alert") == []
    assert len(house.noted()) == 1


def test_so_many_at_once_the_oldest_first(house: House) -> None:
    house.owes("ask.mail", count=5)
    numbers = [row["id"] for row in house.asks("SELECT id FROM outbox ORDER BY id")]

    assert house.retries(limit=3) == numbers[:3]
    assert house.retries(limit=3) == numbers[3:]


def test_one_line_of_the_audit_log_tells_who_what_and_how_many(house: House) -> None:
    house.owes("ask.mail", count=audit.MOST_KEYS + 50)

    numbers = house.retries("ask.mail")

    keys = [f"outbox/{number}" for number in numbers[: audit.MOST_KEYS]]
    about = {"count": audit.MOST_KEYS + 50, "kind": "ask.mail", "keys": keys, "more_keys": 50}
    assert house.noted() == [{"actor": "cli:ada", "act": "outbox.retry", "subject": "outbox", "about": about}]


def test_one_that_somebody_else_decides_on_at_this_moment_is_left_to_them(house: House) -> None:
    house.owes("ask.mail", count=2)

    with hot(house.engine) as connection:
        connection.execute("SELECT FROM outbox WHERE key = 'a/1' FOR UPDATE")
        house.retries()

    assert [row["key"] for row in house.asks("SELECT key FROM outbox WHERE status = 'failed'")] == ["a/1"]


def test_an_operator_is_asked_once_more_and_is_told_how_many(house: House) -> None:
    house.owes("ask.mail", count=3)
    house.owes("look.one", count=2)
    house.owes("alert")
    ada = house.ada()
    assert "Try all" not in (ada.opens("/outbox"), ada.text)[1]
    assert "Try all 5 again" in (ada.opens("/outbox?status=failed"), ada.text)[1]
    assert "Yes, try all 3 again" in (ada.opens("/outbox?status=failed&kind=ask.mail"), ada.text)[1]

    answer = ada.sends("/outbox/retry", kind="ask.mail")

    assert (answer.status_code, answer.headers["location"]) == (303, "/outbox?status=failed&kind=ask.mail&retried=3")
    assert "3 are owed again" in (ada.opens(answer.headers["location"]), ada.text)[1]
    assert "Nothing failed" in ada.text
    assert house.stands() == {("ask.mail", "owed"): 3, ("look.one", "failed"): 2, ("alert", "failed"): 1}
    ada.opens("/outbox?status=failed")
    assert ada.sends("/outbox/retry", kind="ask.mail").status_code == 409


def test_where_the_limit_cuts_it_the_page_says_how_many_are_left(house: House) -> None:
    house.owes("ask.mail", count=MOST_RETRIED + 2)
    ada = house.ada()
    assert "Yes, try the oldest 10,000 again" in (ada.opens("/outbox?status=failed"), ada.text)[1]

    ada.opens(ada.sends("/outbox/retry", kind="").headers["location"])

    assert "10,000 are owed again" in ada.text
    assert "2 more can be tried again" in ada.text


def test_a_viewer_is_offered_nothing_and_let_do_nothing(house: House) -> None:
    house.owes("ask.mail", count=3)
    viewer = house.ada(Role.VIEWER)

    assert "Try all" not in (viewer.opens("/outbox?status=failed"), viewer.text)[1]
    assert viewer.sends("/outbox/retry", kind="").status_code == 403
    assert house.stands() == {("ask.mail", "failed"): 3}


def test_a_program_tries_all_again_and_the_same_request_once(house: House) -> None:
    house.owes("ask.mail", count=3)
    house.owes("look.one")
    program = house.program()

    told = program.does("/outbox/retry", {"kind": "ask.mail"}, key="one")

    assert (told["count"], len(told["numbers"]), told["left"]) == (3, 3, 0)
    assert program.does("/outbox/retry", {"kind": "ask.mail"}, key="one") == told
    problem(program.sends("POST", "/outbox/retry", {"kind": "ask.mail"}), 409, "conflict")
    assert problem(program.sends("POST", "/outbox/retry", {"kind": "alert"}), 422, "invalid")["field"] == "kind"
    assert program.does("/outbox/retry", {})["count"] == 1
    assert [(row["actor"], row["about"]["count"]) for row in house.noted()] == [("token:crm", 3), ("token:crm", 1)]


def test_a_program_is_told_how_many_the_limit_left(house: House) -> None:
    house.owes("ask.mail", count=MOST_RETRIED + 2)

    told = house.program().does("/outbox/retry", {})

    assert (told["count"], told["left"]) == (MOST_RETRIED, 2)
