"""What failed is tried again by hand, and what may have arrived is settled by a person who looked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from sqlalchemy import Engine

from domain.people import Role
from infra import outbox_acts
from infra.clock import HandClock
from infra.database import hot
from infra.outbox import ASK_CHANNEL, EFFECTS, PAYABLE
from infra.outbox_acts import OutboxError, open_to
from infra.vault import Vault
from tests import agency
from tests.operator import Operator
from tests.postbox import Postbox, postbox
from tests.service import Service, service

DAY = timedelta(days=1)


@dataclass
class House:
    """A service in which one creator was just asked."""

    everspark: Service
    letters: Postbox
    ada: Operator
    number: int

    def asks(self, query: str, *values: Any) -> list[dict[str, Any]]:
        with hot(self.everspark.engine) as connection:
            return connection.cursor(row_factory=dict_row).execute(query.encode(), values).fetchall()

    def becomes(self, status: str, why: str) -> None:
        """The message had another fate than it had: nobody knows, or it was refused."""
        with hot(self.everspark.engine) as connection:
            values = {"id": self.number, "status": status, "why": why}
            connection.execute("UPDATE outbox SET status = %(status)s, last_error = %(why)s WHERE id = %(id)s", values)
            connection.execute("UPDATE asks SET sent_at = NULL WHERE outbox_id = %(id)s", values)

    @property
    def row(self) -> dict[str, Any]:
        (row,) = self.asks("SELECT status, last_error, attempts, settled_at FROM outbox WHERE id = %s", self.number)
        return row

    def presses(self, verb: str) -> int:
        self.ada.opens(f"/outbox/{self.number}")
        return self.ada.sends(f"/outbox/{self.number}/{verb}").status_code

    def audited(self) -> list[tuple[str, str]]:
        rows = self.asks("SELECT act, subject FROM audit WHERE act LIKE 'outbox.%%' ORDER BY id")
        return [(row["act"], row["subject"]) for row in rows]


@pytest.fixture
def house(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[House]:
    with postbox() as letters, service(engine=engine, clock=clock, vault=vault, smtp_url=letters.url) as everspark:
        everspark.hears("authorization.requested", route="code", days=30, creator=agency.MAYA)
        everspark.settles()
        agency.granted(everspark, clock, days=30)
        agency.flies(everspark, clock, "9001", days=80, amount="120")
        everspark.settles()
        while not letters.taken:
            everspark.sleeps(DAY)
        with hot(engine) as connection:
            query = "SELECT id FROM outbox WHERE kind = 'ask.mail' AND status = 'done' ORDER BY id DESC LIMIT 1"
            ((number,),) = connection.execute(query).fetchall()
        yield House(everspark, letters, Operator(everspark.http, engine, clock), number)


def test_a_message_that_failed_is_sent_again_under_its_own_name(house: House) -> None:
    house.becomes("failed", "550 no such user")

    assert house.presses("retry") == 303
    assert (house.row["status"], house.row["last_error"], house.row["settled_at"]) == ("owed", None, None)
    house.everspark.sleeps(DAY, step=timedelta(hours=1))

    assert house.row["status"] == "done"
    assert [letter["Message-ID"] for letter in house.letters.taken] == 2 * [house.letters.taken[0]["Message-ID"]]
    assert house.audited() == [("outbox.retry", f"outbox/{house.number}")]


def test_a_message_in_doubt_that_arrived_counts_as_sent_and_is_not_sent_again(house: House) -> None:
    before = len(house.letters.taken)
    house.becomes("uncertain", "the answer was lost")
    house.ada.opens(f"/outbox/{house.number}")
    assert "Look first" in house.ada.text

    assert house.presses("arrived") == 303
    house.everspark.sleeps(timedelta(hours=6))

    assert house.row["status"] == "done"
    assert len(house.letters.taken) == before
    sent = house.asks("SELECT sent_at FROM asks WHERE outbox_id = %s", house.number)
    assert [row["sent_at"] for row in sent] == [house.row["settled_at"]]
    assert house.audited() == [("outbox.arrived", f"outbox/{house.number}")]


def test_a_message_in_doubt_that_did_not_arrive_is_sent_again(house: House) -> None:
    before = len(house.letters.taken)
    house.becomes("uncertain", "the answer was lost")

    assert house.presses("retry") == 303
    house.everspark.sleeps(DAY, step=timedelta(hours=1))

    assert house.row["status"] == "done"
    assert len(house.letters.taken) == before + 1


def test_what_is_done_is_left_alone_and_a_viewer_leaves_all_alone(house: House) -> None:
    assert house.presses("retry") == 409
    assert "there is nothing to decide" in house.ada.text
    house.becomes("failed", "550 no such user")
    viewer = Operator(house.everspark.http, house.everspark.engine, house.everspark.clock, Role.VIEWER)
    viewer.opens(f"/outbox/{house.number}")

    assert "Try again" not in viewer.text
    assert viewer.sends(f"/outbox/{house.number}/retry").status_code == 403
    assert house.audited() == []


def test_a_call_is_owed_anew_with_what_it_was_owed_with(engine: Engine, clock: HandClock) -> None:
    with hot(engine) as connection:
        query = """INSERT INTO outbox (kind, key, idempotency_key, payload, status, attempts, due_at, settled_at, created_at)
            VALUES ('code.check', 'a/1', 'check', %(payload)s, 'failed', 9, %(at)s, %(at)s, %(at)s) RETURNING id"""
        payload = Jsonb({"fingerprint": "f", "last": "aB3=", "submitted_at": "x", "tries": 5, "step": "bind"})
        ((number,),) = connection.execute(query, {"at": clock.now() - DAY, "payload": payload}).fetchall()

        outbox_acts.retry(connection, number, actor="cli:ada", now=clock.now())

        row = connection.execute("SELECT status, attempts, due_at, payload FROM outbox").fetchone()
    assert row == ("owed", 0, clock.now(), {"fingerprint": "f", "last": "aB3=", "submitted_at": "x"})


def test_what_a_person_can_do_is_said_for_each_kind_and_why_not(engine: Engine, clock: HandClock) -> None:
    kinds = (*PAYABLE, ASK_CHANNEL, *EFFECTS, "alert", "hook.1")
    offered = {
        (kind, status): [str(deed) for deed in open_to({"kind": kind, "status": status})]
        for kind in kinds
        for status in ("owed", "paying", "failed", "uncertain", "done", "cancelled")
    }
    refused: dict[str, str] = {}
    with hot(engine) as connection:
        for kind in ("access.mail", "code.check", "alert", "hook.1"):
            query = """INSERT INTO outbox (kind, key, idempotency_key, payload, status, due_at, settled_at, created_at)
                VALUES (%(kind)s, 'a/1', %(kind)s, '{}', 'uncertain', %(at)s, %(at)s, %(at)s) RETURNING id"""
            ((number,),) = connection.execute(query, {"kind": kind, "at": clock.now()}).fetchall()
            with pytest.raises(OutboxError) as error:
                outbox_acts.retry(connection, number, actor="cli:ada", now=clock.now())
            refused[kind] = str(error.value)

    assert offered["ask.mail", "uncertain"] == ["arrived", "retry"]
    assert offered["access.mail", "uncertain"] == ["arrived"]
    assert {key for key, deeds in offered.items() if deeds == ["retry"]} == {
        (kind, "failed") for kind in ("ask.mail", "link.mail", ASK_CHANNEL, *EFFECTS)
    }
    assert "ask for the access again" in refused["access.mail"]
    assert "TikTok is read back" in refused["code.check"]
    assert "endpoint replay" in refused["hook.1"]
    assert "by themselves" in refused["alert"]
