"""What creators do: with a token of their own, or by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from infra.clock import HandClock
from simulator.catalogue import Refused
from simulator.world import World
from tests.simulator.caller import START, Caller

STATUS = "business/post/authorize/status"


class Hers:
    """A creator's own calls about one post."""

    def __init__(self, tiktok: Caller) -> None:
        self._tiktok = tiktok
        self.post = tiktok.world.add_post(tiktok.creator.creator_id)
        self._ids = {"business_id": tiktok.creator.creator_id, "item_id": self.post.item_id}

    def does(self, what: str, **more: Any) -> dict[str, Any]:
        path = "business/post/authorize" + (f"/{what}" if what else "")
        return self._tiktok.post(path, token=self._token(), **self._ids, **more)

    def _token(self) -> str:
        return self._tiktok.world.issue_for_creator("app-1", self._tiktok.creator.creator_id).value

    def status(self) -> dict[str, Any]:
        return self._tiktok.get(STATUS, token=self._token(), **self._ids)


@pytest.fixture
def hers(tiktok: Caller) -> Hers:
    return Hers(tiktok)


def test_switching_on_mints_a_code(tiktok: Caller, hers: Hers) -> None:
    assert hers.does("setting", is_ad_promotable=True, authorization_days=60)["data"] == {}

    data = hers.status()["data"]

    assert data["auth_code"].startswith("#")
    assert data["auth_code_end_time"] == "2026-07-03 09:00:00"
    assert (data["authorization_days"], data["auth_code_status"]) == (60, "NOT_USED")
    assert tiktok.authorize(data["auth_code"])["code"] == 0
    assert hers.status()["data"]["auth_code_status"] == "IN_USE"


def test_thirty_days_by_default_and_no_others_than_allowed(hers: Hers) -> None:
    assert hers.does("setting", is_ad_promotable=True, authorization_days=8)["code"] == 40002
    hers.does("setting", is_ad_promotable=True)

    assert hers.status()["data"]["authorization_days"] == 30


def test_a_post_without_a_code_has_no_status(hers: Hers) -> None:
    assert hers.status()["code"] == 40007
    assert hers.does("", authorization_days=30)["code"] == 40007
    assert hers.does("delete")["code"] == 40007


def test_days_are_added_to_what_is_left(tiktok: Caller, hers: Hers, clock: HandClock) -> None:
    hers.does("setting", is_ad_promotable=True, authorization_days=30)
    before = hers.status()["data"]
    clock.advance(timedelta(days=20))

    assert hers.does("", authorization_days=60)["code"] == 0

    after = hers.status()["data"]
    assert after["auth_code"] == before["auth_code"]
    assert after["auth_code_end_time"] == (START + timedelta(days=90)).strftime("%Y-%m-%d %H:%M:%S")


def test_an_expired_code_runs_again_from_now_on(tiktok: Caller, clock: HandClock) -> None:
    post, code = tiktok.minted(days=7)
    tiktok.authorize(code)
    clock.advance(timedelta(days=10))
    assert tiktok.rows()[0]["auth_info"]["ad_auth_status"] == "EXPIRED"

    tiktok.world.extend(post.item_id, days=30)

    assert tiktok.rows()[0]["auth_info"]["ad_auth_status"] == "AUTHORIZED"
    assert code.end_at == START + timedelta(days=40)


def test_an_extension_may_give_another_code(tiktok: Caller) -> None:
    tiktok.world.switches.is_code_kept_on_extension = False
    post, code = tiktok.minted()
    tiktok.authorize(code)

    renewed = tiktok.world.extend(post.item_id, days=30)

    assert renewed is tiktok.world.code_of(post.item_id)
    assert renewed.value != code.value
    assert renewed.end_at == START + timedelta(days=60)
    assert tiktok.rows()[0]["auth_info"]["ad_auth_status"] == "REVOKED"


def test_a_deleted_code_is_gone_and_an_extension_makes_another(tiktok: Caller, hers: Hers) -> None:
    hers.does("setting", is_ad_promotable=True)
    first = hers.status()["data"]["auth_code"]

    assert hers.does("delete")["data"] == {"item_id": hers.post.item_id, "auth_code_status": "DELETED"}
    assert hers.status()["code"] == 40007
    assert hers.does("", authorization_days=7)["code"] == 0
    assert hers.status()["data"]["auth_code"] != first

    hers.does("delete")
    tiktok.world.switches.is_deleted_code_regenerated = False
    assert hers.does("", authorization_days=7)["code"] == 40007


def test_what_an_ad_uses_is_neither_deleted_nor_switched_off(tiktok: Caller, hers: Hers) -> None:
    hers.does("setting", is_ad_promotable=True)
    tiktok.world.uses = lambda item_id: item_id == hers.post.item_id

    assert hers.does("delete")["code"] == 40001
    assert hers.does("setting", is_ad_promotable=False)["code"] == 40001
    with pytest.raises(Refused):
        tiktok.world.delete_post(hers.post.item_id)

    switches = tiktok.world.switches
    switches.is_off_refused_in_use = switches.is_deletion_of_post_refused_in_use = False
    switches.is_deletion_of_code_refused_in_use = False
    assert hers.does("setting", is_ad_promotable=False)["code"] == 0
    tiktok.world.delete_post(hers.post.item_id)
    assert hers.post.status == "USER_DELETE"


def test_the_paths_work_without_their_last_slash(tiktok: Caller, hers: Hers) -> None:
    hers.does("setting", is_ad_promotable=True)
    token = tiktok.world.issue_for_creator("app-1", tiktok.creator.creator_id).value

    response = tiktok.http.get(
        f"/open_api/v1.3/{STATUS}",
        params={"business_id": tiktok.creator.creator_id, "item_id": hers.post.item_id},
        headers={"Access-Token": token},
    )

    assert response.json()["code"] == 0


def test_a_creator_touches_own_posts_only(tiktok: Caller, hers: Hers) -> None:
    other = tiktok.world.add_creator("@other")
    foreign = tiktok.world.add_post(other.creator_id)
    token = tiktok.world.issue_for_creator("app-1", tiktok.creator.creator_id).value

    def asks(business_id: str, item_id: str) -> int:
        code: int = tiktok.get(STATUS, token=token, business_id=business_id, item_id=item_id)["code"]
        return code

    assert asks(other.creator_id, foreign.item_id) == 40001
    assert asks(tiktok.creator.creator_id, foreign.item_id) == 40001
    assert asks(tiktok.creator.creator_id, "7") == 40007


def test_posts_change_and_the_list_shows_it(tiktok: Caller) -> None:
    post, code = tiktok.minted()
    tiktok.authorize(code)

    def status() -> str:
        word: str = tiktok.rows()[0]["item_info"]["status"]
        return word

    tiktok.world.make_private(post.item_id)
    assert status() == "ONLY_AUTHOR_SEE"
    tiktok.world.make_public(post.item_id)
    assert status() == "HESITATE_RECOMMEND"
    tiktok.world.moderate(post.item_id)
    assert status() == "ONLY_USER_PASS"
    tiktok.world.delete_post(post.item_id)
    assert status() == "USER_DELETE"


def test_only_known_words_are_statuses(world: World) -> None:
    post = world.add_post(world.add_creator("@lea").creator_id)

    with pytest.raises(Refused):
        world.set_status(post.item_id, "GONE")
