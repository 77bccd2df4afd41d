"""Webhooks on their way out, against a real HTTP receiver: what is owed, delivered, and replayed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine
from standardwebhooks import Webhook
from structlog.testing import capture_logs

from domain.reasons import SENTENCES
from infra import endpoints, hooks
from infra.clock import HandClock, SystemClock
from infra.database import hot, transaction
from infra.hooks import owe_hooks
from infra.posting import Courier
from infra.vault import Vault
from tests.endpoint import receiving
from tests.hook_desk import DAY, KEY, OTHER, Desk
from worker.hooks import Delivered


@pytest.fixture
def desk(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[Desk]:
    with receiving() as receiver:
        desk = Desk(engine, clock, vault, receiver)
        desk.knows(KEY, OTHER)
        yield desk


def test_a_renewal_reaches_the_endpoint_signed_as_the_public_package_does(desk: Desk) -> None:
    secret = desk.has("crm")

    desk.happens(("authorization.extended", "stayed", "extended"))
    delivered = desk.delivers()

    assert delivered == Delivered(done=1)
    [taken] = desk.receiver.taken
    assert taken.is_signed_with(secret)
    assert taken.headers["content-type"] == "application/json"
    assert taken.headers["webhook-timestamp"] == str(int(desk.now.timestamp()))
    assert taken.json == {
        "type": "authorization.extended",
        "timestamp": "2026-11-22T10:00:00Z",
        "data": {
            "key": KEY,
            "advertiser_id": "7200000000000000001",
            "post": {"item_id": "7300000000000000001"},
            "reference": None,
            "event": "authorization.extended",
            "outcome": "stayed",
            "state": "active",
            "from": "authorized",
            "reason": "extended",
            "sentence": "the creator extended the code",
            "expires_at": "2026-12-22T10:00:00Z",
            "next_action": "ask",
            "next_action_at": "2026-12-22T10:00:00Z",
            "why": "renewal_needed",
            "why_sentence": "something that needs the authorization runs on after its end",
        },
    }
    assert desk.statuses == ["done"]


def test_the_public_package_takes_a_delivery(engine: Engine, vault: Vault) -> None:
    with receiving() as receiver:
        desk = Desk(engine, SystemClock(), vault, receiver)
        desk.knows(OTHER)
        secret = desk.has("crm")
        desk.happens(("period.ended", "moved", "period_ended"), key=OTHER)
        desk.delivers()

    [taken] = receiver.taken
    said = Webhook(secret).verify(taken.body, taken.headers)
    assert said["type"] == "authorization.expired"
    assert said["data"]["account"] == {"handle": "ana"}
    assert "post" not in said["data"]


def test_only_what_moved_or_taught_something_is_told_once_to_each_endpoint(desk: Desk) -> None:
    desk.has("crm")
    desk.has("tool", "/tool")

    owed = desk.happens(
        ("code.granted", "moved", "granted"),
        ("code.granted", "again", "already_so"),
        ("ad.started", "moved", "ad_started"),
        ("ad.stopped", "late", "older_news"),
        ("ad.started", "parked", "ad_without_authorization"),
    )
    desk.happens(("authorization.extended", "stayed", "extended"), key=OTHER)
    desk.delivers()

    assert owed == 4
    told = [each.json["type"] for each in desk.receiver.at("/in")]
    assert sorted(told) == ["authorization.ad_started", "authorization.extended", "authorization.granted"]
    assert len(desk.receiver.at("/tool")) == 3
    assert len(set(desk.receiver.ids)) == 6


def test_a_batch_is_owed_its_own_lines_and_none_of_before(desk: Desk) -> None:
    desk.extends(3)
    desk.has("crm")

    owed = desk.happens(("ad.started", "moved", "ad_started"), ("ad.stopped", "moved", "last_ad_stopped"))

    assert owed == 2
    assert [row.idempotency_key for row in desk.rows] == ["hook-1-4", "hook-1-5"]


def test_without_an_endpoint_nothing_is_owed_and_nothing_read(desk: Desk) -> None:
    assert desk.happens(("authorization.extended", "stayed", "extended")) == 0

    with hot(desk.engine) as connection:
        plan = connection.execute(
            f"EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF, SUMMARY OFF) {hooks.OWE}",
            {"entries": '[{"key": "x", "count": 1}]', "told": ["moved"], "now": desk.now},
        ).fetchall()
    lines = [line for (line,) in plan]
    [scanned] = [line for line in lines if "on history" in line]
    assert "never executed" in scanned


def test_what_is_owed_goes_with_the_batch_when_that_fails(desk: Desk) -> None:
    desk.has("crm")
    entry = desk.entry(KEY, "authorization.extended", "stayed", "extended")
    with pytest.raises(RuntimeError), hot(desk.engine) as connection:
        owe_hooks(connection, [entry], now=desk.now)
        raise RuntimeError

    assert desk.rows == []


def test_deliveries_begin_in_the_order_of_the_history(desk: Desk) -> None:
    desk.has("crm")
    desk.extends(5)

    for _ in range(5):
        desk.delivers(batch=1)

    assert desk.receiver.ids == [f"hook-1-{number}" for number in range(1, 6)]


def test_a_replay_owes_what_happened_since_under_the_same_ids(desk: Desk) -> None:
    desk.has("crm")
    desk.extends(2)
    desk.delivers()
    desk.sleeps(DAY)
    since = desk.now
    desk.extends()
    desk.receiver.status = 410
    desk.delivers()
    desk.extends()
    with transaction(desk.engine) as session:
        endpoints.enable(session, name="crm")
    desk.receiver.status = 204
    before = len(desk.receiver.taken)

    assert desk.replays("crm", since) == 2
    desk.delivers()

    assert sorted(desk.receiver.ids[before:]) == ["hook-1-3", "hook-1-4"]
    assert desk.replays("crm", since - 2 * DAY) == 4
    assert desk.replays("crm", desk.now + DAY) == 0


def test_a_replay_makes_again_what_was_pruned(desk: Desk) -> None:
    desk.has("crm")
    desk.extends(2)
    desk.delivers()
    bodies = {each.id: each.body for each in desk.receiver.taken}
    with hot(desk.engine) as connection:
        connection.execute("DELETE FROM outbox")

    assert desk.replays("crm", desk.now - DAY) == 2
    desk.delivers()

    assert {each.id: each.body for each in desk.receiver.taken[2:]} == bodies


def test_after_a_rotation_both_secrets_sign_for_a_while(desk: Desk) -> None:
    old = desk.has("crm")
    with transaction(desk.engine) as session:
        new = endpoints.rotate(session, desk.vault, name="crm", overlap=DAY, now=desk.now)

    desk.extends()
    desk.delivers()
    desk.sleeps(DAY)
    desk.extends()
    desk.delivers()

    during, after = desk.receiver.taken
    assert (during.is_signed_with(old), during.is_signed_with(new)) == (True, True)
    assert (after.is_signed_with(old), after.is_signed_with(new)) == (False, True)


def test_a_removed_endpoint_leaves_nothing_open(desk: Desk) -> None:
    desk.has("crm")
    desk.extends(2)

    with transaction(desk.engine) as session:
        assert endpoints.remove(session, name="crm", now=desk.now) == 2

    assert desk.statuses == ["cancelled", "cancelled"]
    assert desk.delivers() == Delivered()
    desk.has("crm")
    desk.extends()
    assert desk.rows[-1].idempotency_key == "hook-2-3"


def test_what_was_owed_to_an_endpoint_while_it_was_being_disabled_is_cancelled(desk: Desk) -> None:
    desk.has("crm")
    desk.extends()
    with hot(desk.engine) as connection:
        connection.execute("UPDATE endpoints SET disabled_at = %s", [desk.now])
        assert not hooks.is_any_due(connection, now=desk.now)

    assert desk.delivers() == Delivered()
    assert desk.statuses == ["cancelled"]


def test_an_endpoint_of_another_key_waits_and_does_not_hold_up_the_others(desk: Desk) -> None:
    desk.has("crm")
    other = Vault(bytes(32))
    with transaction(desk.engine) as session:
        endpoints.add(session, other, name="strange", url=desk.receiver.url + "/strange", now=desk.now)
    desk.extends()

    with capture_logs() as logs:
        assert desk.delivers() == Delivered(done=1)

    assert [line["endpoint"] for line in logs if line["event"] == "endpoint_unreadable"] == ["strange"]
    assert desk.statuses == ["done", "owed"]


def test_a_row_that_raises_does_not_hold_up_the_others(desk: Desk) -> None:
    desk.has("crm")
    desk.extends(2)
    with hot(desk.engine) as connection:
        connection.execute("UPDATE outbox SET payload = '{}' WHERE id = 1")

    with capture_logs() as logs:
        assert desk.delivers() == Delivered(done=1, postponed=1)

    assert [line["outbox_id"] for line in logs if line["event"] == "hook_broken"] == [1]
    assert desk.receiver.ids == ["hook-1-2"]
    assert desk.endpoint().failing_since is None


def test_where_the_setting_is_off_nothing_goes_inside(desk: Desk) -> None:
    desk.has("crm")
    desk.extends()

    assert desk.delivers(Courier()) == Delivered(postponed=1)

    assert desk.receiver.taken == []
    assert desk.rows[0].last_error == "Webhooks go out over https only."


def test_neither_secrets_nor_people_are_in_logs_rows_or_bodies(desk: Desk) -> None:
    with capture_logs() as logs:
        secret = desk.has("crm", "/in?token=hush")
        desk.extends(2)
        desk.receiver.answers = [500]
        desk.delivers()
        desk.receiver.status = 410
        desk.extends()
        desk.delivers()

    with hot(desk.engine) as connection:
        rows = str(connection.execute("SELECT o::text FROM outbox o").fetchall())
        [(sealed,)] = connection.execute("SELECT secret FROM endpoints").fetchall()
    for text in (str(logs), rows, str([each.body for each in desk.receiver.taken])):
        assert secret.removeprefix("whsec_") not in text
        assert "hush" not in text
        assert "ana@example.com" not in text
    assert secret.encode() not in bytes(sealed)


def test_the_largest_body_is_far_below_the_limit(desk: Desk) -> None:
    desk.has("crm")
    with hot(desk.engine) as connection:
        connection.execute("UPDATE authorizations SET reference = repeat('€', 200)")
    desk.extends()
    desk.delivers()

    assert len(desk.receiver.taken[0].body) < 4_096
    assert datetime.fromisoformat(desk.receiver.taken[0].json["timestamp"]).tzinfo == UTC
    assert desk.receiver.taken[0].json["data"]["sentence"] in SENTENCES.values()
