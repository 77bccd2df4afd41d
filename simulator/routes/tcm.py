"""tcm/tt_video/*: asking a creator of TikTok One for the authorization of a video."""

from __future__ import annotations

from simulator.asked import Asked
from simulator.shown import spaced
from simulator.tcm import EXTEND, LONGEST_DAYS
from simulator.transport import Endpoint
from simulator.world import World

SCOPE = 13040000


def apply(world: World, asked: Asked) -> object:
    """Refused when no asks remain, or when there is nothing to extend."""
    world.ask_creator(
        asked.text("tcm_account_id"),
        asked.text("video_id"),
        days=asked.whole("authorization_days", default=30, most=LONGEST_DAYS),
        is_extension=asked.has("action") and asked.choice("action", (EXTEND,)) == EXTEND,
    )
    return {}


def status(world: World, asked: Asked) -> object:
    ask, code = world.asked_of(asked.text("tcm_account_id"), asked.text("video_id"))
    shown: dict[str, object] = {
        "video_id": ask.video_id,
        "auth_status": ask.status,
        "auth_status_updated_time": spaced(ask.updated_at),
        "num_remaining_request": ask.remaining,
        "requested_authorization_days": ask.days,
    }
    if code is not None:
        shown |= {
            "auth_code": code.value,
            "auth_code_status": world.code_word(code),
            "auth_code_start_time": spaced(code.start_at),
            "auth_code_end_time": spaced(code.end_at),
        }
    return shown


ENDPOINTS = [
    Endpoint(path="tcm/tt_video/apply", method="POST", handler=apply, scope=SCOPE),
    Endpoint(path="tcm/tt_video/status", method="GET", handler=status, scope=SCOPE),
]
