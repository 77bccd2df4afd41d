"""A brand at the simulated TikTok and its service here: one advertiser, one creator, one post, connected by a token."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine

from infra import advertisers
from infra.clock import HandClock
from infra.database import hot
from infra.vault import Vault
from simulator.accounts import Code
from simulator.world import World
from tests.service import ADVERTISER, APP_ID, KEY, POST, Service, service

CREATOR = {"handle": "ana.dances", "name": "Ana", "email": "ana@creators.test"}
CENTER = "7100000000000000009"


class Brand:
    """Verbs of the story: what the producer asks, what the creator does, what stands in the books."""

    def __init__(self, world: World, desk: Service) -> None:
        self.world, self.desk, self.clock = world, desk, desk.clock
        self.advertiser = world.add_advertiser("Brand", advertiser_id=ADVERTISER)
        world.add_center("Center", advertiser_ids={ADVERTISER}, bc_id=CENTER)
        self.creator = world.add_creator("ana.dances")
        self.post = world.add_post(self.creator.creator_id, item_id=POST)
        self.token = world.issue(APP_ID, [ADVERTISER], bc_ids=[CENTER]).value

    def connects(self, *, bc_id: str | None = CENTER) -> None:
        """`everspark advertiser connect`."""
        with hot(self.desk.engine) as connection:
            advertisers.connect(
                connection,
                self.desk.vault,
                advertiser_id=ADVERTISER,
                token=self.token,
                now=self.clock.now(),
                bc_id=bc_id,
            )

    def asks(self, **more: Any) -> None:
        """The producer asks for the post, for 30 days."""
        facts: dict[str, Any] = {"route": "code", "days": 30, "creator": CREATOR} | more
        assert self.desk.hears("authorization.requested", **facts).status_code == 202

    def mints(self, *, days: int = 30) -> Code:
        """The creator makes a code in the app."""
        return self.world.mint(POST, days=days)

    def pastes(self, text: str) -> None:
        """The creator hands in a code; all that follows at once is done."""
        assert self.desk.hears("code.submitted", code=text).status_code == 202
        self.desk.settles()

    def waits(self, **span: float) -> None:
        """Time passes, and what came due is done."""
        self.clock.advance(timedelta(**span))
        self.desk.settles()

    @property
    def binds(self) -> int:
        return self.world.binds[ADVERTISER, POST]

    def called(self, path: str) -> int:
        return len(self.world.calls_of(path))

    @property
    def check(self) -> Any:
        """The row of the check: its status, and what was noted last."""
        [row] = [each for each in self.desk.owed if each.kind == "code.check"]
        return row.status, row.last_error

    @property
    def last(self) -> tuple[str, str, str]:
        """The last line of the history."""
        return self.desk.story[-1]

    @property
    def note(self) -> str | None:
        with hot(self.desk.engine) as connection:
            row = connection.execute("SELECT note FROM history ORDER BY id DESC LIMIT 1").fetchone()
        assert row is not None
        note: str | None = row[0]
        return note


@contextmanager
def brand(
    *, engine: Engine, clock: HandClock, vault: Vault, world: World | None = None, **settings: Any
) -> Iterator[Brand]:
    """Connected, and asked for nothing yet. Looks are left out: only the effects act."""
    world = world or World(clock, seed=7)
    with service(engine=engine, clock=clock, vault=vault, world=world, **settings) as desk:
        desk.does_look = False
        story = Brand(world, desk)
        story.connects()
        yield story


__all__ = ["ADVERTISER", "CENTER", "KEY", "POST", "Brand", "brand"]
