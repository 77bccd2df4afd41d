"""The election: one holder at a time, and a fence that tells an old one from the new."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from infra import leases
from infra.database import hot
from infra.leases import Deposed

OFFICE = "scheduler"


def acquires(engine: Engine, holder: str, *, seconds: float = 30) -> int | None:
    with hot(engine) as connection:
        return leases.acquire(connection, name=OFFICE, holder=holder, seconds=seconds)


def releases(engine: Engine, holder: str) -> None:
    with hot(engine) as connection:
        leases.release(connection, name=OFFICE, holder=holder)


def stands(engine: Engine, fence: int) -> None:
    with hot(engine) as connection:
        leases.stand(connection, name=OFFICE, fence=fence)


def test_only_one_holds_the_lease(engine: Engine) -> None:
    assert acquires(engine, "ada") == 1
    assert acquires(engine, "bob") is None


def test_renewing_keeps_the_fence(engine: Engine) -> None:
    assert [acquires(engine, "ada"), acquires(engine, "ada")] == [1, 1]


def test_a_lease_that_ran_out_goes_to_whoever_asks_under_a_higher_fence(engine: Engine) -> None:
    acquires(engine, "ada", seconds=0)

    assert acquires(engine, "bob") == 2
    assert acquires(engine, "ada") is None


def test_a_released_lease_is_free_at_once(engine: Engine) -> None:
    acquires(engine, "ada")

    releases(engine, "ada")

    assert acquires(engine, "bob") == 2


def test_nobody_releases_the_lease_of_another(engine: Engine) -> None:
    acquires(engine, "ada")

    releases(engine, "bob")

    assert acquires(engine, "bob") is None


def test_a_deposed_holder_is_refused_and_the_present_one_is_not(engine: Engine) -> None:
    acquires(engine, "ada", seconds=0)
    acquires(engine, "bob")

    stands(engine, 2)
    with pytest.raises(Deposed, match="fence 1 of scheduler"):
        stands(engine, 1)


def test_nobody_stands_before_the_first_election(engine: Engine) -> None:
    with pytest.raises(Deposed):
        stands(engine, 1)


def test_the_lease_cannot_change_hands_inside_a_leaders_transaction(engine: Engine) -> None:
    acquires(engine, "ada", seconds=0)

    with hot(engine) as ours, hot(engine) as theirs:
        leases.stand(ours, name=OFFICE, fence=1)
        blocked = theirs.execute("SELECT name FROM leases WHERE name = %s FOR UPDATE SKIP LOCKED", (OFFICE,)).fetchall()

    assert blocked == []
    assert acquires(engine, "bob") == 2


def test_everybody_can_see_who_leads(engine: Engine) -> None:
    with hot(engine) as connection:
        assert leases.held(connection, name=OFFICE) is None
    acquires(engine, "ada")
    with hot(engine) as connection:
        assert leases.held(connection, name=OFFICE) == leases.Held(holder="ada", fence=1, is_running=True)
    releases(engine, "ada")
    with hot(engine) as connection:
        assert leases.held(connection, name=OFFICE) == leases.Held(holder="ada", fence=1, is_running=False)
