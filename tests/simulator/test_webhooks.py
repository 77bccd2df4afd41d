"""Webhooks of the simulated TikTok: unsigned, at least once, in any order; and the signed ones of apps."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest

from infra.signatures import Refused as Unproven
from infra.signatures import verify_tiktok
from simulator.catalogue import Refused
from simulator.sending import posting
from tests.simulator.stage import DAY, START, Stage, staged

URL = "https://brand.example/hooks/abc"


@pytest.fixture
def stage() -> Iterator[Stage]:
    with staged() as stage:
        yield stage


@dataclass
class Ear:
    """Takes deliveries; answers `status`."""

    status: int = 200
    heard: list[tuple[str, bytes, Mapping[str, str]]] = field(default_factory=list)

    def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        self.heard.append((url, body, headers))
        return self.status

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body, _ in self.heard]


def subscribe(stage: Stage, entity: str, **detail: Any) -> Mapping[str, Any]:
    about = {"access_token": stage.token, "advertiser_id": stage.advertiser_id} | detail
    return stage.post(
        "subscription/subscribe",
        app_id="app",
        secret="secret",
        subscribe_entity=entity,
        callback_url=URL,
        subscription_detail=about,
    )


def listed(stage: Stage, entity: str) -> list[dict[str, Any]]:
    answer = stage.get("subscription/get", app_id="app", secret="secret", subscribe_entity=entity)
    found: list[dict[str, Any]] = answer["data"]["subscriptions"]
    return found


def test_a_review_is_told_unsigned_once_it_is_over(stage: Stage) -> None:
    subscribe(stage, "AD")
    stage.world.switches.webhook_duplicates = 0
    ad, ear = stage.ad(is_reviewed=False), Ear()

    stage.world.deliver_due(ear)
    early = list(ear.heard)
    stage.clock.advance(timedelta(hours=1))
    stage.world.deliver_due(ear)
    stage.clock.advance(timedelta(minutes=1))
    stage.world.deliver_due(ear)
    stage.world.deliver_due(ear)

    assert early == []
    (event,) = ear.events
    assert (event["object"], event["entry"][0]["ad_id"]) == (3, ad.ad_id)
    assert event["entry"][0]["adv_id"] == int(stage.advertiser_id)
    assert event["entry"][0]["reject_reason"] == ""
    assert ear.heard[0][0] == URL
    assert "tiktok-signature" not in ear.heard[0][2]


def test_the_ad_group_is_told_of_without_the_ad(stage: Stage) -> None:
    subscribe(stage, "AD_GROUP")
    stage.world.switches.is_every_ad_denied = True
    ad, ear = stage.ad(), Ear()

    stage.world.deliver_due(ear)
    stage.clock.advance(timedelta(minutes=1))
    stage.world.deliver_due(ear)

    entry = ear.events[0]["entry"][0]
    assert ear.events[0]["object"] == 2
    assert entry["adgroup_id"] == ad.group.adgroup_id
    assert entry["reject_reason"]
    assert "ad_id" not in entry


def test_events_come_twice_and_overtake_each_other(stage: Stage) -> None:
    subscribe(stage, "AD")
    ads, ear = [stage.ad() for _ in range(20)], Ear()

    stage.world.deliver_due(ear)
    stage.clock.advance(timedelta(minutes=1))
    stage.world.deliver_due(ear)

    told = [event["entry"][0]["ad_id"] for event in ear.events]
    assert set(told) == {ad.ad_id for ad in ads}
    assert len(told) > len(ads)
    assert told != sorted(told)


def test_what_is_not_taken_comes_again_with_growing_gaps_for_three_days(stage: Stage) -> None:
    stage.world.switches.webhook_duplicates = 0
    subscribe(stage, "AD_ACCOUNT_SUSPENSION")
    ear, attempts = Ear(status=500), []
    stage.world.suspend(stage.advertiser_id)

    while stage.world.outgoing:
        stage.clock.set(stage.world.outgoing[0].due_at)
        attempts.append(stage.clock.now())
        stage.world.deliver_due(ear)

    gaps = [later - earlier for earlier, later in pairwise(attempts)]
    assert gaps[:4] == [timedelta(minutes=minutes) for minutes in (1, 2, 4, 8)]
    assert gaps == sorted(gaps)
    assert 2 * DAY < attempts[-1] - START <= 3 * DAY
    assert len({body for _, body, _ in ear.heard}) == 1


def test_a_suspension_is_told_flat(stage: Stage) -> None:
    subscription_id = subscribe(stage, "AD_ACCOUNT_SUSPENSION")["data"]["subscription_id"]
    ear = Ear()

    stage.world.suspend(stage.advertiser_id, reason="Odd payments")
    stage.clock.advance(timedelta(minutes=1))
    stage.world.deliver_due(ear)

    event = ear.events[0]
    assert "entry" not in event
    assert event["status"] == "STATUS_LIMIT"
    assert event["status_change_time"] == "2026-03-02 09:00:00"
    assert event["suspension_reasion"] == "Odd payments"
    assert event["subscription_id"] == subscription_id


def test_videos_of_tiktok_one_and_changed_reports_are_told(stage: Stage) -> None:
    stage.world.switches.webhook_duplicates = 0
    subscribe(stage, "TCM_VIDEOS", tto_tcm_account_id="tcm-1")
    subscribe(stage, "REPORT_DATA_CHANGE")
    ear = Ear()

    stage.world.announce_video("tcm-1", stage.item_id)
    stage.world.announce_video("tcm-2", stage.item_id)
    stage.world.announce_revision(stage.advertiser_id, {"spend": "12.00"})
    stage.clock.advance(timedelta(minutes=1))
    stage.world.deliver_due(ear)

    by_object = {event["object"]: event["entry"][0] for event in ear.events}
    assert len(ear.events) == 2
    assert by_object[10]["video_id"] == stage.item_id
    assert by_object[10]["event_time"] == "2026-03-02T09:00:00.000000Z"
    assert by_object[11]["changed_metrics_values"] == {stage.advertiser_id: {"spend": "12.00"}}


def test_a_subscription_ends_with_unsubscribing_or_with_its_token(stage: Stage) -> None:
    first = subscribe(stage, "AD")["data"]["subscription_id"]
    second = subscribe(stage, "AD")["data"]["subscription_id"]
    (shown, _) = listed(stage, "AD")
    ear = Ear()

    assert shown["subscription_id"] == first
    assert "access_token" not in shown["subscription_detail"]
    assert stage.post("subscription/unsubscribe", app_id="app", secret="secret", subscription_id=first)["code"] == 0
    assert stage.post("subscription/unsubscribe", app_id="app", secret="secret", subscription_id=first)["code"] == 40007
    assert [each["subscription_id"] for each in listed(stage, "AD")] == [second]
    stage.ad()
    stage.world.announce_reviews()
    stage.world.revoke_token(stage.token)
    stage.clock.advance(timedelta(minutes=1))
    assert stage.world.deliver_due(ear) == 0
    assert ear.heard == []
    assert listed(stage, "AD") == []


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda body: body | {"secret": "guess"}, 40101),
        (lambda body: body | {"app_id": "nobody"}, 40113),
        (lambda body: body | {"subscribe_entity": "TCM_SPARK_ADS"}, 40002),
        (lambda body: body | {"callback_url": "brand.example"}, 40002),
        (lambda body: body | {"subscription_detail": {"access_token": "guess"}}, 40105),
    ],
)
def test_what_cannot_be_subscribed_is_refused(
    stage: Stage, spoil: Callable[[dict[str, Any]], dict[str, Any]], code: int
) -> None:
    body: dict[str, Any] = {
        "app_id": "app",
        "secret": "secret",
        "subscribe_entity": "AD",
        "callback_url": URL,
        "subscription_detail": {"access_token": stage.token, "advertiser_id": stage.advertiser_id},
    }

    assert stage.post("subscription/subscribe", **spoil(body))["code"] == code


def test_an_advertiser_must_be_named_and_be_the_tokens(stage: Stage) -> None:
    foreign = stage.world.add_advertiser("Somebody")

    assert subscribe(stage, "AD", advertiser_id=foreign.advertiser_id)["code"] == 40001
    assert subscribe(stage, "AD", advertiser_id="")["code"] == 40002
    assert subscribe(stage, "TCM_VIDEOS")["code"] == 40002


@pytest.mark.parametrize("reason", range(6))
def test_a_removed_link_is_told_signed(stage: Stage, reason: int) -> None:
    stage.world.add_listener("key-1", "client-secret", URL)
    ear = Ear()

    stage.world.announce_removal("key-1", "open-1", reason)
    stage.world.deliver_due(ear)

    (_, body, headers) = ear.heard[0]
    proof = verify_tiktok(headers, body, [b"client-secret"], now=stage.clock.now(), tolerance=300)
    assert proof is None
    event = json.loads(body)
    assert (event["event"], event["user_openid"]) == ("authorization.removed", "open-1")
    assert json.loads(event["content"]) == {"reason": reason}


@pytest.mark.parametrize(("flaw", "why"), [("signature", "signature_wrong"), ("time", "timestamp_outside_tolerance")])
def test_a_flawed_signature_is_not_believed(stage: Stage, flaw: str, why: str) -> None:
    stage.world.add_listener("key-1", "client-secret", URL)
    ear = Ear()

    stage.world.announce_removal("key-1", "open-1", 1, flaw=flaw)
    stage.world.deliver_due(ear)

    (_, body, headers) = ear.heard[0]
    proof = verify_tiktok(headers, body, [b"client-secret"], now=stage.clock.now(), tolerance=300)
    assert proof == Unproven(why)


def test_a_signature_is_made_anew_for_each_attempt(stage: Stage) -> None:
    stage.world.add_listener("key-1", "client-secret", URL)
    ear = Ear(status=503)

    stage.world.announce_removal("key-1", "open-1", 5)
    stage.world.deliver_due(ear)
    stage.clock.advance(timedelta(hours=2))
    ear.status = 200
    stage.world.deliver_due(ear)

    (_, body, headers) = ear.heard[-1]
    assert len(ear.heard) == 2
    assert verify_tiktok(headers, body, [b"client-secret"], now=stage.clock.now(), tolerance=300) is None


def test_an_unknown_listener_or_reason_is_refused(stage: Stage) -> None:
    stage.world.add_listener("key-1", "client-secret", URL)

    with pytest.raises(Refused, match="has no callback"):
        stage.world.announce_removal("key-2", "open-1", 1)
    with pytest.raises(Refused, match="not one of 0 to 5"):
        stage.world.announce_removal("key-1", "open-1", 6)


def test_over_http_what_nobody_answers_counts_as_nothing() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == "gone.example":
            raise httpx.ConnectError("nobody there")
        return httpx.Response(202)

    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        post = posting(client)

        assert post(URL, b"{}", {"content-type": "application/json"}) == 202
        assert post("https://gone.example/", b"{}", {}) == 0
