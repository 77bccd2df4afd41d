"""The past of the demo's world: every kind of story is in it, told with its own dates, and the same for the same seed."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from infra.clock import HandClock
from infra.contract import check
from infra.public_types import PUBLIC_TYPES
from simulator.brand import Brand, Event
from simulator.characters import Deed
from simulator.people import Answer, People
from simulator.seeding import Past, live_through, populate
from simulator.world import World

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Town:
    """The demo's world on a clock by hand; `told` is what the campaign tool said so far."""

    def __init__(self, seed: int = 7) -> None:
        self.clock = HandClock(NOON)
        self.world = World(self.clock, seed=seed)
        self.told: list[Event] = []
        self.people = People(self.world, seed, answers=self._hear)
        self.brand = Brand(world=self.world, people=self.people, tells=self.told.append, seed=seed)
        center = populate(self.world, self.people)
        past = Past(world=self.world, people=self.people, brand=self.brand, center=center, clock=self.clock, now=NOON)
        live_through(past)

    def _hear(self, answer: Answer) -> None:
        self.brand.hears(answer)

    def binds(self) -> None:
        """As Everspark does: whatever has a code and is waited for is bound."""
        for item_id, plan in self.brand.waiting.items():
            code = self.world.code_of(item_id)
            if code is not None and self.world.binding_of(plan.advertiser.advertiser_id, item_id) is None:
                self.world.authorize(plan.advertiser.advertiser_id, code.value)


@pytest.fixture(scope="module")
def town() -> Town:
    return Town()


def test_the_past_is_told_in_its_order_and_ends_at_the_beginning(town: Town) -> None:
    instants = [event.at for event in town.told]

    assert instants == sorted(instants)
    assert instants[0] < NOON - timedelta(days=30)
    assert instants[-1] <= NOON
    assert town.clock.now() == NOON


def test_everything_told_keeps_the_public_contract(town: Town) -> None:
    for event in town.told:
        data = msgspec.json.decode(msgspec.json.encode(event.data), type=PUBLIC_TYPES[event.type])
        check(data, offered_days=(7, 30, 60, 365))


def test_every_route_and_every_kind_of_end_is_there(town: Town) -> None:
    told = Counter(event.type for event in town.told)
    routes = {event.data["route"] for event in town.told if event.type == "authorization.requested"}
    ends = [code.end_at for code in town.world.codes.values() if not code.is_deleted]

    assert routes == {"code", "account", "own"}
    assert told["authorization.revoked"] == 2
    assert sum(code.is_deleted for code in town.world.codes.values()) > told["authorization.revoked"]
    assert sum(end <= NOON for end in ends) >= 5
    assert sum(NOON < end <= NOON + timedelta(days=7) for end in ends) >= 5


def test_the_same_seed_gives_the_same_past() -> None:
    assert [event.plain() for event in Town().told] == [event.plain() for event in Town().told]


def test_life_goes_on_requests_are_answered_and_ads_are_launched() -> None:
    town = Town()
    before = len(town.told)

    for _ in range(20 * 24):
        town.clock.advance(HOUR)
        town.people.act_due()
        town.binds()
        town.brand.act_due()

    later = Counter(event.type for event in town.told[before:])
    assert later["authorization.requested"] >= 10
    assert later["code.submitted"] >= 5
    assert town.people.deeds[Deed.PASTE_WRONG] >= 1
    launched = [ad for ads in town.world.ads.values() for ad in ads.values() if ad.created_at > NOON]
    assert len(launched) >= 5
