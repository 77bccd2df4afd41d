"""A story with TikTok in it, told again and again on one database: each time in a fresh world, with a power cut elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Self

import psycopg

from infra.clock import HandClock
from infra.vault import Vault
from simulator.main import make_app
from simulator.world import World
from tests.deliveries import ADVERTISER, POST, START
from tests.emptying import empty
from tests.power import Meter, metered_engine
from tests.service import APP_ID, APP_SECRET


class Rounds:
    """The database and the application of the present world. `IS_QUIET` asks the database whether nothing is left to do."""

    IS_QUIET: ClassVar[str]

    def __init__(self, url: str, admin: psycopg.Connection) -> None:
        self._admin, self._meter, self._vault = admin, Meter(admin), Vault(bytes(range(32)))
        self.engine = metered_engine(url, self._meter)
        self.engine.connect().close()
        self.app = make_app(World(HandClock(START)))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """The application of the present world."""
        await self.app(scope, receive, send)

    @classmethod
    @contextmanager
    def on(cls, url: str) -> Iterator[Self]:
        """For the time of one test, which leaves nothing behind."""
        with psycopg.connect(url, autocommit=True, options="-c timezone=UTC") as admin:
            rounds = cls(url, admin)
            yield rounds
            empty(admin)
            rounds.engine.dispose()

    def _fresh_world(self) -> tuple[HandClock, World]:
        """Empty tables, and a TikTok that knows our app, the advertiser, the creator and the post."""
        self._meter.begin()
        empty(self._admin)
        clock = HandClock(START)
        world = World(clock, seed=7)
        self.app = make_app(world)
        world.add_app(APP_ID, APP_SECRET)
        world.add_advertiser("Brand", advertiser_id=ADVERTISER)
        world.add_post(world.add_creator("ana.dances").creator_id, item_id=POST)
        return clock, world

    def _is_quiet(self) -> bool:
        return self._admin.execute(self.IS_QUIET.encode()).fetchone() == (True,)
