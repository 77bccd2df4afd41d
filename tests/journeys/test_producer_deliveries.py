"""What is refused of each producer is counted, without delaying a delivery, and a producer that was disabled comes back."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from domain.people import Role
from infra import deliveries, producer_acts
from infra.broker import make_broker, make_nudges
from infra.clock import HandClock
from infra.database import hot, make_engine, transaction
from infra.deliveries import Tally
from infra.reports import events
from infra.settings import load
from infra.vault import Vault
from tests.operator import Operator, quick_passwords
from web.counting import Counting
from web.main import Application, make_app

DAY = timedelta(days=1)
DATA = {
    "advertiser_id": "7200000000000000001",
    "post": {"item_id": "7300000000000000001"},
    "starts_at": "2026-11-22T09:58:00Z",
    "expires_at": "2026-12-22T09:58:00Z",
}
EVENT = {"type": "code.granted", "timestamp": "2026-11-22T10:00:00Z", "data": DATA}


def app_of(engine: Engine, clock: HandClock, vault: Vault) -> Application:
    nudges = make_nudges(make_broker(""))
    return make_app(
        settings=load(), engine=engine, vault=vault, clock=clock, nudges=nudges, passwords=quick_passwords()
    )


@pytest.fixture
def path(engine: Engine, clock: HandClock, vault: Vault) -> str:
    """Where a producer called crm posts to."""
    with transaction(engine) as session:
        secret = producer_acts.register(session, vault, name="crm", scheme="path", actor="cli:ada", now=clock.now())
    return f"/webhooks/crm.{secret}"


@pytest.fixture
def sends(engine: Engine, clock: HandClock, vault: Vault, path: str) -> Any:
    """Posts bodies, one service's life long: what it counted is written when it ends, at the latest."""

    def sends(*bodies: str, to: str = path) -> list[int]:
        with TestClient(app_of(engine, clock, vault), base_url="http://127.0.0.1:8080") as http:
            headers = {"content-type": "application/json"}
            return [http.post(to, content=body, headers=headers).status_code for body in bodies]

    return sends


def lately(engine: Engine, clock: HandClock) -> dict[str, deliveries.Fared]:
    with hot(engine) as connection:
        return deliveries.lately(connection, since=clock.now() - DAY)


def event(name: str) -> str:
    return json.dumps(EVENT | {"id": name})


def test_deliveries_are_counted_by_producer_and_by_why_they_were_refused(
    sends: Any, engine: Engine, clock: HandClock
) -> None:
    taken = sends(event("1"), event("2"), event("2"))
    assert taken == [202, 202, 202]
    assert sends("{", "{}") == [400, 400]
    assert sends(event("3"), to="/webhooks/crm.wrong") == [404]
    assert sends(event("4"), event("5"), to="/webhooks/nobody.wrong") == [404, 404]

    found = lately(engine, clock)

    assert set(found) == {"crm"}
    assert found["crm"].accepted == 3
    assert found["crm"].refused == {"malformed": 2, "token_wrong": 1}
    assert found["crm"].error_rate == 0.5
    clock.advance(2 * DAY)
    assert lately(engine, clock) == {}


def test_the_page_of_producers_shows_the_share_that_was_refused(
    sends: Any, engine: Engine, clock: HandClock, vault: Vault
) -> None:
    sends(event("1"), event("2"), event("3"), "{")

    with TestClient(app_of(engine, clock, vault), base_url="http://127.0.0.1:8080") as http:
        viewer = Operator(http, engine, clock, Role.VIEWER)
        viewer.opens("/producers")

    assert "1 25.0 %: 1 unreadable" in viewer.text


def test_it_is_known_whether_more_came_than_is_counted(sends: Any, engine: Engine, clock: HandClock) -> None:
    sends(event("1"), event("3"), event("4"))

    with hot(engine) as connection:
        assert events.is_cut(connection, since=clock.now() - DAY, window=2)
        assert not events.is_cut(connection, since=clock.now() - DAY, window=3)
        assert not events.is_cut(connection, since=clock.now() + DAY, window=2)


def test_what_cannot_be_written_stays_counted(clock: HandClock, engine: Engine) -> None:
    tally, nowhere = Tally(), make_engine("postgresql://nobody@127.0.0.1:1/nothing", pool_size=1)
    tally.count("crm", "rate")

    asyncio.run(Counting(tally, nowhere, clock).write())
    tally.count("crm", "rate")
    asyncio.run(Counting(tally, engine, clock).write())

    assert lately(engine, clock)["crm"].refused == {"rate": 2}
    assert not tally.take()


def test_a_bug_in_counting_neither_ends_it_nor_loses_a_count(clock: HandClock, engine: Engine) -> None:
    class Mishap:
        def now(self) -> datetime:
            raise ValueError("no time")

    tally = Tally()
    tally.count("crm", "rate")

    with capture_logs() as lines:
        asyncio.run(Counting(tally, engine, Mishap()).write())

    assert [(line["event"], line["log_level"]) for line in lines] == [("deliveries_not_counted", "error")]
    assert tally.take() == {("crm", "rate"): 1}


def test_a_disabled_producer_is_enabled_again_and_its_old_secret_works(
    sends: Any, engine: Engine, clock: HandClock, vault: Vault, path: str
) -> None:
    with TestClient(app_of(engine, clock, vault), base_url="http://127.0.0.1:8080") as http:
        admin = Operator(http, engine, clock, Role.ADMIN)
        admin.opens("/producers")
        admin.sends("/producers/crm/disable")
        assert sends(event("1")) == [404]
        admin.opens("/producers")
        assert "disabled" in admin.text

        assert admin.sends("/producers/crm/enable").status_code == 303

    assert sends(event("2")) == [202]
    with hot(engine) as connection:
        acts = connection.execute("SELECT act FROM audit ORDER BY id").fetchall()
    assert [act for (act,) in acts] == ["producer.added", "producer.disabled", "producer.enabled"]
