"""Operators act on one authorization, on some, and on everything that a filter matches; and take it back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs

from domain.acts import DEEDS, Act
from domain.people import Role
from infra import acts, bulks
from infra.clock import HandClock
from infra.database import hot
from infra.inbox import Letter, accept
from infra.letters import subject_of
from infra.reports.concerned import SAID, Chosen, sentence
from infra.vault import Vault
from tests.acting import ALL, Floor, floor
from tests.portfolio import DAY, Post
from worker.bulks import BATCH, advance, fail
from worker.resting import MOST_BACKLOG

LATER = "2026-12-10T09:00"
THEN = datetime(2026, 12, 10, 9, tzinfo=UTC)


@pytest.fixture
def room(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[Floor]:
    with floor(engine, clock, vault) as room:
        yield room


def many(count: int, **facts: Any) -> list[Post]:
    return [Post(number=number, **facts) for number in range(1, count + 1)]


def test_a_creator_is_asked_at_once_for_what_an_ad_needs(room: Floor) -> None:
    room.holds(Post(number=1, ends=25))

    read = room.previews("ask", key=Post(number=1).key)
    assert "It concerns this one" in read
    number = room.begins("ask", key=Post(number=1).key)
    room.works()

    row = room.one("SELECT next_action, next_action_at, why FROM authorizations")
    assert row == {"next_action": "ask", "next_action_at": room.clock.now(), "why": "renewal_suggested"}
    assert room.one("SELECT sender, outcome FROM inbox") == {"sender": "operator", "outcome": "stayed"}
    room.ada.opens(f"/acts/{number}")
    assert "Done" in room.ada.text
    assert 'http-equiv="refresh"' not in room.ada.page.text


def test_the_preview_says_how_many_it_leaves_out_and_why(room: Floor) -> None:
    room.holds(
        Post(number=1, ends=25),
        Post(number=2, ends=25, flight=3),
        Post(number=3, ends=25, creator=None),
        Post(number=4, ends=25, creator="said.no"),
    )
    with hot(room.engine) as connection:
        connection.execute("UPDATE creators SET opted_out_at = %s WHERE handle = 'said.no'", [room.clock.now()])

    read = room.previews("ask", **ALL)

    assert "It concerns 1 of 4" in read
    assert "1: the creator does not want to be asked" in read
    assert "1: every flight and every stated need ends before the authorization does" in read
    assert "1: it is not known who its creator is" in read


def test_what_is_left_out_is_counted_by_why_when_it_is_done(room: Floor) -> None:
    room.holds(Post(number=1, creator=None), Post(number=2), Post(number=3, creator=None))

    number = room.begins("snooze", until=LATER, **ALL)
    room.works()

    with hot(room.engine) as connection:
        bulk = bulks.need(connection, number)
    assert (bulk.matched, bulk.done, bulk.skipped, dict(bulk.left_out)) == (3, 1, 2, {"no_creator": 2})
    room.ada.opens(f"/acts/{number}")
    assert "2: it is not known who its creator is" in room.ada.text


def test_everything_that_a_filter_matches_and_nothing_else(room: Floor) -> None:
    room.holds(Post(number=1, ends=3), Post(number=2, ends=6), Post(number=3, ends=20))

    room.begins("need", until="2027-03-01T00:00", everything="1", query="left_to=7&state=active&sort=end")
    room.works()

    needed = room.asks("SELECT needed_until FROM authorizations ORDER BY id")
    until = datetime(2027, 3, 1, tzinfo=UTC)
    assert [row["needed_until"] for row in needed] == [until, until, None]
    assert room.one("SELECT query FROM bulks") == {"query": "state=active&left_to=7"}


@pytest.mark.parametrize(
    "fields",
    [
        {"query": "statee=active"},
        {"query": "state="},
        {"query": "foo"},
        {"query": "?"},
        {},
        {"qeury": "state=active"},
        # As somebody writes a link by hand, without encoding the filter.
        {"query": "state=active", "left_to": "7"},
    ],
)
def test_a_filter_that_is_not_understood_is_no_filter_of_everything(room: Floor, fields: dict[str, str]) -> None:
    room.holds(Post(number=1, ends=3), Post(number=2, ends=20))
    form: dict[str, Any] = {"act": "need", "until": "2027-03-01T00:00", "everything": "1", "nonce": "n1", **fields}

    assert room.ada.opens(f"/acts/preview?{urlencode(form)}").status_code == 422
    assert "It concerns" not in room.ada.text
    room.ada.opens("/account")
    assert room.ada.sends("/acts/preview", **form).status_code == 422
    room.ada.opens("/account")
    assert room.ada.sends("/acts", **form).status_code == 422
    assert room.one("SELECT count(*) FROM bulks") == {"count": 0}


def test_an_act_whose_kept_filter_is_not_understood_any_more_fails_and_touches_nothing(room: Floor) -> None:
    room.holds(Post(number=1, ends=3))
    room.begins("need", until="2027-03-01T00:00", everything="1", query="state=active")
    with hot(room.engine) as connection:
        connection.execute("UPDATE bulks SET query = 'statee=active'")

    with capture_logs():
        room.works()

    assert room.one("SELECT status, done FROM bulks") == {"status": "failed", "done": 0}
    assert room.one("SELECT count(*) FROM inbox") == {"count": 0}


def test_a_stated_need_moves_the_plan_and_undoing_it_moves_it_back(room: Floor) -> None:
    room.holds(*many(3, ends=5, flight=2))
    before = room.asks("SELECT key, next_action, why, needed_until FROM authorizations ORDER BY id")

    number = room.begins("need", until="2027-03-01T00:00", **ALL)
    room.works()
    assert {row["why"] for row in room.asks("SELECT why FROM authorizations")} == {"renewal_needed"}
    room.clock.advance(timedelta(hours=1))
    answer = room.presses(number, "undo")
    room.works()

    assert answer.status_code == 303
    assert room.asks("SELECT key, next_action, why, needed_until FROM authorizations ORDER BY id") == before
    assert room.presses(number, "undo").status_code == 409
    assert "undone already" in room.ada.text


def test_snoozing_many_is_undone_for_those_who_said_nothing_else_since(room: Floor) -> None:
    room.holds(Post(number=1), Post(number=2), Post(number=3, creator="other.one"))
    with hot(room.engine) as connection:
        connection.execute(
            "UPDATE creators SET snoozed_until = %s WHERE handle = 'other.one'", [room.clock.now() + DAY]
        )
    number = room.begins("snooze", until=LATER, **ALL)
    room.works()
    assert {row["snoozed_until"] for row in room.asks("SELECT snoozed_until FROM creators")} == {THEN}

    undone = int(room.presses(number, "undo").headers["location"].removeprefix("/acts/"))
    with hot(room.engine) as connection:
        connection.execute("UPDATE creators SET snoozed_until = %s WHERE handle = 'maya.moves'", [THEN + DAY])
    room.works()

    standing = room.asks("SELECT handle, snoozed_until FROM creators ORDER BY handle")
    assert standing == [
        {"handle": "maya.moves", "snoozed_until": THEN + DAY},
        {"handle": "other.one", "snoozed_until": room.clock.now() + DAY},
    ]
    room.ada.opens(f"/acts/{undone}")
    assert "1: it was changed again since then" in room.ada.text


@pytest.mark.parametrize("act", ["need", "snooze"])
@pytest.mark.parametrize("chosen", [ALL, {"key": Post(number=1).key}])
def test_an_undo_leaves_what_another_act_stated_since_also_where_it_is_the_same_instant(
    room: Floor, act: str, chosen: dict[str, Any]
) -> None:
    room.holds(Post(number=1), Post(number=2, creator="other.one"))
    first = room.begins(act, until=LATER, **ALL)
    room.works()
    room.clock.advance(timedelta(minutes=1))
    second = room.begins(act, until=LATER, **chosen)
    room.works()

    room.clock.advance(timedelta(minutes=1))
    undo = room.undoes(first)

    left_out = 2 if chosen is ALL else 1
    assert stated(room, act) == [THEN] * left_out + [None] * (2 - left_out)
    assert room.one("SELECT done, skipped FROM bulks WHERE id = %s", undo) == {
        "done": 2 - left_out,
        "skipped": left_out,
    }
    room.clock.advance(timedelta(minutes=1))
    undo = room.undoes(second)
    assert room.one("SELECT done, skipped FROM bulks WHERE id = %s", undo) == {"done": left_out, "skipped": 0}
    # As it stood before the second.
    assert stated(room, act) == [THEN] * left_out + [None] * (2 - left_out)


@pytest.mark.parametrize("act", ["need", "snooze"])
def test_acts_are_undone_the_last_first(room: Floor, act: str) -> None:
    room.holds(*many(2))
    numbers = []
    for until in (LATER, LATER, "2026-12-11T09:00"):
        numbers.append(room.begins(act, until=until, **ALL))
        room.works()
        room.clock.advance(timedelta(minutes=1))

    for number in reversed(numbers):
        undo = room.undoes(number)
        room.clock.advance(timedelta(minutes=1))
        assert room.one("SELECT skipped FROM bulks WHERE id = %s", undo) == {"skipped": 0}

    assert not any(until and until > room.clock.now() for until in stated(room, act))


@pytest.mark.parametrize(
    ("act", "sender", "key", "data"),
    [
        ("snooze", "creator-page", "creator/maya.moves", {"creator": {"handle": "maya.moves"}, "until": THEN}),
        ("snooze", "crm", "creator/maya.moves", {"creator": {"handle": "maya.moves"}, "until": THEN}),
        ("need", "crm", Post(number=1).key, subject_of(Post(number=1).key) | {"needed_until": THEN}),
    ],
)
def test_an_undo_leaves_what_somebody_else_stated_since_also_where_it_is_the_same_instant(
    room: Floor, act: str, sender: str, key: str, data: dict[str, Any]
) -> None:
    room.holds(Post(number=1))
    number = room.begins(act, until=LATER, **ALL)
    room.works()
    room.clock.advance(timedelta(minutes=1))
    type_ = acts.TYPES[Act(act)]
    letter = Letter(
        sender=sender, event_id="1", type=type_, key=key, occurred_at=room.clock.now(), data=msgspec.json.encode(data)
    )
    with hot(room.engine) as connection:
        accept(connection, [letter], now=room.clock.now())
    room.drains()

    room.undoes(number)

    assert stated(room, act) == [THEN]


def stated(room: Floor, act: str) -> list[datetime | None]:
    """Until when, of each authorization or creator; a snooze that is over is none."""
    queries = {
        "need": "SELECT needed_until AS until FROM authorizations ORDER BY id",
        "snooze": "SELECT snoozed_until AS until FROM creators ORDER BY handle",
    }
    found = [row["until"] for row in room.asks(queries[act])]
    return [until if until and until > room.clock.now() else None for until in found]


def test_an_undo_overtakes_what_is_still_in_the_mailboxes(room: Floor) -> None:
    room.holds(Post(number=1))
    number = room.begins("snooze", until=LATER, **ALL)
    advance(room.engine, room.clock)

    room.presses(number, "undo")
    room.works()

    assert room.one("SELECT snoozed_until FROM creators") == {"snoozed_until": room.clock.now()}


def test_a_grave_act_wants_the_number_typed_in(room: Floor) -> None:
    room.holds(*many(3))
    read = room.previews("revoke", **ALL)
    assert "type 3: this cannot be undone" in read

    others = ("", "three", "9" * 5_000)
    for typed, complaint in (("2", "By now it is 3, not 2"), *((other, "Type how many") for other in others)):
        answer = room.ada.sends("/acts", act="revoke", nonce="abc", count=typed, **ALL)
        assert answer.status_code == 422
        assert complaint in room.ada.text
    assert room.asks("SELECT FROM bulks") == []

    room.begins("revoke", count="3", **ALL)
    room.works()
    rows = room.asks("SELECT DISTINCT state, state_reason FROM authorizations")
    assert rows == [{"state": "revoked", "state_reason": "withdrawn"}]


def test_only_posts_that_have_ended_are_unbound(room: Floor) -> None:
    room.holds(Post(number=1, ends=-1), Post(number=2))
    with hot(room.engine) as connection:
        connection.execute("UPDATE authorizations SET state = 'expired', state_reason = 'period_ended' WHERE id = 1")

    room.begins("unbind", count="1", **ALL)
    room.works()

    assert room.one("SELECT key FROM outbox WHERE kind = 'post.unbind'") == {"key": Post(number=1).key}


def test_of_one_authorization_the_acts_speak_as_of_one(room: Floor) -> None:
    room.holds(Post(number=1))

    page = room.ada.opens("/authorizations/1").text
    read = room.previews("snooze", key=Post(number=1).key)

    assert "The creator is not written to before then, for any post." in page
    assert "of these" not in page
    assert "This one @maya.moves" in read
    assert "These" not in read


def test_looking_needs_a_connected_advertiser(room: Floor) -> None:
    room.holds(Post(number=1))

    read = room.previews("look", key=Post(number=1).key)

    assert "1: its advertiser is not connected to TikTok" in read
    assert "There is nothing to do." in read
    assert room.ada.sends("/acts", act="look", nonce="abc", key=Post(number=1).key).status_code == 422


@pytest.mark.parametrize(
    ("until", "complaint"),
    [
        ("", "Say until when."),
        ("tomorrow", "as a date and a time"),
        ("2026-11-21T10:00", "lies ahead"),
        ("9999-12-31T23:59", "no more than ten years"),
    ],
)
def test_an_instant_that_cannot_be_is_asked_for_again(room: Floor, until: str, complaint: str) -> None:
    room.holds(Post(number=1))
    room.previews("snooze", **ALL)

    answer = room.ada.sends("/acts", act="snooze", nonce="abc", until=until, **ALL)

    assert answer.status_code == 422
    assert complaint in room.ada.text


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"act": "dance", "everything": "1"}, "Choose what to do"),
        ({"act": "ask"}, "Choose authorizations first"),
        ({"act": "ask", "query": "state=active"}, "Choose authorizations first"),
        ({"act": "ask", "everything": "1", "query": "left_to=soon"}, "left_to"),
    ],
)
def test_a_preview_of_nothing_says_what_to_choose(room: Floor, fields: dict[str, Any], complaint: str) -> None:
    answer = room.ada.sends("/acts/preview", **fields)

    assert answer.status_code == 422
    assert complaint in room.ada.text


def test_a_form_that_is_sent_twice_is_one_act(room: Floor) -> None:
    room.holds(Post(number=1))

    first = room.begins("snooze", until=LATER, nonce="abc", **ALL)
    second = room.begins("snooze", until=LATER, nonce="abc", **ALL)

    assert first == second
    assert len(room.asks("SELECT FROM bulks")) == 1
    assert [row["act"] for row in room.asks("SELECT act FROM audit")] == ["act.snooze"]


@pytest.mark.parametrize("changed", [{"act": "need"}, {"until": "2026-12-11T09:00"}, {"query": "left_to=7"}])
def test_a_form_that_began_another_act_drops_nothing_in_silence(room: Floor, changed: dict[str, str]) -> None:
    room.holds(Post(number=1, ends=3))
    form = {"act": "snooze", "until": LATER, "nonce": "abc", **ALL}
    first = room.begins(**form)

    room.ada.opens("/account")
    answer = room.ada.sends("/acts", **(form | changed))

    assert answer.status_code == 422
    assert f"This form began act {first} before, which was another one." in room.ada.text
    assert len(room.asks("SELECT FROM bulks")) == 1


def test_who_has_no_address_is_not_asked(room: Floor) -> None:
    room.holds(Post(number=1, ends=25), Post(number=2, ends=25, creator="new.one", has_email=False))

    read = room.previews("ask", **ALL)
    number = room.begins("ask", **ALL)
    room.works()

    assert "It concerns 1 of 2" in read
    assert "1: the creator has no e-mail address" in read
    assert room.one("SELECT done, left_out FROM bulks WHERE id = %s", number) == {
        "done": 1,
        "left_out": {"no_email": 1},
    }


def test_who_is_snoozed_is_left_out_whoever_said_so(room: Floor) -> None:
    room.holds(Post(number=1, ends=25))
    room.begins("snooze", until=LATER, **ALL)
    room.works()

    room.ada.opens("/account")
    read = room.previews("ask", **ALL)

    assert "1: the creator is snoozed: they, or an operator for them, said not before a later day" in read
    assert "asked to be reminded" not in read


def test_the_log_says_who_did_what(room: Floor) -> None:
    room.holds(*many(2))

    number = room.begins("snooze", until=LATER, **ALL)
    room.presses(number, "pause")
    room.presses(number, "go-on")
    room.works()
    room.presses(number, "undo")

    logged = room.asks("SELECT actor, act, subject FROM audit ORDER BY id")
    assert {row["actor"] for row in logged} == {"user:ada.operator@example.com"}
    said = [(row["act"], row["subject"]) for row in logged]
    assert said == [
        ("act.snooze", "act/1"),
        ("act.paused", "act/1"),
        ("act.resumed", "act/1"),
        ("act.undone", "act/2"),
    ]
    room.ada.opens("/acts")
    assert re.search(r"Undo of Snooze.*all authorizations.*ada\.operator@example\.com", room.ada.text)


def test_what_is_paused_stands_still_until_it_goes_on(room: Floor) -> None:
    room.holds(*many(BATCH + 20))
    number = room.begins("need", until=LATER, **ALL)
    room.works(batches=1)

    room.presses(number, "pause")
    room.works()
    room.ada.opens(f"/acts/{number}")
    assert "Paused" in room.ada.text
    assert room.one(f"SELECT done, place = {BATCH} AS is_there FROM bulks") == {"done": BATCH, "is_there": True}
    room.presses(number, "go-on")
    room.works()

    assert room.one("SELECT done, status FROM bulks") == {"done": BATCH + 20, "status": "done"}
    assert room.presses(number, "pause").status_code == 409


def test_what_is_ended_early_is_undone_as_far_as_it_came(room: Floor) -> None:
    room.holds(*many(BATCH + 20))
    number = room.begins("need", until=LATER, **ALL)
    room.works(batches=1)

    assert room.presses(number, "undo").status_code == 409
    room.presses(number, "pause")
    room.presses(number, "undo")
    room.works()

    assert room.one("SELECT count(needed_until) FROM authorizations") == {"count": 0}
    assert [row["done"] for row in room.asks("SELECT done FROM bulks ORDER BY id")] == [BATCH, BATCH]


def test_a_large_act_rests_while_the_mailboxes_have_much_to_do(room: Floor) -> None:
    enough = MOST_BACKLOG // BATCH + 1
    room.holds(*many((enough + 1) * BATCH))
    room.begins("need", until=LATER, **ALL)

    batches = [advance(room.engine, room.clock) for _ in range(enough + 1)]
    assert [batch.must_rest for batch in batches if batch] == [*([False] * enough), True]
    room.drains()

    again = advance(room.engine, room.clock)
    assert again is not None
    assert not again.must_rest


@pytest.mark.parametrize("chosen", [ALL | {"query": "state=active"}, {"key": [Post(number=n).key for n in (1, 2)]}])
def test_a_grave_act_touches_those_that_it_was_confirmed_for(room: Floor, chosen: dict[str, Any]) -> None:
    room.holds(Post(number=1), Post(number=2))
    with hot(room.engine) as connection:
        query = "UPDATE authorizations SET state = 'revoked', revoked_at = now() WHERE key = %s"
        connection.execute(query, [Post(number=2).key])
    number = room.begins("revoke", count="1", **chosen)
    with hot(room.engine) as connection:
        query = "UPDATE authorizations SET state = 'active', revoked_at = NULL WHERE key = %s"
        connection.execute(query, [Post(number=2).key])
        connection.execute("UPDATE authorizations SET expires_at = %s", [room.clock.now() + 30 * DAY])

    room.works()

    stands = {row["key"]: row["state"] for row in room.asks("SELECT key, state FROM authorizations")}
    assert stands[Post(number=2).key] != "revoked"
    assert room.one("SELECT done, status FROM bulks WHERE id = %s", number) == {"done": 1, "status": "done"}


def test_a_bug_met_by_what_a_person_paused_meanwhile_leaves_it_paused(room: Floor) -> None:
    room.holds(Post(number=1))
    number = room.begins("need", until=LATER, **ALL)
    room.presses(number, "pause")

    fail(room.engine, number, ZeroDivisionError())

    assert room.one("SELECT status, trouble FROM bulks") == {"status": "paused", "trouble": None}


def test_a_small_act_does_not_wait_for_a_large_one(room: Floor) -> None:
    room.holds(*many(2 * BATCH))
    room.begins("need", until=LATER, **ALL)
    room.clock.advance(timedelta(seconds=1))
    small = room.begins("snooze", until=LATER, key=Post(number=1).key)

    room.works(batches=1)

    assert room.one("SELECT status FROM bulks WHERE id = %s", small) == {"status": "done"}


def test_ten_thousand_in_a_row(room: Floor) -> None:
    room.holds(*many(10_000))

    number = room.begins("need", until="2027-03-01T00:00", **ALL)
    room.works(batches=7)
    room.ada.opens(f"/acts/{number}")
    assert 'http-equiv="refresh"' in room.ada.page.text
    assert re.search(r"done 700 left out 0 to come 9,300", " ".join(room.ada.text.split()))
    room.works()

    assert room.one("SELECT status, done, skipped FROM bulks") == {"status": "done", "done": 10_000, "skipped": 0}
    assert room.one("SELECT count(*) FROM authorizations WHERE needed_until = '2027-03-01Z'") == {"count": 10_000}
    assert room.one("SELECT count(*) FROM bulk_marks") == {"count": 10_000}


def test_a_batch_that_raises_stops_the_act_and_a_person_lets_it_go_on(room: Floor) -> None:
    room.holds(Post(number=1))
    number = room.begins("need", until=LATER, **ALL)
    with hot(room.engine) as connection:
        connection.execute("UPDATE bulks SET query = 'state=moon'")

    with capture_logs() as logs:
        room.works()
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["bulk_failed"]
    room.ada.opens("/acts")
    assert "failed" in room.ada.text
    with hot(room.engine) as connection:
        connection.execute("UPDATE bulks SET query = ''")
    room.presses(number, "go-on")
    room.works()

    assert room.one("SELECT status, done, trouble FROM bulks") == {"status": "done", "done": 1, "trouble": None}


def test_a_viewer_reads_and_may_not_act(room: Floor) -> None:
    room.holds(Post(number=1))
    number = room.begins("snooze", until=LATER, **ALL)
    viewer = room.enters(Role.VIEWER)

    assert viewer.sends("/acts", act="snooze", nonce="abc", until=LATER, **ALL).status_code == 403
    viewer.opens("/account")
    assert viewer.sends(f"/acts/{number}/undo").status_code == 403
    assert viewer.opens("/acts/preview?act=ask&query=state%3Dactive").status_code == 403
    assert viewer.opens(f"/acts/{number}").status_code == 200
    assert "Pause" not in viewer.text
    assert viewer.opens("/acts").status_code == 200


def test_a_key_of_which_nothing_is_known_is_said_to_be_left_out(room: Floor) -> None:
    room.holds(Post(number=1))

    read = room.previews("need", key=[Post(number=1).key, "1/2"])

    assert "It concerns 1 of 2" in read
    assert "1: nothing is known of it" in read


def test_every_act_has_its_words() -> None:
    assert set(DEEDS) == set(Act) == set(acts.TYPES)
    assert all(sentence(word) != word for word in (*SAID, "opted_out", "covered"))
    assert Chosen(query="state=active").in_words == "active"


def test_the_rescue_sweep_finds_what_no_nudge_was_heard_of(room: Floor) -> None:
    room.holds(Post(number=1))
    room.begins("need", until=LATER, **ALL)

    with hot(room.engine) as connection:
        assert bulks.is_any_neglected(connection, now=room.clock.now())
    room.works()
    with hot(room.engine) as connection:
        assert not bulks.is_any_neglected(connection, now=room.clock.now() + DAY)
