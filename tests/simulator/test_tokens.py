"""OAuth: from consent to token to revocation."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from infra.clock import HandClock
from tests.simulator.caller import Caller

APP = {"app_id": "app-1", "secret": "secret-1"}
CLIENT = {"client_id": "app-1", "client_secret": "secret-1"}


def test_an_advertisers_consent_becomes_a_token_once(tiktok: Caller) -> None:
    auth_code = tiktok.world.consent("app-1", [tiktok.advertiser_id], scopes=[690, 691])

    bought = tiktok.post("oauth2/access_token", token="", auth_code=auth_code, **APP)
    again = tiktok.post("oauth2/access_token", token="", auth_code=auth_code, **APP)
    token = bought["data"]["access_token"]

    assert bought["data"] == {"access_token": token, "advertiser_ids": [tiktok.advertiser_id], "scope": [690, 691]}
    assert again["code"] == 40110
    assert tiktok.get("oauth2/advertiser/get", token=token, **APP)["data"] == {
        "list": [{"advertiser_id": tiktok.advertiser_id, "advertiser_name": "Acme"}]
    }


def test_a_consent_lasts_an_hour_and_its_token_for_ever(tiktok: Caller, clock: HandClock) -> None:
    late = tiktok.world.consent("app-1", [tiktok.advertiser_id])
    clock.advance(timedelta(hours=1))
    assert tiktok.post("oauth2/access_token", token="", auth_code=late, **APP)["code"] == 40110

    clock.advance(timedelta(days=3650))
    assert tiktok.rows() == []


@pytest.mark.parametrize(
    ("given", "code"),
    [({"secret": "wrong"}, 40101), ({"app_id": "nobody"}, 40113), ({"auth_code": "invented"}, 40101)],
)
def test_wrong_papers_are_refused(tiktok: Caller, given: dict[str, str], code: int) -> None:
    papers = {**APP, "auth_code": tiktok.world.consent("app-1", [tiktok.advertiser_id]), **given}

    assert tiktok.post("oauth2/access_token", token="", **papers)["code"] == code


def test_a_revoked_token_is_dead(tiktok: Caller) -> None:
    assert tiktok.post("oauth2/revoke_token", token="", access_token=tiktok.token, **APP)["code"] == 0

    assert tiktok.get("tt_video/list", advertiser_id=tiktok.advertiser_id)["code"] == 40105


def bought_by_creator(tiktok: Caller) -> dict[str, Any]:
    auth_code = tiktok.world.creator_consent("app-1", tiktok.creator.creator_id)
    answer = tiktok.post(
        "tt_user/oauth2/token", token="", grant_type="authorization_code", auth_code=auth_code, **CLIENT
    )
    data: dict[str, Any] = answer["data"]
    return data


def test_a_tiktok_accounts_token_lasts_a_day_and_is_refreshed(tiktok: Caller, clock: HandClock) -> None:
    pair = bought_by_creator(tiktok)
    post, _ = tiktok.minted()
    ask = {"business_id": pair["open_id"], "item_id": post.item_id}
    path = "business/post/authorize/status"

    assert (pair["expires_in"], pair["refresh_token_expires_in"]) == (86_400, 31_536_000)
    assert pair["scope"] == "biz.spark.auth"
    assert tiktok.get(path, token=pair["access_token"], **ask)["code"] == 0
    clock.advance(timedelta(hours=24))
    assert tiktok.get(path, token=pair["access_token"], **ask)["code"] == 40102

    renewal = {"grant_type": "refresh_token", "refresh_token": pair["refresh_token"], **CLIENT}
    renewed = tiktok.post("tt_user/oauth2/refresh_token", token="", **renewal)["data"]
    assert tiktok.get(path, token=renewed["access_token"], **ask)["code"] == 0
    assert tiktok.post("tt_user/oauth2/refresh_token", token="", **renewal)["code"] == 40107

    clock.advance(timedelta(days=365))
    renewal["refresh_token"] = renewed["refresh_token"]
    assert tiktok.post("tt_user/oauth2/refresh_token", token="", **renewal)["code"] == 40103


def test_an_accounts_token_can_be_revoked_and_looked_at(tiktok: Caller) -> None:
    pair = bought_by_creator(tiktok)
    info = {"app_id": "app-1", "access_token": pair["access_token"]}

    assert tiktok.post("tt_user/token_info/get", token="", **info)["data"]["scope"] == "biz.spark.auth"
    assert tiktok.post("tt_user/oauth2/revoke", token="", access_token=pair["access_token"], **CLIENT)["code"] == 0
    assert tiktok.post("tt_user/token_info/get", token="", **info)["code"] == 40105


def test_tokens_of_one_kind_do_not_open_paths_of_the_other(tiktok: Caller) -> None:
    account = bought_by_creator(tiktok)["access_token"]

    assert tiktok.get("tt_video/list", token=account, advertiser_id=tiktok.advertiser_id)["code"] == 40105
    assert tiktok.get("business/post/authorize/status", business_id="6", item_id="7")["code"] == 40105


def test_a_wrong_grant_type(tiktok: Caller) -> None:
    assert tiktok.post("tt_user/oauth2/token", token="", grant_type="magic", auth_code="x", **CLIENT)["code"] == 40108


def test_the_portal_agrees_and_sends_back(tiktok: Caller) -> None:
    response = tiktok.http.get(
        "/portal/auth", params={"app_id": "app-1", "state": "s1", "redirect_uri": "http://127.0.0.1:9/back"}
    )
    back = parse_qs(urlsplit(response.headers["location"]).query)

    assert response.status_code == 302
    assert back["state"] == ["s1"]
    bought = tiktok.post("oauth2/access_token", token="", auth_code=back["auth_code"][0], **APP)
    assert bought["data"]["advertiser_ids"] == [tiktok.advertiser_id]
    assert tiktok.http.get("/portal/auth", params={"app_id": "nobody"}).status_code == 400
