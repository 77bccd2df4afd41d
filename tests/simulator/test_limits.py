"""Rate limits by windows, and how each of them ends."""

from __future__ import annotations

from datetime import timedelta

import pytest

from infra.clock import HandClock
from simulator.catalogue import Refused
from simulator.limits import LEVELS, Limiter
from tests.simulator.caller import START, Caller


def taken(limiter: Limiter, clock: HandClock, *, path: str = "tt_video/list", level: str = "basic") -> int:
    """The code of one call."""
    try:
        limiter.check(app_id="app", level=level, path=path, advertiser_id="7001", now=clock.now())
    except Refused as refused:
        return refused.code
    return 0


@pytest.fixture
def limiter() -> Limiter:
    return Limiter(is_on=True)


@pytest.mark.parametrize(("level", "most"), [("basic", 10), ("advanced", 20), ("premium", 30), ("ultimate", 50)])
def test_a_second_holds_so_many_calls(limiter: Limiter, clock: HandClock, level: str, most: int) -> None:
    codes = [taken(limiter, clock, level=level) for _ in range(most + 1)]
    clock.advance(timedelta(seconds=1))

    assert codes == [0] * most + [40100]
    assert taken(limiter, clock, level=level) == 0


def test_who_hammers_on_is_blocked_for_five_minutes(limiter: Limiter, clock: HandClock) -> None:
    for _ in range(600):
        taken(limiter, clock)

    assert taken(limiter, clock) == 40100
    clock.advance(timedelta(minutes=4, seconds=59))
    assert taken(limiter, clock) == 40100
    clock.advance(timedelta(seconds=1))
    assert taken(limiter, clock) == 0


def test_a_steady_pace_is_never_blocked(limiter: Limiter, clock: HandClock) -> None:
    codes = set()
    for _ in range(180):
        codes |= {taken(limiter, clock) for _ in range(10)}
        clock.advance(timedelta(seconds=1))

    assert codes == {0}


def test_a_day_overdrawn_blocks_until_midnight(limiter: Limiter, clock: HandClock) -> None:
    limiter._windows["app:app"].count(timedelta(days=1), START)  # noqa: SLF001 - a day of calls would take long
    limiter._windows["app:app"].counts[timedelta(days=1)] = LEVELS["basic"].day  # noqa: SLF001

    assert taken(limiter, clock) == 40100
    clock.advance(timedelta(hours=14, minutes=59))
    assert taken(limiter, clock) == 40100
    clock.advance(timedelta(minutes=1))
    assert taken(limiter, clock) == 0


def test_authorizing_has_a_lower_cap_for_each_advertiser(tiktok: Caller, clock: HandClock) -> None:
    tiktok.world.limits.is_on = True
    answers = [tiktok.authorize(tiktok.minted()[1]) for _ in range(6)]
    clock.advance(timedelta(seconds=1))

    assert [answer["code"] for answer in answers] == [0] * 5 + [40133]
    assert answers[-1]["message"].startswith(
        f"Advertiser ({tiktok.advertiser_id})'s QPS (6) reaches QPS limit 5 for current path"
    )
    assert tiktok.authorize(tiktok.minted()[1])["code"] == 0


def test_the_limits_follow_their_own_clock(tiktok: Caller, clock: HandClock) -> None:
    tiktok.world.limits.is_on, tiktok.world.wall = True, HandClock(START)

    codes = []
    for _ in range(11):
        codes.append(tiktok.get("tt_video/list", advertiser_id=tiktok.advertiser_id)["code"])
        clock.advance(timedelta(hours=1))

    assert codes == [0] * 10 + [40100]
    assert tiktok.world.limits.refused == 1


def test_the_sandbox_counts_each_path_by_itself(tiktok: Caller) -> None:
    tiktok.world.limits.is_on = tiktok.world.switches.is_sandbox = True

    def asks(path: str) -> int:
        code: int = tiktok.get(path, advertiser_id=tiktok.advertiser_id)["code"]
        return code

    assert [asks("identity/get"), asks("identity/get")] == [0, 40100]
    assert asks("identity/info") == 40002
