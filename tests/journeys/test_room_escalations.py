"""The page of escalations: all of them, by money, page by page, with a text to paste."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Engine

from domain.people import Role, Scope
from infra import authorizations, endings
from infra.clock import HandClock
from infra.database import hot
from infra.reports import climbing
from infra.settings import load
from infra.vault import Vault
from tests.acting import Floor, floor
from tests.portfolio import Post, takes_back
from tests.program import Program, problem, token


@pytest.fixture
def room(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[Floor]:
    with floor(engine, clock, vault) as room:
        yield room


def climbs(room: Floor, *steps: str) -> None:
    """All that is held has climbed to its owner, and the worker has summed up what is at risk."""
    with hot(room.engine) as connection:
        connection.execute(
            "INSERT INTO escalations (authorization_id, period_ends_at, step, opened_at)"
            " SELECT id, expires_at, step, %s FROM authorizations, unnest(%s::text[]) AS t (step) ORDER BY 1",
            [room.clock.now(), list(steps) or ["channel", "owner"]],
        )


def test_all_that_climbed_is_listed_once_the_most_money_first(room: Floor) -> None:
    room.holds(*(Post(number=number, ends=1, flight=30, spend=str(100 * number)) for number in range(1, 10)))
    climbs(room)
    viewer = room.enters(Role.VIEWER)

    viewer.opens("/")
    assert "All 9 escalations" in viewer.text
    viewer.opens("/escalations")

    risks = [line for line in viewer.page.text.splitlines() if "at risk</small>" in line]
    assert len(risks) == 9
    assert "26,100" in risks[0]
    folds = re.findall(r'<details id="([^"]+)"', viewer.page.text)
    assert len(set(folds)) == len(folds) == 9  # an open page tells them apart by it
    assert "nobody answered" in viewer.text
    assert "/c/" not in viewer.page.text


def test_the_next_page_begins_after_the_last_row(room: Floor) -> None:
    room.holds(*(Post(number=number, ends=1, flight=30, spend="100") for number in range(1, 8)))
    climbs(room)
    found, after = [], ""

    while True:
        with hot(room.engine) as connection:
            page = climbing.page(connection, load(), after=after, limit=3, now=room.clock.now())
        found += [each.id for each in page.items]
        if not (after := page.more):
            break

    assert len(found) == len(set(found)) == 7


def test_what_has_lapsed_comes_after_all_that_is_at_risk_however_much_it_cost(room: Floor) -> None:
    lapsed = [Post(number=number, ends=-number, days=30, flight=30, spend="9000") for number in (2, 1)]
    room.holds(*lapsed, Post(number=3, ends=1, flight=30, spend="100"), Post(number=4, ends=1, flight=30, spend="50"))
    climbs(room)
    with hot(room.engine) as connection:
        for query in (
            "UPDATE authorizations SET state = 'expired', state_since = expires_at, at_risk = NULL WHERE expires_at < %s",
            "UPDATE escalations SET step = 'lapsed' WHERE step = 'owner' AND period_ends_at < %s",
        ):
            connection.execute(query.encode(), [room.clock.now()])

    page = room.enters(Role.VIEWER).opens("/escalations").text

    keys = [Post(number=number).key for number in (3, 4, 2, 1)]
    assert sorted(keys, key=lambda key: page.index(f"Text about {key}")) == keys
    assert "What is at risk comes first, by its money; then what has lapsed." in page


def test_what_was_taken_back_does_not_end_any_more(room: Floor) -> None:
    post = Post(number=1, ends=20, flight=60)
    room.holds(post)
    climbs(room, "lapsed")
    takes_back(room.engine, post, at=room.clock.now() - timedelta(days=2))
    viewer = room.enters(Role.VIEWER)

    viewer.opens("/escalations")
    assert "taken back 2 d 0 h ago it was to end in 20 d" in viewer.text
    viewer.opens("/")
    assert "it was to end in 20 d" in viewer.text


def test_what_a_lapse_cost_is_told_from_what_was_measured_as_in_the_lapse_report(room: Floor) -> None:
    """An ad that a look at TikTok found has no stated spend."""
    post, ended_at = Post(number=1, ends=20, flight=60, spend="0"), room.clock.now() - timedelta(days=2)
    room.holds(post)
    climbs(room, "lapsed")
    takes_back(room.engine, post, at=ended_at)
    with hot(room.engine) as connection:
        connection.execute(
            "INSERT INTO kpis (authorization_id, day, currency, spend, impressions, clicks, conversions)"
            " SELECT id, %s, 'EUR', 240, 1, 0, 0 FROM authorizations",
            [ended_at.date() - timedelta(days=3)],
        )
        known = authorizations.load(connection, [post.key])
        reported = endings.going_on(connection, known, {post.key: ended_at}, now=room.clock.now())[post.key]
    program = Program(room.http, token(room.engine, room.clock, Scope.READ))

    for path in ("/escalations", "/"):
        room.ada.opens(path)
        assert "480 EUR lost" in room.ada.text, path
    assert next(program.walks("/escalations"))["lost"] == [{"amount": "480.00", "currency": "EUR"}]
    assert reported.not_delivered == {"EUR": Decimal(480)}


def test_a_text_is_in_the_language_of_its_creator_and_says_so(room: Floor) -> None:
    room.holds(Post(number=1, ends=1, flight=30), Post(number=2, creator="ana.klein", ends=1, flight=30))
    with hot(room.engine) as connection:
        connection.execute("UPDATE creators SET locale = 'de-AT' WHERE handle = 'ana.klein'")
    climbs(room)

    page = room.enters(Role.VIEWER).opens("/escalations").text

    assert re.search(r'<pre [^>]*lang="de"[^>]*>Hallo', page)
    assert re.search(r'<pre [^>]*lang="en"[^>]*>Hello', page)


@pytest.mark.parametrize("place", ["x", "1:", "nan:1", "1e999999999:5", "12:" + "9" * 70])
def test_a_place_that_cannot_be_read_is_refused_and_is_not_the_beginning(room: Floor, place: str) -> None:
    answer = room.ada.opens(f"/escalations?after={place}")

    assert answer.status_code == 422
    assert "The address names no place in this list: begin without `after`" in room.ada.text
    assert room.ada.opens("/escalations?after=").status_code == 200


def test_programs_read_them_page_by_page(room: Floor) -> None:
    room.holds(*(Post(number=number, ends=1, flight=30, spend=str(100 * number)) for number in range(1, 6)))
    climbs(room)
    program = Program(room.http, token(room.engine, room.clock, Scope.READ))

    items = list(program.walks("/escalations?limit=2"))

    assert [each["key"] for each in items] == [Post(number=number).key for number in (5, 4, 3, 2, 1)]
    assert items[0]["step"] == "owner"
    assert items[0]["at_risk"] == [{"amount": "14500.00", "currency": "EUR"}]
    assert all(each["text"] and "/c/" not in each["text"] for each in items)
    assert problem(program.sends("GET", "/escalations?after=eA"), 422, "invalid")["field"] == "after"


def test_they_stand_in_the_navigation(room: Floor) -> None:
    room.ada.opens("/escalations")

    assert '<a href="/escalations" aria-current="page">Escalations</a>' in room.ada.page.text


def test_what_nobody_has_to_do_is_said(room: Floor) -> None:
    room.ada.opens("/escalations")

    assert "Nothing waits for a person" in room.ada.text
