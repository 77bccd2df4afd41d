"""The look against the simulated TikTok, over HTTP: everything that nobody tells, each once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine

from domain.events import CodeGranted, PeriodExtended, Route
from infra import advertisers, inbox, turns
from infra.clock import HandClock
from infra.database import hot
from infra.inbox import Letter
from infra.vault import Vault
from simulator.accounts import Advertiser, Creator, Post
from tests.journeys.looking import DAY, HOUR, MINUTE, Lookout, key_of, lookout, request
from worker.comparing import Comparison
from worker.looking import look
from worker.reading import Reading

TABLES = ("inbox", "pending", "history", "authorizations", "ads", "grants", "sightings", "outbox", "kpis", "creators")


@pytest.fixture
def watch(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[Lookout]:
    with lookout(engine, clock, vault) as ready:
        yield ready


@pytest.fixture
def brand(watch: Lookout) -> Advertiser:
    return watch.connects()


@pytest.fixture
def mia(watch: Lookout) -> Creator:
    return watch.creator()


@pytest.fixture
def post(watch: Lookout, brand: Advertiser, mia: Creator) -> Post:
    """A post with a live ad, adopted by a first look."""
    bound = watch.binds(brand, mia)
    watch.advertises(brand, bound)
    watch.looks()
    assert watch.found() == ["code.granted", "ad.started"]
    # The figures are read once the ads are known.
    watch.looks()
    return bound


@pytest.fixture
def key(brand: Advertiser, post: Post) -> str:
    return key_of(brand, post)


def footprint(watch: Lookout) -> dict[str, Any]:
    """Every row of every table that a look may write, with the transaction that wrote it."""
    return {
        table: watch.asks(f"SELECT count(*), max(xmin::text::int8), sum(xmin::text::int8) FROM {table}")
        for table in TABLES
    }


def test_a_bound_post_is_adopted_with_its_live_ad_and_the_end_of_its_flight(
    watch: Lookout, brand: Advertiser, mia: Creator
) -> None:
    post = watch.binds(brand, mia, days=60)
    end = watch.clock.now() + 40 * DAY
    watch.advertises(brand, post, ends_at=end)

    watch.looks()

    held = watch.held(key_of(brand, post))
    assert (held["state"], held["state_reason"]) == ("active", "ad_started")
    assert held["expires_at"] == watch.world.code_of(post.item_id).end_at  # type: ignore[union-attr]
    (ad,) = watch.asks("SELECT * FROM ads")
    assert ad["flight_end"] == end


def test_a_look_that_finds_nothing_writes_nothing(watch: Lookout, brand: Advertiser, key: str) -> None:
    before = footprint(watch)
    (confirmed,) = watch.asks("SELECT looked_at FROM advertisers")

    looked = watch.looks(after=HOUR)

    assert looked.letters == 0
    assert footprint(watch) == before
    (again,) = watch.asks("SELECT looked_at FROM advertisers")
    assert again["looked_at"] >= confirmed["looked_at"] + HOUR
    assert watch.found() == []


def test_an_extension_is_found(watch: Lookout, post: Post, key: str) -> None:
    code = watch.world.extend(post.item_id, days=30)

    watch.looks()

    assert watch.found() == ["authorization.extended"]
    assert watch.held(key)["expires_at"] == code.end_at


def test_expiry_is_left_to_the_clock_and_the_lost_ad_is_found(watch: Lookout, post: Post, key: str) -> None:
    watch.looks(after=31 * DAY)

    assert watch.found() == ["ad.lost"]
    assert watch.held(key)["state"] == "authorized"


def test_an_extension_after_the_end_revives_it_and_its_ads(watch: Lookout, post: Post, key: str) -> None:
    watch.looks(after=31 * DAY)
    held = watch.held(key)
    watch.writes(
        [
            Letter(
                sender="clock",
                event_id="expire:1",
                type="period.ended",
                key=key,
                occurred_at=held["expires_at"],
                data=f'{{"ends_at": "{held["expires_at"].isoformat()}"}}'.encode(),
            )
        ]
    )
    assert watch.held(key)["state"] == "expired"
    watch.found()
    watch.world.extend(post.item_id, days=30)

    watch.looks()

    assert watch.found() == ["authorization.extended", "ad.started"]
    assert watch.held(key)["state"] == "active"


def test_a_silent_revocation_is_found_with_its_lost_ad(watch: Lookout, post: Post, key: str) -> None:
    watch.world.revoke(post.item_id)

    watch.looks()

    assert watch.found() == ["authorization.revoked", "ad.lost"]
    assert watch.held(key)["state"] == "revoked"


def test_a_deleted_post_is_found(watch: Lookout, post: Post, key: str) -> None:
    watch.world.delete_post(post.item_id, is_forced=True)

    watch.looks()

    assert watch.found() == ["authorization.revoked", "post.changed", "ad.lost"]
    assert (watch.held(key)["state"], watch.held(key)["condition"]) == ("revoked", "removed")


def test_privacy_moderation_and_review_are_found(watch: Lookout, post: Post, key: str) -> None:
    for status, condition in (("ONLY_AUTHOR_SEE", "private"), ("HESITATE_RECOMMEND", "public")):
        watch.world.set_status(post.item_id, status)

        watch.looks()

        assert watch.found() == ["post.changed"]
        assert watch.held(key)["condition"] == condition

    watch.world.moderate(post.item_id)
    watch.looks()

    assert watch.found() == ["post.changed", "ad.lost"]
    assert watch.held(key)["condition"] == "removed"


def test_missing_music_is_found_and_its_return(watch: Lookout, post: Post, key: str) -> None:
    watch.world.set_music_missing(post.item_id)

    watch.looks()

    assert watch.found() == ["post.changed", "ad.lost"]
    assert watch.held(key)["condition"] == "music_missing"

    watch.world.set_music_missing(post.item_id, is_missing=False)
    watch.looks()

    assert watch.found() == ["post.changed", "ad.started"]
    assert (watch.held(key)["condition"], watch.held(key)["state"]) == ("public", "active")


def test_an_ad_that_was_switched_off_has_stopped(watch: Lookout, brand: Advertiser, post: Post, key: str) -> None:
    (ad,) = watch.world.ads_of(brand.advertiser_id)
    watch.world.operate([ad], "DISABLE")

    watch.looks()

    assert watch.found() == ["ad.stopped"]
    assert watch.held(key)["state"] == "authorized"


def test_an_ad_that_was_deleted_has_stopped(watch: Lookout, brand: Advertiser, post: Post, key: str) -> None:
    (ad,) = watch.world.ads_of(brand.advertiser_id)
    watch.world.operate([ad], "DELETE")

    watch.looks()

    assert watch.found() == ["ad.stopped"]


def test_a_post_that_was_unbound_is_looked_for_once_more_and_then_withdrawn(
    watch: Lookout, brand: Advertiser, post: Post, key: str
) -> None:
    watch.world.unbind(brand.advertiser_id, post.item_id)
    calls = len(watch.world.calls_of("tt_video/list"))

    watch.looks()

    assert watch.found() == ["authorization.revoked"]
    assert len(watch.world.calls_of("tt_video/list")) == calls + 2
    assert watch.held(key)["state"] == "revoked"
    watch.looks()
    assert watch.found() == []


def test_a_post_that_moved_between_two_pages_is_found_by_its_id(
    watch: Lookout, engine: Engine, brand: Advertiser, key: str
) -> None:
    watch.passes(HOUR)
    comparison = Comparison(engine=engine, vault=watch.vault, advertiser_id=brand.advertiser_id, at=watch.clock.now())
    reading = Reading(advertiser=watch.tiktok.advertiser(brand.advertiser_id, watch.tokens[brand.advertiser_id]))

    assert comparison.unmet() == ([key], [])
    assert comparison.looked_for(key, reading).differences == []
    assert comparison.unmet() == ([], [])


def test_no_code_is_kept_in_the_clear(watch: Lookout, post: Post, key: str) -> None:
    code = watch.world.code_of(post.item_id)
    assert code is not None

    rows = (
        watch.asks("SELECT * FROM inbox") + watch.asks("SELECT * FROM sightings") + watch.asks("SELECT * FROM grants")
    )

    assert code.value.strip("#=")[:32] not in str(rows)
    (sighting,) = watch.asks("SELECT * FROM sightings")
    assert sighting["facts"]["code_last"] == code.value.rstrip("=")[-4:]
    assert sighting["code_fingerprint"] == watch.vault.fingerprint(code.value)


def test_what_was_only_told_and_never_shown_is_believed(watch: Lookout, brand: Advertiser, mia: Creator) -> None:
    post = watch.world.add_post(mia.creator_id)
    key, now = key_of(brand, post), watch.clock.now()
    watch.hears(key, CodeGranted(at=now, starts_at=now, expires_at=now + 30 * DAY), "told")
    watch.found()

    watch.looks()

    assert watch.found() == []
    assert watch.held(key)["state"] == "authorized"


def test_an_extension_that_was_told_wrongly_is_corrected(watch: Lookout, post: Post, key: str) -> None:
    shown = watch.held(key)["expires_at"]
    watch.hears(key, PeriodExtended(at=watch.clock.now(), expires_at=shown + 30 * DAY), "told")
    watch.found()

    watch.looks()

    assert watch.found() == ["period.corrected"]
    assert watch.held(key)["expires_at"] == shown


def test_account_access_is_granted_lost_and_granted_again(watch: Lookout, brand: Advertiser, mia: Creator) -> None:
    key = f"{brand.advertiser_id}/@{mia.handle}"
    asked = {"advertiser_id": brand.advertiser_id, "account": {"handle": mia.handle}, "route": "account"}
    watch.writes([request(key, asked, watch)])

    watch.looks()
    assert watch.found() == []

    watch.world.grant(watch.center.bc_id, mia.creator_id)
    watch.world.assign(watch.center.bc_id, mia.creator_id, brand.advertiser_id)
    watch.looks()
    assert watch.found() == ["code.granted"]
    held = watch.held(key)
    assert (held["state"], held["expires_at"]) == ("authorized", None)

    watch.world.remove_access(watch.center.bc_id, mia.creator_id)
    watch.looks()
    assert watch.found() == ["authorization.revoked"]
    assert watch.held(key)["state"] == "revoked"

    watch.world.grant(watch.center.bc_id, mia.creator_id)
    watch.world.assign(watch.center.bc_id, mia.creator_id, brand.advertiser_id)
    watch.looks()
    assert watch.found() == ["code.granted"]
    assert watch.held(key)["state"] == "authorized"


def test_ads_by_account_access_count_for_the_account(watch: Lookout, brand: Advertiser, mia: Creator) -> None:
    key = f"{brand.advertiser_id}/@{mia.handle}"
    watch.world.grant(watch.center.bc_id, mia.creator_id)
    watch.world.assign(watch.center.bc_id, mia.creator_id, brand.advertiser_id)
    asked = {"advertiser_id": brand.advertiser_id, "account": {"handle": mia.handle}, "route": "account"}
    watch.writes([request(key, asked, watch)])
    (identity,) = watch.world.identities_of(brand.advertiser_id, "BC_AUTH_TT", watch.center.bc_id)
    post = watch.world.add_post(mia.creator_id)
    watch.advertises(brand, post, identity=identity)

    watch.looks()

    assert watch.found() == ["code.granted", "ad.started"]
    assert watch.held(key)["state"] == "active"
    watch.world.remove_access(watch.center.bc_id, mia.creator_id)
    watch.looks()
    assert watch.found()[0] == "authorization.revoked"


def test_the_advertisers_own_account_is_confirmed(watch: Lookout, brand: Advertiser, mia: Creator) -> None:
    key = f"{brand.advertiser_id}/@{mia.handle}"
    asked = {"advertiser_id": brand.advertiser_id, "account": {"handle": mia.handle}, "route": "own"}
    watch.writes([request(key, asked, watch)])
    watch.world.link_own_account(brand.advertiser_id, mia.creator_id)

    watch.looks()

    assert watch.found() == ["code.granted"]
    assert watch.held(key)["route"] == Route.OWN
    watch.world.unlink_own_account(brand.advertiser_id, mia.creator_id)
    watch.looks()
    assert watch.found() == ["authorization.revoked"]


def test_a_difference_seen_twice_before_it_was_applied_is_stored_once(
    watch: Lookout, engine: Engine, brand: Advertiser, post: Post, key: str
) -> None:
    watch.world.extend(post.item_id, days=30)
    for _ in range(2):
        watch.passes(2 * MINUTE)
        with hot(engine) as connection:
            advertisers.look_soon(connection, [brand.advertiser_id], now=watch.clock.now())
        looked = look_only(watch)
        assert inbox.mailbox_of(key) in looked

    assert watch.found() == ["authorization.extended"]


def test_a_glimpse_at_one_post_costs_one_call_and_keeps_its_time(watch: Lookout, post: Post, key: str) -> None:
    watch.passes(HOUR)
    calls = len(watch.world.calls)

    glimpse = watch.glimpses(key)

    assert (glimpse.is_there, glimpse.letters, glimpse.trouble) == (True, 0, None)
    assert len(watch.world.calls) == calls + 1
    (sighting,) = watch.asks("SELECT seen_at FROM sightings WHERE key = %s", key)
    assert sighting["seen_at"] == watch.clock.now()
    watch.world.extend(post.item_id, days=30)
    assert watch.glimpses(key).letters == 1


def test_a_refused_token_is_told_once_and_looked_at_much_later(watch: Lookout, brand: Advertiser, key: str) -> None:
    watch.world.revoke_token(watch.tokens[brand.advertiser_id])

    watch.looks()

    (row,) = watch.asks("SELECT trouble, next_look_at, looking_until FROM advertisers")
    assert "connect" in row["trouble"].lower()
    assert row["next_look_at"] >= watch.clock.now() + HOUR
    assert row["looking_until"] is None
    assert watch.held(key)["state"] == "active"


def test_a_hint_during_a_look_is_not_lost(watch: Lookout, engine: Engine, brand: Advertiser, key: str) -> None:
    watch.passes(HOUR)
    now = watch.clock.now()
    with hot(engine) as connection:
        advertisers.look_soon(connection, [brand.advertiser_id], now=now)
        turn = turns.claim(connection, now=now)
        assert turn is not None
        assert turns.claim(connection, now=now) is None

        advertisers.look_soon(connection, [brand.advertiser_id], now=now)
        turns.looked(connection, turn, looked_at=now, next_at=now + 4 * HOUR)
        turns.release(connection, turn)

        assert turns.due(connection, now=now) == 0
        assert turns.due(connection, now=now + MINUTE) == 1


def test_a_look_that_found_something_is_soon_followed_by_another(watch: Lookout, post: Post, key: str) -> None:
    watch.world.extend(post.item_id, days=30)

    watch.looks()

    (row,) = watch.asks("SELECT next_look_at - looked_at AS span FROM advertisers")
    assert row["span"] == 15 * MINUTE


def test_the_next_look_comes_sooner_near_the_end(watch: Lookout, post: Post, key: str) -> None:
    (quiet,) = watch.asks("SELECT next_look_at - looked_at AS span FROM advertisers")
    watch.looks(after=29 * DAY + 12 * HOUR)
    (pressing,) = watch.asks("SELECT next_look_at - looked_at AS span FROM advertisers")

    assert 4 * HOUR <= quiet["span"] <= 5 * HOUR
    assert 10 * MINUTE <= pressing["span"] <= 11 * MINUTE


def test_an_interrupted_look_judges_nothing_that_it_did_not_meet(
    watch: Lookout, brand: Advertiser, mia: Creator, post: Post, key: str
) -> None:
    (before,) = watch.asks("SELECT looked_at FROM advertisers")
    later = watch.binds(brand, mia)
    watch.advertises(brand, later)
    watch.world.unbind(brand.advertiser_id, post.item_id)
    watch.world.faults.plan("tt_video/list", "code", code=50000)

    watch.looks()

    assert watch.found() == []
    (row,) = watch.asks("SELECT looked_at, next_look_at, trouble FROM advertisers")
    assert (row["looked_at"], row["trouble"]) == (before["looked_at"], None)
    assert row["next_look_at"] <= watch.clock.now() + HOUR
    watch.looks()
    assert watch.found() == ["code.granted", "ad.started", "authorization.revoked"]


def test_a_rate_limited_look_comes_back(watch: Lookout, brand: Advertiser, post: Post, key: str) -> None:
    watch.world.faults.plan("tt_video/list", "code", code=40100)
    watch.world.extend(post.item_id, days=30)

    watch.looks()
    assert watch.found() == []
    watch.looks(after=10 * MINUTE)

    assert watch.found() == ["authorization.extended"]


def look_only(watch: Lookout) -> set[int]:
    return look(watch.engine, watch.clock, watch.tiktok, watch.vault).mailboxes
