"""Access to whole accounts: the link, the grant, the assignment, the identity, and its end."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from infra.clock import HandClock
from simulator.catalogue import Refused
from tests.simulator.caller import Caller


def linked(tiktok: Caller) -> str:
    url: str = tiktok.get("bc/asset/account/authorization", bc_id=tiktok.bc_id)["data"]["bc_auth_qr_code"]
    return url


def assigned(tiktok: Caller) -> None:
    tiktok.world.scan(linked(tiktok), tiktok.creator.creator_id)
    body = {"bc_id": tiktok.bc_id, "asset_id": tiktok.creator.creator_id, "advertiser_id": tiktok.advertiser_id}
    assert tiktok.post("bc/asset/advertiser/assign", **body)["code"] == 0


def identities(tiktok: Caller) -> list[str]:
    ask = {"identity_type": "BC_AUTH_TT", "identity_authorized_bc_id": tiktok.bc_id}
    data = tiktok.get("identity/get", advertiser_id=tiktok.advertiser_id, **ask)["data"]
    return [each["identity_id"] for each in data["identity_list"]]


def test_from_the_link_to_an_identity(tiktok: Caller) -> None:
    assert tiktok.get("bc/asset/get", bc_id=tiktok.bc_id, asset_type="TT_ACCOUNT")["data"]["list"] == []
    tiktok.world.scan(linked(tiktok), tiktok.creator.creator_id, can_push=True)

    (account,) = tiktok.get("bc/asset/get", bc_id=tiktok.bc_id, asset_type="TT_ACCOUNT")["data"]["list"]
    assert (account["asset_id"], account["asset_name"]) == (tiktok.creator.creator_id, "lea")
    assert "POST" in account["tt_account_roles"]
    assert identities(tiktok) == []

    assigned(tiktok)

    (identity_id,) = identities(tiktok)
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f-]{27}", identity_id)
    shown = tiktok.get(
        "bc/asset/advertiser/assigned",
        bc_id=tiktok.bc_id,
        asset_id=tiktok.creator.creator_id,
        asset_type="TT_ACCOUNT",
    )
    assert [each["advertiser_id"] for each in shown["data"]["list"]] == [tiktok.advertiser_id]


def test_a_link_does_not_live_long(tiktok: Caller, clock: HandClock) -> None:
    url = linked(tiktok)
    clock.advance(timedelta(minutes=30))

    with pytest.raises(Refused, match="expired"):
        tiktok.world.scan(url, tiktok.creator.creator_id)
    assert linked(tiktok) != url


def test_access_lasts_until_it_is_removed(tiktok: Caller, clock: HandClock) -> None:
    assigned(tiktok)
    clock.advance(timedelta(days=1000))
    assert len(identities(tiktok)) == 1

    tiktok.world.remove_access(tiktok.bc_id, tiktok.creator.creator_id)

    assert identities(tiktok) == []


def test_access_can_be_taken_from_one_advertiser(tiktok: Caller) -> None:
    assigned(tiktok)
    body = {"bc_id": tiktok.bc_id, "asset_id": tiktok.creator.creator_id, "advertiser_id": tiktok.advertiser_id}

    assert tiktok.post("bc/asset/advertiser/unassign", **body)["code"] == 0
    assert identities(tiktok) == []
    assert tiktok.post("bc/asset/advertiser/unassign", **body)["code"] == 40002


def test_only_administrators_and_advertisers_of_the_center(tiktok: Caller) -> None:
    stranger = tiktok.world.issue("app-1", [tiktok.advertiser_id]).value
    outside = tiktok.world.add_advertiser("Outside").advertiser_id
    both = tiktok.world.issue("app-1", [outside], bc_ids=[tiktok.bc_id]).value
    tiktok.world.grant(tiktok.bc_id, tiktok.creator.creator_id)
    body = {"bc_id": tiktok.bc_id, "asset_id": tiktok.creator.creator_id}

    assert tiktok.get("bc/asset/account/authorization", token=stranger, bc_id=tiktok.bc_id)["code"] == 40001
    assert tiktok.get("bc/asset/account/authorization", bc_id="7")["code"] == 40007
    assign = "bc/asset/advertiser/assign"
    assert tiktok.post(assign, token=both, advertiser_id=outside, **body)["code"] == 40002
    assert tiktok.post(assign, bc_id=tiktok.bc_id, asset_id="6", advertiser_id=tiktok.advertiser_id)["code"] == 40007
