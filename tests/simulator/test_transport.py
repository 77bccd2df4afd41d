"""The rules of HTTP that every path shares."""

from __future__ import annotations

import time

import httpx
import pytest

from simulator.accounts import QUERY_POSTS
from tests.simulator.caller import Caller

LIST = "tt_video/list"


def test_an_answer_is_an_envelope_with_an_id_of_its_own(tiktok: Caller) -> None:
    first = tiktok.http.get(
        "/open_api/v1.3/tt_video/list/",
        params={"advertiser_id": tiktok.advertiser_id},
        headers={"Access-Token": tiktok.token},
    )
    second = tiktok.get(LIST, advertiser_id=tiktok.advertiser_id)

    assert first.json()["code"] == second["code"] == 0
    assert first.json()["message"] == "OK"
    assert first.headers["x-tt-logid"] == first.json()["request_id"] != second["request_id"]


def test_a_refusal_is_http_200_with_empty_data(tiktok: Caller) -> None:
    answer = tiktok.get(LIST)

    assert answer["code"] == 40002
    assert answer["message"].startswith("advertiser_id")
    assert answer["data"] == {}


def test_without_the_last_slash_there_is_no_envelope(tiktok: Caller) -> None:
    response = tiktok.http.get("/open_api/v1.3/tt_video/list")

    assert (response.status_code, response.text) == (404, "404 page not found")


@pytest.mark.parametrize("code", [40007, 40008])
def test_an_unknown_path_has_a_code(tiktok: Caller, code: int) -> None:
    tiktok.world.switches.unknown_path_code = code

    assert tiktok.get("tt_video/nothing")["code"] == code


def test_a_wrong_method_is_refused_in_either_way(tiktok: Caller) -> None:
    assert tiktok.post(LIST, advertiser_id=tiktok.advertiser_id)["code"] == 40117

    tiktok.world.switches.wrong_method_as_405 = True

    assert tiktok.http.post("/open_api/v1.3/tt_video/list/", json={}).status_code == 405


def test_tokens_that_are_missing_unknown_or_revoked(tiktok: Caller) -> None:
    missing = tiktok.get(LIST, token="", advertiser_id=tiktok.advertiser_id)
    unknown = tiktok.get(LIST, token="nobody's", advertiser_id=tiktok.advertiser_id)
    tiktok.world.revoke_token(tiktok.token)
    revoked = tiktok.get(LIST, advertiser_id=tiktok.advertiser_id)

    assert missing["code"] == 40104
    assert "Access-Token" in missing["message"]
    assert unknown["code"] == revoked["code"] == 40105


def test_a_token_does_only_what_was_agreed_to(tiktok: Caller) -> None:
    narrow = tiktok.world.issue("app-1", [tiktok.advertiser_id], scopes=[QUERY_POSTS]).value

    assert tiktok.get(LIST, token=narrow, advertiser_id=tiktok.advertiser_id)["code"] == 40001

    tiktok.world.switches.missing_scope_code = 40125

    assert tiktok.get("identity/get", token=narrow, advertiser_id=tiktok.advertiser_id)["code"] == 40125


@pytest.mark.parametrize("code", [40001, 40300, 40301])
def test_a_foreign_advertiser_is_refused(tiktok: Caller, code: int) -> None:
    tiktok.world.switches.foreign_advertiser_code = code
    foreign = tiktok.world.add_advertiser("Another").advertiser_id

    assert tiktok.get(LIST, advertiser_id=foreign)["code"] == code
    assert tiktok.get(LIST, advertiser_id="7")["code"] == 40300


def test_ids_are_strings(tiktok: Caller) -> None:
    answer = tiktok.post("tt_video/unbind", advertiser_id=int(tiktok.advertiser_id), item_id="7")

    assert (answer["code"], answer["message"]) == (40002, "advertiser_id: Not a valid string.")


def test_lists_come_as_json_text_and_keys_once(tiktok: Caller) -> None:
    well = tiktok.get(LIST, advertiser_id=tiktok.advertiser_id, item_types=["VIDEO"])
    bare = tiktok.get(LIST, advertiser_id=tiktok.advertiser_id, item_types="VIDEO")
    twice = tiktok.http.get(
        f"/open_api/v1.3/tt_video/list/?advertiser_id={tiktok.advertiser_id}&item_types=VIDEO&item_types=CAROUSEL",
        headers={"Access-Token": tiktok.token},
    ).json()

    assert well["code"] == 0
    assert bare["code"] == twice["code"] == 40002
    assert "unmarshal" in bare["message"]
    assert "unmarshal" in twice["message"]


@pytest.mark.parametrize(
    ("content", "kind"), [(b"{", "application/json"), (b"[]", "application/json"), (b"a=b", "text/plain")]
)
def test_a_body_is_a_json_object(tiktok: Caller, content: bytes, kind: str) -> None:
    response = tiktok.http.post(
        "/open_api/v1.3/tt_video/authorize/",
        content=content,
        headers={"Access-Token": tiktok.token, "content-type": kind},
    )

    assert response.json()["code"] == 40002


def test_the_answer_can_be_lost_after_the_change(tiktok: Caller) -> None:
    post, code = tiktok.minted()
    tiktok.world.faults.plan("tt_video/authorize", "lost_after")

    with pytest.raises(httpx.RemoteProtocolError):
        tiktok.authorize(code)

    assert [row["item_info"]["item_id"] for row in tiktok.rows()] == [post.item_id]
    assert tiktok.world.binds[tiktok.advertiser_id, post.item_id] == 1
    assert [call.code for call in tiktok.world.calls_of("tt_video/authorize")] == [None]


def test_the_call_can_be_lost_before_the_change(tiktok: Caller) -> None:
    _, code = tiktok.minted()
    tiktok.world.faults.plan("tt_video/authorize", "lost_before")

    with pytest.raises(httpx.RemoteProtocolError):
        tiktok.authorize(code)

    assert tiktok.rows() == []
    assert tiktok.authorize(code)["code"] == 0


def test_the_answer_can_be_silent_until_the_client_gives_up(tiktok: Caller) -> None:
    _, code = tiktok.minted()
    tiktok.world.faults.plan("*", "silent_after", seconds=20)
    body = {"advertiser_id": tiktok.advertiser_id, "auth_code": code.value}
    begun = time.monotonic()

    with pytest.raises(httpx.ReadTimeout):
        tiktok.http.post(
            "/open_api/v1.3/tt_video/authorize/", json=body, headers={"Access-Token": tiktok.token}, timeout=0.2
        )

    assert len(tiktok.rows()) == 1
    assert time.monotonic() - begun < 5


def test_the_answer_can_be_slow(tiktok: Caller) -> None:
    tiktok.world.faults.plan(LIST, "slow", seconds=0.2)
    begun = time.monotonic()

    tiktok.rows()

    assert time.monotonic() - begun >= 0.2


def test_the_answer_can_be_no_json(tiktok: Caller) -> None:
    tiktok.world.faults.plan(LIST, "malformed")

    with pytest.raises(ValueError, match="line 1 column"):
        tiktok.rows()


@pytest.mark.parametrize("code", [50000, 50002, 51305, 60001, 40202])
def test_trouble_of_tiktoks_own_lasts_as_many_calls_as_planned(tiktok: Caller, code: int) -> None:
    tiktok.world.faults.plan(LIST, "code", code=code, times=2)

    answers = [tiktok.get(LIST, advertiser_id=tiktok.advertiser_id)["code"] for _ in range(3)]

    assert answers == [code, code, 0]


@pytest.mark.parametrize("text", ["call_rpc_fail", "call_db_fail"])
def test_the_number_500_below_zero_is_worded_in_the_message(tiktok: Caller, text: str) -> None:
    _, code = tiktok.minted()
    tiktok.world.switches.is_number_in_message = True
    tiktok.world.faults.plan("tt_video/authorize", "code", code=-500, message=text)

    answer = tiktok.authorize(code)

    assert answer["code"] == 40002
    assert "-500" in answer["message"]
    assert text in answer["message"]


def test_a_change_may_be_made_and_trouble_answered(tiktok: Caller) -> None:
    _, code = tiktok.minted()
    tiktok.world.faults.plan("tt_video/authorize", "code_after", code=50000)

    assert tiktok.authorize(code)["code"] == 50000
    assert len(tiktok.rows()) == 1


def test_the_sandbox_has_no_posts(tiktok: Caller) -> None:
    tiktok.world.switches.is_sandbox = True

    assert tiktok.get(LIST, advertiser_id=tiktok.advertiser_id)["code"] == 40014
    assert tiktok.get("identity/get", advertiser_id=tiktok.advertiser_id)["code"] == 0


def test_calls_are_written_down(tiktok: Caller) -> None:
    tiktok.rows()
    tiktok.get(LIST, advertiser_id=tiktok.advertiser_id, page_size=51)

    assert [(call.path, call.method, call.advertiser_id, call.code) for call in tiktok.world.calls] == [
        (LIST, "GET", tiktok.advertiser_id, 0),
        (LIST, "GET", tiktok.advertiser_id, 40002),
    ]
