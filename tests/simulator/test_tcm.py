"""TikTok One in the simulated TikTok: a request, thirty asks, an answer, a longer authorization."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest

from simulator.catalogue import Refused
from tests.simulator.stage import DAY, Stage, staged

ACCOUNT = "7300000000000000001"


@pytest.fixture
def stage() -> Iterator[Stage]:
    with staged() as stage:
        yield stage


@pytest.fixture
def video_id(stage: Stage) -> str:
    """A video that nobody has authorized."""
    return stage.world.add_post(stage.world.posts[stage.item_id].creator_id).item_id


def apply(stage: Stage, video_id: str, **more: Any) -> Mapping[str, Any]:
    return stage.post("tcm/tt_video/apply", tcm_account_id=ACCOUNT, video_id=video_id, **more)


def status(stage: Stage, video_id: str) -> Mapping[str, Any]:
    return stage.get("tcm/tt_video/status", tcm_account_id=ACCOUNT, video_id=video_id)


def test_a_request_waits_until_the_creator_accepts_for_another_length(stage: Stage, video_id: str) -> None:
    assert apply(stage, video_id, authorization_days=30)["data"] == {}
    waiting = status(stage, video_id)["data"]
    stage.clock.advance(timedelta(hours=5))

    code = stage.world.accept(ACCOUNT, video_id, days=7)

    assert (waiting["auth_status"], waiting["num_remaining_request"]) == ("WAITING", 29)
    assert "auth_code" not in waiting
    accepted = status(stage, video_id)["data"]
    assert accepted["auth_status"] == "ACCEPTED"
    assert accepted["auth_code"] == code.value
    assert accepted["auth_code_status"] == "NOT_USED"
    assert accepted["requested_authorization_days"] == 30
    assert accepted["auth_status_updated_time"] == "2026-03-02 14:00:00"
    assert accepted["auth_code_end_time"] == "2026-03-09 14:00:00"


def test_the_asks_run_out(stage: Stage, video_id: str) -> None:
    answers = [apply(stage, video_id)["code"] for _ in range(31)]

    assert answers == [0] * 30 + [40002]
    assert status(stage, video_id)["data"]["num_remaining_request"] == 0


def test_a_refusal_lets_one_ask_anew(stage: Stage, video_id: str) -> None:
    apply(stage, video_id)

    stage.world.reject(ACCOUNT, video_id)

    assert status(stage, video_id)["data"]["auth_status"] == "REJECTED"
    with pytest.raises(Refused, match="no request waits"):
        stage.world.accept(ACCOUNT, video_id)
    assert apply(stage, video_id)["code"] == 0
    assert status(stage, video_id)["data"]["num_remaining_request"] == 29


def test_the_code_shows_while_waiting_when_promotion_is_switched_on(stage: Stage) -> None:
    apply(stage, stage.item_id)

    shown = status(stage, stage.item_id)["data"]

    assert shown["auth_status"] == "WAITING"
    assert shown["auth_code_status"] == "IN_USE"
    assert shown["auth_code"].startswith("#")


def test_an_extension_adds_to_what_is_left(stage: Stage, video_id: str) -> None:
    assert apply(stage, video_id, action="EXTEND")["code"] == 40007
    apply(stage, video_id)
    code = stage.world.accept(ACCOUNT, video_id)
    end = code.end_at

    assert apply(stage, video_id)["code"] == 40002
    assert apply(stage, video_id, action="EXTEND", authorization_days=60)["code"] == 0
    extended = stage.world.accept(ACCOUNT, video_id)

    assert extended.value == code.value
    assert extended.end_at == end + 60 * DAY
    stage.clock.set(extended.end_at)
    assert status(stage, video_id)["data"]["auth_code_status"] == "EXPIRED"
    stage.world.revoke(video_id)
    assert status(stage, video_id)["data"]["auth_code_status"] == "DELETED"


def test_lengths_of_its_own_are_a_switch(stage: Stage, video_id: str) -> None:
    refused = apply(stage, video_id, authorization_days=45)
    stage.world.switches.is_any_length_allowed_for_tcm = True

    assert refused["code"] == 40002
    assert apply(stage, video_id, authorization_days=45)["code"] == 0
    code = stage.world.accept(ACCOUNT, video_id)
    assert code.end_at - code.start_at == 45 * DAY


def test_what_was_never_asked_for_has_no_status(stage: Stage, video_id: str) -> None:
    assert status(stage, video_id)["code"] == 40007
    assert apply(stage, "7999")["code"] == 40007
