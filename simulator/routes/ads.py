"""campaign/*, adgroup/* and ad/*: what advertisers make, switch and read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from simulator.ads_shown import ad_group_shown, ad_shown, campaign_shown
from simulator.asked import Asked
from simulator.campaigns import DELETE, ENABLE, FROM_NOW, INFINITE, START_END, Ad, AdGroup, Campaign, held
from simulator.catalogue import parameter
from simulator.transport import Endpoint
from simulator.world import World

Thing = TypeVar("Thing", Campaign, AdGroup, Ad)
OPERATIONS = (ENABLE, "DISABLE", DELETE)
MOST_IDS, MOST_OPERATED, MOST_CREATIVES = 100, 20, 20
NOT_DELETED, ALL, GONE = "STATUS_NOT_DELETE", "STATUS_ALL", "STATUS_DELETE"
# These can be read in answers but not be asked for: who needs them reads everything and looks.
NOT_FILTERABLE = frozenset(
    (
        "AD_STATUS_ASSET_AUTHORIZATION_LOST",
        "AD_STATUS_ADGROUP_ASSET_AUTHORIZATION_LOST",
        "AD_STATUS_REVIEW_PARTIALLY_APPROVED",
        "AD_STATUS_TRANSCODING_FAIL",
        "AD_STATUS_AD_QUOTA_LIMIT",
        "AD_STATUS_AD_PRE_ONLINE",
    )
)


def create_campaign(world: World, asked: Asked) -> object:
    campaign = world.create_campaign(
        asked.text("advertiser_id"),
        asked.text("campaign_name"),
        objective_type=asked.text("objective_type"),
        budget_mode=asked.optional("budget_mode") or INFINITE,
        budget=asked.values.get("budget") or 0,
        operation_status=asked.choice("operation_status", OPERATIONS, ENABLE),
    )
    return campaign_shown(world, campaign)


def create_ad_group(world: World, asked: Asked) -> object:
    is_ending = asked.choice("schedule_type", (FROM_NOW, START_END)) == START_END
    group = world.create_ad_group(
        asked.text("advertiser_id"),
        asked.text("campaign_id"),
        asked.text("adgroup_name"),
        budget_mode=asked.text("budget_mode"),
        budget=asked.values.get("budget") or 0,
        starts_at=_instant(asked, "schedule_start_time"),
        ends_at=_instant(asked, "schedule_end_time") if is_ending else None,
        operation_status=asked.choice("operation_status", OPERATIONS, ENABLE),
    )
    return ad_group_shown(world, group)


def create_ads(world: World, asked: Asked) -> object:
    creatives = asked.documents("creatives")
    if not 1 <= len(creatives) <= MOST_CREATIVES:
        raise parameter(f"creatives: Length must be between 1 and {MOST_CREATIVES}.")
    ads = world.create_ads(asked.text("advertiser_id"), asked.text("adgroup_id"), creatives)
    shown = [ad_shown(world, ad) for ad in ads]
    return {"ad_ids": [ad.ad_id for ad in ads], "need_audit": False, "creatives": shown}


def get_campaigns(world: World, asked: Asked) -> object:
    found = _things(world.campaigns, asked)
    ids = _ids(asked, "campaign_ids")
    found = [each for each in found if not ids or each.campaign_id in ids]
    return _page(world, asked, found, campaign_shown)


def get_ad_groups(world: World, asked: Asked) -> object:
    ids, campaign_ids = _ids(asked, "adgroup_ids"), _ids(asked, "campaign_ids")
    found = [
        each
        for each in _things(world.groups, asked)
        if (not ids or each.adgroup_id in ids) and (not campaign_ids or each.campaign.campaign_id in campaign_ids)
    ]
    return _page(world, asked, found, ad_group_shown)


def get_ads(world: World, asked: Asked) -> object:
    wanted = asked.document("filtering")
    primary, secondary = wanted.get("primary_status", NOT_DELETED), wanted.get("secondary_status")
    if secondary in NOT_FILTERABLE:
        raise parameter(f"filtering.secondary_status: {secondary} is not supported as a filter")
    ids, group_ids, campaign_ids = (_ids(asked, name) for name in ("ad_ids", "adgroup_ids", "campaign_ids"))
    found = [
        ad
        for ad in world.ads_of(asked.text("advertiser_id"))
        if (not ids or ad.ad_id in ids)
        and (not group_ids or ad.group.adgroup_id in group_ids)
        and (not campaign_ids or ad.campaign.campaign_id in campaign_ids)
        and _is_wanted(world, ad, primary, secondary)
    ]
    page = _page(world, asked, found, ad_shown)
    if not ids:
        page["list"] = [ad for ad in page["list"] if ad.get("ad_id") not in world.switches.ads_between_pages]
    return page


def update_ad_group(world: World, asked: Asked) -> object:
    """The plan of a running ad group: another end, another budget."""
    group = held(world.groups, asked.text("advertiser_id"), asked.text("adgroup_id"), "adgroup_id")
    ends_at = _instant(asked, "schedule_end_time") if asked.has("schedule_end_time") else group.ends_at
    world.reschedule(group, ends_at=ends_at, budget=asked.values.get("budget"))
    return ad_group_shown(world, group)


def update_ads(world: World, asked: Asked) -> object:
    """Names and operation statuses; a post cannot be exchanged."""
    advertiser_id, creatives = asked.text("advertiser_id"), asked.documents("creatives")
    ads = [world.ad(advertiser_id, str(each.get("ad_id", ""))) for each in creatives]
    for ad, wanted in zip(ads, creatives, strict=True):
        if wanted.get("tiktok_item_id", ad.item_id) != ad.item_id:
            raise parameter("tiktok_item_id: the post of an ad can't be changed")
        ad.name = wanted.get("ad_name") or ad.name
        if wanted.get("operation_status"):
            world.operate([ad], wanted["operation_status"])
    return {"ad_ids": [ad.ad_id for ad in ads], "need_audit": False, "creatives": [ad_shown(world, ad) for ad in ads]}


def operate_campaigns(world: World, asked: Asked) -> object:
    return _operated(world, world.campaigns, asked, "campaign_ids")


def operate_ad_groups(world: World, asked: Asked) -> object:
    return _operated(world, world.groups, asked, "adgroup_ids")


def operate_ads(world: World, asked: Asked) -> object:
    return _operated(world, world.ads, asked, "ad_ids")


def _operated(world: World, among: Mapping[str, Mapping[str, Thing]], asked: Asked, name: str) -> object:
    ids = asked.words(name, most=MOST_OPERATED)
    if not ids:
        raise parameter(f"{name}: Missing data for required field.")
    things = [held(among, asked.text("advertiser_id"), each, name) for each in ids]
    status = asked.choice("operation_status", OPERATIONS)
    world.operate(things, status)
    return {name: ids, "status": status}


def _things(among: Mapping[str, Mapping[str, Thing]], asked: Asked) -> list[Thing]:
    """The newest first, without the deleted ones unless they are asked for."""
    primary = asked.document("filtering").get("primary_status", NOT_DELETED)
    found = list(among.get(asked.text("advertiser_id"), {}).values())[::-1]
    return [each for each in found if primary == ALL or (each.operation_status == DELETE) == (primary == GONE)]


def _is_wanted(world: World, ad: Ad, primary: str, secondary: str | None) -> bool:
    standing = world.ad_standing(ad)
    if secondary not in (None, standing.secondary):
        return False
    return standing.primary != GONE if primary == NOT_DELETED else primary in (ALL, standing.primary)


def _ids(asked: Asked, name: str) -> frozenset[str]:
    ids = asked.document("filtering").get(name) or []
    if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
        raise parameter(f"filtering.{name}: json: cannot unmarshal into field of type []string")
    if len(ids) > MOST_IDS:
        raise parameter(f"filtering.{name}: Longer than maximum length {MOST_IDS}.")
    return frozenset(ids)


def _page(
    world: World, asked: Asked, found: Sequence[Thing], show: Callable[[World, Thing], dict[str, Any]]
) -> dict[str, Any]:
    """A page of rows; of each the `fields` that were asked for, unknown ones are left out silently."""
    rows, page_info = asked.page(found, default=10, most=1000)
    fields = frozenset(asked.words("fields"))
    shown = [show(world, each) for each in rows]
    if fields:
        shown = [{name: value for name, value in row.items() if name in fields} for row in shown]
    return {"list": shown, "page_info": page_info}


def _instant(asked: Asked, name: str) -> datetime:
    """`YYYY-MM-DD HH:MM:SS`, UTC."""
    try:
        return datetime.strptime(asked.text(name), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        raise parameter(f"{name}: Not a valid datetime, the format is YYYY-MM-DD HH:MM:SS.") from None


ENDPOINTS = [
    Endpoint(path="campaign/create", method="POST", handler=create_campaign),
    Endpoint(path="campaign/get", method="GET", handler=get_campaigns),
    Endpoint(path="campaign/status/update", method="POST", handler=operate_campaigns),
    Endpoint(path="adgroup/create", method="POST", handler=create_ad_group),
    Endpoint(path="adgroup/get", method="GET", handler=get_ad_groups),
    Endpoint(path="adgroup/update", method="POST", handler=update_ad_group),
    Endpoint(path="adgroup/status/update", method="POST", handler=operate_ad_groups),
    Endpoint(path="ad/create", method="POST", handler=create_ads),
    Endpoint(path="ad/get", method="GET", handler=get_ads),
    Endpoint(path="ad/update", method="POST", handler=update_ads),
    Endpoint(path="ad/status/update", method="POST", handler=operate_ads),
]
