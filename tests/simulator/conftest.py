"""A simulated TikTok behind a server of this machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from infra.clock import HandClock
from simulator.main import make_app
from simulator.world import World
from tests.serving import serving
from tests.simulator.caller import START, Caller


@pytest.fixture
def clock() -> HandClock:
    return HandClock(START)


@pytest.fixture
def world(clock: HandClock) -> World:
    return World(clock, seed=7)


@pytest.fixture
def tiktok(world: World) -> Iterator[Caller]:
    with serving(make_app(world)) as http:
        yield Caller(world, http)
