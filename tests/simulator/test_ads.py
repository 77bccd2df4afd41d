"""Ads of the simulated TikTok: how they are made, when they are delivered, and what stops them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from simulator.accounts import TT_USER, Identity
from simulator.catalogue import Refused
from tests.simulator.stage import DAY, START, Stage, staged


@pytest.fixture
def stage() -> Iterator[Stage]:
    with staged() as stage:
        yield stage


def creative(stage: Stage, **more: Any) -> dict[str, Any]:
    (identity,) = stage.world.identities_of(stage.advertiser_id, "AUTH_CODE")
    return {
        "ad_name": "Salt",
        "ad_format": "SINGLE_VIDEO",
        "identity_type": "AUTH_CODE",
        "identity_id": identity.identity_id,
        "tiktok_item_id": stage.item_id,
    } | more


def group(stage: Stage) -> str:
    campaign = stage.world.create_campaign(stage.advertiser_id, "Spring")
    return stage.world.create_ad_group(stage.advertiser_id, campaign.campaign_id, "All").adgroup_id


def test_an_ad_is_made_step_by_step_and_delivered_after_its_review(stage: Stage) -> None:
    campaign = stage.post(
        "campaign/create",
        campaign_name="Spring",
        objective_type="TRAFFIC",
        budget_mode="BUDGET_MODE_DAY",
        budget=80,
    )["data"]
    plan = stage.post(
        "adgroup/create",
        campaign_id=campaign["campaign_id"],
        adgroup_name="All",
        schedule_type="SCHEDULE_START_END",
        schedule_start_time="2026-03-02 09:00:00",
        schedule_end_time="2026-03-12 09:00:00",
        budget_mode="BUDGET_MODE_DAY",
        budget=60,
    )["data"]

    made = stage.post("ad/create", adgroup_id=plan["adgroup_id"], creatives=[creative(stage)])

    assert made["data"]["need_audit"] is False
    assert made["data"]["creatives"][0]["ad_text"] == ""
    assert made["data"]["creatives"][0]["video_id"] is None
    assert made["data"]["creatives"][0]["secondary_status"] == "AD_STATUS_AUDIT"
    stage.clock.advance(timedelta(hours=1))
    (row,) = stage.get("ad/get", filtering={"ad_ids": made["data"]["ad_ids"]})["data"]["list"]
    assert (row["primary_status"], row["secondary_status"]) == ("STATUS_DELIVERY_OK", "AD_STATUS_DELIVERY_OK")
    assert row["tiktok_item_id"] == stage.item_id
    stage.clock.advance(10 * DAY)
    (row,) = stage.get("ad/get")["data"]["list"]
    assert row["secondary_status"] == "AD_STATUS_DONE"
    (shown,) = stage.get("adgroup/get", filtering={"adgroup_ids": [plan["adgroup_id"]]})["data"]["list"]
    assert shown["schedule_end_time"] == "2026-03-12 09:00:00"
    assert shown["budget"] == 60
    (shown,) = stage.get("campaign/get", fields=["campaign_id", "budget", "no_such_field"])["data"]["list"]
    assert shown == {"campaign_id": campaign["campaign_id"], "budget": 80}


def test_an_ad_stops_at_the_second_its_code_ends_and_nobody_is_told(stage: Stage) -> None:
    ad = stage.ad()

    stage.clock.advance(30 * DAY - timedelta(seconds=1))
    before = stage.status(ad)
    stage.clock.advance(timedelta(seconds=1))

    assert before == ("STATUS_DELIVERY_OK", "AD_STATUS_DELIVERY_OK")
    assert stage.status(ad) == ("STATUS_NOT_DELIVERY", "AD_STATUS_ASSET_AUTHORIZATION_LOST")
    (shown,) = stage.get("adgroup/get")["data"]["list"]
    assert shown["secondary_status"] == "ADGROUP_STATUS_ASSET_AUTHORIZATION_LOST"
    assert stage.world.outgoing == []


@pytest.mark.parametrize("does_resume", [True, False])
def test_an_extension_lets_it_run_again_if_the_switch_says_so(stage: Stage, *, does_resume: bool) -> None:
    stage.world.switches.do_ads_resume_after_extension = does_resume
    ad = stage.ad()
    stage.clock.advance(31 * DAY)

    stage.world.extend(stage.item_id, days=30)

    assert (stage.status(ad)[0] == "STATUS_DELIVERY_OK") == does_resume
    stage.post("ad/status/update", ad_ids=[ad.ad_id], operation_status="ENABLE")
    assert stage.status(ad)[0] == "STATUS_DELIVERY_OK"
    stage.clock.advance(DAY)
    stage.world.settle(ad)
    assert [end - start for start, end in ad.spans] == [30 * DAY, DAY]


@pytest.mark.parametrize("deed", ["revoke", "ban", "delete", "moderate"])
def test_what_takes_the_post_away_takes_the_ad_away_at_once(stage: Stage, deed: str) -> None:
    ad = stage.ad()
    stage.clock.advance(DAY)

    match deed:
        case "revoke":
            stage.world.revoke(stage.item_id)
        case "ban":
            stage.world.ban(stage.world.posts[stage.item_id].creator_id)
        case "delete":
            stage.world.delete_post(stage.item_id, is_forced=True)
        case "moderate":
            stage.world.moderate(stage.item_id)

    assert stage.status(ad)[1] == "AD_STATUS_ASSET_AUTHORIZATION_LOST"
    stage.clock.advance(DAY)
    stage.world.settle(ad)
    assert [end - start for start, end in ad.spans] == [DAY]


def test_missing_music_silences_and_its_return_lets_it_run(stage: Stage) -> None:
    ad = stage.ad()

    stage.world.set_music_missing(stage.item_id)
    silent = stage.status(ad)
    stage.world.set_music_missing(stage.item_id, is_missing=False)

    assert silent == ("STATUS_NOT_DELIVERY", "AD_STATUS_MUSIC_AUTHORIZATION_MISSING")
    assert stage.status(ad)[1] == "AD_STATUS_DELIVERY_OK"


def test_what_was_switched_off_or_denied_says_so(stage: Stage) -> None:
    ad = stage.ad()
    stage.post(
        "ad/update", adgroup_id=ad.group.adgroup_id, creatives=[{"ad_id": ad.ad_id, "operation_status": "DISABLE"}]
    )
    assert stage.status(ad) == ("STATUS_DISABLE", "AD_STATUS_DISABLE")
    stage.post("ad/status/update", ad_ids=[ad.ad_id], operation_status="ENABLE")
    stage.post("campaign/status/update", campaign_ids=[ad.campaign.campaign_id], operation_status="DISABLE")
    assert stage.status(ad)[1] == "AD_STATUS_CAMPAIGN_DISABLE"
    stage.post("campaign/status/update", campaign_ids=[ad.campaign.campaign_id], operation_status="ENABLE")

    stage.world.review_ad(stage.advertiser_id, ad.ad_id, reject_reason="Too salty")
    assert stage.status(ad)[1] == "AD_STATUS_AUDIT_DENY"

    stage.post("ad/status/update", ad_ids=[ad.ad_id], operation_status="DELETE")
    assert stage.status(ad) == ("STATUS_DELETE", "AD_STATUS_DELETE")
    assert stage.get("ad/get")["data"]["list"] == []
    assert len(stage.get("ad/get", filtering={"primary_status": "STATUS_DELETE"})["data"]["list"]) == 1


def test_a_post_is_used_while_an_ad_of_it_is_not_over(stage: Stage) -> None:
    ad = stage.ad(ends_at=START + 5 * DAY)

    with pytest.raises(Refused, match="an active ad uses the post"):
        stage.world.delete_code(stage.item_id)
    stage.clock.advance(5 * DAY)

    assert stage.status(ad)[1] == "AD_STATUS_DONE"
    assert stage.world.delete_code(stage.item_id).is_deleted


@pytest.mark.parametrize("does_outlive", [True, False])
def test_unbinding_leaves_running_ads_alone_if_the_switch_says_so(stage: Stage, *, does_outlive: bool) -> None:
    stage.world.switches.do_ads_outlive_unbinding = does_outlive
    ad = stage.ad()

    stage.world.unbind(stage.advertiser_id, stage.item_id)

    assert (stage.status(ad)[0] == "STATUS_DELIVERY_OK") == does_outlive


def test_account_access_carries_an_ad_until_it_is_removed(stage: Stage) -> None:
    creator_id = stage.world.posts[stage.item_id].creator_id
    center = stage.world.add_center("Centre", advertiser_ids={stage.advertiser_id})
    stage.world.grant(center.bc_id, creator_id)
    stage.world.assign(center.bc_id, creator_id, stage.advertiser_id)
    (identity,) = stage.world.identities_of(stage.advertiser_id, "BC_AUTH_TT")
    ad = stage.ad(identity=identity)
    stage.clock.advance(60 * DAY)
    assert stage.status(ad)[1] == "AD_STATUS_DELIVERY_OK"

    stage.world.remove_access(center.bc_id, creator_id)

    assert stage.status(ad)[1] == "AD_STATUS_ASSET_AUTHORIZATION_LOST"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"identity_type": "CUSTOMIZED_USER"}, "not allowed when identity_type is CUSTOMIZED_USER"),
        ({"identity_id": "7000000000000000000"}, "doesn't exist for this advertiser"),
        ({"ad_text": "Buy"}, "ad_text: not allowed together with tiktok_item_id"),
        ({"dark_post_status": "ON"}, "dark_post_status: not allowed"),
        ({"ad_format": "CAROUSEL_ADS"}, "doesn't fit a post of the type VIDEO"),
        ({"ad_name": ""}, "creatives.ad_name: Missing data"),
        ({"tiktok_item_id": ""}, "can't publish posts"),
    ],
)
def test_a_creative_that_does_not_fit_is_refused(stage: Stage, change: dict[str, str], words: str) -> None:
    answer = stage.post("ad/create", adgroup_id=group(stage), creatives=[creative(stage, **change)])

    assert answer["code"] in (40002, 40007)
    assert words in answer["message"]
    assert answer["data"] == {}


def test_the_post_of_another_creator_is_refused(stage: Stage) -> None:
    other = stage.world.add_post(stage.world.add_creator("@tom").creator_id)

    answer = stage.post("ad/create", adgroup_id=group(stage), creatives=[creative(stage, tiktok_item_id=other.item_id)])

    assert answer["code"] == 40002
    assert "doesn't belong to this identity" in answer["message"]


@pytest.mark.parametrize(("deed", "words"), [("expire", "has expired"), ("revoke", "was deleted")])
def test_an_authorization_that_is_over_makes_no_new_ad(stage: Stage, deed: str, words: str) -> None:
    if deed == "expire":
        stage.clock.advance(30 * DAY)
    else:
        stage.world.revoke(stage.item_id)

    answer = stage.post("ad/create", adgroup_id=group(stage), creatives=[creative(stage)])

    assert answer["code"] == 40002
    assert words in answer["message"]


def test_a_political_account_makes_no_ads(stage: Stage) -> None:
    stage.world.creators[stage.world.posts[stage.item_id].creator_id].is_political = True

    answer = stage.post("ad/create", adgroup_id=group(stage), creatives=[creative(stage)])

    assert "politicians" in answer["message"]


def test_a_pushed_ad_is_for_ads_only_unless_told_otherwise(stage: Stage) -> None:
    creator = stage.world.add_creator("@maison", ads_only_mode=True)
    stage.world.link_own_account(stage.advertiser_id, creator.creator_id)
    pushed = {
        "ad_name": "New",
        "ad_format": "SINGLE_VIDEO",
        "identity_type": TT_USER,
        "identity_id": creator.creator_id,
        "video_id": "v1",
        "image_ids": ["i1"],
        "ad_text": "New salt",
    }

    made = stage.post("ad/create", adgroup_id=group(stage), creatives=[pushed])
    refused = stage.post("ad/create", adgroup_id=group(stage), creatives=[pushed | {"dark_post_status": "OFF"}])

    assert made["data"]["creatives"][0]["dark_post_status"] == "ON"
    assert "can't be OFF" in refused["message"]


def test_there_is_room_for_so_many_ads_only(stage: Stage) -> None:
    stage.world.switches.most_ads = 2
    stage.ad()
    last = stage.ad()

    refused = stage.post("ad/create", adgroup_id=group(stage), creatives=[creative(stage)])
    stage.world.operate([last], "DELETE")

    assert refused["code"] == 40502
    assert stage.post("ad/create", adgroup_id=group(stage), creatives=[creative(stage)])["code"] == 0


@pytest.mark.parametrize(
    ("mode", "budget", "ends_at", "is_fine"),
    [
        ("BUDGET_MODE_DAY", 20, None, False),
        ("BUDGET_MODE_DAY", 20.01, None, True),
        ("BUDGET_MODE_TOTAL", 199, START + 10 * DAY, False),
        ("BUDGET_MODE_TOTAL", 200, START + 10 * DAY, True),
        ("BUDGET_MODE_TOTAL", 500, None, False),
        ("BUDGET_MODE_DAY", "much", None, False),
    ],
)
def test_budgets_have_minimums(
    stage: Stage, mode: str, budget: object, ends_at: datetime | None, *, is_fine: bool
) -> None:
    campaign = stage.world.create_campaign(stage.advertiser_id, "Spring")

    def make() -> None:
        stage.world.create_ad_group(
            stage.advertiser_id, campaign.campaign_id, "All", budget_mode=mode, budget=budget, ends_at=ends_at
        )

    if is_fine:
        make()
    else:
        with pytest.raises(Refused, match=r"budget|schedule_type") as refused:
            make()
        assert refused.value.code == 40002


def test_a_campaign_needs_more_than_fifty_a_day(stage: Stage) -> None:
    def make(budget: int) -> Mapping[str, Any]:
        return stage.post(
            "campaign/create",
            campaign_name="Spring",
            objective_type="REACH",
            budget_mode="BUDGET_MODE_DAY",
            budget=budget,
        )

    assert make(50)["message"] == "budget: the campaign budget must be above 50"
    assert make(51)["code"] == 0


def test_what_cannot_be_filtered_and_wrong_bounds_are_refused(stage: Stage) -> None:
    ids = [str(number) for number in range(101)]

    assert (
        "not supported as a filter"
        in stage.get("ad/get", filtering={"secondary_status": "AD_STATUS_ASSET_AUTHORIZATION_LOST"})["message"]
    )
    assert stage.get("ad/get", page_size=1001)["code"] == 40002
    assert stage.get("ad/get", page_size=1000)["code"] == 0
    assert stage.get("ad/get", filtering={"ad_ids": [1]})["code"] == 40002
    assert stage.get("adgroup/get", filtering={"adgroup_ids": ids})["code"] == 40002


def test_the_plan_of_an_ad_group_can_be_changed(stage: Stage) -> None:
    ad = stage.ad(ends_at=START + 2 * DAY)
    stage.clock.advance(3 * DAY)

    for wrong in ({"budget": 5}, {"schedule_end_time": "2026-03-01 00:00:00"}, {"schedule_end_time": "soon"}):
        assert stage.post("adgroup/update", adgroup_id=ad.group.adgroup_id, **wrong)["code"] == 40002
    shown = stage.post(
        "adgroup/update", adgroup_id=ad.group.adgroup_id, schedule_end_time="2026-03-20 00:00:00", budget=75
    )

    assert (shown["data"]["schedule_end_time"], shown["data"]["budget"]) == ("2026-03-20 00:00:00", 75)
    assert stage.status(ad)[1] == "AD_STATUS_DELIVERY_OK"
    stage.clock.advance(DAY)
    stage.world.settle(ad)
    assert [end - start for start, end in ad.spans] == [2 * DAY, DAY]


def test_an_identity_that_may_not_pull_makes_no_ad_of_an_existing_post(stage: Stage) -> None:
    creator_id = stage.world.posts[stage.item_id].creator_id
    refusing = Identity(identity_id=creator_id, identity_type=TT_USER, creator_id=creator_id, can_pull=False)
    center = stage.world.add_center("Centre", advertiser_ids={stage.advertiser_id})
    stage.world.grant(center.bc_id, creator_id, can_pull=False, can_push=True)
    stage.world.assign(center.bc_id, creator_id, stage.advertiser_id)
    (identity,) = stage.world.identities_of(stage.advertiser_id, "BC_AUTH_TT")

    with pytest.raises(Refused, match="have not been granted"):
        stage.ad(identity=identity)
    with pytest.raises(Refused, match="doesn't exist for this advertiser"):
        stage.ad(identity=refusing)
