"""A code on its way to TikTok: each answer that it may meet, against the simulator over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs

from domain.refusal_table import CODE_ROWS, NOT_CONFIRMED
from domain.refusals import Refusal, sentence_of
from infra.clock import HandClock
from infra.database import hot
from infra.vault import Vault
from simulator.accounts import Binding, Code, Post
from simulator.world import World
from tests.brand import ADVERTISER, CENTER, KEY, POST, Brand, brand
from tests.service import APP_ID
from worker.cases import TRIES, UNCONNECTED, is_passing
from worker.checking import ALREADY, READINGS
from worker.effects import NO_APP, perform


@pytest.fixture
def story(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[Brand]:
    with brand(engine=engine, clock=clock, vault=vault) as story:
        story.asks()
        yield story


def test_a_code_is_looked_up_bound_and_confirmed(story: Brand) -> None:
    code = story.mints()

    with capture_logs() as logs:
        story.pastes(f"Hi! here is my code: {code.value} thanks")

    assert story.last == ("code.granted", "moved", "authorized")
    assert story.desk.authorization.expires_at == code.end_at
    assert story.desk.authorization.starts_at == code.start_at
    assert story.check == ("done", None)
    assert story.binds == 1
    assert [call.path for call in story.world.calls] == [
        "tt_video/info",
        "tt_video/list",
        "tt_video/authorize",
        "tt_video/list",
    ]
    [line] = [line for line in logs if line["event"] == "effect_done"]
    assert (line["kind"], line["key"], line["news"]) == ("code.check", KEY, ["code.granted"])
    assert line["request_id"]
    assert code.value not in str(logs)
    assert story.token not in str(logs)


def test_the_grant_is_that_of_the_code(story: Brand) -> None:
    story.pastes(story.mints().value)

    with hot(story.desk.engine) as connection:
        rows = connection.execute("SELECT code_fingerprint = fingerprint, source FROM grants, codes").fetchall()
    assert rows == [(True, "code.granted")]


def test_a_code_that_is_bound_here_already_is_granted_from_the_list(story: Brand) -> None:
    code = story.mints()
    story.world.authorize(ADVERTISER, code.value)

    story.pastes(code.value)

    assert story.last == ("code.granted", "moved", "authorized")
    assert (story.binds, story.called("tt_video/authorize")) == (1, 0)


def test_the_same_code_while_it_is_checked_is_in_hand(story: Brand) -> None:
    code = story.mints()
    story.desk.hears("code.submitted", code=code.value)
    story.pastes(code.value)

    outcomes = [(event, outcome) for event, outcome, _ in story.desk.story]
    assert outcomes.count(("code.submitted", "waiting")) == 1
    assert outcomes.count(("code.submitted", "again")) == 1
    assert (story.binds, story.called("tt_video/info")) == (1, 1)


def test_the_same_code_after_its_check_is_in_hand_no_longer(story: Brand) -> None:
    code = story.mints()
    story.pastes(code.value)
    story.clock.advance(timedelta(hours=1))
    story.pastes(code.value)

    assert [outcome for event, outcome, _ in story.desk.story if event == "code.granted"] == ["moved", "again"]
    assert story.binds == 1


def test_a_post_that_was_private_takes_the_same_code_once_it_is_public(story: Brand) -> None:
    code = story.mints()
    story.world.make_private(POST)
    story.pastes(code.value)
    assert story.last == ("code.refused", "stayed", "requested")
    assert story.note == "The post is not public. Set who can watch the post to everyone, and send the code again."

    story.world.make_public(POST)
    story.clock.advance(timedelta(hours=1))
    story.pastes(code.value)

    assert story.last == ("code.granted", "moved", "authorized")
    assert story.binds == 1


def test_a_code_for_another_post_names_that_post(story: Brand) -> None:
    other = story.world.add_post(story.creator.creator_id)
    story.pastes(story.world.mint(other.item_id).value)

    assert story.last == ("code.refused", "stayed", "requested")
    assert story.note is not None
    assert "belongs to another post" in story.note
    assert other.item_id in story.note
    assert story.called("tt_video/authorize") == 0


def test_a_code_whose_time_is_over(story: Brand) -> None:
    code = story.mints(days=7)
    story.clock.advance(timedelta(days=8))
    story.pastes(code.value)

    assert story.last == ("code.refused", "stayed", "requested")
    assert story.note is not None
    assert "time is over" in story.note
    assert "Extend the code" in story.note
    assert story.called("tt_video/authorize") == 0


def test_a_code_that_ends_before_the_flight_is_granted_and_says_by_how_much(story: Brand) -> None:
    flight_end = story.clock.now() + timedelta(days=42)
    story.desk.hears("ad.started", ad={"ad_id": "9001", "flight_end": flight_end.isoformat()})
    story.pastes(story.mints(days=30).value)

    assert story.last == ("ad.started", "moved", "active")
    assert story.note == "the authorization ends 12 d 0 h before the flight of ad 9001, on 2027-01-03 10:00 UTC"


def test_a_code_that_ends_before_what_it_was_asked_for(story: Brand) -> None:
    story.clock.advance(timedelta(minutes=1))
    story.asks(needed_until=(story.clock.now() + timedelta(days=9)).isoformat())
    story.pastes(story.mints(days=7).value)

    assert story.last == ("code.granted", "moved", "authorized")
    assert story.note == "the authorization ends 2 d 0 h before what it was asked for, on 2026-12-01 10:01 UTC"


def test_what_tiktok_does_not_take_is_refused_in_its_own_words(story: Brand) -> None:
    story.mints()
    story.pastes("#" + "Ab1/" * 15 + "xyz=")

    assert story.last == ("code.refused", "stayed", "requested")
    assert story.note is not None
    assert story.note.startswith("The code no longer exists")
    assert "TikTok said: “" in story.note
    with hot(story.desk.engine) as connection:
        [(request_id,)] = connection.execute("SELECT data ->> 'request_id' FROM inbox WHERE type = 'code.refused'")
    assert request_id


def test_a_chain_of_duets_is_refused_before_it_is_bound(story: Brand) -> None:
    story.post.is_chain = True
    story.pastes(story.mints().value)

    assert story.last == ("code.refused", "stayed", "requested")
    assert story.called("tt_video/authorize") == 0


def test_a_lost_answer_is_uncertain_and_settles_itself_by_reading(story: Brand) -> None:
    story.world.faults.plan("tt_video/authorize", "lost_after")
    story.pastes(story.mints().value)
    status, why = story.check
    assert status == "uncertain"
    assert "read from TikTok" in str(why)
    assert story.desk.authorization.state == "requested"

    story.waits(seconds=5)

    assert story.check == ("done", None)
    assert story.last == ("code.granted", "moved", "authorized")
    assert (story.binds, story.called("tt_video/authorize")) == (1, 1)


@pytest.mark.parametrize("kind", ["malformed", "code_after"])
def test_an_answer_that_says_nothing_is_as_good_as_lost(story: Brand, kind: str) -> None:
    story.world.faults.plan("tt_video/authorize", kind)
    story.pastes(story.mints().value)
    assert story.check[0] == "uncertain"

    story.waits(seconds=5)

    assert story.check == ("done", None)
    assert (story.binds, story.called("tt_video/authorize")) == (1, 1)


def test_a_call_that_never_arrived_is_made_again_once_reading_shows_that_it_did_not(story: Brand) -> None:
    story.world.faults.plan("tt_video/authorize", "lost_before")
    story.pastes(story.mints().value)

    for wait in READINGS:
        assert story.check[0] == "uncertain"
        assert story.binds == 0
        story.waits(seconds=wait.total_seconds())

    assert story.check == ("done", None)
    assert story.last == ("code.granted", "moved", "authorized")
    assert story.binds == 1


class LaggingWorld(World):
    """A TikTok whose list shows a binding half a minute after it was made."""

    def rows(self, advertiser_id: str, **how: Any) -> list[Binding]:
        shown = self.now() - timedelta(seconds=30)
        return [each for each in super().rows(advertiser_id, **how) if each.bound_at <= shown]


@pytest.mark.parametrize("fault", [None, "lost_after"])
def test_a_list_that_lags_behind_is_waited_for(
    engine: Engine, clock: HandClock, vault: Vault, fault: str | None
) -> None:
    with brand(engine=engine, clock=clock, vault=vault, world=LaggingWorld(clock, seed=7)) as story:
        story.asks()
        if fault:
            story.world.faults.plan("tt_video/authorize", fault)
        story.pastes(story.mints().value)
        assert story.check[0] == "uncertain"
        assert story.check[1] == sentence_of(NOT_CONFIRMED) or fault
        assert story.binds == 1

        for wait in READINGS[:3]:
            story.waits(seconds=wait.total_seconds())

        assert story.check == ("done", None)
        assert (story.binds, story.called("tt_video/authorize")) == (1, 1)


def test_a_new_code_takes_the_place_of_a_deleted_one(story: Brand) -> None:
    story.pastes(story.mints().value)
    story.world.revoke(POST)
    story.clock.advance(timedelta(days=1))
    story.desk.hears("authorization.revoked")
    story.clock.advance(timedelta(days=1))
    story.pastes(story.mints().value)

    assert story.last == ("code.granted", "moved", "authorized")
    assert story.binds == 2


def test_a_code_made_before_the_withdrawal_was_noticed_is_in_force_all_the_same(story: Brand) -> None:
    story.pastes(story.mints().value)
    story.clock.advance(timedelta(days=1))
    story.world.revoke(POST)
    another = story.mints()
    story.clock.advance(timedelta(minutes=5))
    story.desk.hears("authorization.revoked")
    story.clock.advance(timedelta(minutes=5))

    story.pastes(another.value)

    assert story.last == ("code.granted", "moved", "authorized")
    assert story.desk.authorization.expires_at == another.end_at.replace(microsecond=0)


class StubbornWorld(World):
    """A TikTok that takes a second code of a post, and goes on showing the first."""

    def _commit(self, advertiser_id: str, post: Post, code: Code) -> Binding:
        held = self.binding_of(advertiser_id, post.item_id)
        return held or super()._commit(advertiser_id, post, code)


def test_a_code_that_was_taken_while_an_older_one_is_shown_is_not_bound_again_and_again(
    engine: Engine, clock: HandClock, vault: Vault
) -> None:
    with brand(engine=engine, clock=clock, vault=vault, world=StubbornWorld(clock, seed=7)) as story:
        story.asks()
        first = story.mints()
        story.pastes(first.value)
        story.clock.advance(timedelta(days=1))
        second = story.world._new_code(POST, days=60, value=None)  # noqa: SLF001  two codes at once: only a stub has them
        story.pastes(second.value)
        for wait in READINGS:
            story.waits(seconds=wait.total_seconds())

        assert story.desk.authorization.expires_at == first.end_at.replace(microsecond=0)
        assert story.called("tt_video/authorize") == 2
        assert {row.status for row in story.desk.owed if row.kind == "code.check"} == {"done"}


def test_a_code_that_is_refused_as_bound_already_is_granted_from_the_list(story: Brand) -> None:
    code = story.mints()
    story.world.faults.plan("tt_video/info", "code", code=40002, message="The post has already been authorized")
    story.world.authorize(ADVERTISER, code.value)

    story.pastes(code.value)

    assert story.last == ("code.granted", "moved", "authorized")
    assert story.called("tt_video/authorize") == 0


def test_a_reading_that_fails_leaves_it_uncertain(story: Brand) -> None:
    story.world.faults.plan("tt_video/authorize", "lost_after")
    story.pastes(story.mints().value)
    story.world.faults.plan("tt_video/list", "code", code=50000, times=2)

    story.waits(seconds=5)
    assert story.check[0] == "uncertain"
    story.waits(seconds=30)
    assert story.check[0] == "uncertain"
    story.waits(minutes=2)

    assert story.check == ("done", None)
    assert (story.binds, story.called("tt_video/authorize")) == (1, 1)


def test_trouble_at_tiktok_is_tried_again_by_the_schedule(story: Brand) -> None:
    story.world.faults.plan("tt_video/info", "code", code=-500)
    story.pastes(story.mints().value)
    assert story.check[0] == "owed"

    story.waits(seconds=TRIES[0].total_seconds())

    assert story.check == ("done", None)
    assert story.binds == 1


def test_what_waited_for_a_new_token_is_owed_at_once_when_it_is_there(story: Brand) -> None:
    story.world.revoke_token(story.token)
    story.pastes(story.mints().value)
    assert story.check[0] == "owed"
    assert story.binds == 0

    story.token = story.world.issue(APP_ID, [ADVERTISER], bc_ids=[CENTER]).value
    story.connects()
    story.desk.settles()

    assert story.check == ("done", None)


def test_a_confirmed_binding_counts_as_seen(story: Brand) -> None:
    story.pastes(story.mints().value)

    with hot(story.desk.engine) as connection:
        [(status, seen_at)] = connection.execute("SELECT auth_status, seen_at FROM sightings").fetchall()
    assert (status, seen_at) == ("AUTHORIZED", story.clock.now())


def test_a_tiktok_that_is_away_is_asked_less_and_less_often_and_never_given_up(story: Brand) -> None:
    story.world.faults.plan("tt_video/info", "code", code=50000, times=1000)
    story.pastes(story.mints().value)

    for _ in range(48):
        story.waits(hours=1)

    assert story.check[0] == "owed"
    assert story.called("tt_video/info") <= 12
    assert story.binds == 0


def test_trouble_without_an_end_is_given_up_and_said(story: Brand) -> None:
    story.world.faults.plan("tt_video/info", "code", code=-500, times=100)
    story.pastes(story.mints().value)

    for wait in TRIES:
        story.waits(seconds=wait.total_seconds())

    assert story.check[0] == "failed"
    assert story.last == ("code.refused", "stayed", "requested")
    assert (story.binds, story.called("tt_video/info")) == (0, len(TRIES) + 1)


def test_a_busy_tiktok_is_asked_again_when_it_said_so(story: Brand) -> None:
    story.world.faults.plan("tt_video/authorize", "code", code=40100)
    story.pastes(story.mints().value)
    assert story.check[0] == "owed"
    assert story.binds == 0

    story.waits(minutes=10)

    assert story.check == ("done", None)
    assert story.binds == 1


def test_without_a_connection_the_check_waits_and_says_so_once(story: Brand) -> None:
    with hot(story.desk.engine) as connection:
        connection.execute("DELETE FROM advertisers")

    with capture_logs() as logs:
        story.pastes(story.mints().value)
        story.waits(minutes=2)
    assert story.check == ("owed", UNCONNECTED)
    assert [line["event"] for line in logs if line["log_level"] == "warning"] == ["effects_waiting"]
    assert story.world.calls == []

    story.connects()
    story.waits(minutes=2)
    assert story.check == ("done", None)


def test_without_an_app_the_check_waits_and_says_so(story: Brand, vault: Vault) -> None:
    tiktok, story.desk.tiktok = story.desk.tiktok, None
    story.pastes(story.mints().value)

    assert perform(story.desk.engine, story.clock, None, vault).waiting == 1
    assert story.check == ("owed", NO_APP)

    story.desk.tiktok = tiktok
    story.waits(minutes=2)
    assert story.check == ("done", None)


def test_a_token_that_was_taken_back_waits_for_the_operator(story: Brand) -> None:
    story.world.tokens[story.token].is_revoked = True
    story.pastes(story.mints().value)
    status, remedy = story.check
    assert status == "owed"
    assert "everspark advertiser connect" in str(remedy)
    with hot(story.desk.engine) as connection:
        assert connection.execute("SELECT trouble FROM advertisers").fetchone() == (remedy,)

    story.world.tokens[story.token].is_revoked = False
    story.waits(minutes=15)
    assert story.check == ("done", None)
    with hot(story.desk.engine) as connection:
        assert connection.execute("SELECT trouble FROM advertisers").fetchone() == (None,)
    assert story.binds == 1


def test_a_claim_that_a_crash_left_is_taken_up_again(story: Brand) -> None:
    story.desk.hears("code.submitted", code=story.mints().value)
    tiktok, story.desk.tiktok = story.desk.tiktok, None
    story.desk.settles()
    with hot(story.desk.engine) as connection:
        connection.execute("UPDATE outbox SET status = 'paying', attempts = 1, claimed_at = %s", [story.clock.now()])

    story.desk.tiktok = tiktok
    story.waits(minutes=4)
    assert story.check[0] == "paying"
    story.waits(minutes=2)
    assert story.check == ("done", None)
    assert story.binds == 1


REFUSED = [row for row in CODE_ROWS if not is_passing(row) and row.symbol != ALREADY]


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: str(row.symbol))
@pytest.mark.parametrize("path", ["tt_video/info", "tt_video/authorize"])
def test_each_refusal_is_told_with_its_own_cause_and_remedy(story: Brand, row: Refusal, path: str) -> None:
    story.world.faults.plan(path, "code", code=40002, message=f"{row.symbol}: no")
    story.pastes(story.mints().value)

    assert story.last == ("code.refused", "stayed", "requested")
    assert story.note == f"{row.cause} {row.remedy} TikTok said: “{row.symbol}: no”."
    assert story.check == ("done", None)
    assert story.binds == 0


def test_a_look_that_somebody_wants_is_made_at_once_and_tells_what_tiktok_shows(story: Brand) -> None:
    story.pastes(story.mints().value)
    story.desk.does_look = False
    story.world.extend(POST, days=30)
    calls = story.called("tt_video/list")

    assert story.desk.hears("look.wanted").status_code == 202
    story.desk.settles()

    assert story.last == ("authorization.extended", "stayed", "authorized")
    assert story.called("tt_video/list") == calls + 1
    [owed] = [row for row in story.desk.owed if row.kind == "look.one"]
    assert (owed.status, owed.attempts) == ("done", 1)
