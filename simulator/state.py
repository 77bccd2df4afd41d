"""What the simulated TikTok remembers, its clock, and the making of ids. The rules live in the classes built on this."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from threading import RLock
from typing import TypeVar
from uuid import UUID

from infra.clock import Clock
from simulator.accounts import (
    Advertiser,
    App,
    Binding,
    Call,
    Center,
    Code,
    Consent,
    Creator,
    Identity,
    Link,
    Post,
    Refresher,
    Token,
)
from simulator.catalogue import ABSENT, Refused
from simulator.faults import Faults
from simulator.limits import Limiter
from simulator.switches import Switches

Kind = TypeVar("Kind")


class State:
    """Everything by id. `lock` is held during each HTTP call; take it where a test changes several things at once.

    `uses(item_id)` says whether an ad that is not deleted runs the post; the ads put their own answer there.
    """

    def __init__(self, clock: Clock, switches: Switches | None = None, seed: int = 0) -> None:
        self.clock, self.switches, self.seed = clock, switches or Switches(), seed
        self.wall: Clock = clock
        self.faults = Faults()
        self.limits = Limiter()
        self.lock = RLock()
        self.random = Random(seed)  # noqa: S311 - the same seed gives the same world
        self.apps: dict[str, App] = {}
        self.tokens: dict[str, Token] = {}
        self.advertisers: dict[str, Advertiser] = {}
        self.centers: dict[str, Center] = {}
        self.creators: dict[str, Creator] = {}
        self.posts: dict[str, Post] = {}
        self.codes: dict[str, Code] = {}
        self.current_codes: dict[str, str] = {}
        self.bindings: dict[str, dict[str, Binding]] = {}
        self.identities: dict[tuple[str, str], Identity] = {}
        self.links: dict[str, Link] = {}
        self.consents: dict[str, Consent] = {}
        self.refreshers: dict[str, Refresher] = {}
        self.bound_codes: set[tuple[str, str]] = set()
        self.calls: list[Call] = []
        self.reads = 0
        self.binds: Counter[tuple[str, str]] = Counter()
        self.uses: Callable[[str], bool] = lambda _item_id: False
        self._given: Counter[str] = Counter()

    def now(self) -> datetime:
        """The world's present instant."""
        return self.clock.now()

    def number(self, *, digits: int = 19, first: str = "7") -> str:
        """A fresh numeric id, as strings of v1.3 are."""
        self._given[first] += 1
        return f"{first}{self.random.randrange(10**6):06d}{self._given[first]:0{digits - 7}d}"

    def uuid(self) -> str:
        return str(UUID(int=self.random.getrandbits(128), version=4))

    def words(self, length: int = 40) -> str:
        """A fresh hexadecimal text, for tokens and links."""
        return f"{self.random.getrandbits(4 * length):0{length}x}"

    def after(self, span: timedelta) -> datetime:
        return self.now() + span

    def post(self, item_id: str) -> Post:
        return _found(self.posts, item_id, "item_id")

    def creator(self, creator_id: str) -> Creator:
        return _found(self.creators, creator_id, "business_id")

    def advertiser(self, advertiser_id: str) -> Advertiser:
        if advertiser_id not in self.advertisers:
            raise Refused(40300, f"The advertiser {advertiser_id} doesn't exist or has been deleted.")
        return self.advertisers[advertiser_id]

    def center(self, bc_id: str) -> Center:
        return _found(self.centers, bc_id, "bc_id")

    def posts_of(self, creator_id: str) -> list[Post]:
        return [post for post in list(self.posts.values()) if post.creator_id == creator_id]


def _found(among: dict[str, Kind], key: str, name: str) -> Kind:
    if key not in among:
        raise Refused(ABSENT, f"{name}: {key} doesn't exist")
    return among[key]
