"""The shapes of TikTok's answers as they come: every field may be null or absent, every id a number; what is new is kept aside."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

Fields = dict[str, Any]
Id = str | int | None
When = str | int | None


class PageInfo(Struct):
    page: int | None = None
    page_size: int | None = None
    total_number: int | None = None
    total_page: int | None = None


class Rows(Struct, rename={"rows": "list", "identities": "identity_list"}):
    rows: list[Fields] | None = None
    identities: list[Fields] | None = None
    page_info: PageInfo | None = None


class AuthInfo(Struct):
    ad_auth_status: str | None = None
    auth_start_time: When = None
    auth_end_time: When = None
    invite_start_time: When = None


class ItemInfo(Struct):
    item_id: str | int
    item_type: str | None = None
    status: str | None = None
    text: str | None = None
    auth_code: str | None = None
    duet_original_item_id: Id = None
    stitch_original_item_id: Id = None
    is_multi_duet_stitch: bool | None = None
    mentioned_item_ids: list[str | int] | None = None


class UserInfo(Struct):
    tiktok_name: str | None = None
    identity_id: Id = None
    identity_type: str | None = None


class VideoInfo(Struct):
    duration: float | None = None


class Details(Struct):
    video_detail: Fields | None = None
    video_details: list[Fields] | None = None


class IdentityRow(Struct):
    identity_id: str | int
    identity_type: str | None = None
    identity_authorized_bc_id: Id = None
    username: str | None = None
    display_name: str | None = None
    available_status: str | None = None
    is_gpppa: bool | None = None
    ads_only_mode: bool | None = None


class AdRow(Struct):
    ad_id: str | int
    adgroup_id: Id = None
    tiktok_item_id: Id = None
    identity_id: Id = None
    identity_type: str | None = None
    operation_status: str | None = None
    secondary_status: str | None = None


class AdGroupRow(Struct):
    adgroup_id: str | int
    schedule_type: str | None = None
    schedule_end_time: When = None
    budget: float | str | None = None
    budget_mode: str | None = None


class Dimensions(Struct):
    ad_id: str | int
    stat_time_day: str


class Metrics(Struct):
    spend: str | float | None = None
    impressions: str | float | None = None
    clicks: str | float | None = None
    conversion: str | float | None = None
    currency: str | None = None


class AccountRow(Struct):
    asset_id: str | int
    asset_name: str | None = None
    tt_account_roles: list[Any] | None = None


class AdvertiserRow(Struct):
    advertiser_id: str | int
    advertiser_name: str | None = None


class Granted(Struct):
    access_token: str
    advertiser_ids: list[str | int] | None = None
    scope: list[int] | None = None


class Link(Struct):
    bc_auth_qr_code: str


class StatusRow(Struct):
    item_id: str | int
    auth_code_status: str
    auth_code: str | None = None
    auth_code_start_time: When = None
    auth_code_end_time: When = None
    authorization_days: int | None = None
