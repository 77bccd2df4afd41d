"""The official SDK's client against the simulated TikTok, for the endpoints that it has.

It has none for Spark codes (tt_video/*) and business/post/authorize/*, so those stay with our own client.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from business_api_client import ApiClient, Configuration
from business_api_client.api.ad_api import AdApi
from business_api_client.api.adgroup_api import AdgroupApi
from business_api_client.api.authentication_api import AuthenticationApi
from business_api_client.api.bc_api import BCApi
from business_api_client.api.campaign_creation_api import CampaignCreationApi
from business_api_client.api.identity_api import IdentityApi
from business_api_client.api.reporting_api import ReportingApi
from business_api_client.models.ad_create_body import AdCreateBody
from business_api_client.models.adcreate_creatives import AdcreateCreatives
from business_api_client.models.adgroup_create_body import AdgroupCreateBody
from business_api_client.models.campaign_create_body import CampaignCreateBody
from business_api_client.models.filtering_ad_get import FilteringAdGet
from business_api_client.models.filtering_adgroup_get import FilteringAdgroupGet
from business_api_client.models.oauth2_access_token_body import Oauth2AccessTokenBody
from business_api_client.tiktok_business.tiktok_exceptions import TiktokSDKError

from tests.simulator.stage import DAY, Stage, staged


@pytest.fixture
def stage() -> Iterator[Stage]:
    with staged() as stage:
        yield stage


@pytest.fixture
def sdk(stage: Stage) -> Iterator[Any]:
    """The SDK's client, told another host. Its thread pool is closed by its destructor only."""
    configuration = Configuration()
    configuration.host = str(stage.http.base_url).rstrip("/")
    client = ApiClient(configuration)
    yield client
    client.rest_client.pool_manager.clear()


def test_a_code_from_the_browser_becomes_a_token_once(stage: Stage, sdk: Any) -> None:
    auth_code = stage.world.consent("app", [stage.advertiser_id])
    body = Oauth2AccessTokenBody(app_id="app", secret="secret", auth_code=auth_code)

    token = AuthenticationApi(sdk).oauth2_access_token(body=body)["data"]

    assert token["advertiser_ids"] == [stage.advertiser_id]
    assert 690 in token["scope"]
    named = AuthenticationApi(sdk).oauth2_advertiser_get("app", "secret", token["access_token"])["data"]
    assert named["list"] == [{"advertiser_id": stage.advertiser_id, "advertiser_name": "Maison"}]
    with pytest.raises(TiktokSDKError, match="Error Code: 40110"):
        AuthenticationApi(sdk).oauth2_access_token(body=body)


def test_identities_and_their_posts_are_read(stage: Stage, sdk: Any) -> None:
    api = IdentityApi(sdk)

    found = api.identity_get(stage.advertiser_id, stage.token, identity_type="AUTH_CODE", page=1, page_size=100)["data"]

    (identity,) = found["identity_list"]
    assert (identity["identity_type"], identity["available_status"]) == ("AUTH_CODE", "AVAILABLE")
    assert found["page_info"]["total_number"] == 1
    shown = api.identity_video_info(
        stage.token, stage.advertiser_id, "AUTH_CODE", identity["identity_id"], stage.item_id
    )["data"]["video_detail"]
    assert shown["item_id"] == stage.item_id
    assert shown["auth_info"]["auth_end_time"].endswith("Z")


def test_accounts_of_a_center_are_read(stage: Stage, sdk: Any) -> None:
    creator_id = stage.world.posts[stage.item_id].creator_id
    center = stage.world.add_center("Centre", advertiser_ids={stage.advertiser_id})
    stage.world.grant(center.bc_id, creator_id)
    token = stage.world.issue("app", [stage.advertiser_id], bc_ids=[center.bc_id]).value

    found = BCApi(sdk).bc_asset_get(center.bc_id, "TT_ACCOUNT", token, page=1, page_size=50)["data"]

    assert [(each["asset_id"], each["asset_name"]) for each in found["list"]] == [(creator_id, "lea")]
    assert found["page_info"]["total_number"] == 1


def test_an_ad_is_made_and_read(stage: Stage, sdk: Any) -> None:
    (identity,) = stage.world.identities_of(stage.advertiser_id, "AUTH_CODE")
    campaign = CampaignCreationApi(sdk).campaign_create(
        stage.token,
        body=CampaignCreateBody(advertiser_id=stage.advertiser_id, campaign_name="Spring", objective_type="TRAFFIC"),
    )["data"]
    group = AdgroupApi(sdk).adgroup_create(
        stage.token,
        body=AdgroupCreateBody(
            advertiser_id=stage.advertiser_id,
            campaign_id=campaign["campaign_id"],
            adgroup_name="All",
            billing_event="CPC",
            optimization_goal="CLICK",
            pacing="PACING_MODE_SMOOTH",
            budget_mode="BUDGET_MODE_DAY",
            budget=60.0,
            schedule_type="SCHEDULE_FROM_NOW",
            schedule_start_time="2026-03-02 09:00:00",
        ),
    )["data"]
    made = AdApi(sdk).ad_create(
        stage.token,
        body=AdCreateBody(
            advertiser_id=stage.advertiser_id,
            adgroup_id=group["adgroup_id"],
            creatives=[
                AdcreateCreatives(
                    ad_name="Salt",
                    ad_format="SINGLE_VIDEO",
                    identity_type="AUTH_CODE",
                    identity_id=identity.identity_id,
                    tiktok_item_id=stage.item_id,
                )
            ],
        ),
    )["data"]
    stage.clock.advance(timedelta(hours=1))

    (ad,) = AdApi(sdk).ad_get(
        stage.advertiser_id,
        stage.token,
        filtering=FilteringAdGet(ad_ids=made["ad_ids"]),
        fields=["ad_id", "tiktok_item_id", "secondary_status"],
        page_size=1000,
    )["data"]["list"]
    (plan,) = AdgroupApi(sdk).adgroup_get(
        stage.advertiser_id, stage.token, filtering=FilteringAdgroupGet(adgroup_ids=[group["adgroup_id"]])
    )["data"]["list"]

    assert ad == {
        "ad_id": made["ad_ids"][0],
        "tiktok_item_id": stage.item_id,
        "secondary_status": "AD_STATUS_DELIVERY_OK",
    }
    assert (plan["schedule_type"], plan["budget"]) == ("SCHEDULE_FROM_NOW", 60)


def test_a_report_is_read(stage: Stage, sdk: Any) -> None:
    ad = stage.ad()
    stage.clock.advance(2 * DAY)

    found = ReportingApi(sdk).report_integrated_get(
        "BASIC",
        stage.token,
        advertiser_id=stage.advertiser_id,
        service_type="AUCTION",
        data_level="AUCTION_AD",
        dimensions=["ad_id", "stat_time_day"],
        metrics=["spend", "impressions", "clicks", "conversion", "currency"],
        start_date="2026-03-02",
        end_date="2026-03-04",
        page_size=1000,
        enable_total_metrics=True,
    )["data"]

    assert [row["dimensions"]["ad_id"] for row in found["list"]] == [ad.ad_id] * 3
    assert all(isinstance(value, str) for row in found["list"] for value in row["metrics"].values())
    assert float(found["total_metrics"]["spend"]) > 60


def test_a_refusal_is_an_error_of_the_sdk_with_its_code(stage: Stage, sdk: Any) -> None:
    with pytest.raises(TiktokSDKError, match="Error Code: 40105"):
        AdApi(sdk).ad_get(stage.advertiser_id, "no such token")
