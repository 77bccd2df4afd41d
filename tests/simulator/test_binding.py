"""Posts bound to advertisers: what is shown, what happens twice, and what passes by itself."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from infra.clock import HandClock
from simulator.catalogue import TEXTS
from tests.simulator.caller import Caller


def test_looking_at_a_code_binds_nothing(tiktok: Caller) -> None:
    post, code = tiktok.minted(text="Summer look")

    data = tiktok.get("tt_video/info", advertiser_id=tiktok.advertiser_id, auth_code=code.value)["data"]

    assert data["auth_info"] == {
        "ad_auth_status": "AUTHORIZED",
        "auth_start_time": "2026-05-04 09:00:00",
        "auth_end_time": "2026-06-03 09:00:00",
        "invite_start_time": "2026-05-04 09:00:00",
    }
    assert data["item_info"]["item_id"] == post.item_id
    assert data["item_info"]["auth_code"] == code.value
    assert (data["item_info"]["status"], data["item_info"]["text"]) == ("HESITATE_RECOMMEND", "Summer look")
    assert re.fullmatch(r"7\d{18}", data["item_info"]["item_id"])
    assert tiktok.rows() == []


def test_binding_answers_nothing_and_shows_in_the_list(tiktok: Caller) -> None:
    post, code = tiktok.minted()
    preview = tiktok.get("tt_video/info", advertiser_id=tiktok.advertiser_id, auth_code=code.value)["data"]

    answer = tiktok.authorize(code)
    (row,) = tiktok.rows()

    assert answer["data"] == {}
    for block in ("auth_info", "item_info", "user_info"):
        assert row[block] == preview[block]
    assert row["user_info"]["identity_type"] == "AUTH_CODE"
    assert row["user_info"]["identity_id"].isdigit()
    assert row["video_info"]["preview_url"] != preview["video_info"]["preview_url"]
    assert tiktok.world.binds[tiktok.advertiser_id, post.item_id] == 1


def test_a_photo_post_has_nulls_where_videos_have_values(tiktok: Caller) -> None:
    _, code = tiktok.minted(item_type="CAROUSEL", duration=0.0)
    tiktok.authorize(code)

    (row,) = tiktok.rows()
    tiktok.world.switches.is_music_an_array = True
    tiktok.world.switches.do_photo_posts_have_null_video = False
    (again,) = tiktok.rows()

    assert row["video_info"] is None
    assert row["item_info"]["anchor_list"] is None
    assert row["item_info"]["carousel_info"]["music_info"]["music_duration"] == 30
    assert isinstance(again["item_info"]["carousel_info"]["music_info"], list)
    assert set(again["video_info"].values()) == {None}


def test_one_identity_for_all_posts_of_a_creator(tiktok: Caller) -> None:
    for _ in range(2):
        tiktok.authorize(tiktok.minted()[1])

    assert len({row["user_info"]["identity_id"] for row in tiktok.rows()}) == 1


def test_the_same_code_twice_is_refused_or_taken(tiktok: Caller) -> None:
    post, code = tiktok.minted()
    tiktok.authorize(code)

    assert tiktok.authorize(code)["message"] == TEXTS["already_authorized"].text
    tiktok.world.switches.is_same_code_twice_refused = False
    assert tiktok.authorize(code)["code"] == 0

    assert tiktok.world.binds[tiktok.advertiser_id, post.item_id] == 1


def test_another_advertiser_may_bind_the_same_code(tiktok: Caller) -> None:
    other = tiktok.world.add_advertiser("Another").advertiser_id
    token = tiktok.world.issue("app-1", [other]).value
    _, code = tiktok.minted()
    tiktok.authorize(code)

    answer = tiktok.post("tt_video/authorize", token=token, advertiser_id=other, auth_code=code.value)

    assert answer["code"] == 0


def test_an_expired_row_stays_until_it_is_unbound(tiktok: Caller, clock: HandClock) -> None:
    post, code = tiktok.minted(days=7)
    tiktok.authorize(code)

    clock.advance(timedelta(days=7, seconds=-1))
    assert tiktok.rows()[0]["auth_info"]["ad_auth_status"] == "AUTHORIZED"
    clock.advance(timedelta(seconds=1))
    assert tiktok.rows()[0]["auth_info"]["ad_auth_status"] == "EXPIRED"

    body = {"advertiser_id": tiktok.advertiser_id, "item_id": post.item_id}
    assert tiktok.post("tt_video/unbind", **body)["data"] == {}
    assert tiktok.rows() == []
    assert tiktok.post("tt_video/unbind", **body)["code"] == 40002


def test_an_expired_code_can_still_be_looked_at_by_default(tiktok: Caller, clock: HandClock) -> None:
    _, code = tiktok.minted(days=7)
    clock.advance(timedelta(days=8))
    ask = {"advertiser_id": tiktok.advertiser_id, "auth_code": code.value}

    assert tiktok.get("tt_video/info", **ask)["data"]["auth_info"]["ad_auth_status"] == "EXPIRED"
    tiktok.world.switches.info_refuses_expired = True
    assert tiktok.get("tt_video/info", **ask)["message"] == TEXTS["auth_code_expired"].text


def test_a_post_can_be_checked_when_it_is_looked_at(tiktok: Caller) -> None:
    tiktok.world.switches.info_checks_post = True
    _, code = tiktok.minted(is_story=True)

    answer = tiktok.get("tt_video/info", advertiser_id=tiktok.advertiser_id, auth_code=code.value)

    assert answer["message"] == TEXTS["story_video_not_supported"].text


def test_a_revoked_row_shows_a_word_that_is_a_switch(tiktok: Caller) -> None:
    post, code = tiktok.minted()
    tiktok.authorize(code)

    tiktok.world.revoke(post.item_id)

    assert tiktok.rows()[0]["auth_info"]["ad_auth_status"] == "REVOKED"
    tiktok.world.switches.revoked_status = "EXPIRED"
    assert tiktok.rows()[0]["auth_info"]["ad_auth_status"] == "EXPIRED"
    tiktok.world.switches.is_revoked_row_kept = False
    assert tiktok.rows() == []


def test_a_new_code_replaces_the_one_that_was_lost(tiktok: Caller) -> None:
    post, code = tiktok.minted()
    tiktok.authorize(code)
    tiktok.world.revoke(post.item_id)
    renewed = tiktok.world.mint(post.item_id)

    assert renewed.value != code.value
    assert tiktok.authorize(renewed)["code"] == 0
    (row,) = tiktok.rows()
    assert row["item_info"]["auth_code"] == renewed.value
    assert row["auth_info"]["ad_auth_status"] == "AUTHORIZED"


@pytest.mark.parametrize(("needs_new", "code"), [(False, 0), (True, 40002)])
def test_whether_an_unbound_code_binds_again_is_a_switch(tiktok: Caller, *, needs_new: bool, code: int) -> None:
    tiktok.world.switches.rebind_needs_new_code = needs_new
    post, minted = tiktok.minted()
    tiktok.authorize(minted)
    tiktok.world.unbind(tiktok.advertiser_id, post.item_id)

    assert tiktok.authorize(minted)["code"] == code


def test_unbinding_in_use_is_refused_when_told_so(tiktok: Caller) -> None:
    post, code = tiktok.minted()
    tiktok.authorize(code)
    tiktok.world.uses = lambda _item_id: True
    tiktok.world.switches.is_unbind_refused_in_use = True

    answer = tiktok.post("tt_video/unbind", advertiser_id=tiktok.advertiser_id, item_id=post.item_id)

    assert answer["code"] == 40001


def test_a_duet_needs_the_code_of_the_post_it_was_made_from(tiktok: Caller) -> None:
    original, original_code = tiktok.minted()
    _, unrelated = tiktok.minted()
    _, duet = tiktok.minted(duet_of=original.item_id)

    assert tiktok.authorize(duet)["message"] == TEXTS["original_code_needed"].text
    assert tiktok.authorize(duet, original_post_auth_code=unrelated.value)["code"] == 40002
    assert tiktok.authorize(duet, original_post_auth_code="#")["message"] == TEXTS["auth_code_format_error"].text
    assert tiktok.authorize(duet, original_post_auth_code=original_code.value)["code"] == 0
