"""What people and programs send to the room by accident: the same form at the same moment, and addresses of nothing."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import quote

import pytest
from sqlalchemy import Engine

from domain.acts import Act
from domain.people import Role
from infra import bulks
from infra.clock import HandClock
from infra.database import hot
from infra.reports.concerned import Chosen
from infra.vault import Vault
from tests.acting import Floor, floor
from tests.portfolio import Post
from tests.waiting import until

ODD = (
    "\x00",
    "a\x00b",
    "-1",
    "9" * 25,
    "NaN",
    "²",
    "💥\u202e\u05d0",
    "'\";--",
    "%",
    "x" * 5_000,
    "9999-12-31T23:59",
    "a|b",
)
LOOKED_FOR = (
    "search",
    "creator",
    "left_to",
    "ends_from",
    "ends_to",
    "risk_from",
    "unconfirmed",
    "key",
    "before",
    "after",
    "sender",
    "first",
    "until",
)
ASKED_OF = ("/authorizations?{}", "/events?{}", "/creators?{}", "/acts?{}", "/acts/preview?act=need&everything=1&{}")


@pytest.fixture
def room(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[Floor]:
    with floor(engine, clock, vault) as room:
        room.holds(Post(number=1))
        yield room


def test_the_same_form_at_the_same_moment_is_one_act(room: Floor) -> None:
    """The second waits for the first, and learns its number."""

    def begin() -> int:
        with hot(room.engine) as connection:
            return begun(connection)

    def begun(connection: object) -> int:
        then = room.clock.now() + timedelta(days=9)
        return bulks.create(
            connection,  # type: ignore[arg-type]  # a connection
            Act.SNOOZE,
            Chosen(),
            until=then,
            actor="user:ada@example.com",
            now=room.clock.now(),
            nonce="abc",
        )

    waits = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%%INSERT INTO bulks%%'"
    with ThreadPoolExecutor(1) as other:
        with hot(room.engine) as connection:
            first = begun(connection)
            second = other.submit(begin)
            until(lambda: bool(room.asks(waits)))
        assert second.result(30) == first

    assert len(room.asks("SELECT FROM bulks")) == 1
    assert len(room.asks("SELECT FROM audit WHERE act = 'act.snooze'")) == 1


@pytest.mark.parametrize("odd", ODD)
def test_nothing_in_an_address_is_our_mistake(room: Floor, odd: str) -> None:
    ada = room.enters(Role.ADMIN)

    for path in (f"/advertisers/{quote(odd, safe='')}", f"/authorizations/1/{quote(odd, safe='')}"):
        assert ada.opens(path).status_code < 500, path
    for path in ASKED_OF:
        for name in LOOKED_FOR:
            assert ada.opens(path.format(f"{name}={quote(odd)}")).status_code < 500, (path, name)


def test_a_nul_is_answered_by_a_page(room: Floor) -> None:
    ada = room.enters(Role.ADMIN)

    assert ada.opens("/advertisers/%00").status_code == 400
    assert "This address is of no page." in ada.text
    assert ada.opens("/creators?search=%2500").status_code == 200


@pytest.mark.parametrize("address", ["/authorizations?search=a%00b", "/events?sear%00ch=x", "/sign-in?search=%00"])
def test_a_nul_in_a_part_of_an_address_is_complained_of_by_the_name_of_the_part(room: Floor, address: str) -> None:
    assert room.ada.opens(address).status_code == 422
    assert "`search`: no text holds the character NUL (`%00`): leave it out." in room.ada.text
    assert 'aria-label="Pages"' in room.ada.page.text or "sign-in" in address
