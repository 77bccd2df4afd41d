"""A room with authorizations in it, an operator, and a worker that does what is asked when it is told to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from psycopg.rows import dict_row
from sqlalchemy import Engine
from starlette.testclient import TestClient

from domain.people import Role
from domain.renewal import Policy
from infra.broker import make_broker, make_nudges
from infra.clock import HandClock
from infra.database import hot
from infra.inbox import MAILBOXES
from infra.settings import load
from infra.vault import Vault
from tests.operator import Operator, quick_passwords
from tests.portfolio import Post, holds
from web.main import make_app
from worker.bulks import advance
from worker.drain import drain

ALL: dict[str, Any] = {"everything": "1", "query": ""}


class Floor:
    """The verbs of these stories."""

    def __init__(self, engine: Engine, clock: HandClock, http: Any) -> None:
        self.engine, self.clock, self.http = engine, clock, http
        self.ada = self.enters()

    def enters(self, role: Role = Role.OPERATOR) -> Operator:
        """Somebody of this role, with the page open that every form needs."""
        operator = Operator(self.http, self.engine, self.clock, role)
        operator.opens("/account")
        return operator

    def holds(self, *posts: Post) -> None:
        holds(self.engine, posts, now=self.clock.now())

    def previews(self, act: str, **fields: Any) -> str:
        """What a person reads before anything is done."""
        self.ada.sends("/acts/preview", act=act, **fields)
        return self.ada.text

    def begins(self, act: str, **fields: Any) -> int:
        """The number of an act that is confirmed and under way."""
        self.ada.opens("/account")
        answer = self.ada.sends("/acts", **{"act": act, "nonce": f"n{self.clock.now():%H%M%S%f}{act}"} | fields)
        assert answer.status_code == 303, self.ada.text
        return int(answer.headers["location"].removeprefix("/acts/"))

    def presses(self, number: int, verb: str) -> Any:
        self.ada.opens("/account")
        return self.ada.sends(f"/acts/{number}/{verb}")

    def undoes(self, number: int) -> int:
        """Takes an act back, to the end; the number of the act that did."""
        undo = int(self.presses(number, "undo").headers["location"].removeprefix("/acts/"))
        self.works()
        return undo

    def works(self, *, batches: int = 1_000) -> None:
        """Batches, and what they leave in the mailboxes."""
        while batches and (batch := advance(self.engine, self.clock)):
            batches -= not batch.must_rest
            if batch.must_rest:
                self.drains()
        self.drains()

    def drains(self) -> None:
        for mailbox in range(MAILBOXES):
            drain(self.engine, self.clock, Policy(), mailbox)

    def asks(self, query: str, *values: Any) -> list[dict[str, Any]]:
        with hot(self.engine) as connection:
            return connection.cursor(row_factory=dict_row).execute(query.encode(), values).fetchall()

    def one(self, query: str, *values: Any) -> dict[str, Any]:
        (row,) = self.asks(query, *values)
        return row


@contextmanager
def floor(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[Floor]:
    app = make_app(
        settings=load(),
        engine=engine,
        vault=vault,
        clock=clock,
        nudges=make_nudges(make_broker("")),
        passwords=quick_passwords(),
    )
    with TestClient(app, base_url="http://127.0.0.1:8080") as http:
        yield Floor(engine, clock, http)
