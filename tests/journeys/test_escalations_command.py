"""`everspark escalations`, as a person and as a machine reads it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from everspark.escalations import found, row_of
from everspark.opened import Opened
from infra.clock import HandClock
from infra.database import hot
from infra.settings import Settings
from tests.office import DAY, Office
from tests.receiver import receiver


@pytest.fixture
def tools(engine: Engine, clock: HandClock) -> Opened:
    return Opened(settings=Settings(), engine=engine, clock=clock)


def test_what_is_open_is_listed_with_money_cause_and_draft(engine: Engine, clock: HandClock, tools: Opened) -> None:
    with receiver() as room:
        office = Office(engine, clock, room)
        for item, spend in ((1, ("1", "EUR")), (2, ("100", "EUR"))):
            office.was_asked(
                office.authorization(item, creator=office.creator(f"c{item}"), left=1.5 * DAY, spend=spend)
            )
        office.climbs()
        renewed = office.authorization(3, creator=office.creator("c3"), left=1.5 * DAY)
        office.was_asked(renewed)
        office.sleeps(timedelta(hours=1))
        office.renewed(renewed)

    with hot(engine) as connection:
        rows = [row_of(item, "https://e.test/c/1") for item in found(connection, tools) if item.step == "owner"]
    office.is_closed()

    assert [row["authorization"] for row in rows] == ["72/2", "72/1"]
    assert rows[0]["cause"] == "silent"
    assert rows[0]["at_risk"] == [{"amount": "3000.00", "currency": "EUR"}]
    assert rows[0]["draft"].endswith("https://e.test/c/1")
