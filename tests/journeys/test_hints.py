"""TikTok's own webhooks call for a look; they change nothing by themselves."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from domain.renewal import Policy
from infra import advertisers, inbox
from infra.clock import HandClock
from infra.database import hot
from infra.hints import subscription_hint
from infra.inbox import MAILBOXES
from infra.vault import Vault
from worker.drain import drain

FIRST, SECOND = "7200000000000000001", "7200000000000000002"


class Hinted:
    """Two connected advertisers that are due in a day, and one that is not connected."""

    def __init__(self, engine: Engine, clock: HandClock, vault: Vault) -> None:
        self.engine, self.clock = engine, clock
        with hot(engine) as connection:
            for advertiser_id in (FIRST, SECOND, "3"):
                advertisers.connect(connection, vault, advertiser_id=advertiser_id, token="secret", now=clock.now())
            advertisers.disconnect(connection, "3")
            connection.execute("UPDATE advertisers SET next_look_at = %s", [clock.now() + timedelta(days=1)])

    def hears(self, entry: Any) -> bool:
        """Whether a look is called for."""
        body = json.dumps({"request_id": "r1", "object": 3, "time": int(self.clock.now().timestamp()), "entry": entry})
        with hot(self.engine) as connection:
            inbox.accept(connection, [subscription_hint(body.encode(), sender="tiktok")], now=self.clock.now())
        drained = [drain(self.engine, self.clock, Policy(), mailbox) for mailbox in range(MAILBOXES)]
        return any(each.looks for each in drained)

    @property
    def due(self) -> list[str]:
        query = "SELECT advertiser_id FROM advertisers WHERE next_look_at <= %s ORDER BY advertiser_id"
        with hot(self.engine) as connection:
            return [row[0] for row in connection.execute(query, [self.clock.now()])]

    @property
    def outcome(self) -> tuple[str, str]:
        with hot(self.engine) as connection:
            [row] = connection.execute("SELECT outcome, reason FROM inbox").fetchall()
        return row[0], row[1]


@pytest.fixture
def hinted(engine: Engine, clock: HandClock, vault: Vault) -> Hinted:
    return Hinted(engine, clock, vault)


def test_a_hint_brings_the_look_at_its_advertiser_forward(hinted: Hinted) -> None:
    assert hinted.hears([{"adv_id": int(SECOND), "ad_id": 9001}])

    assert hinted.due == [SECOND]
    assert hinted.outcome == ("stayed", "look_called_for")


def test_a_hint_without_an_advertiser_calls_for_a_look_at_all(hinted: Hinted) -> None:
    assert hinted.hears([])

    assert hinted.due == [FIRST, SECOND]


@pytest.mark.parametrize("advertiser_id", ["3", "9"])
def test_a_hint_about_somebody_else_calls_for_nothing(hinted: Hinted, advertiser_id: str) -> None:
    assert not hinted.hears([{"adv_id": advertiser_id}])

    assert hinted.due == []
    assert hinted.outcome == ("stayed", "nothing_to_look_at")
