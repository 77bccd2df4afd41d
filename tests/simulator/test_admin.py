"""The strings of the puppeteer, and that docs/simulator.md names all of them."""

from __future__ import annotations

import dataclasses
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from infra.clock import HandClock, RunningClock
from simulator.admin import ACTIONS, Admin
from simulator.catalogue import ROWS
from simulator.faults import Kind
from simulator.switches import Switches
from tests.simulator.caller import START, Caller

PAGE = Path(__file__).parents[2] / "docs" / "simulator.md"


def does(tiktok: Caller, action: str, *, status: int = 200, **given: Any) -> Any:
    response = tiktok.http.post(f"/admin/do/{action}", json=given)
    assert response.status_code == status, response.text
    return response.json()


def test_a_life_by_admin_calls(tiktok: Caller) -> None:
    creator_id = does(tiktok, "add_creator", handle="@zoe")["creator_id"]
    item_id = does(tiktok, "add_post", creator_id=creator_id, text="hello")["item_id"]
    code = does(tiktok, "mint", item_id=item_id, days=7)["value"]
    assert tiktok.authorize(code)["code"] == 0

    tiktok.http.post("/admin/clock", json={"advance_seconds": 8 * 86_400})
    assert tiktok.rows()[0]["auth_info"]["ad_auth_status"] == "EXPIRED"
    does(tiktok, "extend", item_id=item_id, days=30)
    assert tiktok.rows()[0]["auth_info"]["ad_auth_status"] == "AUTHORIZED"
    does(tiktok, "revoke", item_id=item_id)
    assert tiktok.rows()[0]["auth_info"]["ad_auth_status"] == "REVOKED"

    state = tiktok.http.get("/admin/state").json()
    assert [each["standing"] for each in state["bindings"]] == ["REVOKED"]
    assert state["binds"] == 1


def test_what_the_world_refuses_comes_with_its_words(tiktok: Caller) -> None:
    answer = does(tiktok, "mint", item_id="7", status=409)

    assert answer == {"code": 40007, "message": "item_id: 7 doesn't exist", "symbol": None}


def test_what_cannot_be_understood_is_said(tiktok: Caller) -> None:
    assert "mint" in does(tiktok, "explode", status=400)["message"]
    does(tiktok, "mint", status=400)
    assert tiktok.http.post("/admin/clock", json={"speed": 2}).status_code == 400
    assert tiktok.http.post("/admin/clock", json={"warp": 2}).status_code == 400
    assert tiktok.http.post("/admin/faults", json={"path": "*", "kind": "earthquake"}).status_code == 400
    assert tiktok.http.post("/admin/switches", content=b"{").status_code == 400


@pytest.mark.parametrize(
    ("action", "given", "sentence"),
    [
        ("mint", {}, "mint needs item_id"),
        ("mint", {"item_id": "7", "length": 30}, "mint does not know length: it takes days, item_id, value"),
        ("mint", {"item_id": "7", "days": "long"}, 'days cannot be "long": expected `int`, got `str`'),
        ("add_post", {"creator_id": "7", "colour": "red"}, "add_post does not know colour"),
    ],
)
def test_a_bad_argument_is_named_in_a_sentence(
    tiktok: Caller, action: str, given: dict[str, Any], sentence: str
) -> None:
    message = does(tiktok, action, status=400, **given)["message"]

    assert message.startswith(sentence)
    assert "World" not in message


def test_a_bad_fault_and_a_bad_limit_are_named(tiktok: Caller) -> None:
    fault = tiktok.http.post("/admin/faults", json={"path": "*", "kind": "slow", "often": 3}).json()["message"]
    limit = tiktok.http.post("/admin/limits", json={"is_on": "perhaps"}).json()["message"]

    assert fault.startswith("a fault does not know often: it takes code, kind, message")
    assert limit.startswith('is_on cannot be "perhaps"')


def test_the_clock_is_set_moved_and_run(tiktok: Caller, clock: HandClock) -> None:
    tiktok.http.post("/admin/clock", json={"set": "2026-07-01T00:00:00+00:00"})
    assert clock.now() == datetime(2026, 7, 1, tzinfo=UTC)

    tiktok.world.clock = RunningClock(START)

    assert tiktok.http.post("/admin/clock", json={"speed": 3600}).json()["speed"] == 3600


def test_switches_are_turned_all_or_none(tiktok: Caller) -> None:
    wrong = {"qr_minutes": 5, "revoked_status": 7}

    assert tiktok.http.post("/admin/switches", json=wrong).status_code == 400
    assert tiktok.http.post("/admin/switches", json={"nothing": True}).status_code == 400
    assert tiktok.http.get("/admin/switches").json()["qr_minutes"] == 30
    assert tiktok.http.post("/admin/switches", json={"qr_minutes": 5}).json()["qr_minutes"] == 5
    assert tiktok.world.switches.qr_minutes == 5


def test_faults_limits_and_calls(tiktok: Caller) -> None:
    planned = {"path": "/tt_video/list/", "kind": "code", "code": 60001}
    tiktok.http.post("/admin/faults", json=planned)
    assert tiktok.http.get("/admin/faults").json()[0]["path"] == "tt_video/list"
    assert tiktok.get("tt_video/list", advertiser_id=tiktok.advertiser_id)["code"] == 60001
    tiktok.http.post("/admin/faults", json=planned)
    assert tiktok.http.delete("/admin/faults").json() == []

    set_to = tiktok.http.post("/admin/limits", json={"is_on": True, "advertiser_second": {"tt_video/list": 1}}).json()
    assert (set_to["is_on"], set_to["advertiser_second"]["tt_video/list"]) == (True, 1)
    assert [tiktok.get("tt_video/list", advertiser_id=tiktok.advertiser_id)["code"] for _ in "12"] == [0, 40133]
    tiktok.http.post("/admin/limits", json={"forget": True})
    assert tiktok.rows() == []

    assert tiktok.http.get("/admin/calls", params={"path": "tt_video/list"}).json()["count"] == 4
    assert tiktok.http.delete("/admin/calls").json()["count"] == 0


def test_the_index_names_what_can_be_done(tiktok: Caller) -> None:
    index = tiktok.http.get("/admin/").json()

    assert index["is_simulation"] is True
    assert set(index["actions"]) == set(ACTIONS)


def rows_of(heading: str) -> set[str]:
    """The names in the first column of the table under a heading."""
    _, _, rest = PAGE.read_text().partition(f"\n## {heading}\n")
    section = rest.partition("\n## ")[0]
    return set(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE))


@pytest.mark.parametrize(
    ("heading", "names"),
    [
        ("Switches", {field.name for field in dataclasses.fields(Switches)}),
        ("Faults", {str(kind) for kind in Kind}),
        ("Refusals of Spark codes", {row.symbol for row in ROWS}),
        ("Deeds", set(ACTIONS)),
    ],
)
def test_the_page_lists_all_of_them(heading: str, names: set[str]) -> None:
    assert rows_of(heading) == names


def test_the_page_lists_all_admin_paths(tiktok: Caller) -> None:
    paths = {f"/admin{route.path}" for route in Admin(tiktok.world).routes()}

    assert {path.split()[-1] for path in rows_of("Admin calls")} == paths


def test_every_switch_does_something() -> None:
    code = "".join(path.read_text() for path in (PAGE.parents[1] / "simulator").rglob("*.py"))
    read = set(re.findall(r"(?:(?<=switches\.)|(?<=self\.))\w+", code))

    assert {field.name for field in dataclasses.fields(Switches)} <= read
