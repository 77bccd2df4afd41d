"""business/post/authorize/*: what a creator does about codes with a token of the own account."""

from __future__ import annotations

from simulator.accounts import SPARK_SCOPE, Post
from simulator.asked import Asked
from simulator.catalogue import ABSENT, NO_PERMISSION, Refused
from simulator.codes import DEFAULT_DAYS
from simulator.shown import code_status, spaced
from simulator.transport import Auth, Endpoint
from simulator.world import World

LONGEST_DAYS = 3650


def setting(world: World, asked: Asked) -> object:
    """Switches ad authorization on, which mints a code, or off."""
    post = _own_post(world, asked)
    if asked.flag("is_ad_promotable"):
        world.mint(post.item_id, days=_days(asked))
    else:
        world.switch_off(post.item_id)
    return {}


def extend(world: World, asked: Asked) -> object:
    post = _own_post(world, asked)
    world.extend(post.item_id, days=_days(asked))
    return {}


def status(world: World, asked: Asked) -> object:
    """An error where there is no code, never an empty answer."""
    post = _own_post(world, asked)
    code = world.code_of(post.item_id)
    if code is None:
        raise Refused(ABSENT, f"item_id: the post {post.item_id} has no authorization code")
    return {
        "item_id": post.item_id,
        "auth_code": code.value,
        "auth_code_start_time": spaced(code.start_at),
        "auth_code_end_time": spaced(code.end_at),
        "authorization_days": code.days,
        "auth_code_status": code_status(world, code),
    }


def delete(world: World, asked: Asked) -> object:
    post = _own_post(world, asked)
    return {"item_id": post.item_id, "auth_code_status": code_status(world, world.delete_code(post.item_id))}


def _days(asked: Asked) -> int:
    return asked.whole("authorization_days", default=DEFAULT_DAYS, most=LONGEST_DAYS)


def _own_post(world: World, asked: Asked) -> Post:
    business_id = asked.text("business_id")
    if asked.token is None or asked.token.business_id != business_id:
        raise Refused(NO_PERMISSION, "No permission to operate this business_id")
    post = world.post(asked.text("item_id"))
    if post.creator_id != business_id:
        raise Refused(NO_PERMISSION, f"item_id: {post.item_id} is not a post of this account")
    return post


# The guide writes these paths with a slash at the end, a public client calls three of them without: both are taken.
ENDPOINTS = [
    Endpoint(path=path, method=method, handler=handler, scope=SPARK_SCOPE, auth=Auth.CREATOR, is_slash_optional=True)
    for path, method, handler in (
        ("business/post/authorize/setting", "POST", setting),
        ("business/post/authorize", "POST", extend),
        ("business/post/authorize/status", "GET", status),
        ("business/post/authorize/delete", "POST", delete),
    )
]
