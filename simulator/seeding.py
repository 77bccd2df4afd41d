"""The past of a simulated world: some weeks of campaigns that have been, so that a demo begins in the middle of life.

It happens in its order, by a clock moved by hand; what the brand's systems would have told is told with its own dates.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from infra.clock import HandClock
from simulator.accounts import TT_USER, Advertiser, Center
from simulator.brand import DAY, Brand, Plan, person
from simulator.characters import Character
from simulator.names import BRANDS, cast
from simulator.people import Known, People
from simulator.world import World

HOUR = timedelta(hours=1)
MONTH = 30
# Who is about to answer a first request, the newest first: soon, wrongly, at night, later, never.
PASTING = (
    Character.PROMPT,
    Character.WRONG_CODE,
    Character.NIGHT_OWL,
    Character.REVOKES,
    Character.ON_HOLIDAY,
    Character.SILENT,
)


@dataclass(kw_only=True, slots=True)
class Past:
    """What happened before the beginning, as steps at instants."""

    world: World
    people: People
    brand: Brand
    center: Center
    clock: HandClock
    now: datetime
    _steps: list[tuple[datetime, int, Callable[[], None]]] = field(default_factory=list)
    _numbers: count[int] = field(default_factory=count)

    def at(self, before: float, do: Callable[[], None]) -> None:
        """`before`: days before the beginning."""
        heapq.heappush(self._steps, (self.now - before * DAY, next(self._numbers), do))

    def happens(self) -> None:
        """Every step in its order, those that steps add included; ends at the beginning."""
        while self._steps:
            instant, _, do = heapq.heappop(self._steps)
            # TikTok tells whole seconds; with less, what it shows would seem to differ from what was told.
            self.clock.set(instant.replace(microsecond=0))
            do()
        self.clock.set(self.now)

    # Stories by code. `asked`, `ended`…: days before the beginning.

    def ran(self, who: Known, *, days: int, ended: float, flight: float | None, fate: str = "") -> None:
        """Asked, granted in Ads Manager, and with `flight` (days it lasts from the beginning on) an ad. Then a fate."""
        granted = ended + days

        def ask() -> None:
            needed = self.now + (flight or -ended + 1) * DAY
            plan = self.brand.planned(who, days=days, ends_at=needed)
            self.brand.requests(plan)
            self.at(granted, lambda: self._granted(plan))
            if flight is not None:
                self.at(granted - 0.3, lambda: self._launched(plan))
            if fate:
                self.at(0.6, lambda: self._fated(plan, fate))

        self.at(granted + 1, ask)

    def pasted(self, who: Known, *, asked: float) -> None:
        """Asked some days ago; the person will answer as it is their way, or never."""
        self.at(asked, lambda: self.brand.asks(self.brand.planned(who)))

    def _granted(self, plan: Plan) -> None:
        code = self.world.mint(plan.post.item_id, days=plan.days)
        self.world.authorize(plan.advertiser.advertiser_id, code.value)
        dates = {"starts_at": code.start_at.isoformat(), "expires_at": code.end_at.isoformat()}
        self.brand.says("code.granted", plan, at=self.world.now(), code=code.value, **dates)

    def _launched(self, plan: Plan) -> None:
        ad_id = self.brand.launches(plan)
        spend = {"amount": str(plan.daily), "currency": plan.advertiser.currency}
        ad = {"ad_id": ad_id, "flight_end": plan.ends_at.isoformat(), "daily_spend": spend, "objective": "TRAFFIC"}
        self.brand.says("ad.started", plan, at=self.world.now(), ad=ad)

    def _fated(self, plan: Plan, fate: str) -> None:
        """`silently`: nobody is told; `private`, `music`: the post; the rest are told."""
        match fate:
            case "silently":
                self.world.revoke(plan.post.item_id)
            case "revoked":
                self.world.revoke(plan.post.item_id)
                self.brand.says("authorization.revoked", plan, at=self.world.now(), reason="The collaboration ended.")
            case "private":
                self.world.make_private(plan.post.item_id)
            case "music":
                self.world.set_music_missing(plan.post.item_id)

    # Stories without a code.

    def gave_access(self, who: Known, advertiser: Advertiser, *, since: float) -> None:
        """The whole account, by the Business Center; an ad of a post of it."""

        def grant() -> None:
            account = self.world.grant(self.center.bc_id, who.creator.creator_id)
            self.world.assign(self.center.bc_id, who.creator.creator_id, advertiser.advertiser_id)
            data = self._about_account(who, advertiser) | {"starts_at": account.granted_at.isoformat()}
            self.brand.tell("code.granted", data, at=self.world.now())

        self.at(since + 2, lambda: self._asks_access(who, advertiser, route="account"))
        self.at(since, grant)

    def asked_access(self, who: Known, advertiser: Advertiser, *, asked: float) -> None:
        """Asked for the account; nobody has granted yet."""
        self.at(asked, lambda: self._asks_access(who, advertiser, route="account"))

    def linked_own(self, who: Known, advertiser: Advertiser, *, since: float) -> None:
        """The advertiser's own account, linked in Ads Manager."""

        def link() -> None:
            self.world.link_own_account(advertiser.advertiser_id, who.creator.creator_id)
            self._asks_access(who, advertiser, route="own")
            data = self._about_account(who, advertiser) | {"starts_at": self.world.now().isoformat()}
            self.brand.tell("code.granted", data, at=self.world.now())
            post = self.world.add_post(who.creator.creator_id, text="made in our own studio")
            ends_at = self.now + 40 * DAY
            identities = self.world.identities_of(advertiser.advertiser_id, TT_USER)
            mine = next(each for each in identities if each.creator_id == who.creator.creator_id)
            self.world.launch(advertiser.advertiser_id, post.item_id, identity=mine, daily=120, ends_at=ends_at)

        self.at(since, link)

    def _asks_access(self, who: Known, advertiser: Advertiser, *, route: str) -> None:
        data = self._about_account(who, advertiser) | {"route": route, "creator": person(who)}
        self.brand.tell("authorization.requested", data, at=self.world.now())

    def _about_account(self, who: Known, advertiser: Advertiser) -> dict[str, object]:
        return {"advertiser_id": advertiser.advertiser_id, "account": {"handle": who.creator.handle}}


def populate(world: World, people: People) -> Center:
    """Advertisers inside one center, and everybody of the cast."""
    advertisers = [world.add_advertiser(name) for name in BRANDS]
    for each in cast():
        creator = world.add_creator(each.handle, display_name=each.name)
        people.add(creator, each.character, zone=each.zone, email=each.email, locale=each.locale)
    return world.add_center("Everspark Demo", advertiser_ids={each.advertiser_id for each in advertisers})


def live_through(past: Past) -> None:
    """Every state, every route, and ends from tomorrow to next month."""
    people, advertisers = in_turn(past.people), list(past.world.advertisers.values())
    # Running ads whose authorization ends before the flight: in hours, in days, in weeks.
    for number in range(12):
        past.ran(next(people), days=MONTH, ended=-(0.7 + number * 1.1), flight=15 + 4 * number)
    for fate in ("private", "music", ""):
        past.ran(next(people), days=60, ended=-32, flight=50, fate=fate)
    # In force without an ad, or covered by its end.
    for number in range(4):
        past.ran(next(people), days=MONTH, ended=-(5 + 6 * number), flight=None)
    past.ran(next(people), days=60, ended=-40, flight=20)
    # Over: lately, so that the ladder goes on, and long ago.
    for ended in (0.4, 1.2, 3, 9, 15):
        past.ran(next(people), days=MONTH, ended=ended, flight=25)
    for fate in ("silently", "revoked", "revoked"):
        past.ran(next(people), days=MONTH, ended=-12, flight=30, fate=fate)
    for number, character in enumerate(PASTING):
        past.pasted(one_of(past.people, character), asked=0.2 + number * 1.7)
    for number in range(2):
        past.gave_access(next(people), advertisers[number], since=20 - number)
    past.asked_access(next(people), advertisers[2], asked=2)
    past.linked_own(next(people), advertisers[3], since=25)
    past.happens()


def one_of(people: People, character: Character) -> Known:
    """The first creator of this character."""
    return next(known for known in people.all() if known.person.character is character)


def in_turn(people: People) -> Iterator[Known]:
    """Everybody once, and then again."""
    while True:
        yield from people.all()
