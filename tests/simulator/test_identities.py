"""Identities of all three kinds, and the posts behind them in the other spelling."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from infra.clock import HandClock
from tests.simulator.caller import Caller

ZEROS = {"page": 0, "page_size": 0, "total_number": 0, "total_page": 0}


def get(tiktok: Caller, **more: Any) -> dict[str, Any]:
    answer = tiktok.get("identity/get", advertiser_id=tiktok.advertiser_id, **more)
    assert answer["code"] == 0, answer
    data: dict[str, Any] = answer["data"]
    return data


def of_account(tiktok: Caller) -> dict[str, str]:
    """The parameters that name a creator's account granted and assigned."""
    grant = tiktok.world.grant(tiktok.bc_id, tiktok.creator.creator_id)
    tiktok.world.assign(tiktok.bc_id, tiktok.creator.creator_id, tiktok.advertiser_id)
    return {
        "identity_id": grant.identity_id,
        "identity_type": "BC_AUTH_TT",
        "identity_authorized_bc_id": tiktok.bc_id,
        "advertiser_id": tiktok.advertiser_id,
    }


def of_code(tiktok: Caller) -> dict[str, str]:
    """The parameters that name the identity of a creator bound by code."""
    shown = tiktok.rows()[0]["user_info"]
    return {
        "identity_id": shown["identity_id"],
        "identity_type": "AUTH_CODE",
        "advertiser_id": tiktok.advertiser_id,
    }


def test_identities_of_all_kinds(tiktok: Caller) -> None:
    tiktok.authorize(tiktok.minted()[1])
    of_account(tiktok)
    own = tiktok.world.add_creator("@acme")
    tiktok.world.link_own_account(tiktok.advertiser_id, own.creator_id)

    everyone = get(tiktok)

    assert [each["identity_type"] for each in everyone["identity_list"]] == ["AUTH_CODE", "TT_USER", "BC_AUTH_TT"]
    assert everyone["page_info"] == ZEROS
    assert [each["ads_only_mode"] for each in everyone["identity_list"] if "ads_only_mode" in each] == [False]
    assert get(tiktok, identity_type="AUTH_CODE")["page_info"]["total_number"] == 1
    assert get(tiktok, identity_type="TT_USER")["identity_list"][0]["username"] == "acme"
    assert get(tiktok, identity_type="CUSTOMIZED_USER")["identity_list"] == []


def test_page_info_of_accounts_is_a_switch(tiktok: Caller) -> None:
    of_account(tiktok)
    ask = {"identity_type": "BC_AUTH_TT", "identity_authorized_bc_id": tiktok.bc_id}

    assert get(tiktok, **ask)["page_info"] == ZEROS
    tiktok.world.switches.is_page_info_zero_for_accounts = False
    assert get(tiktok, **ask)["page_info"]["total_number"] == 1


@pytest.mark.parametrize(("size", "code"), [(100, 0), (101, 40002)])
def test_a_page_of_identities_has_bounds(tiktok: Caller, size: int, code: int) -> None:
    assert tiktok.get("identity/get", advertiser_id=tiktok.advertiser_id, page_size=size)["code"] == code


def test_identities_are_found_by_name(tiktok: Caller) -> None:
    tiktok.authorize(tiktok.minted()[1])

    assert len(get(tiktok, filtering={"keyword": "lÉa"})["identity_list"]) == 1
    assert get(tiktok, filtering={"keyword": "zoe"})["identity_list"] == []


def test_an_account_access_needs_its_center(tiktok: Caller) -> None:
    assert tiktok.get("identity/get", advertiser_id=tiktok.advertiser_id, identity_type="BC_AUTH_TT")["code"] == 40002


@pytest.mark.parametrize(
    ("state", "word"), [({"is_banned": True}, "NO_VALID_BIND_ACCOUNT"), ({"is_private": True}, "IS_PRIVATE_ACCOUNT")]
)
def test_an_account_in_trouble_says_so(tiktok: Caller, state: dict[str, bool], word: str) -> None:
    tiktok.authorize(tiktok.minted()[1])
    for name, value in state.items():
        setattr(tiktok.creator, name, value)

    shown = tiktok.get("identity/info", **of_code(tiktok))["data"]["identity_info"]

    assert shown["available_status"] == word


def test_a_video_of_a_code_has_iso_dates_and_the_other_spelling(tiktok: Caller) -> None:
    post, code = tiktok.minted()
    tiktok.authorize(code)

    data = tiktok.get("identity/video/info", item_id=post.item_id, **of_code(tiktok))["data"]

    assert data["video_details"] == []
    assert data["video_detail"]["status"] == "ITEM_STATUS_HESITATE_RECOMMEND"
    assert data["video_detail"]["auth_info"]["auth_end_time"] == "2026-06-03T09:00:00Z"
    tiktok.world.set_status(post.item_id, "ONLY_FRIEND_SEE")
    several = tiktok.get("identity/video/info", item_ids=[post.item_id, "7"], **of_code(tiktok))["data"]
    assert [each["status"] for each in several["video_details"]] == ["STATUS_ONLY_FRIEND_SEE"]


def test_a_video_of_an_account_has_no_authorization(tiktok: Caller) -> None:
    post = tiktok.world.add_post(tiktok.creator.creator_id)

    ask = of_account(tiktok)

    assert tiktok.get("identity/video/info", item_id=post.item_id, **ask)["data"]["video_detail"]["auth_info"] is None
    assert tiktok.get("identity/video/info", item_id="7", **ask)["code"] == 40007
    assert tiktok.get("identity/video/info", **ask)["code"] == 40002


def test_videos_of_an_account_come_by_cursor(tiktok: Caller, clock: HandClock) -> None:
    for number in range(45):
        tiktok.world.add_post(tiktok.creator.creator_id, is_ads_only=number < 5)
        clock.advance(timedelta(seconds=number % 2))
    ask = of_account(tiktok)
    seen: list[str] = []
    cursors: list[dict[str, str]] = [{}]

    for cursor in cursors:
        data = tiktok.get("identity/video/get", count=50, **ask, **cursor)["data"]
        seen += [each["item_id"] for each in data["video_list"]]
        if data["has_more"]:
            cursors.append({"cursor": data["cursor"]})

    assert len(cursors) == 3
    assert len(set(seen)) == len(seen) == 45
    assert tiktok.get("identity/video/get", keyword="x", **ask)["code"] == 40002
    organic = tiktok.get("identity/video/get", exclude_adsonly="true", **cursors[-1], **ask)["data"]
    assert (len(organic["video_list"]), organic["has_more"]) == (0, False)


def test_videos_of_a_code_come_by_page(tiktok: Caller) -> None:
    for _ in range(25):
        tiktok.authorize(tiktok.minted()[1])
    ask = of_code(tiktok)

    first = tiktok.get("identity/video/get", **ask)["data"]
    second = tiktok.get("identity/video/get", cursor=first["cursor"], **ask)["data"]

    assert (len(first["video_list"]), first["has_more"]) == (20, True)
    assert (len(second["video_list"]), second["has_more"]) == (5, False)
    assert tiktok.get("identity/video/get", item_type="CAROUSEL", **ask)["data"]["video_list"] == []
