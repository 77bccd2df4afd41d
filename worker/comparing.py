"""Compares what one look read with the rows: differences for the inbox, and sightings where they changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import Engine

from domain.events import (
    AdLost,
    AdStarted,
    AdStopped,
    Code,
    CodeGranted,
    CodeWithdrawn,
    LifecycleEvent,
    PeriodCorrected,
    PeriodExtended,
    PostChanged,
    Route,
)
from domain.findings import findings
from domain.posts import ACCOUNT_ACCESS, OWN_ACCOUNT, AdSeen, Post
from domain.sightings import Sighting, of_account, of_post
from domain.spark_code import Found, find
from infra import letters, sightings
from infra.database import hot
from infra.inbox import Letter
from infra.sightings import Held
from infra.vault import Vault
from worker.reading import Reading, is_item_id


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """What must be heard of one authorization, its row's version (0: unknown here), and the ads that use it."""

    key: str
    version: int
    events: Sequence[LifecycleEvent]
    ads: Sequence[AdSeen] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """What a comparison came to: what must be heard, and the sightings to be kept with it."""

    differences: Sequence[Difference] = ()
    news: Sequence[Sighting] = ()


@dataclass(slots=True)
class Comparison:
    """One look, read at `at`, against the rows. `seen` are the keys met so far.

    A targeted one knows nothing of ads, and keeps the time of each sighting; a whole look keeps one time for all of them.
    """

    engine: Engine
    vault: Vault
    advertiser_id: str
    at: datetime
    is_targeted: bool = False
    seen: set[str] = field(default_factory=set)
    _ads: dict[str, list[AdSeen]] | None = None
    _accounts: dict[str, Sighting | None] = field(default_factory=dict)
    _unread: set[str] = field(default_factory=set)
    _handles: dict[str, str] = field(default_factory=dict)

    def meet_accounts(self, reading: Reading) -> None:
        """Reads identities, of the types that authorizations of whole accounts here are held by."""
        with hot(self.engine) as connection:
            routes = sightings.accounts(connection, self.advertiser_id)
        own = {key for key, route in routes.items() if route == Route.OWN}
        self._meet(reading, OWN_ACCOUNT, own)
        if reading.bc_id is not None:
            self._meet(reading, ACCOUNT_ACCESS, routes.keys() - own)
        self._unread = routes.keys() - self._accounts.keys()

    def _meet(self, reading: Reading, identity_type: str, keys: set[str]) -> None:
        self._accounts |= dict.fromkeys(keys)
        for identity in reading.identities(identity_type) if keys else ():
            key = f"{self.advertiser_id}/@{(identity.username or '').removeprefix('@').lower()}"
            if key in keys:
                self._handles[identity.identity_id] = key
                self._accounts[key] = of_account(key, identity, at=self.at)

    def meet_ads(self, ads: Iterable[AdSeen]) -> None:
        """Sorts the ads by the authorization that they use."""
        self._ads = defaultdict(list)
        for ad in ads:
            if (key := self._key_of(ad)) is not None:
                self._ads[key].append(ad)

    def _key_of(self, ad: AdSeen) -> str | None:
        if ad.identity_type == ACCOUNT_ACCESS and ad.identity_id in self._handles:
            return self._handles[ad.identity_id]
        return f"{self.advertiser_id}/{ad.item_id}" if ad.item_id else None

    def accounts(self) -> Compared:
        """The accounts that were read; one that is held here and was not met is gone."""
        return self._compare(self._accounts)

    def account(self, key: str) -> Compared:
        """One of them."""
        return self._compare({key: self._accounts[key]} if key in self._accounts else {})

    def posts(self, posts: Sequence[Post]) -> Compared:
        """One page of posts."""
        met = {f"{self.advertiser_id}/{post.item_id}": post for post in posts}
        return self._compare({key: of_post(key, post, at=self.at, code=self._code(post)) for key, post in met.items()})

    def unmet(self) -> tuple[list[str], list[str]]:
        """What is held here and was not met: what TikTok had shown before, and what it never has."""
        met = sorted(self.seen | self._accounts.keys() | self._unread)
        with hot(self.engine) as connection:
            return sightings.unseen(connection, self.advertiser_id, met)

    def absent(self, keys: Iterable[str]) -> Compared:
        """What TikTok does not show."""
        return self._compare(dict.fromkeys(keys))

    def looked_for(self, key: str, reading: Reading) -> Compared:
        """A post that is looked for by its id. Raises ValueError for an id that cannot be, if targeted."""
        item_id = key.partition("/")[2]
        if not self.is_targeted and not is_item_id(item_id):
            return self.absent([key])
        post = reading.post(item_id)
        return self.posts([post]) if post is not None else self.absent([key])

    def _compare(self, shown: Mapping[str, Sighting | None]) -> Compared:
        if not shown:
            return Compared()
        self.seen |= {key for key, sighting in shown.items() if sighting is not None}
        with hot(self.engine) as connection:
            held = sightings.held(connection, list(shown))
            before = sightings.load(connection, list(shown))
        # What was heard of since TikTok was asked may be newer than its answer: the next look compares.
        settled = [key for key in shown if key not in held or held[key].updated_at <= self.at]
        differences = [self._difference(key, shown[key], held.get(key), before.get(key)) for key in settled]
        kept = [
            self._kept(shown[difference.key], before.get(difference.key))
            for difference in differences
            if difference.events or difference.key in held
        ]
        return Compared(
            differences=[difference for difference in differences if difference.events],
            news=[sighting for sighting in kept if sighting is not None],
        )

    def _difference(self, key: str, seen: Sighting | None, held: Held | None, before: Sighting | None) -> Difference:
        ads = self._ads.get(key, []) if self._ads is not None else None
        known, version = (held.authorization, held.version) if held is not None else (None, 0)
        events = findings(known, seen, before, ads, key=key, at=self.at)
        return Difference(key=key, version=version, events=events, ads=ads or ())

    def _kept(self, seen: Sighting | None, before: Sighting | None) -> Sighting | None:
        """The sighting to be written; None where nothing changed."""
        if seen is None:
            is_news = before is not None and before.missing_since is None
            return replace(before, missing_since=self.at) if before is not None and is_news else None
        return seen if self.is_targeted or not seen.shows_the_same_as(before) else None

    def _code(self, post: Post) -> Code | None:
        if not post.code:
            return None
        found = find(post.code) or Found(code=post.code)
        return Code(fingerprint=self.vault.fingerprint(found.code), last=found.last, is_strict=found.is_strict)


def letter_of(difference: Difference, event: LifecycleEvent) -> Letter:
    """The event for the inbox. Its id says what was seen on which version of the row: a difference that is seen again
    before it was applied is stored once, and one that appears again after a change is new.
    """
    what, *marks = marks_of(event)
    identity = letters.event_id(str(what), difference.key, *marks, f"v{difference.version}")
    return letters.letter(difference.key, event, event_id=identity)


def marks_of(event: LifecycleEvent) -> tuple[str | datetime | None, ...]:
    """The kind of event, and what tells it from others of its kind."""
    match event:
        case CodeGranted():
            return "granted", event.expires_at
        case PeriodExtended():
            return "extended", event.expires_at
        case PeriodCorrected():
            return "corrected", event.expires_at
        case CodeWithdrawn():
            return "withdrawn", event.reason
        case PostChanged():
            return "post", event.condition
        case AdStarted():
            return "ad-started", event.ad.ad_id
        case AdStopped():
            return "ad-stopped", event.ad_id
        case AdLost():
            return "ad-lost", event.ad_id
        case _:
            raise TypeError(f"TikTok does not show {type(event).__name__}")
