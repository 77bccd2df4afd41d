"""Compares what one look read with the rows: differences for the inbox, and sightings where they changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
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
from domain.findings import doubt_of, findings
from domain.posts import ACCOUNT_ACCESS, OWN_ACCOUNT, AdSeen, Identity, Post
from domain.sightings import Sighting, of_account, of_post
from domain.spark_code import Found, find
from infra import letters, sightings
from infra.database import hot
from infra.inbox import Letter
from infra.sightings import Held
from infra.tiktok.answers import Page
from infra.vault import Vault
from worker.reading import Reading, is_item_id

BATCH = 500


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

    A targeted one knows nothing of ads, and keeps the time of each sighting; a whole look keeps one time for all of them,
    but for those `left_out`. `doubts` are what TikTok shows by key where nobody here can read it; `unread` counts rows.
    """

    engine: Engine
    vault: Vault
    advertiser_id: str
    at: datetime
    is_targeted: bool = False
    withdrawn_words: Collection[str] = ()
    seen: set[str] = field(default_factory=set)
    doubts: dict[str, str] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)
    unread: int = 0
    _is_sure: bool = True
    _ads: dict[str, list[AdSeen]] | None = None
    _accounts: dict[str, Sighting | None] = field(default_factory=dict)
    _unread: set[str] = field(default_factory=set)
    _handles: dict[str, str] = field(default_factory=dict)
    _best: dict[str, Sighting] = field(default_factory=dict)
    _deferred: dict[str, Sighting] = field(default_factory=dict)

    def meet_accounts(self, reading: Reading) -> None:
        """Reads identities, of the types that authorizations of whole accounts here are held by."""
        with hot(self.engine) as connection:
            routes = sightings.accounts(connection, self.advertiser_id)
            before = sightings.load(connection, list(routes))
        own = {key for key, route in routes.items() if route == Route.OWN}
        self._unread |= routes.keys()
        self._meet(reading, OWN_ACCOUNT, own, before)
        if reading.bc_id is not None:
            self._meet(reading, ACCOUNT_ACCESS, routes.keys() - own, before)

    def _meet(self, reading: Reading, identity_type: str, keys: set[str], before: Mapping[str, Sighting]) -> None:
        """An account that had been shown and is not is believed to be gone once a second reading agrees."""
        if not keys:
            return
        shown = {key for key in keys if key in before and before[key].missing_since is None}
        listed = reading.identities(identity_type)
        met = self._matched(listed.items, keys, before)
        if shown - met.keys():
            listed = reading.identities(identity_type)
            met |= self._matched(listed.items, keys, before)
        self.unread += len(listed.unread)
        self._handles |= {identity.identity_id: key for key, identity in met.items()}
        self._accounts |= {key: of_account(key, identity, at=self.at) for key, identity in met.items()}
        if listed.is_whole:
            self._accounts |= dict.fromkeys(keys - met.keys())
        self._unread -= self._accounts.keys()

    def _matched(
        self, identities: Iterable[Identity], keys: set[str], before: Mapping[str, Sighting]
    ) -> dict[str, Identity]:
        """By the identity's id where one was seen before: a creator may be renamed, and somebody else take the name."""
        listed = list(identities)
        by_id = {each.identity_id: each for each in listed}
        ids = {key: before[key].facts.get("identity_id") for key in keys if key in before}
        met = {key: by_id[identity_id] for key, identity_id in ids.items() if identity_id in by_id}
        taken = {each.identity_id for each in met.values()}
        for each in listed:
            key = f"{self.advertiser_id}/@{(each.username or each.display_name or '').removeprefix('@').lower()}"
            if key in keys and each.identity_id not in taken:
                met.setdefault(key, each)
        return met

    def meet_ads(self, reading: Reading) -> None:
        """Sorts the ads by the authorization that they use. Where the list may lack some, those that are missed are asked for."""
        listed = reading.ads()
        self.unread += len(listed.unread)
        ads, unread = list(listed.items), dict[str, list[str]]()
        if not listed.is_whole:
            missed = self._missed({ad.ad_id for ad in ads})
            again = reading.ads_by_id(sorted(missed))
            ads += again.items
            unread = {ad_id: missed[ad_id] for ad_id in again.unread if ad_id is not None and ad_id in missed}
        by_key = defaultdict[str, list[AdSeen]](list)
        for ad in ads:
            if (key := self._key_of(ad)) is not None:
                by_key[key].append(ad)
        for ad_id, keys in unread.items():
            for key in keys:
                # Without a status: neither that it delivers, nor that it is over.
                by_key[key].append(AdSeen(ad_id=ad_id))
        self._ads = by_key

    def _missed(self, ad_ids: set[str]) -> dict[str, list[str]]:
        """The ads that are meant to run, by the keys of what they use, and are not among `ad_ids`."""
        missed: dict[str, list[str]] = defaultdict(list)
        with hot(self.engine) as connection:
            for ad_id, key in sightings.wanted_ads(connection, self.advertiser_id):
                if ad_id not in ad_ids:
                    missed[ad_id].append(key)
        return missed

    def _key_of(self, ad: AdSeen) -> str | None:
        """Of a whole account where that is held; else of the post."""
        if ad.identity_type in (ACCOUNT_ACCESS, OWN_ACCOUNT) and ad.identity_id in self._handles:
            return self._handles[ad.identity_id]
        return f"{self.advertiser_id}/{ad.item_id}" if ad.item_id else None

    def accounts(self) -> Compared:
        """The accounts that were read; one that is held here and was not met is gone."""
        return self._compare(self._accounts)

    def account(self, key: str) -> Compared:
        """One of them."""
        return self._compare({key: self._accounts[key]} if key in self._accounts else {})

    def posts(self, page: Page[Post]) -> Compared:
        """One page of posts. Rows of which a later page may hold a better one of the same post wait for `deferred`."""
        self.unread += len(page.unread)
        self._unread |= {self._key(item_id) for item_id in page.unread if item_id is not None}
        self._is_sure = self._is_sure and None not in page.unread
        best = self._best_of(page.items)
        self._best |= best
        return self._compare(best, defers=True)

    def deferred(self) -> Iterator[Compared]:
        """What waited until all pages were read."""
        left = list(self._deferred.items())
        for begin in range(0, len(left), BATCH):
            yield self._compare(dict(left[begin : begin + BATCH]))

    def _best_of(self, posts: Iterable[Post]) -> dict[str, Sighting]:
        """Of the rows of one post the one in force that lasts longest, if it is better than what earlier pages had."""
        best: dict[str, Sighting] = {}
        for post in posts:
            key = self._key(post.item_id)
            sighting, other = (
                of_post(key, post, at=self.at, code=self._code(post)),
                best.get(key) or self._best.get(key),
            )
            if other is None or sighting.rank(self.at) > other.rank(self.at):
                best[key] = sighting
        return best

    def unmet(self) -> tuple[list[str], list[str]]:
        """What is held here and was not met: what TikTok had shown before, and what it never has.

        Where a row could not even be told whose it is, it may be any of them, and none counts as unmet.
        """
        met = sorted(self.seen | self._accounts.keys() | self._unread)
        self.left_out |= self._unread - self.seen
        with hot(self.engine) as connection:
            known, unknown = sightings.unseen(connection, self.advertiser_id, met)
        if self._is_sure:
            return known, unknown
        self.left_out |= {*known, *unknown}
        return [], []

    def absent(self, keys: Iterable[str]) -> Compared:
        """What TikTok does not show."""
        return self._compare(dict.fromkeys(keys))

    def looked_for(self, key: str, reading: Reading) -> Compared:
        """A post that is looked for by its id. Raises ValueError for an id that cannot be, if targeted."""
        item_id = key.partition("/")[2]
        if not self.is_targeted and not is_item_id(item_id):
            return self.absent([key])
        posts = reading.posts_of(item_id)
        return self._compare(self._best_of(posts)) if posts else self.absent([key])

    def _key(self, item_id: str) -> str:
        return f"{self.advertiser_id}/{item_id}"

    def _compare(self, shown: Mapping[str, Sighting | None], *, defers: bool = False) -> Compared:
        if not shown:
            return Compared()
        self.seen |= {key for key, sighting in shown.items() if sighting is not None}
        with hot(self.engine) as connection:
            held = sightings.held(connection, list(shown))
            before = sightings.load(connection, list(shown))
        for key, sighting in shown.items() if defers else ():
            self._deferred.pop(key, None)
            if sighting is not None and self._may_be_bettered(sighting, held.get(key)):
                self._deferred[key] = sighting
        # What was heard of since TikTok was asked may be newer than its answer: the next look compares.
        newer = {key for key in shown if key in held and held[key].updated_at > self.at}
        self.left_out |= newer
        settled = [key for key in shown if key not in newer and not (defers and key in self._deferred)]
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

    def _may_be_bettered(self, sighting: Sighting, held: Held | None) -> bool:
        """Whether another row of the post could change what this one says."""
        if not sighting.is_in_force(self.at):
            return True
        end = held.authorization.expires_at if held is not None else None
        return end is not None and sighting.ends_at is not None and sighting.ends_at < end

    def _difference(self, key: str, seen: Sighting | None, held: Held | None, before: Sighting | None) -> Difference:
        ads = self._ads.get(key, []) if self._ads is not None else None
        known, version = (held.authorization, held.version) if held is not None else (None, 0)
        words = self.withdrawn_words
        events = findings(known, seen, before, ads, key=key, at=self.at, withdrawn_words=words)
        if seen is not None and (doubt := doubt_of(known, seen, self.at, words)) is not None:
            self.doubts[key] = doubt
            self.left_out.add(key)
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
