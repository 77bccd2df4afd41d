"""Spark codes: how they look, how they arrive, and every refusal that a post or a code can meet."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from infra.clock import HandClock
from simulator.catalogue import ROWS, TEXTS, Refused
from simulator.switches import Switches
from simulator.world import World
from tests.simulator.caller import START, Caller


def test_codes_look_like_codes_and_come_from_the_seed() -> None:
    first, again, other = (minted_codes(seed) for seed in (1, 1, 2))

    assert first == again != other
    assert len(set(first)) == 40
    assert all(re.fullmatch(r"#[A-Za-z0-9+/]{63}=", code) for code in first)
    assert any("+" in code for code in first)


def minted_codes(seed: int) -> list[str]:
    world = World(HandClock(START), seed=seed)
    creator = world.add_creator("@lea")
    return [world.mint(world.add_post(creator.creator_id).item_id).value for _ in range(40)]


def test_a_code_in_a_query_must_be_encoded(tiktok: Caller) -> None:
    post = tiktok.world.add_post(tiktok.creator.creator_id)
    code = tiktok.world.mint(post.item_id, value="#" + "a+/B" * 15 + "a+/=")

    def asks(text: str) -> Any:
        url = f"/open_api/v1.3/tt_video/info/?advertiser_id={tiktok.advertiser_id}&auth_code={text}"
        return tiktok.http.get(url, headers={"Access-Token": tiktok.token}).json()

    assert asks(quote(code.value, safe=""))["data"]["item_info"]["auth_code"] == code.value
    assert asks(quote(code.value, safe="+"))["message"] == "Post code is incorrect"
    assert asks(code.value)["message"].startswith("auth_code: Missing")


def test_a_code_in_a_body_must_not_be_encoded(tiktok: Caller) -> None:
    post = tiktok.world.add_post(tiktok.creator.creator_id)
    code = tiktok.world.mint(post.item_id, value="#" + "a+/B" * 15 + "a+/=")

    assert tiktok.authorize(code.value.replace("+", "%2B"))["message"] == "Post code is incorrect"
    assert tiktok.authorize(code)["code"] == 0


@pytest.mark.parametrize("days", [7, 30, 60, 365])
def test_a_window_starts_when_the_code_is_minted(tiktok: Caller, days: int) -> None:
    _, code = tiktok.minted(days=days)

    assert (code.start_at, code.end_at) == (START, START + timedelta(days=days))


def test_which_lengths_there_are_is_a_switch(world: World) -> None:
    post = world.add_post(world.add_creator("@lea").creator_id)

    with pytest.raises(Refused, match="7, 30, 60, 365"):
        world.mint(post.item_id, days=180)
    world.switches.is_180_days_allowed = True

    assert world.mint(post.item_id, days=180).days == 180


BROKEN_POSTS: dict[str, dict[str, Any]] = {
    "video_unavailable": {"status": "AUDIT_DELETE"},
    "video_deleted": {"status": "USER_DELETE"},
    "illegal_item_status_error": {"status": "ONLY_USER_PASS"},
    "not_public_video": {"status": "ONLY_AUTHOR_SEE"},
    "story_video_not_supported": {"is_story": True},
    "carousel_duet_not_supported": {"item_type": "CAROUSEL", "duet_of": "7000000000000000009"},
    "multi_duet_stitch_refused": {"is_chain": True, "stitch_of": "7000000000000000009"},
    "mention_multiple_videos": {"mentions": ("7000000000000000008", "7000000000000000009")},
    "original_code_needed": {"stitch_of": "7000000000000000009"},
    "video_too_long": {"duration": 601.0},
}


@pytest.mark.parametrize("symbol", BROKEN_POSTS)
def test_a_post_that_cannot_be_used_is_refused_in_its_own_words(tiktok: Caller, symbol: str) -> None:
    _, code = tiktok.minted(**BROKEN_POSTS[symbol])

    answer = tiktok.authorize(code)

    assert (answer["code"], answer["message"]) == (40002, TEXTS[symbol].text)
    assert tiktok.rows() == []


@pytest.mark.parametrize("status", ["ONLY_FRIEND_SEE", "REVIEW_PENDING"])
def test_half_public_posts_are_refused_too(tiktok: Caller, status: str) -> None:
    _, code = tiktok.minted(status=status)

    assert tiktok.authorize(code)["code"] == 40002


def breaks_format(tiktok: Caller) -> str:
    return tiktok.minted()[1].value[:-1]


def deletes(tiktok: Caller) -> str:
    post, code = tiktok.minted()
    tiktok.world.delete_code(post.item_id)
    return code.value


def lets_expire(tiktok: Caller) -> str:
    _, code = tiktok.minted(days=7)
    assert isinstance(tiktok.world.clock, HandClock)
    tiktok.world.clock.advance(timedelta(days=7))
    return code.value


def binds(tiktok: Caller) -> str:
    _, code = tiktok.minted()
    tiktok.authorize(code)
    return code.value


def is_bound_elsewhere(tiktok: Caller) -> str:
    _, code = tiktok.minted()
    tiktok.world.authorize(tiktok.world.add_advertiser("Another").advertiser_id, code.value)
    tiktok.world.switches.is_other_advertiser_refused = True
    return code.value


def moves_away(tiktok: Caller) -> str:
    tiktok.creator.region = "US"
    return tiktok.minted()[1].value


def is_banned(tiktok: Caller) -> str:
    _, code = tiktok.minted()
    tiktok.world.ban(tiktok.creator.creator_id)
    return code.value


def rpc_fails(tiktok: Caller) -> str:
    tiktok.world.faults.plan("tt_video/authorize", "code", code=-500)
    return tiktok.minted()[1].value


def database_fails(tiktok: Caller) -> str:
    tiktok.world.faults.plan("tt_video/authorize", "code", code=-500, message="call_db_fail")
    return tiktok.minted()[1].value


BROKEN_CODES = {
    "auth_code_format_error": breaks_format,
    "auth_code_not_found": deletes,
    "auth_code_expired": lets_expire,
    "already_authorized": binds,
    "used_by_another_advertiser": is_bound_elsewhere,
    "region_mismatch": moves_away,
    "call_rpc_fail": rpc_fails,
    "call_db_fail": database_fails,
}


@pytest.mark.parametrize("symbol", BROKEN_CODES)
def test_a_code_that_cannot_be_used_is_refused_in_its_own_words(tiktok: Caller, symbol: str) -> None:
    auth_code = BROKEN_CODES[symbol](tiktok)

    answer = tiktok.authorize(auth_code)

    assert (answer["code"], answer["message"]) == (40002, TEXTS[symbol].text)


def test_every_row_of_the_catalogue_is_reached_above() -> None:
    assert {row.symbol for row in ROWS} == BROKEN_POSTS.keys() | BROKEN_CODES.keys()


def test_a_banned_creators_posts_are_unavailable(tiktok: Caller) -> None:
    assert tiktok.authorize(is_banned(tiktok))["message"] == TEXTS["video_unavailable"].text


@pytest.mark.parametrize(
    ("switches", "code", "message"),
    [
        (Switches(), 40002, "Post code is incorrect"),
        (Switches(spark_error_code=40000), 40000, "Post code is incorrect"),
        (Switches(is_symbol_in_message=True), 40002, "auth_code_format_error: Post code is incorrect"),
        (Switches(is_number_in_message=True), 40002, "[4013] Post code is incorrect"),
        (Switches(unknown_symbol="moon_phase"), 40002, "Unknown trouble with the post: moon_phase"),
    ],
)
def test_how_a_refusal_is_worded_is_a_switch(tiktok: Caller, switches: Switches, code: int, message: str) -> None:
    tiktok.world.switches = switches

    answer = tiktok.authorize("#not-a-code")

    assert (answer["code"], answer["message"]) == (code, message)


def test_private_long_and_foreign_posts_pass_when_told_so(tiktok: Caller) -> None:
    switches = tiktok.world.switches
    switches.is_private_refused = switches.is_long_video_refused = switches.is_region_checked = False
    tiktok.creator.region = "US"
    _, code = tiktok.minted(status="ONLY_AUTHOR_SEE", duration=900.0)

    assert tiktok.authorize(code)["code"] == 0
