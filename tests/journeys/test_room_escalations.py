"""The page of escalations: all of them, by money, page by page, with a text to paste."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from domain.people import Role, Scope
from infra.clock import HandClock
from infra.database import hot
from infra.reports import climbing
from infra.settings import load
from infra.vault import Vault
from tests.acting import Floor, floor
from tests.portfolio import Post
from tests.program import Program, problem, token


@pytest.fixture
def room(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[Floor]:
    with floor(engine, clock, vault) as room:
        yield room


def climbs(room: Floor) -> None:
    """All that is held has climbed to its owner, and the worker has summed up what is at risk."""
    with hot(room.engine) as connection:
        connection.execute(
            "INSERT INTO escalations (authorization_id, period_ends_at, step, opened_at)"
            " SELECT id, expires_at, step, %s FROM authorizations, unnest(ARRAY['channel', 'owner']) AS t (step) ORDER BY 1",
            [room.clock.now()],
        )


def test_all_that_climbed_is_listed_once_the_most_money_first(room: Floor) -> None:
    room.holds(*(Post(number=number, ends=1, flight=30, spend=str(100 * number)) for number in range(1, 10)))
    climbs(room)
    viewer = room.enters(Role.VIEWER)

    viewer.opens("/")
    assert "All 9 that climbed" in viewer.text
    viewer.opens("/escalations")

    risks = [line for line in viewer.page.text.splitlines() if "at risk</small>" in line]
    assert len(risks) == 9
    assert "26 100" in risks[0].replace("\u202f", " ")
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
