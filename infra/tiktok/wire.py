"""TikTok's answers read into values. Whatever may be null, absent, new or a number instead of text is taken.

What cannot be missed (an id, an end that is no date) makes the whole answer unreadable: a row left out would look like
an authorization that is gone. A look alone asks for pages by `leniently`, which name such rows instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from domain.posts import CAROUSEL, VIDEO, AdDay, AdGroup, AdSeen, Identity, Post
from infra.tiktok.answers import Account, CodeStatus, Connection, Page
from infra.tiktok.shapes import (
    AccountRow,
    AdGroupRow,
    AdRow,
    AdvertiserRow,
    AuthInfo,
    Details,
    Dimensions,
    Fields,
    Granted,
    Id,
    IdentityRow,
    ItemInfo,
    Link,
    Metrics,
    PageInfo,
    Rows,
    StatusRow,
    UserInfo,
    VideoInfo,
)
from infra.tiktok.words import amount, day, instant

S = TypeVar("S", bound=Struct)
T = TypeVar("T")

OPEN_END = "SCHEDULE_FROM_NOW"
BLOCKS = frozenset(("auth_info", "item_info", "user_info", "video_info"))
# By what a row is known, the narrowest first.
IDS = ("item_id", "ad_id", "identity_id")
# What reading a value of the wrong shape raises.
UNREADABLE = (msgspec.MsgspecError, ValueError, ArithmeticError)


def nothing(_data: msgspec.Raw) -> None:
    """What a write answers with is not documented alike everywhere; that it succeeded is all that counts."""


def post(data: msgspec.Raw) -> Post:
    """A post in four blocks, as tt_video/info shows it."""
    return _post_of_blocks(_fields(data))


def posts(data: msgspec.Raw, is_lenient: bool = False) -> Page[Post]:  # noqa: FBT001, FBT002  read by `leniently`
    """Posts in four blocks each."""
    return _page(data, _post_of_blocks, is_lenient=is_lenient)


def identity_post(*, identity_id: str, identity_type: str) -> Callable[[msgspec.Raw], Post]:
    """Reads a post as identity/video/info shows it: flat, and without whose it is."""

    def parse(data: msgspec.Raw) -> Post:
        given = msgspec.json.decode(data, type=Details, strict=False)
        # Live answers hold both, the one that was not asked for empty.
        details = _block(given.video_detail or next(iter(given.video_details or ()), None))
        user = UserInfo(identity_id=identity_id, identity_type=identity_type)
        return _post(auth=details.get("auth_info"), item=details, user=user, video=details.get("video_info"), rest={})

    return parse


def identities(data: msgspec.Raw, is_lenient: bool = False) -> Page[Identity]:  # noqa: FBT001, FBT002  as `posts`
    """Identities; the counts of account access are zeros in TikTok's own example."""
    return _page(data, _identity, is_lenient=is_lenient)


def ads(data: msgspec.Raw, is_lenient: bool = False) -> Page[AdSeen]:  # noqa: FBT001, FBT002  as `posts`
    """Ads with the post that each runs."""
    return _page(data, _ad, is_lenient=is_lenient)


def ad_groups(data: msgspec.Raw) -> list[AdGroup]:
    """Plans of ad groups."""
    return list(_page(data, _ad_group).items)


def days(data: msgspec.Raw) -> Page[AdDay]:
    """Rows of a report by ad and day."""
    return _page(data, _ad_day)


def accounts(data: msgspec.Raw) -> Page[Account]:
    """TikTok accounts of a Business Center."""
    return _page(data, _account)


def account_link(data: msgspec.Raw) -> str:
    """The link by which a creator grants access."""
    return _struct(_fields(data), Link).bc_auth_qr_code


def connection(data: msgspec.Raw) -> Connection:
    """What an OAuth code brought."""
    row = _struct(_fields(data), Granted)
    return Connection(
        access_token=row.access_token,
        advertiser_ids=_ids(row.advertiser_ids),
        scope=tuple(row.scope or ()),
    )


def advertisers(data: msgspec.Raw) -> list[tuple[str, str]]:
    """Id and name of each advertiser."""
    rows = [_struct(fields, AdvertiserRow) for fields in _rows(data).rows or ()]
    return [(str(row.advertiser_id), row.advertiser_name or "") for row in rows]


def code_status(data: msgspec.Raw) -> CodeStatus:
    """A creator's own view of a post's code."""
    row = _struct(_fields(data), StatusRow)
    return CodeStatus(
        item_id=str(row.item_id),
        status=row.auth_code_status,
        code=row.auth_code or None,
        starts_at=instant(row.auth_code_start_time),
        ends_at=instant(row.auth_code_end_time),
        days=row.authorization_days,
    )


def _post_of_blocks(fields: Fields) -> Post:
    user, item = _struct(fields.get("user_info") or {}, UserInfo), _block(fields.get("item_info"))
    auth, video = fields.get("auth_info"), fields.get("video_info")
    rest = {name: value for name, value in fields.items() if name not in BLOCKS}
    rest |= _more(fields.get("user_info") or {}, UserInfo)
    return _post(auth=auth, item=item, user=user, video=video, rest=rest)


def _post(*, auth: Fields | None, item: Fields, user: UserInfo, video: Fields | None, rest: Fields) -> Post:
    window, shown, film = _struct(auth or {}, AuthInfo), _struct(item, ItemInfo), _struct(video or {}, VideoInfo)
    return Post(
        item_id=str(shown.item_id),
        item_type=shown.item_type or (CAROUSEL if item.get("carousel_info") else VIDEO),
        status=shown.status or "",
        auth_status=window.ad_auth_status,
        starts_at=instant(window.auth_start_time),
        ends_at=instant(window.auth_end_time),
        invited_at=instant(window.invite_start_time),
        code=shown.auth_code or None,
        caption=shown.text or "",
        creator=user.tiktok_name,
        identity_id=_id(user.identity_id),
        identity_type=user.identity_type,
        duration=timedelta(seconds=film.duration) if film.duration else None,
        duet_of=_id(shown.duet_original_item_id),
        stitch_of=_id(shown.stitch_original_item_id),
        is_chain=bool(shown.is_multi_duet_stitch),
        mentions=_ids(shown.mentioned_item_ids),
        has_anchors=bool(item.get("anchor_list")),
        more=rest | _more(auth or {}, AuthInfo) | _item_more(item) | _more(video or {}, VideoInfo),
    )


def _item_more(item: Fields) -> Fields:
    """What is left of a post; `music_info` of a photo post comes as an object or as an array of one."""
    more = {name: value for name, value in _more(item, ItemInfo).items() if name not in BLOCKS}
    carousel = more.get("carousel_info")
    if isinstance(carousel, dict) and isinstance(carousel.get("music_info"), list):
        more["carousel_info"] = carousel | {"music_info": next(iter(carousel["music_info"]), None)}
    return more


def _identity(fields: Fields) -> Identity:
    row = _struct(fields, IdentityRow)
    return Identity(
        identity_id=str(row.identity_id),
        identity_type=row.identity_type or "",
        username=row.username,
        display_name=row.display_name,
        available_status=row.available_status or "",
        is_political=bool(row.is_gpppa),
        ads_only_mode=bool(row.ads_only_mode),
        bc_id=_id(row.identity_authorized_bc_id),
        more=_more(fields, IdentityRow),
    )


def _ad(fields: Fields) -> AdSeen:
    row = _struct(fields, AdRow)
    return AdSeen(
        ad_id=str(row.ad_id),
        adgroup_id=_id(row.adgroup_id),
        item_id=_id(row.tiktok_item_id),
        identity_id=_id(row.identity_id),
        identity_type=row.identity_type,
        operation_status=row.operation_status or "",
        secondary_status=row.secondary_status or "",
        more=_more(fields, AdRow),
    )


def _ad_group(fields: Fields) -> AdGroup:
    row = _struct(fields, AdGroupRow)
    # An ad group without an end shows one all the same, ten years from its start.
    ends_at = None if row.schedule_type == OPEN_END else instant(row.schedule_end_time)
    budget = amount(row.budget)
    return AdGroup(adgroup_id=str(row.adgroup_id), ends_at=ends_at, budget=budget or None, budget_mode=row.budget_mode)


def _ad_day(fields: Fields) -> AdDay:
    of, metrics = _struct(fields.get("dimensions"), Dimensions), _struct(fields.get("metrics") or {}, Metrics)
    return AdDay(
        ad_id=str(of.ad_id),
        day=day(of.stat_time_day),
        spend=amount(metrics.spend),
        impressions=int(amount(metrics.impressions)),
        clicks=int(amount(metrics.clicks)),
        conversions=amount(metrics.conversion),
        currency=metrics.currency if metrics.currency not in {None, "", "-"} else None,
    )


def _account(fields: Fields) -> Account:
    row = _struct(fields, AccountRow)
    roles = tuple(str(role) for role in row.tt_account_roles or ())
    return Account(asset_id=str(row.asset_id), name=row.asset_name or "", roles=roles)


def leniently(read: Callable[[msgspec.Raw, bool], Page[T]]) -> Callable[[msgspec.Raw], Page[T]]:
    """Reads a page without the rows that cannot be read: those it names."""
    return lambda data: read(data, True)


def numbered(parse: Callable[[msgspec.Raw], Page[T]], *, page: int, size: int) -> Callable[[msgspec.Raw], Page[T]]:
    """Reads a page that was asked for by number and size: TikTok's own count of pages is zeros at times."""
    return lambda data: replace(parse(data), page=page, size=size)


def _page(data: msgspec.Raw, read: Callable[[Fields], T], *, is_lenient: bool = False) -> Page[T]:
    found = _rows(data)
    given, info = found.rows if found.rows is not None else found.identities, found.page_info or PageInfo()
    items, unread = list[T](), list[str | None]()
    for fields in given or ():
        try:
            items.append(read(fields))
        except UNREADABLE:
            if not is_lenient:
                raise
            unread.append(_any_id(fields))
    pages, total = info.total_page or 0, info.total_number or 0
    is_told = pages > 0 and total >= len(given or ())
    return Page(
        items=tuple(items),
        page=info.page or 1,
        pages=pages if is_told else 0,
        total=total if is_told else 0,
        size=info.page_size or max(len(given or ()), 1),
        unread=tuple(unread),
    )


def _any_id(fields: Fields) -> str | None:
    """The id of a row that cannot be read otherwise."""
    item = fields.get("item_info")
    found = [each.get(name) for each in (fields, item) if isinstance(each, dict) for name in IDS]
    return next((str(each) for each in found if isinstance(each, str | int) and each), None)


def _rows(data: msgspec.Raw) -> Rows:
    return msgspec.json.decode(data, type=Rows, strict=False)


def _fields(data: msgspec.Raw) -> Fields:
    return msgspec.json.decode(data, type=Fields)


def _block(fields: Any) -> Fields:
    """A block that cannot be missed."""
    return msgspec.convert(fields, Fields)


def _struct(fields: Any, kind: type[S]) -> S:
    return msgspec.convert(fields, kind, strict=False)


def _more(fields: Mapping[str, Any], kind: type[Struct]) -> Fields:
    """What TikTok showed and no value has a place for."""
    return {name: value for name, value in fields.items() if name not in kind.__struct_fields__ and value is not None}


def _id(value: Id) -> str | None:
    return str(value) if value not in {None, "", 0, "0"} else None


def _ids(values: Sequence[str | int] | None) -> tuple[str, ...]:
    return tuple(str(value) for value in values or ())
