"""A write with an idempotency key loses its power at any boundary: sent again with its key, it is done once in all."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from itertools import count

import psycopg
import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from sqlmodel import Session
from starlette.datastructures import MutableHeaders
from starlette.responses import Response

from domain.acts import Act
from infra import api_tokens
from infra.allowances import Allowances
from infra.api_answers import Key
from infra.broker import make_broker, make_nudges
from infra.clock import HandClock
from infra.database import hot
from infra.settings import load
from infra.vault import Vault
from tests.emptying import empty
from tests.portfolio import Post, holds
from tests.power import Meter, PowerCut, metered_engine
from tests.program import token
from web.api import acts
from web.api.acts import Order
from web.api.calls import Desk, Write
from web.api.writing import once
from web.forecast import Foresight

ORDER = Order(act=Act.SNOOZE, filter="", until="2027-01-01T00:00:00Z")
ENDING = "SELECT (SELECT count(*) FROM bulks), (SELECT count(*) FROM audit WHERE act = 'act.snooze')"


class Story:
    """One program that begins an act, and the machine that may lose its power meanwhile."""

    def __init__(self, engine: Engine, metered: Engine, meter: Meter, clock: HandClock, vault: Vault) -> None:
        self._engine, self._metered, self._meter, self._clock, self._vault = engine, metered, meter, clock, vault

    def begins(self) -> None:
        with hot(self._engine) as connection:
            empty(connection)
        holds(self._engine, [Post()], now=self._clock.now())
        secret = token(self._engine, self._clock)
        with hot(self._engine) as connection:
            found = api_tokens.find(connection, secret, now=self._clock.now())
        assert found is not None
        self._token = found

    def is_cut(self, boundary: int) -> bool:
        """The request until the power goes; whether it came so far."""
        self._meter.begin(cut_at=boundary)
        try:
            self.sends(self._metered)
        except (PowerCut, OperationalError):
            # A session that rolls back finds its connection gone.
            return True
        finally:
            self._meter.begin()
        return False

    def sends(self, engine: Engine | None = None) -> Response:
        answer: Response = once(acts.begin, status=201)(write=self._write(engine or self._engine), order=ORDER)
        return answer

    def ending(self) -> tuple[int, int]:
        """How many acts were begun, and how often that was noted."""
        with hot(self._engine) as connection:
            ((acts_, notes),) = connection.execute(ENDING).fetchall()
        return acts_, notes

    def _write(self, engine: Engine) -> Write:
        settings, clock = load(), self._clock
        desk = Desk(
            settings=settings,
            engine=engine,
            vault=self._vault,
            clock=clock,
            wall=clock,
            nudges=make_nudges(make_broker("")),
            foresight=Foresight(engine, settings, clock),
            allowances=Allowances(0),
        )
        return Write(
            desk=desk,
            token=self._token,
            now=clock.now(),
            path="/api/v1/acts",
            query=(),
            headers=MutableHeaders(),
            body=BytesIO(),
            key=Key(actor=self._token.actor, text="one", request=b"the same"),
            session=Session(engine, expire_on_commit=False),
        )


@pytest.fixture
def story(engine: Engine, database_url: str, clock: HandClock, vault: Vault) -> Iterator[Story]:
    with psycopg.connect(database_url, autocommit=True) as admin:
        meter = Meter(admin)
        metered = metered_engine(database_url, meter)
        yield Story(engine, metered, meter, clock, vault)
        metered.dispose()


def test_it_is_done_once_wherever_the_power_goes(story: Story) -> None:
    replayed = []
    for boundary in count():
        story.begins()
        was_cut = story.is_cut(boundary)
        answer = story.sends()
        replayed.append("idempotent-replayed" in answer.headers)

        assert answer.status_code == 201, boundary
        assert story.ending() == (1, 1), boundary
        if not was_cut:
            break

    # Cut before its commit it was never begun; cut after it, the answer was kept beside it.
    assert replayed == sorted(replayed)
    assert {True, False} == set(replayed)
