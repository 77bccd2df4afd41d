"""The brand side of a simulated world: asks creators for authorizations, runs ads with what it got, tells its systems.

What it tells goes to `tells` as events of docs/events.md, as a campaign tool would send them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from random import Random
from typing import Any

from simulator.accounts import Advertiser, Identity, Post
from simulator.catalogue import Refused
from simulator.characters import Wish
from simulator.names import SUBJECTS
from simulator.people import Answer, Known, People
from simulator.world import World

DAY = timedelta(days=1)
BETWEEN_CAMPAIGNS = (0.4, 1.6)  # days
PERIODS = (7, 30, 30, 30, 60)
# So long a post without an ad is given up; its authorization ends by itself.
PATIENCE = 20 * DAY


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """What a producer sends: `id` makes it the same event however often it is sent."""

    id: str
    type: str
    at: datetime
    data: Mapping[str, Any]

    def plain(self) -> dict[str, Any]:
        """As a line of a delivery."""
        return {"id": self.id, "type": self.type, "timestamp": self.at.isoformat(), "data": self.data}


@dataclass(kw_only=True, slots=True)
class Plan:
    """A campaign around one post: its ad is launched when the post is bound, and flies until `ends_at`."""

    advertiser: Advertiser
    post: Post
    asked_at: datetime
    days: int
    ends_at: datetime
    daily: int
    reference: str


@dataclass(kw_only=True, slots=True)
class Brand:
    """One campaign tool for all advertisers of the world."""

    world: World
    people: People
    tells: Callable[[Event], None]
    seed: int
    waiting: dict[str, Plan] = field(default_factory=dict)
    _plans: dict[str, Plan] = field(default_factory=dict)
    _numbers: count[int] = field(default_factory=count)
    _next_at: datetime | None = None
    _chance: Random = field(init=False)

    def __post_init__(self) -> None:
        self._chance = Random(self.seed)  # noqa: S311 - the same seed gives the same campaigns

    def act_due(self) -> None:
        """New campaigns when their time has come, and ads for whatever has been bound meanwhile."""
        now = self.world.now()
        if self._next_at is None or self._next_at <= now:
            self.asks(self.planned(self._chance.choice(self.people.all())))
            self._next_at = now + self._chance.uniform(*BETWEEN_CAMPAIGNS) * DAY
        self._launch_bound(now)

    def planned(self, who: Known, *, advertiser: Advertiser | None = None, **more: Any) -> Plan:
        """A new post of this creator and a campaign for it. `more`: fields of Plan that are not left to chance."""
        chance, now = self._chance, self.world.now()
        advertiser = advertiser or chance.choice(list(self.world.advertisers.values()))
        post = self.world.add_post(who.creator.creator_id, text=chance.choice(SUBJECTS), duration=chance.uniform(8, 40))
        days = more.pop("days", None) or chance.choice(PERIODS)
        chosen: dict[str, Any] = {
            "asked_at": now,
            "ends_at": now + chance.uniform(0.6, 3) * days * DAY,
            "daily": chance.randrange(60, 900, 10),
            "reference": f"{advertiser.name}: {post.text}",
        }
        plan = Plan(advertiser=advertiser, post=post, days=days, **(chosen | more))
        self._plans[post.item_id] = plan
        return plan

    def asks(self, plan: Plan) -> None:
        """The creator is written to, and the request is told."""
        self.requests(plan)
        self.waiting[plan.post.item_id] = plan
        self.people.hears(plan.post.creator_id, Wish.AUTHORIZE, plan.post.item_id, plan.days)

    def requests(self, plan: Plan) -> None:
        """Only tells of the request."""
        known = self.people.of(plan.post.creator_id)
        self.says(
            "authorization.requested",
            plan,
            at=plan.asked_at,
            route="code",
            days=plan.days,
            needed_until=plan.ends_at.isoformat(),
            reference=plan.reference,
            creator=person(known),
        )

    def hears(self, answer: Answer) -> None:
        """What a creator sent is passed on: the text as it came, for Everspark to find the code in it."""
        plan = self._plans.get(answer.item_id)
        if plan is None:
            return
        if answer.text is None:
            self.says("request.declined", plan, at=self.world.now(), reason="The creator does not want to go on.")
        else:
            self.says("code.submitted", plan, at=self.world.now(), code=answer.text)

    def launches(self, plan: Plan, *, identity: Identity | None = None) -> str:
        """An ad for the post. TikTok is not asked to tell anybody: the look finds it. Returns the ad's id."""
        ad = self.world.launch(
            plan.advertiser.advertiser_id,
            plan.post.item_id,
            identity=identity,
            daily=plan.daily,
            ends_at=plan.ends_at,
            is_reviewed=True,
        )
        return ad.ad_id

    def says(self, type_: str, plan: Plan, *, at: datetime, **data: Any) -> None:
        """One event about the plan's post."""
        handle = self.people.of(plan.post.creator_id).creator.handle
        url = f"https://www.tiktok.com/@{handle}/video/{plan.post.item_id}"
        about = {"advertiser_id": plan.advertiser.advertiser_id, "post": {"item_id": plan.post.item_id, "url": url}}
        self.tell(type_, about | data, at=at)

    def tell(self, type_: str, data: Mapping[str, Any], *, at: datetime) -> None:
        self.tells(Event(id=f"brand-{next(self._numbers)}", type=type_, at=at, data=data))

    def _launch_bound(self, now: datetime) -> None:
        for item_id, plan in list(self.waiting.items()):
            if self.world.binding_of(plan.advertiser.advertiser_id, item_id) is not None:
                del self.waiting[item_id]
                self._try_to_launch(plan, now)
            elif now - plan.asked_at > PATIENCE:
                del self.waiting[item_id]

    def _try_to_launch(self, plan: Plan, now: datetime) -> None:
        plan.ends_at = max(plan.ends_at, now + 3 * DAY)
        try:
            with self.world.lock:
                self.launches(plan)
        except Refused:
            # Revoked or deleted between the binding and the ad: the brand loses interest.
            self._plans.pop(plan.post.item_id, None)


def person(known: Known) -> dict[str, str]:
    """The creator as a request names them."""
    return {
        "handle": known.creator.handle,
        "name": known.creator.display_name,
        "email": known.email,
        "locale": known.locale,
        "timezone": known.person.zone.key,
    }
