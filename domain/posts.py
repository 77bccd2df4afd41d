"""What TikTok shows: posts with their authorizations, identities, ads. Plain values, as one reading gave them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from domain.events import Condition

AUTHORIZED = "AUTHORIZED"
VIDEO, CAROUSEL = "VIDEO", "CAROUSEL"
AUTH_CODE, ACCOUNT_ACCESS, OWN_ACCOUNT = "AUTH_CODE", "BC_AUTH_TT", "TT_USER"
DELETED = "USER_DELETE"

# The two spellings of the API differ by a prefix only: tt_video/* has none, identity/video/* has ITEM_STATUS_ or STATUS_.
CONDITIONS = {
    "HESITATE_RECOMMEND": Condition.PUBLIC,
    "ONLY_AUTHOR_SEE": Condition.PRIVATE,
    "ONLY_FRIEND_SEE": Condition.PRIVATE,
    "REVIEW_PENDING": Condition.UNDER_REVIEW,
    "USER_DELETE": Condition.REMOVED,
    "AUDIT_DELETE": Condition.REMOVED,
    "ONLY_USER_PASS": Condition.REMOVED,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Post:
    """One post and the authorization that TikTok shows with it; words are TikTok's own, also those not known here.

    `code` is the Spark code in the clear and never printed; `starts_at` and `ends_at` bound the authorization. What a
    photo post has not (a length, a size) is None.
    """

    item_id: str
    item_type: str = VIDEO
    status: str = "HESITATE_RECOMMEND"
    auth_status: str | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    invited_at: datetime | None = None
    code: str | None = field(default=None, repr=False)
    caption: str = ""
    creator: str | None = None
    identity_id: str | None = None
    identity_type: str | None = None
    duration: timedelta | None = None
    duet_of: str | None = None
    stitch_of: str | None = None
    is_chain: bool = False
    mentions: tuple[str, ...] = ()
    has_anchors: bool = False
    more: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def is_authorized(self) -> bool:
        """Whether TikTok says so in its own word; every other word counts as no."""
        return self.auth_status == AUTHORIZED

    @property
    def is_deleted(self) -> bool:
        """Whether the creator deleted the post: it is gone for good."""
        return plain_status(self.status) == DELETED

    @property
    def condition(self) -> Condition | None:
        """The condition that the status means; None for a status that is not known here."""
        return CONDITIONS.get(plain_status(self.status))


def plain_status(status: str) -> str:
    """The status without the prefixes that one half of the API writes and the other does not."""
    return status.removeprefix("ITEM_").removeprefix("STATUS_")


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """An account under whose name an advertiser may run ads."""

    identity_id: str
    identity_type: str
    username: str | None = None
    display_name: str | None = None
    available_status: str = "AVAILABLE"
    is_political: bool = False
    ads_only_mode: bool = False
    bc_id: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict, repr=False)


class Standing(StrEnum):
    """What an ad's status comes to. `lost`: its post's authorization is gone; `silent`: the music's is.

    `waiting`: it does not deliver and is meant to; it passes by itself or by somebody's care, and says nothing of the
    authorization. `over`: nobody wants it to run any more.
    """

    DELIVERING = "delivering"
    LOST = "lost"
    SILENT = "silent"
    WAITING = "waiting"
    OVER = "over"


# Every status of an ad that TikTok documents, and what it comes to (docs/looking.md shows this table).
STANDINGS = {
    "AD_STATUS_DELIVERY_OK": Standing.DELIVERING,
    "AD_STATUS_PARTIAL_AUDIT_DELIVERY_OK": Standing.DELIVERING,
    "AD_STATUS_REVIEW_PARTIALLY_APPROVED": Standing.DELIVERING,
    "AD_STATUS_ASSET_AUTHORIZATION_LOST": Standing.LOST,
    "AD_STATUS_ADGROUP_ASSET_AUTHORIZATION_LOST": Standing.LOST,
    "ADGROUP_STATUS_ASSET_AUTHORIZATION_LOST": Standing.LOST,
    "AD_STATUS_CREATOR_AUTHORIZATION_REVOKED": Standing.LOST,
    "AD_STATUS_NO_AUTHORIZATION_OF_SHOWCASE": Standing.LOST,
    "AD_STATUS_SHOWCASE_AUTHORIZATION_LOST": Standing.LOST,
    "AD_STATUS_MUSIC_AUTHORIZATION_MISSING": Standing.SILENT,
    "AD_STATUS_AUDIT": Standing.WAITING,
    "AD_STATUS_REAUDIT": Standing.WAITING,
    "AD_STATUS_PARTIAL_AUDIT_NO_DELIVERY": Standing.WAITING,
    "AD_STATUS_NOT_START": Standing.WAITING,
    "AD_STATUS_AD_PRE_ONLINE": Standing.WAITING,
    "AD_STATUS_PROCESS_AUDIO": Standing.WAITING,
    "AD_STATUS_TRANSCODING_FAIL": Standing.WAITING,
    "AD_STATUS_BUDGET_EXCEED": Standing.WAITING,
    "AD_STATUS_CAMPAIGN_EXCEED": Standing.WAITING,
    "AD_STATUS_BALANCE_EXCEED": Standing.WAITING,
    "AD_STATUS_AD_QUOTA_LIMIT": Standing.WAITING,
    "AD_STATUS_PRODUCT_UNAVAILABLE": Standing.WAITING,
    "AD_STATUS_ANCHOR_UNAVAILABLE": Standing.WAITING,
    # Spelt so by TikTok.
    "AD_STAUS_PIXEL_UNBIND": Standing.WAITING,
    "AD_STATUS_AUDIT_DENY": Standing.OVER,
    "AD_STATUS_DONE": Standing.OVER,
    "AD_STATUS_DISABLE": Standing.OVER,
    "AD_STATUS_ADGROUP_DISABLE": Standing.OVER,
    "AD_STATUS_CAMPAIGN_DISABLE": Standing.OVER,
    "AD_STATUS_DELETE": Standing.OVER,
    "AD_STATUS_ADGROUP_DELETE": Standing.OVER,
    "AD_STATUS_CAMPAIGN_DELETE": Standing.OVER,
}
# What was switched off is over, whatever newer word the status is.
OFF = frozenset(("DISABLE", "DELETE"))


@dataclass(frozen=True, kw_only=True, slots=True)
class AdSeen:
    """One ad as ad/get shows it; `item_id` is the post it runs, if it runs one."""

    ad_id: str
    adgroup_id: str | None = None
    item_id: str | None = None
    identity_id: str | None = None
    identity_type: str | None = None
    operation_status: str = "ENABLE"
    secondary_status: str = ""
    more: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def standing(self) -> Standing:
        """A status that is not known here says nothing: neither that it delivers, nor that nobody wants it to."""
        known = STANDINGS.get(self.secondary_status)
        return known or (Standing.OVER if self.operation_status in OFF else Standing.WAITING)


@dataclass(frozen=True, kw_only=True, slots=True)
class AdGroup:
    """An ad group's plan: `ends_at` None runs until it is stopped; `budget` in the advertiser's currency, by `budget_mode`."""

    adgroup_id: str
    ends_at: datetime | None = None
    budget: Decimal | None = None
    budget_mode: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class AdDay:
    """What one ad did on one day of the advertiser's time zone; money in `currency`."""

    ad_id: str
    day: date
    spend: Decimal
    impressions: int
    clicks: int
    conversions: Decimal
    currency: str | None = None
