"""identity/*: under which names an advertiser may run ads, and the posts of those accounts."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.access import IDENTITY_TYPES
from simulator.accounts import (
    AUTH_CODE,
    BC_AUTH_TT,
    CAROUSEL,
    DELETED,
    QUERY_IDENTITY,
    TT_USER,
    VIDEO,
    Code,
    Identity,
    Post,
)
from simulator.asked import Asked
from simulator.catalogue import ABSENT, Refused, parameter
from simulator.shown import identity, video_of_identity
from simulator.transport import Endpoint
from simulator.world import World

SPARK_TYPES = (AUTH_CODE, TT_USER, BC_AUTH_TT)
NO_PAGES = {"page": 0, "page_size": 0, "total_number": 0, "total_page": 0}
MOST_AT_ONCE = 20
MOST_ORGANIC = 500


def get(world: World, asked: Asked) -> object:
    """page_info is zeros without a type, and (switch) for account access, as in the official example."""
    identity_type = asked.choice("identity_type", IDENTITY_TYPES) if asked.has("identity_type") else None
    bc_id = asked.text("identity_authorized_bc_id") if identity_type == BC_AUTH_TT else None
    keyword = str(asked.document("filtering").get("keyword", "")).casefold()
    found = [
        shown
        for each in world.identities_of(asked.text("advertiser_id"), identity_type, bc_id)
        if keyword in (shown := identity(world, each))["display_name"].casefold()
        or keyword in shown["username"].casefold()
    ]
    rows, page_info = asked.page(found, default=20, most=100)
    is_zero = identity_type is None or (identity_type == BC_AUTH_TT and world.switches.is_page_info_zero_for_accounts)
    return {"identity_list": list(rows), "page_info": NO_PAGES if is_zero else page_info}


def info(world: World, asked: Asked) -> object:
    return {"identity_info": identity(world, _identity(world, asked, IDENTITY_TYPES))}


def video_get(world: World, asked: Asked) -> object:
    """The posts of an identity, 20 at most, by cursor: a page number for AUTH_CODE, else the last post's time."""
    holder = _identity(world, asked, SPARK_TYPES)
    item_type = asked.choice("item_type", (VIDEO, CAROUSEL), VIDEO)
    keyword = asked.optional("keyword") or ""
    if keyword and holder.identity_type != AUTH_CODE:
        raise parameter("keyword: Only supported when identity_type is AUTH_CODE.")
    count = max(1, asked.clamped("count", default=MOST_AT_ONCE, most=MOST_AT_ONCE))
    is_organic = asked.flag("exclude_adsonly", default=False)
    posts = [
        post
        for post in _posts(world, asked.text("advertiser_id"), holder)
        if post.item_type == item_type and keyword in post.text and not (is_organic and post.is_ads_only)
    ]
    posts = posts[:MOST_ORGANIC] if is_organic else posts
    start = _place(asked, posts, count, is_page=holder.identity_type == AUTH_CODE)
    shown = posts[start : start + count]
    return {
        "cursor": _cursor(posts, start, count, is_page=holder.identity_type == AUTH_CODE),
        "has_more": start + count < len(posts),
        "video_list": [
            video_of_identity(world, post, _code(world, asked.text("advertiser_id"), holder, post)) for post in shown
        ],
    }


def video_info(world: World, asked: Asked) -> object:
    """Both keys come in every answer; which one is filled depends on which one was asked for."""
    advertiser_id = asked.text("advertiser_id")
    holder = _identity(world, asked, SPARK_TYPES)
    item_ids = asked.words("item_ids", most=MOST_AT_ONCE)
    if asked.has("item_id") == bool(item_ids):
        raise parameter("item_id: Exactly one of item_id and item_ids is required.")
    posts = {post.item_id: post for post in _posts(world, advertiser_id, holder)}
    wanted = item_ids or [asked.text("item_id")]
    shown = [
        video_of_identity(world, posts[each], _code(world, advertiser_id, holder, posts[each]))
        for each in wanted
        if each in posts
    ]
    if item_ids:
        return {"video_detail": None, "video_details": shown}
    if not shown:
        raise Refused(ABSENT, f"item_id: {wanted[0]} doesn't exist under this identity")
    return {"video_detail": shown[0], "video_details": []}


def _identity(world: World, asked: Asked, types: Sequence[str]) -> Identity:
    identity_type = asked.choice("identity_type", types)
    bc_id = asked.text("identity_authorized_bc_id") if identity_type == BC_AUTH_TT else None
    return world.identity(asked.text("advertiser_id"), asked.text("identity_id"), identity_type, bc_id)


def _posts(world: World, advertiser_id: str, holder: Identity) -> list[Post]:
    """The newest first: bound ones for AUTH_CODE, else all that the account still has and lets be pulled."""
    if holder.identity_type == AUTH_CODE:
        rows = world.rows(advertiser_id, item_types=(VIDEO, CAROUSEL))
        return [world.posts[each.item_id] for each in rows if each.identity_id == holder.identity_id]
    if not holder.can_pull:
        return []
    mine = enumerate(world.posts_of(holder.creator_id))
    return [
        post
        for _, post in sorted(mine, key=lambda pair: (pair[1].created_at, pair[0]), reverse=True)
        if post.status != DELETED
    ]


def _code(world: World, advertiser_id: str, holder: Identity, post: Post) -> Code | None:
    binding = world.binding_of(advertiser_id, post.item_id)
    return world.codes[binding.code] if binding and holder.identity_type == AUTH_CODE else None


def _place(asked: Asked, posts: Sequence[Post], count: int, *, is_page: bool) -> int:
    text = asked.optional("cursor")
    if text is None:
        return 0
    if not text.isdecimal():
        raise parameter("cursor: Not a valid cursor.")
    if is_page:
        return (max(1, int(text)) - 1) * count
    return next((place for place, each in enumerate(_stamps(posts)) if each < int(text)), len(posts))


def _cursor(posts: Sequence[Post], start: int, count: int, *, is_page: bool) -> str:
    if is_page:
        return str(start // count + 2)
    last = min(start + count, len(posts)) - 1
    return str(_stamps(posts)[last]) if last >= 0 else "0"


def _stamps(posts: Sequence[Post]) -> list[int]:
    """Falling numbers in the likeness of microseconds; posts of one instant still differ."""
    return [int(post.created_at.timestamp() * 1000) * 10**6 - place for place, post in enumerate(posts)]


ENDPOINTS = [
    Endpoint(path="identity/get", method="GET", handler=get, scope=QUERY_IDENTITY),
    Endpoint(path="identity/info", method="GET", handler=info, scope=QUERY_IDENTITY),
    Endpoint(path="identity/video/get", method="GET", handler=video_get, scope=QUERY_IDENTITY),
    Endpoint(path="identity/video/info", method="GET", handler=video_info, scope=QUERY_IDENTITY),
]
