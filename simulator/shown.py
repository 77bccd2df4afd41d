"""How TikTok writes posts and authorizations: the four blocks of tt_video/*, and the other spelling of identity/video/*."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from simulator.accounts import CAROUSEL, Code, Creator, Identity, Post
from simulator.bindings import AUTHORIZED, Bindings

PREVIEW = timedelta(hours=1)
PICTURE = timedelta(days=90)
VIDEO_FIELDS = (
    "bit_rate",
    "duration",
    "size",
    "width",
    "height",
    "signature",
    "poster_url",
    "preview_url",
    "video_id",
    "file_name",
)
FRIENDS = "ONLY_FRIEND_SEE"


def spaced(instant: datetime) -> str:
    """`2026-05-24 07:09:07`, UTC."""
    return instant.strftime("%Y-%m-%d %H:%M:%S")


def iso(instant: datetime) -> str:
    """`2026-05-24T07:09:07Z`."""
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def row(world: Bindings, post: Post, code: Code, identity_id: str) -> dict[str, Any]:
    """auth_info, item_info, user_info, video_info: as tt_video/info and tt_video/list show a post."""
    is_broken = post.item_id in world.switches.unreadable_rows
    return {
        "auth_info": auth_info(world, post, code),
        "item_info": {"item_id": post.item_id, "text": {}} if is_broken else item_info(world, post, code),
        "user_info": {
            "tiktok_name": world.creators[post.creator_id].display_name,
            "identity_id": identity_id,
            "identity_type": "AUTH_CODE",
        },
        "video_info": tt_video_info(world, post),
    }


def auth_info(world: Bindings, post: Post, code: Code) -> dict[str, Any] | None:
    """As it is, or as `set_auth_words` wants it: null where there is neither word nor end."""
    word, has_end = post.auth_words or (world.standing_of(code), True)
    if word is None and not has_end:
        return None
    return {
        "ad_auth_status": word,
        "auth_start_time": spaced(code.start_at),
        "auth_end_time": spaced(code.end_at) if has_end else None,
        "invite_start_time": spaced(code.invited_at),
    }


def item_info(world: Bindings, post: Post, code: Code) -> dict[str, Any]:
    return {
        "auth_code": code.value,
        "item_id": post.item_id,
        "item_type": post.item_type,
        "text": post.text,
        "status": post.status,
        "stitch_original_item_id": post.stitch_of or "",
        "duet_original_item_id": post.duet_of or "",
        "is_multi_duet_stitch": post.is_chain,
        "mentioned_item_ids": list(post.mentions),
        "anchor_list": post.anchors,
        "carousel_info": carousel_info(world, post),
    }


def tt_video_info(world: Bindings, post: Post) -> Mapping[str, Any] | None:
    """Of a photo post null, or an object of nulls (switch)."""
    if post.item_type == CAROUSEL:
        return None if world.switches.do_photo_posts_have_null_video else dict.fromkeys(VIDEO_FIELDS)
    return {
        **_measures(post),
        "poster_url": link(world, post, "poster", PREVIEW),
        "preview_url": link(world, post, "preview", PREVIEW),
        "video_id": f"v{post.item_id}",
        "file_name": f"{post.item_id}.mp4",
    }


def carousel_info(world: Bindings, post: Post) -> dict[str, Any] | None:
    if post.item_type != CAROUSEL:
        return None
    music = {"music_url": link(world, post, "music", PICTURE), "music_duration": 30, "music_id": f"m{post.item_id}"}
    image = {"image_url": link(world, post, "image", PICTURE), "image_height": 1440, "image_width": 1080}
    return {
        "image_info": [{**image, "image_id": f"i{post.item_id}"}],
        "music_info": [music] if world.switches.is_music_an_array else music,
    }


def link(world: Bindings, post: Post, kind: str, lives: timedelta) -> str:
    """A link that is another one at each reading, and says when it ends."""
    world.reads += 1
    ends = int((world.now() + lives).timestamp())
    return f"https://v16.tiktokcdn.com/{world.reads:x}/{kind}/{post.item_id}?x-expires={ends}"


def video_of_identity(world: Bindings, post: Post, code: Code | None) -> dict[str, Any]:
    """A post as identity/video/* shows it: ISO dates, statuses with a prefix. `code` only for AUTH_CODE."""
    return {
        "item_id": post.item_id,
        "item_type": post.item_type,
        "status": prefixed(post.status),
        "text": post.text,
        "auth_info": _auth_info(world, code) if code else None,
        "anchor_list": post.anchors,
        "video_info": _video_info(world, post),
        "carousel_info": carousel_info(world, post),
    }


def prefixed(status: str) -> str:
    """The spelling of identity/video/*: ITEM_STATUS_ before all but one."""
    return f"STATUS_{status}" if status == FRIENDS else f"ITEM_STATUS_{status}"


def identity(world: Bindings, each: Identity) -> dict[str, Any]:
    """An entry of identity_list."""
    creator = world.creators[each.creator_id]
    shown: dict[str, Any] = {
        "identity_id": each.identity_id,
        "identity_type": each.identity_type,
        "identity_authorized_bc_id": each.bc_id,
        "display_name": creator.display_name,
        "username": creator.handle.removeprefix("@"),
        "profile_image": f"https://p16.tiktokcdn.com/{creator.creator_id}.jpeg",
        "available_status": available_status(creator, each),
        "can_push_video": each.can_push,
        "can_pull_video": each.can_pull,
        "can_use_live_ads": False,
        "can_manage_message": False,
        "is_gpppa": creator.is_political,
    }
    return shown | {"ads_only_mode": creator.ads_only_mode} if each.bc_id else shown


def available_status(creator: Creator, each: Identity) -> str:
    if creator.is_banned:
        return "NO_VALID_BIND_ACCOUNT"
    if not each.can_pull and not each.can_push:
        return "SCOPE_UNAVAILABLE"
    return "IS_PRIVATE_ACCOUNT" if creator.is_private else "AVAILABLE"


def code_status(world: Bindings, code: Code) -> str:
    """NOT_USED, IN_USE, EXPIRED or DELETED, as the creator's own endpoints say it."""
    if code.is_deleted:
        return "DELETED"
    if world.standing_of(code) != AUTHORIZED:
        return "EXPIRED"
    return "IN_USE" if any(code.item_id in rows for rows in list(world.bindings.values())) else "NOT_USED"


def _auth_info(world: Bindings, code: Code) -> dict[str, Any]:
    return {
        "ad_auth_status": world.standing_of(code),
        "auth_code": code.value,
        "auth_start_time": iso(code.start_at),
        "auth_end_time": iso(code.end_at),
        "invite_start_time": iso(code.invited_at),
    }


def _video_info(world: Bindings, post: Post) -> dict[str, Any] | None:
    if post.item_type == CAROUSEL:
        return None
    return {
        **_measures(post),
        "format": "mp4",
        "poster_url": link(world, post, "poster", PREVIEW),
        "url": link(world, post, "video", PREVIEW),
    }


def _measures(post: Post) -> dict[str, Any]:
    return {
        "bit_rate": 1_200_000,
        "duration": post.duration,
        "size": int(post.duration * 150_000),
        "width": 576,
        "height": 1024,
        "signature": hashlib.md5(post.item_id.encode(), usedforsecurity=False).hexdigest(),
    }
