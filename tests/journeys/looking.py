"""A simulated TikTok behind a server, advertisers connected to it, and a looker: what the stories of the look begin with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from psycopg.rows import dict_row
from sqlalchemy import Engine

from domain.renewal import Policy
from infra import advertisers, inbox
from infra.clock import HandClock
from infra.database import hot
from infra.inbox import MAILBOXES, Letter
from infra.letters import letter
from infra.settings import load
from infra.tiktok.connection import make_tiktok
from infra.vault import Vault
from simulator.accounts import Advertiser, Center, Creator, Post
from simulator.ads import Ad
from simulator.main import make_app
from simulator.world import World
from tests.serving import serving
from worker.drain import drain
from worker.glimpsing import Glimpse, look_at
from worker.looking import Looked, look

APP, SECRET = "7100000000000000001", "the secret of the app"
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class Lookout:
    """A look at a simulated TikTok, with the verbs of these stories."""

    def __init__(self, engine: Engine, clock: HandClock, vault: Vault, world: World, url: str) -> None:
        self.engine, self.clock, self.vault, self.world, self.url = engine, clock, vault, world, url
        settings = load(tiktok_url=url, tiktok_app_id=APP, tiktok_secret=SECRET)
        tiktok = make_tiktok(settings, clock, pause=lambda seconds: self.passes(timedelta(seconds=seconds)))
        assert tiktok is not None
        self.tiktok = tiktok
        world.add_app(APP, SECRET)
        self.center: Center = world.add_center("The agency")
        self.tokens: dict[str, str] = {}

    def passes(self, span: timedelta) -> None:
        self.clock.advance(span)

    def connects(self, name: str = "Brand") -> Advertiser:
        """An advertiser in the agency's Business Center, connected."""
        advertiser = self.world.add_advertiser(name)
        self.center.advertiser_ids.add(advertiser.advertiser_id)
        token = self.world.issue(APP, [advertiser.advertiser_id], bc_ids=[self.center.bc_id]).value
        self.tokens[advertiser.advertiser_id] = token
        with hot(self.engine) as connection:
            advertisers.connect(
                connection,
                self.vault,
                advertiser_id=advertiser.advertiser_id,
                token=token,
                now=self.clock.now(),
                name=name,
                bc_id=self.center.bc_id,
            )
        return advertiser

    def creator(self, handle: str = "mia.makes") -> Creator:
        return self.world.add_creator(handle)

    def binds(self, advertiser: Advertiser, creator: Creator, *, days: int = 30, **facts: Any) -> Post:
        """A post whose code the advertiser has bound at TikTok, without telling anybody here."""
        post = self.world.add_post(creator.creator_id, text="A post", **facts)
        code = self.world.mint(post.item_id, days=days)
        self.world.authorize(advertiser.advertiser_id, code.value)
        return post

    def advertises(self, advertiser: Advertiser, post: Post, **facts: Any) -> Ad:
        return self.world.launch(advertiser.advertiser_id, post.item_id, **facts)

    def hears(self, key: str, event: Any, event_id: str) -> None:
        """Something that TikTok did not say itself."""
        self.writes([letter(key, event, event_id=event_id)])

    def writes(self, letters: list[inbox.Letter]) -> None:
        with hot(self.engine) as connection:
            inbox.accept(connection, letters, now=self.clock.now())
        self.settles()

    def looks(self, *, after: timedelta = MINUTE) -> Looked:
        """All advertisers are looked at, and what was found is applied."""
        self.passes(after)
        with hot(self.engine) as connection:
            advertisers.look_soon(connection, list(self.world.advertisers), now=self.clock.now())
        looked = look(self.engine, self.clock, self.tiktok, self.vault)
        self.settles()
        return looked

    def glimpses(self, key: str) -> Glimpse:
        glimpse = look_at(self.engine, self.clock, self.tiktok, self.vault, key)
        self.settles()
        return glimpse

    def settles(self) -> None:
        for mailbox in range(MAILBOXES):
            while drain(self.engine, self.clock, Policy(), mailbox).outcomes:
                pass

    def asks(self, query: str, *values: Any) -> list[dict[str, Any]]:
        with hot(self.engine) as connection, connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query.encode(), values).fetchall()

    def held(self, key: str) -> dict[str, Any]:
        (row,) = self.asks("SELECT * FROM authorizations WHERE key = %s", key)
        return row

    def found(self) -> list[str]:
        """The types of what TikTok was seen to say, in order, each look's once; asking empties the list."""
        rows = self.asks("SELECT type FROM inbox WHERE sender = 'tiktok' AND seq > %s ORDER BY seq", self._told)
        (last,) = self.asks("SELECT coalesce(max(seq), 0) AS seq FROM inbox")
        self._told = last["seq"]
        return [row["type"] for row in rows]

    _told = 0


@contextmanager
def lookout(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[Lookout]:
    """A lookout over a TikTok that is there until the block ends."""
    world = World(clock, seed=7)
    with serving(make_app(world)) as http:
        ready = Lookout(engine, clock, vault, world, str(http.base_url))
        yield ready
        ready.tiktok.close()


def key_of(advertiser: Advertiser, post: Post) -> str:
    return f"{advertiser.advertiser_id}/{post.item_id}"


def request(key: str, data: dict[str, Any], watch: Lookout) -> Letter:
    return Letter(
        sender="producer:crm",
        event_id=f"asked:{key}",
        type="authorization.requested",
        key=key,
        occurred_at=watch.clock.now(),
        data=json.dumps(data).encode(),
    )
