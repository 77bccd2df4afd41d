"""Sightings and turns in rows, against the database."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Engine

from domain.authorization import State
from domain.events import Route
from domain.posts import Post
from domain.sightings import Sighting, of_post
from infra import advertisers, authorizations, sightings, turns
from infra.clock import HandClock
from infra.database import hot
from infra.vault import Vault
from tests.domain import story
from tests.sweeping import World

KEY, ADVERTISER = story.KEY, story.KEY.partition("/")[0]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def a_sighting(at: datetime) -> Sighting:
    post = Post(
        item_id=KEY.partition("/")[2],
        auth_status="AUTHORIZED",
        starts_at=at,
        ends_at=at + 30 * DAY,
        caption="A post",
        creator="mia",
        duration=timedelta(seconds=12.5),
        mentions=("7",),
    )
    return of_post(KEY, post, at=at, code=None)


def test_a_sighting_comes_back_as_it_was(engine: Engine, clock: HandClock) -> None:
    seen = a_sighting(clock.now())
    with hot(engine) as connection:
        sightings.save(connection, [seen])
        assert sightings.load(connection, [KEY, "1/2"]) == {KEY: seen}

        missing = replace(seen, missing_since=clock.now() + HOUR)
        sightings.save(connection, [missing])
        assert sightings.load(connection, [KEY])[KEY] == missing

    post = sightings.post_of(seen)
    assert (post.duration, post.mentions, post.creator) == (timedelta(seconds=12.5), ("7",), "mia")


@pytest.mark.parametrize("is_first", [True, False], ids=["shown, then known", "known, then shown"])
def test_what_was_shown_is_marked_so_whichever_comes_first(*, is_first: bool, engine: Engine, clock: HandClock) -> None:
    known, now = story.authorization(State.AUTHORIZED), clock.now()
    with hot(engine) as connection:
        if is_first:
            sightings.save(connection, [a_sighting(now)])
        authorizations.save(connection, [known], {}, now=now)
        before = connection.execute("SELECT is_sighted, version FROM authorizations").fetchone()
        sightings.save(connection, [a_sighting(now)])
        authorizations.save(connection, [known], {}, now=now)
        after = connection.execute("SELECT is_sighted, version FROM authorizations").fetchone()

    assert (before, after) == ((is_first, 1), (True, 2))


def test_a_sighting_does_not_wait_for_who_writes_the_authorization(engine: Engine, clock: HandClock) -> None:
    with hot(engine) as connection:
        authorizations.save(connection, [story.authorization(State.AUTHORIZED)], {}, now=clock.now())

    with hot(engine) as writer:
        authorizations.save(writer, [story.authorization(State.AUTHORIZED)], {}, now=clock.now())
        with hot(engine) as looker:
            looker.execute("SET LOCAL lock_timeout = '1s'")
            sightings.save(looker, [a_sighting(clock.now())])

    with hot(engine) as connection:
        assert connection.execute("SELECT is_sighted FROM authorizations").fetchone() == (False,)


def test_a_slow_look_does_not_overwrite_a_newer_sighting(engine: Engine, clock: HandClock) -> None:
    newer = a_sighting(clock.now())
    older = replace(a_sighting(clock.now() - HOUR), status="ONLY_AUTHOR_SEE")
    with hot(engine) as connection:
        sightings.save(connection, [newer])
        sightings.save(connection, [older])

        assert sightings.load(connection, [KEY])[KEY] == newer


@pytest.mark.parametrize(
    ("seen", "looked", "missing", "confirmed"),
    [(0, 2, None, 2), (3, 2, None, 3), (0, None, None, 0), (0, 2, 2, None), (None, 2, None, None)],
    ids=["by the look", "by the glimpse", "never looked", "missing", "never seen"],
)
def test_the_last_confirmation(
    engine: Engine,
    clock: HandClock,
    vault: Vault,
    seen: int | None,
    looked: int | None,
    missing: int | None,
    confirmed: int | None,
) -> None:
    def hour(number: int | None) -> datetime | None:
        return None if number is None else clock.now() + number * HOUR

    with hot(engine) as connection:
        authorizations.save(connection, [story.authorization(State.AUTHORIZED)], {}, now=clock.now())
        advertisers.connect(connection, vault, advertiser_id=ADVERTISER, token="t", now=clock.now())
        connection.execute("UPDATE advertisers SET looked_at = %s", [hour(looked)])
        if (seen_at := hour(seen)) is not None:
            sighting = replace(a_sighting(clock.now()), seen_at=seen_at, missing_since=hour(missing))
            sightings.save(connection, [sighting])

        query = f"SELECT {sightings.CONFIRMED_AT}, {sightings.MISSING_SINCE} FROM authorizations"
        assert connection.execute(query.encode()).fetchall() == [(hour(confirmed), hour(missing))]


def test_the_glances_of_an_advertiser_are_few_rows(engine: Engine, clock: HandClock) -> None:
    end, asked = clock.now() + 10 * DAY, story.authorization(State.ACTIVE)
    more = [
        replace(story.authorization(State.AUTHORIZED), key=f"{ADVERTISER}/{number}", expires_at=end + number * DAY)
        for number in range(5)
    ]
    with hot(engine) as connection:
        authorizations.save(connection, [asked, *more], {}, now=clock.now())
        authorizations.save_ads(connection, {(KEY, "1"): story.flight("1")})
        connection.execute(
            "INSERT INTO asks (authorization_id, period_ends_at, rung, urgency, days, asked_at)"
            " SELECT id, expires_at, 0, 'window', 30, %s FROM authorizations WHERE key = %s",
            [clock.now(), KEY],
        )
        connection.execute(
            "INSERT INTO kpis SELECT id, day, 'EUR', 600, 1, 1, 0 FROM authorizations, (VALUES (%s::date)) AS d (day)"
            " WHERE key = %s",
            [clock.now().date() - DAY, KEY],
        )

        glances = turns.glances(connection, ADVERTISER, now=clock.now())

    resting, live = sorted(glances, key=lambda glance: glance.is_wanted)
    assert (resting.state, resting.route, resting.expires_at) == (State.AUTHORIZED, Route.CODE, end)
    assert not resting.has_open_ask
    assert (live.is_wanted, live.has_open_ask, live.spend_a_day) == (True, True, Decimal(600))
    assert live.ladder_begins_at == asked.starts_at


def test_a_turn_is_taken_by_one_and_comes_back_when_it_is_lost(engine: Engine, clock: HandClock, vault: Vault) -> None:
    now = clock.now()
    with hot(engine) as connection:
        advertisers.connect(connection, vault, advertiser_id="1", token="t", now=now)
        advertisers.connect(connection, vault, advertiser_id="2", token="t", now=now + HOUR)

        first = turns.claim(connection, now=now)

        assert first is not None
        assert (first.advertiser_id, first.wants_look, first.wants_kpis) == ("1", True, True)
        assert turns.opened(first, vault) == "t"
        assert turns.claim(connection, now=now) is None
        assert turns.claim(connection, now=now + HOUR, only="3") is None
        lost = now + turns.LOOK_IS_LOST_AFTER
        again = turns.claim(connection, now=lost)
        assert again is not None
        assert again.advertiser_id == "1"
        turns.release(connection, first)
        assert turns.claim(connection, now=lost) is None


def test_who_is_disconnected_has_no_turn(engine: Engine, clock: HandClock, vault: Vault) -> None:
    with hot(engine) as connection:
        advertisers.connect(connection, vault, advertiser_id="1", token="t", now=clock.now())
        advertisers.disconnect(connection, "1")

        assert turns.due(connection, now=clock.now()) == 0
        assert turns.claim(connection, now=clock.now()) is None


def test_the_sweep_nudges_for_who_is_due_and_changes_nothing(engine: Engine, clock: HandClock, vault: Vault) -> None:
    world = World(engine, clock)
    with hot(engine) as connection:
        advertisers.connect(connection, vault, advertiser_id="1", token="t", now=clock.now())
    before = world.asks("SELECT * FROM advertisers")

    assert (world.sweeps("look"), world.nudges.lookers) == (0, 0)

    world.settings = world.settings.model_copy(update={"tiktok_app_id": "1"})
    clock.advance(HOUR)
    assert (world.sweeps("look"), world.nudges.lookers) == (1, 1)
    assert world.asks("SELECT * FROM advertisers") == before
    assert [row["found"] for row in world.ledger("look")] == [0, 1]


def test_what_succeeds_forgets_its_own_trouble_alone(engine: Engine, clock: HandClock, vault: Vault) -> None:
    def trouble() -> str | None:
        (row,) = advertisers.every(connection)
        return row.trouble

    with hot(engine) as connection:
        advertisers.connect(connection, vault, advertiser_id="1", token="t", now=clock.now())

        assert advertisers.note_troubles(connection, "1", {"look": "The list.", "figures": "The report."})
        assert not advertisers.note_troubles(connection, "1", {"look": "The list."}, cleared=["ads"])
        assert trouble() == "The list. The report."
        assert advertisers.note_troubles(connection, "1", {}, cleared=["look"])
        assert trouble() == "The report."
        assert advertisers.note_trouble(connection, "1", "The report.")
        assert trouble() == "The report."
        advertisers.connect(connection, vault, advertiser_id="1", token="u", now=clock.now())
        assert trouble() is None


def test_a_hint_during_a_rest_waits_for_its_end(engine: Engine, clock: HandClock, vault: Vault) -> None:
    now = clock.now()
    with hot(engine) as connection:
        advertisers.connect(connection, vault, advertiser_id="1", token="t", now=now)
        turn = turns.claim(connection, now=now)
        assert turn is not None
        advertisers.look_soon(connection, ["1"], now=now)
        turns.looked(connection, turn, looked_at=None, next_at=now + 6 * HOUR, failed_looks=1, is_rest=True)
        turns.release(connection, turn)

        for minutes in (1, 61, 359):
            later = now + timedelta(minutes=minutes)
            advertisers.look_soon(connection, ["1"], now=later)
            (row,) = advertisers.every(connection)
            assert row.next_look_at == now + 6 * HOUR

        advertisers.look_soon(connection, ["1"], now=now + HOUR, is_asked=True)
        (row,) = advertisers.every(connection)
        assert row.next_look_at == now + HOUR


def test_what_a_look_left_out_keeps_its_confirmation(engine: Engine, clock: HandClock, vault: Vault) -> None:
    seen, first, second, third = (clock.now() + number * HOUR for number in range(4))
    query = f"SELECT {sightings.CONFIRMED_AT} FROM authorizations".encode()
    with hot(engine) as connection:
        authorizations.save(connection, [story.authorization(State.AUTHORIZED)], {}, now=seen)
        advertisers.connect(connection, vault, advertiser_id=ADVERTISER, token="t", now=seen)
        sightings.save(connection, [a_sighting(seen)])

        for keys, at, before, confirmed in (
            ([], first, None, first),
            ([KEY], second, first, first),
            ([KEY], third, second, first),
            ([], third + HOUR, third, third + HOUR),
        ):
            sightings.leave_out(connection, ADVERTISER, keys, at=at, before=before)
            connection.execute("UPDATE advertisers SET looked_at = %s", [at])
            assert connection.execute(query).fetchall() == [(confirmed,)]
