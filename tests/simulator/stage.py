"""A simulated TikTok with one advertiser and one bound post, behind a server of this machine, for tests about ads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec

from infra.clock import HandClock
from simulator.campaigns import Ad
from simulator.main import make_app
from simulator.world import World
from tests.serving import serving

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass
class Stage:
    """A world with one advertiser, one creator, and one post bound by a code of 30 days."""

    world: World
    clock: HandClock
    advertiser_id: str
    item_id: str
    token: str
    http: httpx.Client

    def ad(self, **more: Any) -> Ad:
        return self.world.launch(self.advertiser_id, self.item_id, **more)

    def status(self, ad: Ad) -> tuple[str, str]:
        standing = self.world.ad_standing(ad)
        return standing.primary, standing.secondary

    def get(self, path: str, **params: Any) -> Mapping[str, Any]:
        texts = {
            name: value if isinstance(value, str) else msgspec.json.encode(value).decode()
            for name, value in params.items()
        }
        answer: Mapping[str, Any] = self.http.get(
            f"/open_api/v1.3/{path}/", params={"advertiser_id": self.advertiser_id} | texts
        ).json()
        return answer

    def post(self, path: str, **params: Any) -> Mapping[str, Any]:
        body = {"advertiser_id": self.advertiser_id} | params
        answer: Mapping[str, Any] = self.http.post(f"/open_api/v1.3/{path}/", json=body).json()
        return answer


@contextmanager
def staged() -> Iterator[Stage]:
    """The stage at nine on a Monday in March, its world behind a server."""
    clock = HandClock(START)
    world = World(clock, seed=7)
    world.add_app("app", "secret")
    advertiser = world.add_advertiser("Maison")
    creator = world.add_creator("@lea")
    post = world.add_post(creator.creator_id, text="Salt")
    token = world.issue("app", [advertiser.advertiser_id])
    world.authorize(advertiser.advertiser_id, world.mint(post.item_id).value)
    with serving(make_app(world)) as http:
        http.headers["Access-Token"] = token.value
        yield Stage(
            world=world,
            clock=clock,
            advertiser_id=advertiser.advertiser_id,
            item_id=post.item_id,
            token=token.value,
            http=http,
        )
