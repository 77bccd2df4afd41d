"""Ten thousand authorizations over twenty advertisers: adopted by one look, confirmed by the next within the limits."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from sqlalchemy import Engine

from infra.clock import HandClock
from infra.vault import Vault
from tests.journeys.looking import HOUR, lookout

ADVERTISERS, POSTS = 20, 500
MOST_CALLS = 250
TOO_OFTEN = 40100


def test_ten_thousand_authorizations_are_confirmed_with_few_calls(
    engine: Engine, clock: HandClock, vault: Vault
) -> None:
    with lookout(engine, clock, vault) as watch:
        mia = watch.creator()
        brands = [watch.connects(f"Brand {number}") for number in range(ADVERTISERS)]
        for brand in brands:
            for _ in range(POSTS):
                watch.binds(brand, mia)
        watch.world.limits.is_on = True

        adopted = watch.looks()

        assert adopted.letters == ADVERTISERS * POSTS
        (row,) = watch.asks("SELECT count(*) FROM authorizations WHERE state = 'authorized'")
        assert row["count"] == ADVERTISERS * POSTS
        watch.world.calls.clear()
        watch.passes(HOUR)
        began = clock.now()

        confirmed = watch.looks(after=HOUR)

        assert (confirmed.letters, confirmed.advertisers) == (0, ADVERTISERS)
        assert confirmed.calls == len(watch.world.calls) <= MOST_CALLS
        assert TOO_OFTEN not in {call.code for call in watch.world.calls}
        assert most_in(timedelta(seconds=1), [call.at for call in watch.world.calls]) <= 10
        assert most_in(timedelta(minutes=1), [call.at for call in watch.world.calls]) <= 600
        (row,) = watch.asks("SELECT count(*) FROM advertisers WHERE looked_at >= %s", began)
        assert row["count"] == ADVERTISERS


def most_in(span: timedelta, instants: list[object]) -> int:
    """The most instants that fell into one window of `span`, of those that begin at a multiple of it."""
    windows = Counter(int(instant.timestamp() // span.total_seconds()) for instant in instants)  # type: ignore[attr-defined]
    return max(windows.values())
