"""The look where TikTok's answers lack something, move while they are read, or are refused: nothing is judged by them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from domain.events import CodeGranted
from infra import advertisers, turns
from infra.clock import HandClock
from infra.database import hot
from infra.sightings import CONFIRMED_AT
from infra.tiktok.answers import Page
from infra.vault import Vault
from simulator.accounts import Advertiser, Creator, Post
from simulator.ads import Ad
from tests.journeys.looking import DAY, HOUR, MINUTE, Lookout, key_of, lookout, request
from worker.comparing import Comparison
from worker.looking import Hold, OvertakenError, look
from worker.reading import Reading


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
    """A post with a live ad that is known here."""
    bound = watch.binds(brand, mia)
    watch.advertises(brand, bound)
    watch.looks()
    watch.looks()
    assert watch.found() == ["code.granted", "ad.started"]
    return bound


@pytest.fixture
def key(brand: Advertiser, post: Post) -> str:
    return key_of(brand, post)


@pytest.fixture
def ad(watch: Lookout, brand: Advertiser, post: Post) -> Ad:
    (live,) = watch.world.ads_of(brand.advertiser_id)
    return live


def trouble(watch: Lookout) -> str:
    (row,) = watch.asks("SELECT trouble FROM advertisers")
    return row["trouble"] or ""


def confirmed(watch: Lookout, key: str) -> datetime:
    (row,) = watch.asks(f"SELECT {CONFIRMED_AT} AS at FROM authorizations WHERE key = %s", key)
    at: datetime = row["at"]
    return at


def holds_account(watch: Lookout, brand: Advertiser, creator: Creator) -> str:
    """Access to a whole account, as a producer tells it."""
    watch.world.grant(watch.center.bc_id, creator.creator_id)
    watch.world.assign(watch.center.bc_id, creator.creator_id, brand.advertiser_id)
    key, now = f"{brand.advertiser_id}/@{creator.handle}", watch.clock.now()
    watch.hears(key, CodeGranted(at=now, starts_at=now, expires_at=None), f"told:{key}")
    return key


def hints(watch: Lookout, brand: Advertiser, **how: Any) -> None:
    with hot(watch.engine) as connection:
        advertisers.look_soon(connection, [brand.advertiser_id], now=watch.clock.now(), **how)


def calls_in(watch: Lookout, span: timedelta, *, every: timedelta) -> int:
    """How many calls are made while somebody looks whenever a look is due."""
    before, until = len(watch.world.calls), watch.clock.now() + span
    while watch.clock.now() < until:
        watch.passes(every)
        look(watch.engine, watch.clock, watch.tiktok, watch.vault)
    return len(watch.world.calls) - before


def test_accounts_beyond_the_first_page_are_kept_where_tiktok_counts_none(watch: Lookout, brand: Advertiser) -> None:
    watch.world.switches.is_page_info_zero_for_accounts = False
    for number in range(103):
        holds_account(watch, brand, watch.creator(f"c{number}"))
    watch.looks()
    watch.found()

    watch.world.switches.is_page_info_zero_for_accounts = True
    watch.looks(after=HOUR)

    assert watch.found() == []
    assert watch.asks("SELECT DISTINCT state FROM authorizations") == [{"state": "authorized"}]


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ({"has_end": False}, "no word"),
        ({"word": "AUTHORIZED", "has_end": False}, "without an end"),
        ({"word": "RENEWING", "has_end": True}, "RENEWING"),
    ],
    ids=["no block", "no end", "unknown word"],
)
def test_a_word_that_nobody_knows_moves_nothing_and_is_told_until_it_is_clear(
    watch: Lookout, post: Post, key: str, shown: dict[str, Any], said: str
) -> None:
    before = confirmed(watch, key)
    watch.world.set_auth_words(post.item_id, **shown)

    watch.looks()
    watch.looks()

    assert watch.found() == []
    assert watch.held(key)["state"] == "active"
    assert said in trouble(watch)
    assert "EVERSPARK_TIKTOK_WITHDRAWN_WORDS" in trouble(watch)
    assert confirmed(watch, key) == before
    assert said in (watch.glimpses(key).trouble or "")
    watch.world.set_auth_words(post.item_id)
    watch.looks()
    assert trouble(watch) == ""
    assert confirmed(watch, key) > before


def test_a_word_of_the_settings_withdraws(watch: Lookout, brand: Advertiser, post: Post, key: str) -> None:
    watch.world.set_auth_words(post.item_id, word="Lapsing", has_end=True)
    watch.passes(MINUTE)
    hints(watch, brand)

    look(watch.engine, watch.clock, watch.tiktok, watch.vault, withdrawn_words={"LAPSING"})
    watch.settles()

    assert watch.held(key)["state"] == "revoked"


@pytest.mark.parametrize(
    "status", ["AD_STATUS_BUDGET_EXCEED", "AD_STATUS_BALANCE_EXCEED", "AD_STATUS_REAUDIT", "AD_STATUS_OF_TOMORROW"]
)
def test_an_ad_that_pauses_by_itself_keeps_its_flight_and_the_renewals(
    watch: Lookout, brand: Advertiser, ad: Ad, key: str, status: str
) -> None:
    before = watch.held(key)
    watch.world.hold_ad(brand.advertiser_id, ad.ad_id, status=status)

    watch.looks()

    assert watch.found() == []
    assert watch.held(key) == before


def test_an_ad_that_moved_between_two_pages_has_not_stopped(watch: Lookout, ad: Ad, key: str) -> None:
    watch.world.switches.ads_between_pages = (ad.ad_id,)
    watch.advertises(watch.world.advertisers[key.partition("/")[0]], watch.world.posts[key.partition("/")[2]])

    watch.looks()

    assert watch.found() == ["ad.started"]


def test_an_ad_that_no_list_shows_and_that_is_deleted_has_stopped(watch: Lookout, brand: Advertiser, ad: Ad) -> None:
    watch.world.operate_ad(brand.advertiser_id, ad.ad_id, "DELETE")

    watch.looks()

    assert watch.found() == ["ad.stopped"]


def test_a_renamed_account_is_known_by_its_identity(watch: Lookout, brand: Advertiser, mia: Creator) -> None:
    key = holds_account(watch, brand, mia)
    watch.looks()
    watch.found()
    watch.world.rename(mia.creator_id, "mia.creates")
    namesake = watch.creator("mia.makes")
    watch.world.grant(watch.center.bc_id, namesake.creator_id)
    watch.world.assign(watch.center.bc_id, namesake.creator_id, brand.advertiser_id)

    watch.looks()

    assert watch.found() == []
    assert watch.held(key)["state"] == "authorized"
    (sighting,) = watch.asks("SELECT facts FROM sightings WHERE key = %s", key)
    assert sighting["facts"]["creator"] == "mia.creates"


def test_ads_of_an_own_account_count_for_the_account_that_is_held(
    watch: Lookout, brand: Advertiser, mia: Creator
) -> None:
    key = f"{brand.advertiser_id}/@{mia.handle}"
    watch.world.link_own_account(brand.advertiser_id, mia.creator_id)
    now = watch.clock.now()
    asked = {"advertiser_id": brand.advertiser_id, "account": {"handle": mia.handle}, "route": "own"}
    watch.writes([request(key, asked, watch)])
    (identity,) = watch.world.identities_of(brand.advertiser_id, "TT_USER")
    watch.advertises(brand, watch.world.add_post(mia.creator_id), identity=identity)

    watch.looks()

    assert watch.found() == ["code.granted", "ad.started"]
    assert watch.held(key)["state"] == "active"
    assert watch.held(key)["state_since"] >= now


def test_a_passing_refusal_rests_a_minute_and_longer_each_time(watch: Lookout, brand: Advertiser, key: str) -> None:
    watch.world.faults.plan("tt_video/list", "code", code=-500, times=3)
    rests = []
    for _ in range(3):
        watch.passes(HOUR)
        hints(watch, brand)
        look(watch.engine, watch.clock, watch.tiktok, watch.vault)
        (row,) = watch.asks("SELECT next_look_at - %s AS rest, trouble FROM advertisers", watch.clock.now())
        rests.append(row["rest"])

    assert rests == [MINUTE, 2 * MINUTE, 5 * MINUTE]
    assert "tried again by itself" in trouble(watch)
    watch.looks(after=HOUR)
    assert trouble(watch) == ""


def test_a_list_that_cannot_be_read_is_told_and_asked_for_less_and_less(
    watch: Lookout, brand: Advertiser, key: str
) -> None:
    watch.world.faults.plan("tt_video/list", "malformed", times=10**6)
    hints(watch, brand)

    calls = calls_in(watch, 6 * HOUR, every=MINUTE)

    assert calls <= 40
    assert "TikTok could not be looked at" in trouble(watch)


@pytest.mark.parametrize("obstacle", ["token", "list"])
def test_hints_do_not_shorten_a_rest_and_a_person_does(
    watch: Lookout, brand: Advertiser, key: str, obstacle: str
) -> None:
    if obstacle == "token":
        watch.world.revoke_token(watch.tokens[brand.advertiser_id])
    else:
        watch.world.faults.plan("tt_video/list", "malformed", times=10**6)
    watch.looks()
    watch.looks(after=2 * MINUTE)
    before = len(watch.world.calls)
    for _ in range(100):
        hints(watch, brand)
        watch.passes(timedelta(seconds=0.5))
        look(watch.engine, watch.clock, watch.tiktok, watch.vault)

    assert len(watch.world.calls) - before == 0
    watch.passes(MINUTE)
    hints(watch, brand, is_asked=True)
    look(watch.engine, watch.clock, watch.tiktok, watch.vault)
    assert len(watch.world.calls) > before


def test_a_row_that_cannot_be_read_is_left_as_it_was_and_the_others_are_read(
    watch: Lookout, brand: Advertiser, mia: Creator, post: Post, key: str
) -> None:
    other = watch.binds(brand, mia)
    watch.looks()
    watch.found()
    before = confirmed(watch, key)
    watch.world.extend(other.item_id, days=30)
    watch.world.switches.unreadable_rows = (post.item_id,)

    watch.looks(after=HOUR)

    assert watch.found() == ["authorization.extended"]
    assert watch.held(key)["state"] == "active"
    assert "1 row of TikTok's lists could not be read" in trouble(watch)
    assert confirmed(watch, key) == before
    assert confirmed(watch, key_of(brand, other)) > before
    watch.world.switches.unreadable_rows = ()
    watch.looks()
    assert trouble(watch) == ""
    assert confirmed(watch, key) > before


@pytest.mark.parametrize("path", ["ad/get", "identity/get"])
@pytest.mark.parametrize("code", [40001, 40002, 50000])
def test_a_part_that_is_refused_does_not_hide_the_posts(
    watch: Lookout, brand: Advertiser, mia: Creator, post: Post, key: str, path: str, code: int
) -> None:
    account = holds_account(watch, brand, watch.creator("lea"))
    watch.looks()
    watch.found()
    before = confirmed(watch, account)
    watch.world.faults.plan(path, "code", code=code, times=4)
    watch.world.extend(post.item_id, days=30)

    watch.looks(after=HOUR)
    watch.looks(after=HOUR)

    assert watch.found() == ["authorization.extended"]
    assert watch.held(key)["state"] == "active"
    assert watch.held(account)["state"] == "authorized"
    assert "could not be read" in trouble(watch)
    assert (confirmed(watch, account) == before) == (path == "identity/get")
    watch.world.faults.clear()
    watch.looks(after=HOUR)
    assert trouble(watch) == ""
    assert confirmed(watch, account) > before


def test_an_ad_starts_here_once_the_end_of_its_flight_is_known(watch: Lookout, brand: Advertiser, mia: Creator) -> None:
    post = watch.binds(brand, mia)
    watch.advertises(brand, post)
    watch.world.faults.plan("adgroup/get", "code", code=40002, message="adgroup_ids: Not a valid list.")

    watch.looks()
    assert watch.found() == ["code.granted"]
    watch.looks()

    assert watch.found() == ["ad.started"]


def test_a_refused_report_does_not_hide_the_look_and_each_forgets_its_own(
    watch: Lookout, brand: Advertiser, key: str
) -> None:
    watch.world.faults.plan("report/integrated/get", "code", code=40002, times=10**6)
    watch.passes(5 * HOUR)
    watch.looks()
    assert "figures" in trouble(watch)

    watch.looks(after=5 * MINUTE)
    assert "figures" in trouble(watch)

    watch.world.faults.clear()
    watch.looks(after=HOUR)
    assert trouble(watch) == ""


def test_a_report_that_cannot_be_read_is_told_once_figures_are_late(
    watch: Lookout, brand: Advertiser, key: str
) -> None:
    watch.world.faults.plan("report/integrated/get", "malformed", times=10**6)
    watch.looks(after=5 * HOUR)
    assert trouble(watch) == ""

    watch.looks(after=5 * HOUR)

    assert "The figures could not be read" in trouble(watch)


def test_of_two_rows_of_one_post_on_two_pages_the_better_one_counts(
    watch: Lookout, brand: Advertiser, post: Post, key: str
) -> None:
    watch.passes(HOUR)
    reading = Reading(advertiser=watch.tiktok.advertiser(brand.advertiser_id, watch.tokens[brand.advertiser_id]))
    (row,) = reading.posts_of(post.item_id)
    old = replace(row, auth_status="EXPIRED", starts_at=row.starts_at, ends_at=watch.clock.now() - DAY)
    shorter = replace(row, ends_at=watch.clock.now() + DAY)

    for first, second in ((old, row), (row, old), (shorter, row), (row, shorter)):
        comparison = compares(watch, brand)
        pages = [Page(items=(each,), page=number, pages=2, total=2) for number, each in enumerate((first, second), 1)]
        compared = [*(comparison.posts(page) for page in pages), *comparison.deferred()]
        assert [each.differences for each in compared if each.differences] == []


def test_a_look_that_takes_longer_than_its_claim_keeps_it(watch: Lookout, brand: Advertiser, key: str) -> None:
    watch.passes(HOUR)
    hints(watch, brand)
    with hot(watch.engine) as connection:
        turn = turns.claim(connection, now=watch.clock.now())
    assert turn is not None
    hold = Hold(engine=watch.engine, clock=watch.clock, turn=turn, until=turn.until)

    for _ in range(10):
        watch.passes(4 * MINUTE)
        hold.beat()
        with hot(watch.engine) as connection:
            assert turns.claim(connection, now=watch.clock.now()) is None

    watch.passes(turns.LOOK_IS_LOST_AFTER + MINUTE)
    with hot(watch.engine) as connection:
        assert turns.claim(connection, now=watch.clock.now()) is not None
    with pytest.raises(OvertakenError):
        hold.beat()


def test_what_was_heard_of_since_tiktok_was_asked_is_not_confirmed(
    watch: Lookout, brand: Advertiser, post: Post, key: str
) -> None:
    comparison = compares(watch, brand, at=watch.clock.now() - HOUR)
    reading = Reading(advertiser=watch.tiktok.advertiser(brand.advertiser_id, watch.tokens[brand.advertiser_id]))

    (page,) = list(reading.posts())
    compared = comparison.posts(page)

    assert (compared.differences, compared.news) == ([], [])
    assert comparison.left_out == {key}


def test_a_list_that_is_suddenly_empty_is_not_believed_before_it_has_stayed_so(
    watch: Lookout, brand: Advertiser, key: str
) -> None:
    creator = watch.creator("leo.cooks")
    for _ in range(9):
        watch.binds(brand, creator)
    watch.looks()
    watch.found()
    rows = dict(watch.world.bindings[brand.advertiser_id])
    watch.world.bindings[brand.advertiser_id].clear()

    watch.looks(after=2 * MINUTE)
    assert watch.found() == []
    assert "lacks 10 of 10 posts" in trouble(watch)

    watch.world.bindings[brand.advertiser_id].update(rows)
    watch.looks(after=2 * MINUTE)
    assert watch.found() == []
    assert not trouble(watch)

    watch.world.bindings[brand.advertiser_id].clear()
    for minutes in (2, 2, 3, 6, 11):
        assert watch.found() == []
        watch.looks(after=minutes * MINUTE)
    assert watch.found() == ["authorization.revoked"] * 10


def compares(watch: Lookout, brand: Advertiser, *, at: datetime | None = None) -> Comparison:
    return Comparison(
        engine=watch.engine, vault=watch.vault, advertiser_id=brand.advertiser_id, at=at or watch.clock.now()
    )
