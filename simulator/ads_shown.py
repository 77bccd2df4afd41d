"""How TikTok writes campaigns, ad groups and ads."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from simulator.accounts import BC_AUTH_TT
from simulator.campaigns import DELETE, DISABLE, FROM_NOW, START_END, Ad, AdGroup, Campaign
from simulator.delivery import LOST, Delivery
from simulator.shown import spaced

# An ad group that runs until it is stopped shows an end all the same, far away.
UNTIL_STOPPED = timedelta(days=3650)
COPIED = ("call_to_action", "call_to_action_id", "landing_page_url", "item_duet_status", "item_stitch_status")


def campaign_shown(_world: Delivery, campaign: Campaign) -> dict[str, Any]:
    return {
        "advertiser_id": campaign.advertiser_id,
        "campaign_id": campaign.campaign_id,
        "campaign_name": campaign.name,
        "objective_type": campaign.objective_type,
        "budget_mode": campaign.budget_mode,
        "budget": float(campaign.budget),
        "operation_status": campaign.operation_status,
        "secondary_status": f"CAMPAIGN_STATUS_{campaign.operation_status}",
        "create_time": spaced(campaign.created_at),
        "modify_time": spaced(campaign.created_at),
    }


def ad_group_shown(world: Delivery, group: AdGroup) -> dict[str, Any]:
    ends_at = group.ends_at or group.starts_at + UNTIL_STOPPED
    return {
        "advertiser_id": group.campaign.advertiser_id,
        "campaign_id": group.campaign.campaign_id,
        "campaign_name": group.campaign.name,
        "adgroup_id": group.adgroup_id,
        "adgroup_name": group.name,
        "budget_mode": group.budget_mode,
        "budget": float(group.budget),
        "schedule_type": START_END if group.ends_at else FROM_NOW,
        "schedule_start_time": spaced(group.starts_at),
        "schedule_end_time": spaced(ends_at),
        "operation_status": group.operation_status,
        "secondary_status": _status_of_group(world, group),
        "create_time": spaced(group.created_at),
        "modify_time": spaced(group.created_at),
    }


def ad_shown(world: Delivery, ad: Ad) -> dict[str, Any]:
    """Of an ad with an existing post the texts and pictures are empty: they are the post's."""
    standing, is_pull = world.ad_standing(ad), ad.item_id is not None
    is_account = ad.identity.identity_type == BC_AUTH_TT
    return {
        "advertiser_id": ad.advertiser_id,
        "campaign_id": ad.campaign.campaign_id,
        "campaign_name": ad.campaign.name,
        "adgroup_id": ad.group.adgroup_id,
        "adgroup_name": ad.group.name,
        "ad_id": ad.ad_id,
        "ad_name": ad.name,
        "ad_format": ad.ad_format,
        "identity_type": ad.identity.identity_type,
        "identity_id": ad.identity.identity_id,
        "identity_authorized_bc_id": ad.identity.bc_id if is_account else None,
        "tiktok_item_id": ad.item_id,
        "ad_text": "" if is_pull else ad.wanted.get("ad_text", ""),
        "image_ids": [] if is_pull else ad.wanted.get("image_ids", []),
        "video_id": None if is_pull else ad.wanted.get("video_id"),
        "promotional_music_disabled": is_pull or bool(ad.wanted.get("promotional_music_disabled")),
        "dark_post_status": ad.dark_post_status,
        **{name: ad.wanted.get(name) for name in COPIED},
        "operation_status": ad.operation_status,
        "primary_status": standing.primary,
        "secondary_status": standing.secondary,
        "create_time": spaced(ad.created_at),
        "modify_time": spaced(ad.created_at),
    }


def _status_of_group(world: Delivery, group: AdGroup) -> str:
    """Lost when every ad that is left has lost its post."""
    now = world.now()
    if group.operation_status in (DISABLE, DELETE):
        return f"ADGROUP_STATUS_{group.operation_status}"
    if group.ends_at is not None and group.ends_at <= now:
        return "ADGROUP_STATUS_TIME_DONE"
    left = [
        ad for ad in world.ads_of(group.campaign.advertiser_id) if ad.group is group and ad.operation_status != DELETE
    ]
    if left and all(world.ad_standing(ad) is LOST for ad in left):
        return "ADGROUP_STATUS_ASSET_AUTHORIZATION_LOST"
    return "ADGROUP_STATUS_NOT_START" if now < group.starts_at else "ADGROUP_STATUS_DELIVERY_OK"
