"""Webhooks that meet trouble: refused, slow, gone, killed in between."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs

from infra import hooks
from infra.clock import HandClock
from infra.database import hot
from infra.hooks import ABANDONED_AFTER, RETRIES
from infra.posting import Answered, Courier, Unanswered
from infra.vault import Vault
from tests.endpoint import receiving
from tests.hook_desk import DAY, KEY, OTHER, SECOND, Desk
from worker.hooks import FAILURES_IN_A_ROW, LONGEST_REST, Delivered


@pytest.fixture
def desk(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[Desk]:
    with receiving() as receiver:
        desk = Desk(engine, clock, vault, receiver)
        desk.knows(KEY, OTHER)
        yield desk


def test_a_refused_delivery_comes_again_by_the_schedule_under_the_same_id_with_the_same_body(desk: Desk) -> None:
    secret = desk.has("crm")
    desk.extends()
    desk.receiver.answers = [500, 404, 302]

    assert desk.delivers() == Delivered(postponed=1)
    [row] = desk.rows
    assert (row.status, row.last_error, row.due_at) == ("owed", "answered 500", desk.now + RETRIES[0])
    assert desk.endpoint().failing_since == desk.now
    assert desk.delivers() == Delivered()
    for wait in RETRIES[:2]:
        desk.sleeps(wait)
        assert desk.delivers().postponed == 1
    with hot(desk.engine) as connection:
        connection.execute("UPDATE authorizations SET expires_at = expires_at + interval '9 days'")
    desk.sleeps(RETRIES[2])
    assert desk.delivers() == Delivered(done=1)

    assert set(desk.receiver.ids) == {"hook-1-1"}
    assert len({each.body for each in desk.receiver.taken}) == 1
    assert len({each.headers["webhook-timestamp"] for each in desk.receiver.taken}) == 4
    assert all(each.is_signed_with(secret) for each in desk.receiver.taken)
    assert desk.endpoint().failing_since is None


def test_after_the_last_try_a_delivery_has_failed(desk: Desk) -> None:
    desk.has("crm")
    desk.extends()
    desk.receiver.status = 503

    with capture_logs() as logs:
        for wait in (timedelta(), *RETRIES):
            desk.sleeps(wait)
            desk.delivers()

    [row] = desk.rows
    assert (row.status, row.attempts) == ("failed", 10)
    assert row.last_error == "answered 503 (given up after 10 tries)"
    assert [line["event"] for line in logs].count("hook_given_up") == 1
    assert desk.endpoint().disabled_at is None


def test_an_endpoint_that_is_gone_is_disabled_at_once(desk: Desk) -> None:
    desk.has("crm")
    desk.extends(3)
    desk.receiver.status = 410

    with capture_logs() as logs:
        assert desk.delivers().disabled == 1

    assert desk.endpoint().disabled_at == desk.now
    assert set(desk.statuses) == {"cancelled"}
    assert [line["reason"] for line in logs if line["event"] == "endpoint_disabled"] == ["answered 410"]
    assert desk.happens(("ad.started", "moved", "ad_started")) == 0


def test_five_days_without_a_success_disable_an_endpoint(desk: Desk) -> None:
    desk.has("crm")
    desk.receiver.status = 500
    begun = desk.now

    with capture_logs() as logs:
        for _ in range(6 * 8):
            if desk.endpoint().disabled_at:
                break
            desk.extends()
            desk.delivers()
            desk.sleeps(timedelta(hours=3))

    disabled_at = desk.endpoint().disabled_at
    assert disabled_at is not None
    assert timedelta(days=5) <= disabled_at - begun <= timedelta(days=5, hours=3) + LONGEST_REST
    assert desk.endpoint().failing_since == begun
    assert [line["log_level"] for line in logs if line["event"] == "endpoint_disabled"] == ["error"]
    assert not {"owed", "paying"} & set(desk.statuses)


def test_one_success_within_the_five_days_begins_them_anew(desk: Desk) -> None:
    desk.has("crm")
    desk.receiver.status = 500
    for day in range(8):
        desk.receiver.answers = [204] if day == 4 else []
        desk.extends()
        desk.delivers()
        desk.sleeps(DAY)

    assert desk.endpoint().disabled_at is None


def test_an_endpoint_that_does_not_answer_rests_and_uses_no_tries_up(desk: Desk) -> None:
    desk.has("crm")
    desk.extends(20)
    desk.receiver.status = 500

    assert desk.delivers() == Delivered(postponed=len(desk.receiver.taken))

    assert FAILURES_IN_A_ROW <= len(desk.receiver.taken) <= 6
    untried = [row for row in desk.rows if row.attempts == 0]
    assert len(untried) == 20 - len(desk.receiver.taken)
    assert all(row.due_at == desk.now + timedelta(minutes=1) for row in untried)


def test_a_slow_endpoint_waits_for_itself_alone(desk: Desk) -> None:
    desk.has("slow", "/slow")
    desk.has("quick", "/quick")
    desk.extends(8)
    working = threading.Thread(target=desk.delivers)
    working.start()

    while len(desk.receiver.at("/quick")) < 8:
        assert working.is_alive()
        working.join(0.01)
    # What comes to be owed while the slow one is waited for has its turn as well.
    desk.extends()
    while len(desk.receiver.at("/quick")) < 9:
        assert working.is_alive()
        working.join(0.01)

    assert 1 <= len(desk.receiver.at("/slow")) <= 4
    desk.receiver.holds.set()
    working.join(20)
    assert set(desk.statuses) == {"done"}
    assert len(desk.receiver.at("/slow")) == 9


def test_a_second_deliverer_does_nothing_meanwhile(desk: Desk) -> None:
    desk.has("slow", "/slow")
    desk.extends()
    working = threading.Thread(target=desk.delivers)
    working.start()
    while not desk.receiver.taken:
        assert working.is_alive()
        working.join(0.01)

    desk.extends()
    assert desk.delivers() == Delivered()

    desk.receiver.holds.set()
    working.join(20)
    assert desk.statuses == ["done", "done"]


class Cut(BaseException):
    """The power is gone, right after the receiver has answered."""


class CutCourier(Courier):
    """Delivers, and does not come back."""

    def post(self, url: str, headers: Any, body: bytes) -> Answered | Unanswered:
        super().post(url, headers, body)
        raise Cut


def test_a_power_cut_after_sending_sends_again_under_the_same_id(desk: Desk) -> None:
    desk.has("crm")
    desk.extends()

    with pytest.raises(Cut):
        desk.delivers(CutCourier(allow_private=True))
    assert desk.statuses == ["paying"]
    desk.sleeps(ABANDONED_AFTER)
    assert desk.delivers() == Delivered()
    desk.sleeps(SECOND)
    with hot(desk.engine) as connection:
        assert hooks.is_any_due(connection, now=desk.now)
    assert desk.delivers() == Delivered(done=1)

    assert desk.receiver.ids == ["hook-1-1", "hook-1-1"]
    assert len({each.body for each in desk.receiver.taken}) == 1
    assert desk.statuses == ["done"]


def test_an_overtaken_claim_settles_nothing(desk: Desk) -> None:
    desk.has("crm")
    desk.extends()
    with hot(desk.engine) as connection:
        [overtaken] = hooks.claim(connection, 1, now=desk.now, limit=5)
    desk.sleeps(ABANDONED_AFTER + SECOND)
    with hot(desk.engine) as connection:
        hooks.tidy(connection, now=desk.now)
        [present] = hooks.claim(connection, 1, now=desk.now, limit=5)

        assert not hooks.done(connection, overtaken, now=desk.now)
        assert hooks.done(connection, present, now=desk.now)
