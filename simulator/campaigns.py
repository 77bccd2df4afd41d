"""What advertisers make: campaigns, their ad groups, and ads, with the money and the days of their plans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from simulator.accounts import Identity
from simulator.catalogue import ABSENT, Refused, parameter

DAILY, TOTAL, INFINITE, DYNAMIC = (
    "BUDGET_MODE_DAY",
    "BUDGET_MODE_TOTAL",
    "BUDGET_MODE_INFINITE",
    "BUDGET_MODE_DYNAMIC_DAILY_BUDGET",
)
FROM_NOW, START_END = "SCHEDULE_FROM_NOW", "SCHEDULE_START_END"
ENABLE, DISABLE, DELETE = "ENABLE", "DISABLE", "DELETE"
DEFAULT_DAILY = Decimal(100)

Kept = TypeVar("Kept", "Campaign", "AdGroup", "Ad")


@dataclass(kw_only=True, slots=True)
class Campaign:
    """What an advertiser spends for; `budget` in the advertiser's currency, by `budget_mode`."""

    campaign_id: str
    advertiser_id: str
    name: str
    objective_type: str
    budget_mode: str
    budget: Decimal
    created_at: datetime
    operation_status: str = ENABLE


@dataclass(kw_only=True, slots=True)
class AdGroup:
    """When ads run and for how much; without `ends_at` until they are stopped."""

    adgroup_id: str
    campaign: Campaign
    name: str
    budget_mode: str
    budget: Decimal
    starts_at: datetime
    ends_at: datetime | None
    created_at: datetime
    operation_status: str = ENABLE

    @property
    def daily(self) -> Decimal:
        """What a day costs: the budget, or its share of the flight."""
        if self.budget_mode != TOTAL:
            return self.budget or self.campaign.budget or DEFAULT_DAILY
        return self.budget / days_between(self.starts_at, self.ends_at)


@dataclass(kw_only=True, slots=True)
class Ad:
    """An ad. `item_id`: the post that it runs (pull), or None (push). `code`: the Spark code that it was made with.

    `held_by` is a status that keeps it from delivering, such as a spent budget.
    `spans` are the times it was delivered, known up to `settled_at`; `lost_at`: since when its post is not its to run.
    """

    ad_id: str
    group: AdGroup
    name: str
    identity: Identity
    ad_format: str
    item_id: str | None
    code: str | None
    daily: Decimal
    created_at: datetime
    reviewed_at: datetime
    settled_at: datetime
    wanted: Mapping[str, Any] = field(default_factory=dict)
    dark_post_status: str | None = None
    operation_status: str = ENABLE
    reject_reason: str | None = None
    held_by: str | None = None
    lost_at: datetime | None = None
    is_announced: bool = False
    spans: list[tuple[datetime, datetime]] = field(default_factory=list)

    @property
    def campaign(self) -> Campaign:
        return self.group.campaign

    @property
    def advertiser_id(self) -> str:
        return self.group.campaign.advertiser_id


def held(among: Mapping[str, Mapping[str, Kept]], advertiser_id: str, key: str, name: str) -> Kept:
    """The advertiser's own campaign, ad group or ad. Raises the refusal when there is none."""
    found = among.get(advertiser_id, {}).get(key)
    if found is None:
        raise Refused(ABSENT, f"{name}: {key} doesn't exist or has been deleted")
    return found


def amount(value: object, name: str) -> Decimal:
    """Money of a request. Raises the refusal when it is no number, or below nothing."""
    try:
        money = Decimal(str(value))
    except InvalidOperation:
        raise parameter(f"{name}: Not a valid number.") from None
    if not money.is_finite() or money < 0:
        raise parameter(f"{name}: Not a valid number.")
    return money


def days_between(start: datetime, end: datetime | None) -> int:
    """Begun days; at least one."""
    return max(1, -((start - end) // timedelta(days=1))) if end else 1
