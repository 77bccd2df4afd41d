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
from infra.hints import developer_hint, subscription_hint
from infra.inbox import MAILBOXES, Letter
from infra.vault import Vault
from worker.drain import drain

FIRST, SECOND = "7200000000000000001", "7200000000000000002"


class Hinted:
    """Two connected advertisers that are due in a day, and one that is not connected."""

    def __init__(self, engine: Engine, clock: HandClock, vault: Vault) -> None:
        self.engine, self.clock, self.heard = engine, clock, 0
        with hot(engine) as connection:
            for advertiser_id in (FIRST, SECOND, "3"):
                advertisers.connect(connection, vault, advertiser_id=advertiser_id, token="secret", now=clock.now())
            advertisers.disconnect(connection, "3")
            connection.execute("UPDATE advertisers SET next_look_at = %s", [clock.now() + timedelta(days=1)])

    def hears(self, entry: Any, *, what: int = 3, **flat: Any) -> bool:
        """Whether a look is called for."""
        self.heard += 1
        body = {
            "request_id": f"r{self.heard}",
            "object": what,
            "time": int(self.clock.now().timestamp()),
            "entry": entry,
        }
        return self.takes(subscription_hint(json.dumps(body | flat).encode(), sender="tiktok"))

    def hears_developer(self, event: str) -> bool:
        """Whether an event of TikTok for Developers calls for a look."""
        body = {"event": event, "create_time": int(self.clock.now().timestamp()), "user_openid": "u", "content": "{}"}
        return self.takes(developer_hint(json.dumps(body).encode(), sender="tiktok"))

    def takes(self, hint: Letter) -> bool:
        with hot(self.engine) as connection:
            inbox.accept(connection, [hint], now=self.clock.now())
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


def test_hints_that_name_nobody_bring_one_look_in_a_quarter_of_an_hour(hinted: Hinted) -> None:
    with hot(hinted.engine) as connection:
        connection.execute("UPDATE advertisers SET tried_at = %s", [hinted.clock.now()])
    for _ in range(10):
        hinted.hears([])
        hinted.clock.advance(timedelta(minutes=1))
    assert hinted.due == []

    hinted.clock.advance(timedelta(minutes=5))

    assert hinted.due == [FIRST, SECOND]


@pytest.mark.parametrize("what", [1, 8, 11, 14, 0, 99])
def test_a_hint_about_something_else_calls_for_nothing(hinted: Hinted, what: int) -> None:
    assert not hinted.hears([{"adv_id": int(SECOND)}], what=what)
    assert not hinted.hears([], what=what)

    assert hinted.due == []


def test_a_suspension_comes_flat_by_any_number(hinted: Hinted) -> None:
    assert hinted.hears(None, what=0, advertiser_id=FIRST, status="STATUS_LIMIT")

    assert hinted.due == [FIRST]


@pytest.mark.parametrize(
    ("event", "is_called_for"),
    [("authorization.removed", True), ("tiktok.ping", False), ("video.publish.completed", False)],
)
def test_of_the_developers_events_the_lost_link_alone_calls_for_a_look(
    hinted: Hinted, event: str, *, is_called_for: bool
) -> None:
    assert hinted.hears_developer(event) == is_called_for


@pytest.mark.parametrize("advertiser_id", ["3", "9"])
def test_a_hint_about_somebody_else_calls_for_nothing(hinted: Hinted, advertiser_id: str) -> None:
    assert not hinted.hears([{"adv_id": advertiser_id}])

    assert hinted.due == []
    assert hinted.outcome == ("stayed", "nothing_to_look_at")
