"""tt_video/*: posts authorized by a Spark code."""

from __future__ import annotations

from simulator.accounts import AUTHORIZE_POSTS, CAROUSEL, QUERY_POSTS, VIDEO
from simulator.asked import Asked
from simulator.catalogue import parameter
from simulator.shown import row
from simulator.transport import Endpoint
from simulator.world import World

LONGEST_KEYWORD = 500


def info(world: World, asked: Asked) -> object:
    advertiser_id = asked.text("advertiser_id")
    post, code = world.looked_up(advertiser_id, asked.text("auth_code"))
    return row(world, post, code, world.identity_shown(advertiser_id, post.creator_id))


def authorize(world: World, asked: Asked) -> object:
    advertiser_id = asked.text("advertiser_id")
    world.authorize(advertiser_id, asked.text("auth_code"), asked.optional("original_post_auth_code"))
    return {}


def list_(world: World, asked: Asked) -> object:
    advertiser_id, keyword = asked.text("advertiser_id"), asked.optional("keyword") or ""
    if len(keyword) > LONGEST_KEYWORD:
        raise parameter(f"keyword: Longer than maximum length {LONGEST_KEYWORD}.")
    item_types = asked.words("item_types", default=(VIDEO, CAROUSEL), allowed=(VIDEO, CAROUSEL))
    found = world.rows(advertiser_id, item_types=item_types, keyword=keyword)
    rows, page_info = asked.page(found, default=20, most=50)
    shown = [row(world, world.posts[each.item_id], world.codes[each.code], each.identity_id) for each in rows]
    return {"list": shown, "page_info": page_info}


def unbind(world: World, asked: Asked) -> object:
    world.unbind(asked.text("advertiser_id"), asked.text("item_id"))
    return {}


ENDPOINTS = [
    Endpoint(path="tt_video/info", method="GET", handler=info, scope=QUERY_POSTS),
    Endpoint(path="tt_video/authorize", method="POST", handler=authorize, scope=AUTHORIZE_POSTS),
    Endpoint(path="tt_video/list", method="GET", handler=list_, scope=AUTHORIZE_POSTS),
    Endpoint(path="tt_video/unbind", method="POST", handler=unbind, scope=AUTHORIZE_POSTS),
]
