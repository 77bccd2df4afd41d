"""The look: reads at TikTok what nobody tells, compares it with what is held, and writes every difference to the inbox.

It changes no state. What it found is applied by `drain` like any other event; a look that finds nothing leaves nothing
behind but the time of the confirmation.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Engine

from domain.events import AdStarted, LifecycleEvent
from domain.looking import next_look
from domain.sightings import Sighting
from infra import advertisers, inbox, sightings, turns
from infra.clock import Clock
from infra.database import hot
from infra.inbox import Letter
from infra.tiktok.answers import Later, Lost, Refused
from infra.tiktok.client import Tiktok
from infra.turns import Turn
from infra.vault import UnsealError, Vault
from worker.comparing import Compared, Comparison, Difference, letter_of
from worker.reading import Reading, UnansweredError
from worker.spending import spend

# One call of `look` gives its thread back after this long; dramatiq's time limit for an actor is ten minutes.
LONGEST = timedelta(minutes=2)
# A refused token stays refused until a person connects the advertiser again, and that looks at once.
AFTER_REFUSAL = timedelta(hours=6)
AFTER_TROUBLE = timedelta(minutes=10)
AFTER_NEWS = timedelta(minutes=15)
BATCH = 500
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
) -> Looked:
    """Looks at one advertiser after another, of those due by now, or until LONGEST is over. Several may look at once."""
    began, due_at, looked = time.monotonic(), clock.now(), Looked()
    while not is_stopping():
        with hot(engine) as connection:
            turn = turns.claim(connection, now=clock.now(), due_at=due_at, only=only)
        if turn is None:
            return looked
        take_turn(engine, clock, tiktok, vault, turn, looked)
        if time.monotonic() - began > LONGEST.total_seconds():
            break
    looked.more = True
    return looked


def take_turn(engine: Engine, clock: Clock, tiktok: Tiktok, vault: Vault, turn: Turn, looked: Looked) -> None:
    """One advertiser: its posts and ads, its KPIs, or both."""
    try:
        advertiser = tiktok.advertiser(turn.advertiser_id, turns.opened(turn, vault))
    except UnsealError:
        put_off(engine, clock, turn, AFTER_REFUSAL, trouble=UNREADABLE_TOKEN)
        return
    look_round = Round(engine=engine, clock=clock, vault=vault, turn=turn)
    reading = Reading(advertiser=advertiser, bc_id=turn.bc_id)
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
        with hot(engine) as connection:
            advertisers.note_trouble(connection, turn.advertiser_id, None)
    except UnansweredError as unanswered:
        interrupted(engine, clock, left, unanswered.answer)
    finally:
        with hot(engine) as connection:
            turns.release(connection, turn)
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


@dataclass(slots=True)
class Round:
    """The look at one advertiser. Each page is compared as it comes, so that an interrupted look has not been in vain."""

    engine: Engine
    clock: Clock
    vault: Vault
    turn: Turn
    letters: int = 0
    mailboxes: set[int] = field(default_factory=set)
    is_complete: bool = False

    def look(self, reading: Reading) -> None:
        """Accounts and ads first, since they say what uses a post; then the posts; then what was not among them."""
        at = self.clock.now()
        comparison = Comparison(engine=self.engine, vault=self.vault, advertiser_id=self.turn.advertiser_id, at=at)
        comparison.meet_accounts(reading)
        comparison.meet_ads(reading.ads())
        self.tell(reading, comparison.accounts())
        for posts in reading.posts():
            self.tell(reading, comparison.posts(posts))
        is_all = self.tell_unmet(reading, comparison)
        self.finish(at, is_all=is_all)

    def tell_unmet(self, reading: Reading, comparison: Comparison) -> bool:
        """What was not met. A post that TikTok had shown is looked for once more: the list may move between two pages."""
        known, unknown = comparison.unmet()
        for begin in range(0, len(unknown), BATCH):
            self.tell(reading, comparison.absent(unknown[begin : begin + BATCH]))
        for key in known[:MOST_LOOKED_FOR]:
            self.tell(reading, comparison.looked_for(key, reading))
        return len(known) <= MOST_LOOKED_FOR

    def tell(self, reading: Reading, compared: Compared) -> None:
        """Writes what was found and what was seen, in one transaction."""
        letters = [letter_of(difference, event) for difference, event in with_flights(reading, compared.differences)]
        self.letters += write(self.engine, letters, compared.news, now=self.clock.now())
        # Also those that an earlier look wrote and nobody has applied yet.
        self.mailboxes |= {inbox.mailbox_of(letter.key) for letter in letters}

    def finish(self, at: datetime, *, is_all: bool) -> None:
        """The confirmation of all that was seen, and when to look again."""
        with hot(self.engine) as connection:
            glances = turns.glances(connection, self.turn.advertiser_id, now=at)
            soonest = next_look(glances, advertiser_id=self.turn.advertiser_id, looked_at=at).at
            # What was just found is not applied yet, and may press more than what was known.
            soonest = min(soonest, at + AFTER_NEWS) if self.letters else soonest
            next_at = soonest if is_all else at + turns.MINIMUM_GAP
            turns.looked(connection, self.turn, looked_at=at if is_all else None, next_at=next_at)
        self.is_complete = is_all


def write(engine: Engine, letters: Sequence[Letter], news: Sequence[Sighting], *, now: datetime) -> int:
    """Letters and sightings together, or nothing: a sighting without its letter would hide the difference. New letters."""
    if not letters and not news:
        return 0
    with hot(engine) as connection:
        sightings.save(connection, news)
        receipts = inbox.accept(connection, letters, now=now) if letters else []
    return sum(receipt.is_new for receipt in receipts)


def with_flights(reading: Reading, differences: Sequence[Difference]) -> list[tuple[Difference, LifecycleEvent]]:
    """The events, those of started ads with the end of their flight: the ad groups are read for these alone."""
    told = [(difference, event) for difference in differences for event in difference.events]
    started = {event.ad.ad_id for _, event in told if isinstance(event, AdStarted)}
    groups = {
        ad.ad_id: ad.adgroup_id
        for difference in differences
        for ad in difference.ads
        if ad.ad_id in started and ad.adgroup_id
    }
    ends = reading.flight_ends(list(groups.values())) if groups else {}
    return [(difference, flown(event, ends, groups)) for difference, event in told]


def flown(event: LifecycleEvent, ends: dict[str, datetime | None], groups: dict[str, str]) -> LifecycleEvent:
    """An ad's start with the end of its flight."""
    if not isinstance(event, AdStarted):
        return event
    return replace(event, ad=replace(event.ad, flight_end=ends.get(groups.get(event.ad.ad_id, ""))))


def interrupted(engine: Engine, clock: Clock, turn: Turn, answer: Refused | Later | Lost) -> None:
    """TikTok did not answer to the end: when to try again, and what to tell people."""
    match answer:
        case Refused():
            put_off(engine, clock, turn, AFTER_REFUSAL, trouble=f"{answer.refusal.cause} {answer.refusal.remedy}")
        case Later():
            put_off(engine, clock, turn, max(answer.after, turns.MINIMUM_GAP), trouble=None)
            log.info("look_postponed", advertiser_id=turn.advertiser_id, reason=answer.reason)
        case Lost():
            put_off(engine, clock, turn, AFTER_TROUBLE, trouble=None)
            log.info("look_postponed", advertiser_id=turn.advertiser_id, reason=answer.reason)


def put_off(engine: Engine, clock: Clock, turn: Turn, span: timedelta, *, trouble: str | None) -> None:
    """Tries again after `span`. A trouble is told once, however often it is met."""
    again_at, is_news = clock.now() + span, False
    with hot(engine) as connection:
        if turn.wants_look:
            turns.looked(connection, turn, looked_at=None, next_at=again_at)
        if turn.wants_kpis:
            turns.spent(connection, turn, spent_at=None, next_at=again_at)
        if trouble is not None:
            is_news = advertisers.note_trouble(connection, turn.advertiser_id, trouble)
        turns.release(connection, turn)
    if is_news:
        log.warning("advertiser_in_trouble", advertiser_id=turn.advertiser_id, reason=trouble)
