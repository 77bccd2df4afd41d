"""TikTok's Business API as this program uses it: by advertiser, by Business Center, and by a creator's own account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, TypeVar

from domain.posts import ACCOUNT_ACCESS, AdDay, AdGroup, AdSeen, Identity, Post
from infra.tiktok import wire
from infra.tiktok.answers import Account, Answer, CodeStatus, Connection, Page
from infra.tiktok.api import Api, Parse
from infra.tiktok.sizes import (
    MOST_ACCOUNTS,
    MOST_AD_GROUPS,
    MOST_ADS_BY_ID,
    MOST_DAYS,
    MOST_IDENTITIES,
    MOST_POSTS,
    MOST_ROWS,
)

__all__ = ["Account", "Advertiser", "BusinessCenter", "CodeStatus", "Connection", "CreatorAccount", "Page", "Tiktok"]

T = TypeVar("T")

AD_FIELDS = (
    "ad_id",
    "adgroup_id",
    "tiktok_item_id",
    "identity_id",
    "identity_type",
    "operation_status",
    "secondary_status",
)
AD_GROUP_FIELDS = ("adgroup_id", "schedule_type", "schedule_end_time", "budget", "budget_mode")
DAY_METRICS = ("spend", "impressions", "clicks", "conversion", "currency")


class Tiktok:
    """The client of one developer app."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def advertiser(self, advertiser_id: str, token: str) -> Advertiser:
        return Advertiser(self._api, advertiser_id, token)

    def business_center(self, bc_id: str, token: str) -> BusinessCenter:
        return BusinessCenter(self._api, bc_id, token)

    def creator(self, business_id: str, token: str) -> CreatorAccount:
        return CreatorAccount(self._api, business_id, token)

    def exchange(self, auth_code: str) -> Answer[Connection]:
        """A token for the code that an advertiser's consent brought back; a code serves once and for an hour."""
        given = {"app_id": self._api.app_id, "secret": self._api.secret, "auth_code": auth_code}
        return self._api.post("oauth2/access_token", given, parse=wire.connection, hidden=[auth_code])

    def advertisers_of(self, token: str) -> Answer[list[tuple[str, str]]]:
        """Id and name of each advertiser that the token opens."""
        given = {"app_id": self._api.app_id, "secret": self._api.secret}
        return self._api.get("oauth2/advertiser/get", given, parse=wire.advertisers, token=token)

    def close(self) -> None:
        self._api.close()


class Advertiser:
    """Calls for one ad account with its own token.

    `is_lenient`: rows that cannot be read are left out of a page and named by it; without it the whole answer is trouble.
    """

    def __init__(self, api: Api, advertiser_id: str, token: str) -> None:
        self._api, self._id, self._token = api, advertiser_id, token

    def info(self, code: str) -> Answer[Post]:
        """The post of a code; binds nothing, and works before binding."""
        return self._get("tt_video/info", wire.post, {"auth_code": code}, hidden=[code])

    def authorize(self, code: str, original_code: str | None = None) -> Answer[None]:
        """Binds the code's post; a duet, stitch or mention needs the code of the other post as well."""
        given = {"auth_code": code, "original_post_auth_code": original_code}
        return self._post("tt_video/authorize", given, hidden=[code, original_code])

    def posts(
        self, *, page: int = 1, page_size: int = MOST_POSTS, keyword: str | None = None, is_lenient: bool = False
    ) -> Answer[Page[Post]]:
        """The bound posts, expired ones included; `keyword` is a caption's text or an item_id of 19 digits and more."""
        given = {**paged(page, page_size, MOST_POSTS), "keyword": keyword}
        return self._list("tt_video/list", wire.leniently(wire.posts) if is_lenient else wire.posts, given)

    def unbind(self, item_id: str) -> Answer[None]:
        """Takes the post off the list: meant for what expired or was revoked."""
        return self._post("tt_video/unbind", {"item_id": item_id})

    def identities(
        self,
        identity_type: str,
        *,
        bc_id: str | None = None,
        page: int = 1,
        page_size: int = MOST_IDENTITIES,
        is_lenient: bool = False,
    ) -> Answer[Page[Identity]]:
        """The identities of one type; account access (BC_AUTH_TT) needs the Business Center's id."""
        given = {"identity_type": identity_type, "identity_authorized_bc_id": bc_id}
        read = wire.leniently(wire.identities) if is_lenient else wire.identities
        return self._list("identity/get", read, {**given, **paged(page, page_size, MOST_IDENTITIES)})

    def identity_video(
        self, identity_id: str, identity_type: str, item_id: str, bc_id: str | None = None
    ) -> Answer[Post]:
        """One post of an identity."""
        given = {"identity_id": identity_id, "identity_type": identity_type, "item_id": item_id}
        given |= {"identity_authorized_bc_id": bc_id} if bc_id and identity_type == ACCOUNT_ACCESS else {}
        parse = wire.identity_post(identity_id=identity_id, identity_type=identity_type)
        return self._get("identity/video/info", parse, given)

    def ads(self, *, page: int = 1, page_size: int = MOST_ROWS, is_lenient: bool = False) -> Answer[Page[AdSeen]]:
        """All ads that are not deleted: the statuses that matter here cannot be filtered for."""
        given = {"fields": AD_FIELDS, **paged(page, page_size, MOST_ROWS)}
        return self._list("ad/get", wire.leniently(wire.ads) if is_lenient else wire.ads, given)

    def ads_by_id(self, ids: Sequence[str], *, is_lenient: bool = False) -> Answer[Page[AdSeen]]:
        """Up to 100 ads, deleted ones too."""
        if not 1 <= len(ids) <= MOST_ADS_BY_ID:
            raise ValueError(f"between 1 and {MOST_ADS_BY_ID} ads may be asked for, not {len(ids)}")
        wanted = {"ad_ids": list(ids), "primary_status": "STATUS_ALL"}
        given = {"fields": AD_FIELDS, "filtering": wanted, **paged(1, len(ids), MOST_ROWS)}
        return self._list("ad/get", wire.leniently(wire.ads) if is_lenient else wire.ads, given)

    def ad_groups(self, ids: Sequence[str]) -> Answer[list[AdGroup]]:
        """Plans of up to 100 ad groups."""
        if not 1 <= len(ids) <= MOST_AD_GROUPS:
            raise ValueError(f"between 1 and {MOST_AD_GROUPS} ad groups may be asked for, not {len(ids)}")
        given = {"fields": AD_GROUP_FIELDS, "filtering": {"adgroup_ids": list(ids)}, **paged(1, len(ids), MOST_ROWS)}
        return self._get("adgroup/get", wire.ad_groups, given)

    def report(self, *, start: date, end: date, page: int = 1, page_size: int = MOST_ROWS) -> Answer[Page[AdDay]]:
        """What each ad did on each day; 30 days at most, both ends included, in the advertiser's time zone."""
        if not 0 <= (end - start).days < MOST_DAYS:
            raise ValueError(f"a report covers 1 to {MOST_DAYS} days, not {start} to {end}")
        given = {
            "report_type": "BASIC",
            "service_type": "AUCTION",
            "data_level": "AUCTION_AD",
            "dimensions": ["ad_id", "stat_time_day"],
            "metrics": DAY_METRICS,
            "start_date": start.isoformat(),
            "end_date": end.isoformat(),
        }
        return self._list("report/integrated/get", wire.days, {**given, **paged(page, page_size, MOST_ROWS)})

    def _list(self, path: str, parse: Parse[Page[T]], given: Mapping[str, Any]) -> Answer[Page[T]]:
        return self._get(path, wire.numbered(parse, page=given["page"], size=given["page_size"]), given)

    def _get(self, path: str, parse: Parse[T], given: Mapping[str, Any], hidden: Sequence[str] = ()) -> Answer[T]:
        given = {"advertiser_id": self._id, **given}
        return self._api.get(path, given, parse=parse, token=self._token, advertiser_id=self._id, hidden=hidden)

    def _post(self, path: str, given: Mapping[str, Any], hidden: Sequence[str | None] = ()) -> Answer[None]:
        given = {"advertiser_id": self._id, **given}
        return self._api.post(path, given, parse=wire.nothing, token=self._token, advertiser_id=self._id, hidden=hidden)


class BusinessCenter:
    """Calls for one Business Center: account access without codes."""

    def __init__(self, api: Api, bc_id: str, token: str) -> None:
        self._api, self._id, self._token = api, bc_id, token

    def account_link(self) -> Answer[str]:
        """A link, to be shown as a QR code, by which a creator grants access; its life is limited, nobody says how long."""
        return self._api.get(
            "bc/asset/account/authorization", {"bc_id": self._id}, parse=wire.account_link, token=self._token
        )

    def accounts(self, page: int = 1, page_size: int = MOST_ACCOUNTS) -> Answer[Page[Account]]:
        """The TikTok accounts that the Business Center holds."""
        given = {"bc_id": self._id, "asset_type": "TT_ACCOUNT", **paged(page, page_size, MOST_ACCOUNTS)}
        parse = wire.numbered(wire.accounts, page=page, size=page_size)
        return self._api.get("bc/asset/get", given, parse=parse, token=self._token)

    def assign(self, asset_id: str, advertiser_id: str) -> Answer[None]:
        """Lets an advertiser of this Business Center use the account."""
        given = {"bc_id": self._id, "asset_id": asset_id, "advertiser_id": advertiser_id}
        return self._api.post(
            "bc/asset/advertiser/assign", given, parse=wire.nothing, token=self._token, advertiser_id=advertiser_id
        )


class CreatorAccount:
    """Calls with a creator's own token (scope biz.spark.auth) for posts of this account; `business_id` is its open_id."""

    def __init__(self, api: Api, business_id: str, token: str) -> None:
        self._api, self._id, self._token = api, business_id, token

    def setting(self, item_id: str, is_on: bool, days: int | None = None) -> Answer[None]:  # noqa: FBT001  TikTok's own word
        """Switches promotion on, which makes a code for `days`, or off, which is refused while ads use the post."""
        given = {"is_ad_promotable": is_on, "authorization_days": days if is_on else None}
        return self._post("business/post/authorize/setting", item_id, given)

    def extend(self, item_id: str, days: int) -> Answer[None]:
        """Adds days to the code's end; refused where the post has no code."""
        return self._post("business/post/authorize", item_id, {"authorization_days": days})

    def status(self, item_id: str) -> Answer[CodeStatus]:
        """The post's code; refused, not empty, where there is none."""
        given = {"business_id": self._id, "item_id": item_id}
        return self._api.get("business/post/authorize/status", given, parse=wire.code_status, token=self._token)

    def delete(self, item_id: str) -> Answer[None]:
        """Deletes the post's code; refused while ads use the post."""
        return self._post("business/post/authorize/delete", item_id, {})

    def _post(self, path: str, item_id: str, given: Mapping[str, Any]) -> Answer[None]:
        given = {"business_id": self._id, "item_id": item_id, **given}
        return self._api.post(path, given, parse=wire.nothing, token=self._token)


def paged(page: int, page_size: int, most: int) -> dict[str, int]:
    """The parameters of a page. Raises ValueError outside of TikTok's bounds, which it would refuse or cut silently."""
    if page < 1 or not 1 <= page_size <= most:
        raise ValueError(f"pages begin at 1 and hold 1 to {most} rows, not page {page} of {page_size}")
    return {"page": page, "page_size": page_size}
