"""The look: reads at TikTok what nobody tells, compares it with what is held, and writes every difference to the inbox.

It changes no state. What it found is applied by `drain` like any other event; a look that finds nothing leaves nothing
behind but the time of the confirmation.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Engine

from domain.events import AdStarted, LifecycleEvent
from domain.looking import next_look
from domain.sightings import Sighting
from infra import advertisers, inbox, sightings, tracing, turns
from infra.clock import Clock
from infra.database import hot
from infra.inbox import Letter
from infra.tiktok.answers import Later, Lost, Refused
from infra.tiktok.client import Tiktok
from infra.turns import Turn
from infra.vault import UnsealError, Vault
from worker.comparing import BATCH, Compared, Comparison, Difference, letter_of
from worker.reading import Reading, UnansweredError
from worker.spending import spend
from worker.unanswered import (
    AFTER_REFUSAL,
    PARTS,
    interrupted,
    is_general,
    is_sudden,
    is_told,
    note,
    put_off,
    rest_of,
    sentence_for,
    sudden_absence,
    unread_of,
)

# One call of `look` begins no other advertiser after this long.
LONGEST = timedelta(minutes=2)
# What one advertiser may take: 5,000 posts a minute at best, and TikTok is not always at its best.
TIME_LIMIT = timedelta(hours=6)
AFTER_NEWS = timedelta(minutes=15)
# Each costs a call. A list that suddenly lacks more is TikTok's trouble rather than so many removals: the next look sees.
MOST_LOOKED_FOR = 20
UNREADABLE_TOKEN = "the token does not open with this EVERSPARK_SECRET_KEY: connect the advertiser again"  # noqa: S105

log = structlog.get_logger()


@dataclass(slots=True)
class Looked:
    """What one call of `look` did. `mailboxes` hold new letters; `more`: other advertisers are due."""

    advertisers: int = 0
    letters: int = 0
    calls: int = 0
    kpis: int = 0
    mailboxes: set[int] = field(default_factory=set)
    more: bool = False


def never() -> bool:
    """The answer of a caller that does not stop half-way."""
    return False


def look(
    engine: Engine,
    clock: Clock,
    tiktok: Tiktok,
    vault: Vault,
    *,
    only: str | None = None,
    is_stopping: Callable[[], bool] = never,
    withdrawn_words: Collection[str] = (),
) -> Looked:
    """Looks at one advertiser after another, of those due by now, or until LONGEST is over. Several may look at once.

    `withdrawn_words` of TikTok's mean that an authorization was taken back, beside those that are known to.
    """
    began, due_at, looked = time.monotonic(), clock.now(), Looked()
    while not is_stopping():
        with hot(engine) as connection:
            turn = turns.claim(connection, now=clock.now(), due_at=due_at, only=only)
        if turn is None:
            return looked
        with tracing.span("look", {"advertiser_id": turn.advertiser_id}):
            take_turn(engine, clock, tiktok, vault, turn, looked, withdrawn_words)
        if time.monotonic() - began > LONGEST.total_seconds():
            break
    looked.more = True
    return looked


def take_turn(
    engine: Engine,
    clock: Clock,
    tiktok: Tiktok,
    vault: Vault,
    turn: Turn,
    looked: Looked,
    withdrawn_words: Collection[str] = (),
) -> None:
    """One advertiser: its posts and ads, its KPIs, or both."""
    try:
        advertiser = tiktok.advertiser(turn.advertiser_id, turns.opened(turn, vault))
    except UnsealError:
        put_off(engine, clock, turn, AFTER_REFUSAL, trouble=UNREADABLE_TOKEN)
        with hot(engine) as connection:
            turns.release(connection, turn)
        return
    hold = Hold(engine=engine, clock=clock, turn=turn, until=turn.until)
    look_round = Round(engine=engine, clock=clock, vault=vault, turn=turn, withdrawn_words=withdrawn_words)
    reading = Reading(advertiser=advertiser, bc_id=turn.bc_id, beat=hold.beat)
    left = turn
    try:
        if turn.wants_look:
            look_round.look(reading)
            left = replace(turn, wants_look=False)
        if turn.wants_kpis and look_round.letters and turn.spent_at is None:
            # The very first figures are sorted by ads that have just been found: once those are known.
            with hot(engine) as connection:
                soon = clock.now() + turns.MINIMUM_GAP
                turns.spent(connection, turn, spent_at=None, next_at=soon)
        elif turn.wants_kpis:
            looked.kpis += spend(engine, clock, reading, turn)
            note(engine, turn, {}, cleared=[advertisers.FIGURES])
    except UnansweredError as unanswered:
        interrupted(engine, clock, left, unanswered.answer)
    except OvertakenError:
        log.info("look_overtaken", advertiser_id=turn.advertiser_id)
    finally:
        with hot(engine) as connection:
            turns.release(connection, turn, held_until=hold.until)
    looked.advertisers += 1
    looked.calls += reading.calls
    looked.letters += look_round.letters
    looked.mailboxes |= look_round.mailboxes
    log.info(
        "advertiser_looked_at",
        advertiser_id=turn.advertiser_id,
        calls=reading.calls,
        letters=look_round.letters,
        is_complete=look_round.is_complete,
    )


class OvertakenError(Exception):
    """Another looker has taken the advertiser over: this one was taken for lost."""


@dataclass(slots=True)
class Hold:
    """The claim on an advertiser, prolonged as long as TikTok answers: a long look is not begun anew beside itself."""

    engine: Engine
    clock: Clock
    turn: Turn
    until: datetime

    def beat(self) -> None:
        """Prolongs the claim once half of it is over. Raises OvertakenError where it is another's by now."""
        until = self.clock.now() + turns.LOOK_IS_LOST_AFTER
        if until - self.until < turns.LOOK_IS_LOST_AFTER / 2:
            return
        with hot(self.engine) as connection:
            if not turns.prolong(connection, self.turn, held_until=self.until, until=until):
                raise OvertakenError
        self.until = until


@dataclass(slots=True)
class Round:
    """The look at one advertiser. Each page is compared as it comes, so that an interrupted look has not been in vain.

    `failed` are the parts that TikTok did not tell; what they would have said is left as it is. `gone` counts posts that
    are missing so suddenly that it is not believed yet.
    """

    engine: Engine
    clock: Clock
    vault: Vault
    turn: Turn
    withdrawn_words: Collection[str] = ()
    letters: int = 0
    mailboxes: set[int] = field(default_factory=set)
    is_complete: bool = False
    failed: dict[str, Refused | Later | Lost] = field(default_factory=dict)
    gone: int = 0

    def look(self, reading: Reading) -> None:
        """Accounts and ads first, since they say what uses a post; then the posts; then what was not among them."""
        at = self.clock.now()
        comparison = Comparison(
            engine=self.engine,
            vault=self.vault,
            advertiser_id=self.turn.advertiser_id,
            at=at,
            withdrawn_words=self.withdrawn_words,
        )
        with self.part(advertisers.ACCOUNTS):
            comparison.meet_accounts(reading)
        with self.part(advertisers.ADS):
            comparison.meet_ads(reading)
        self.tell(reading, comparison.accounts())
        for page in reading.posts():
            self.tell(reading, comparison.posts(page))
        for compared in comparison.deferred():
            self.tell(reading, compared)
        is_all = self.tell_unmet(reading, comparison)
        self.finish(at, comparison, is_all=is_all)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """A part of the look without which the rest is worth reading all the same."""
        try:
            yield
        except UnansweredError as unanswered:
            if is_general(unanswered.answer):
                raise
            self.failed[name] = unanswered.answer

    def tell_unmet(self, reading: Reading, comparison: Comparison) -> bool:
        """What was not met. A post that TikTok had shown is looked for once more: the list may move between two pages."""
        known, unknown = comparison.unmet()
        if is_sudden(len(known), len(comparison.seen), self.turn):
            self.gone = len(known)
            return False
        for begin in range(0, len(unknown), BATCH):
            self.tell(reading, comparison.absent(unknown[begin : begin + BATCH]))
        for key in known[:MOST_LOOKED_FOR]:
            self.tell(reading, comparison.looked_for(key, reading))
        return len(known) <= MOST_LOOKED_FOR

    def tell(self, reading: Reading, compared: Compared) -> None:
        """Writes what was found and what was seen, in one transaction."""
        letters = [
            letter_of(difference, event) for difference, event in self.with_flights(reading, compared.differences)
        ]
        self.letters += write(self.engine, letters, compared.news, now=self.clock.now(), own_traces=True)
        # Also those that an earlier look wrote and nobody has applied yet.
        self.mailboxes |= inbox.mailboxes_of(letters)

    def with_flights(
        self, reading: Reading, differences: Sequence[Difference]
    ) -> list[tuple[Difference, LifecycleEvent]]:
        """The events, those of started ads with the end of their flight: the ad groups are read for these alone.

        Where they cannot be read, the starts are left to the next look: a flight without an end would be renewed for ever.
        """
        told = [(difference, event) for difference in differences for event in difference.events]
        groups = groups_of_started(differences)
        ends: dict[str, datetime | None] = {}
        if groups and advertisers.FLIGHTS not in self.failed:
            with self.part(advertisers.FLIGHTS):
                ends = reading.flight_ends(list(groups.values()))
        if advertisers.FLIGHTS in self.failed:
            told = [(difference, event) for difference, event in told if not isinstance(event, AdStarted)]
        return [(difference, flown(event, ends, groups)) for difference, event in told]

    def finish(self, at: datetime, comparison: Comparison, *, is_all: bool) -> None:
        """The confirmation of all that was seen, what TikTok did not tell, and when to look again."""
        turn, failed_looks = self.turn, self.turn.failed_looks + 1 if self.failed or self.gone else 0
        with hot(self.engine) as connection:
            glances = turns.glances(connection, turn.advertiser_id, now=at)
            soonest = next_look(glances, advertiser_id=turn.advertiser_id, looked_at=at).at
            # What was just found is not applied yet, and may press more than what was known.
            soonest = min(soonest, at + AFTER_NEWS) if self.letters else soonest
            if any(isinstance(answer, Later) for answer in self.failed.values()):
                soonest = min(soonest, at + rest_of(turn))
            next_at = soonest if is_all else at + (rest_of(turn) if self.gone else turns.MINIMUM_GAP)
            if is_all:
                keys = sorted(comparison.left_out)
                sightings.leave_out(connection, turn.advertiser_id, keys, at=at, before=turn.looked_at)
            looked_at = at if is_all else None
            turns.looked(connection, turn, looked_at=looked_at, next_at=next_at, failed_looks=failed_looks)
        noted = {part: sentence_for(part, answer) for part, answer in self.failed.items() if is_told(answer, turn)}
        noted |= unread_of(comparison) | sudden_absence(self.gone, len(comparison.seen))
        note(self.engine, turn, noted, cleared=PARTS - self.failed.keys() - noted.keys())
        self.is_complete = is_all and not self.failed


def write(
    engine: Engine, letters: Sequence[Letter], news: Sequence[Sighting], *, now: datetime, own_traces: bool = False
) -> int:
    """Letters and sightings together, or nothing: a sighting without its letter would hide the difference. New letters.

    With `own_traces` no letter joins the trace of the look: thousands of authorizations would be one.
    """
    if not letters and not news:
        return 0
    with hot(engine) as connection:
        sightings.save(connection, news)
        receipts = inbox.accept(connection, letters, now=now, own_traces=own_traces) if letters else []
    return sum(receipt.is_new for receipt in receipts)


def groups_of_started(differences: Sequence[Difference]) -> dict[str, str]:
    """The ad groups of the ads that were found to have started, by ad."""
    events = [event for difference in differences for event in difference.events]
    started = {event.ad.ad_id for event in events if isinstance(event, AdStarted)}
    ads = [ad for difference in differences for ad in difference.ads]
    return {ad.ad_id: ad.adgroup_id for ad in ads if ad.ad_id in started and ad.adgroup_id}


def flown(event: LifecycleEvent, ends: dict[str, datetime | None], groups: dict[str, str]) -> LifecycleEvent:
    """An ad's start with the end of its flight."""
    if not isinstance(event, AdStarted):
        return event
    return replace(event, ad=replace(event.ad, flight_end=ends.get(groups.get(event.ad.ad_id, ""))))
