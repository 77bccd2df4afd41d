"""How campaigns, ad groups and ads are made, and what TikTok refuses while they are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from infra.clock import Clock
from simulator.accounts import CAROUSEL, Identity
from simulator.campaigns import (
    DAILY,
    DELETE,
    DYNAMIC,
    ENABLE,
    INFINITE,
    TOTAL,
    Ad,
    AdGroup,
    Campaign,
    amount,
    days_between,
    held,
)
from simulator.catalogue import Refused, parameter
from simulator.creatives import Creatives
from simulator.switches import Switches

__all__ = ["Ad", "Ads"]

TOO_MANY_ADS = 40502


class Ads(Creatives):
    """The rules of making ads."""

    def __init__(self, clock: Clock, switches: Switches | None = None, seed: int = 0) -> None:
        super().__init__(clock, switches, seed)
        self.campaigns: dict[str, dict[str, Campaign]] = {}
        self.groups: dict[str, dict[str, AdGroup]] = {}
        self.ads: dict[str, dict[str, Ad]] = {}
        self.ads_of_items: dict[str, list[Ad]] = {}

    def create_campaign(
        self,
        advertiser_id: str,
        name: str,
        *,
        objective_type: str = "TRAFFIC",
        budget_mode: str = INFINITE,
        budget: object = 0,
        operation_status: str = ENABLE,
    ) -> Campaign:
        """Refused when its budget is not above the minimum. An infinite one has none."""
        self.advertiser(advertiser_id)
        money, least = amount(budget, "budget"), self.switches.least_campaign_budget
        if budget_mode not in (DAILY, TOTAL, INFINITE, DYNAMIC):
            raise parameter(f"budget_mode: {budget_mode} is not one that campaigns have")
        if budget_mode != INFINITE and money <= least:
            raise parameter(f"budget: the campaign budget must be above {least}")
        campaign = Campaign(
            campaign_id=self.number(first="1"),
            advertiser_id=advertiser_id,
            name=name,
            objective_type=objective_type,
            budget_mode=budget_mode,
            budget=money if budget_mode != INFINITE else Decimal(0),
            created_at=self.now(),
            operation_status=operation_status,
        )
        self.campaigns.setdefault(advertiser_id, {})[campaign.campaign_id] = campaign
        return campaign

    def create_ad_group(
        self,
        advertiser_id: str,
        campaign_id: str,
        name: str,
        *,
        budget_mode: str = DAILY,
        budget: object = 60,
        starts_at: datetime | None = None,
        ends_at: datetime | None = None,
        operation_status: str = ENABLE,
    ) -> AdGroup:
        """Refused when its budget is below the minimum, or when it ends before it starts."""
        campaign = held(self.campaigns, advertiser_id, campaign_id, "campaign_id")
        group = AdGroup(
            adgroup_id=self.number(first="1"),
            campaign=campaign,
            name=name,
            budget_mode=budget_mode,
            budget=amount(budget, "budget"),
            starts_at=starts_at or self.now(),
            ends_at=ends_at,
            created_at=self.now(),
            operation_status=operation_status,
        )
        self.check_plan(group)
        self.groups.setdefault(advertiser_id, {})[group.adgroup_id] = group
        return group

    def create_ads(self, advertiser_id: str, adgroup_id: str, creatives: Sequence[Mapping[str, Any]]) -> list[Ad]:
        """All of them or none. Each runs for an equal share of the ad group's budget, as it is when they are made."""
        group = held(self.groups, advertiser_id, adgroup_id, "adgroup_id")
        self._check_room(advertiser_id, creatives)
        identities = [self.checked_creative(advertiser_id, creative) for creative in creatives]
        earlier = sum(ad.group is group for ad in self.ads.get(advertiser_id, {}).values())
        daily = group.daily / max(1, earlier + len(creatives))
        return [
            self._added(group, creative, identity, daily)
            for creative, identity in zip(creatives, identities, strict=True)
        ]

    def launch(
        self,
        advertiser_id: str,
        item_id: str,
        *,
        identity: Identity | None = None,
        daily: object = 60,
        starts_at: datetime | None = None,
        ends_at: datetime | None = None,
        is_reviewed: bool = True,
    ) -> Ad:
        """A campaign, an ad group and an ad for a post at once, for tests and the demo; `is_reviewed` skips the review."""
        post = self.post(item_id)
        identity = identity or self.identity_by_code(advertiser_id, post.creator_id)
        campaign = self.create_campaign(advertiser_id, f"Campaign of {item_id}")
        group = self.create_ad_group(
            advertiser_id,
            campaign.campaign_id,
            f"Ad group of {item_id}",
            budget=daily,
            starts_at=starts_at,
            ends_at=ends_at,
        )
        ad_format = "CAROUSEL_ADS" if post.item_type == CAROUSEL else "SINGLE_VIDEO"
        wanted = {"ad_name": f"Ad of {item_id}", "ad_format": ad_format, "tiktok_item_id": item_id}
        wanted |= {"identity_type": identity.identity_type, "identity_id": identity.identity_id}
        (ad,) = self.create_ads(advertiser_id, group.adgroup_id, [wanted])
        if is_reviewed:
            ad.reviewed_at = self.now()
        return ad

    def ad(self, advertiser_id: str, ad_id: str) -> Ad:
        return held(self.ads, advertiser_id, ad_id, "ad_id")

    def ads_of(self, advertiser_id: str) -> list[Ad]:
        """The advertiser's ads, the newest first; deleted ones included."""
        return list(self.ads.get(advertiser_id, {}).values())[::-1]

    def check_plan(self, group: AdGroup) -> None:
        """Raises when it ends before it starts, or its budget is below the minimum."""
        if group.ends_at is not None and group.ends_at <= group.starts_at:
            raise parameter("schedule_end_time: must be later than schedule_start_time")
        least = self.switches.least_ad_group_budget
        if group.budget_mode in (DAILY, DYNAMIC) and group.budget <= least:
            raise parameter(f"budget: the daily budget of an ad group must be above {least}")
        if group.budget_mode == TOTAL:
            if group.ends_at is None:
                raise parameter("schedule_type: a lifetime budget needs SCHEDULE_START_END")
            if group.budget < (least_total := least * days_between(group.starts_at, group.ends_at)):
                raise parameter(f"budget: the lifetime budget must be at least {least} a day, {least_total} in all")

    def _check_room(self, advertiser_id: str, creatives: Sequence[Mapping[str, Any]]) -> None:
        """Ten thousand ads for each identity, and Spark Ads for each account."""
        most, living = self.switches.most_ads, self.ads.get(advertiser_id, {})
        if len(living) + len(creatives) <= most:
            return
        if sum(ad.operation_status != DELETE for ad in living.values()) + len(creatives) > most:
            raise Refused(TOO_MANY_ADS, f"The number of ads has reached the limit of {most}")

    def _added(self, group: AdGroup, wanted: Mapping[str, Any], identity: Identity, daily: Decimal) -> Ad:
        advertiser_id, now = group.campaign.advertiser_id, self.now()
        item_id = wanted.get("tiktok_item_id") or None
        binding = self.binding_of(advertiser_id, item_id) if item_id else None
        ad = Ad(
            ad_id=self.number(first="1"),
            group=group,
            name=wanted["ad_name"],
            identity=identity,
            ad_format=wanted["ad_format"],
            item_id=item_id,
            code=binding.code if binding else None,
            daily=daily,
            created_at=now,
            reviewed_at=now + timedelta(minutes=self.switches.review_minutes),
            settled_at=now,
            wanted=dict(wanted),
            dark_post_status=None if item_id else wanted.get("dark_post_status") or "ON",
            operation_status=wanted.get("operation_status") or ENABLE,
            reject_reason="Rejected by the review of the simulation" if self.switches.is_every_ad_denied else None,
        )
        self.ads.setdefault(advertiser_id, {})[ad.ad_id] = ad
        if item_id:
            self.ads_of_items.setdefault(item_id, []).append(ad)
        return ad
