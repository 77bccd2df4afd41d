"""What TikTok shows of one authorization against what is held of it: every difference as an event. Pure.

A difference is a claim about how things stand. Where the lifecycle would not come to stand so by any event that TikTok's
word allows, because something newer is known here, nothing is said.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from domain.authorization import Authorization
from domain.events import (
    Ad,
    AdLost,
    AdStarted,
    AdStopped,
    CodeGranted,
    CodeWithdrawn,
    Condition,
    LifecycleEvent,
    PeriodCorrected,
    PeriodExtended,
    PostChanged,
    Route,
)
from domain.lifecycle import decide
from domain.posts import AdSeen, Standing
from domain.sightings import Sighting, is_account

# Why an authorization counts as withdrawn; people read these words in its history.
WITHDRAWN = "authorization withdrawn"
POST_DELETED = "post deleted"
NO_LONGER_LISTED = "post no longer in the advertiser's list"
ACCOUNT_REMOVED = "account access removed"
# TikTok publishes no list of its words for an authorization. Withdrawn is what a word says to be by one of these parts;
# every other word, and none, moves nothing until a person has read it.
WITHDRAWING_PARTS = ("REVOK", "CANCEL", "DELET", "EXPIRE", "UNAUTH", "INVALID", "REJECT", "REMOV", "DISABL")
# Words of an authorization that may still come into force.
NOT_YET = frozenset(("WAITING", "PENDING", "NOT_USED"))
# TikTok's words for accounts that cannot be used any more.
ACCOUNT_GONE = frozenset(("NO_VALID_BIND_ACCOUNT", "SCOPE_UNAVAILABLE", "NOT_BUSINESS_ACCOUNT"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """How things stand at TikTok, and the events that may bring it about here; the first that does is said."""

    holds: Callable[[Authorization], bool]
    events: Sequence[LifecycleEvent]


def findings(
    known: Authorization | None,
    seen: Sighting | None,
    before: Sighting | None,
    ads: Sequence[AdSeen] | None,
    *,
    key: str,
    at: datetime,
    withdrawn_words: Collection[str] = (),
) -> list[LifecycleEvent]:
    """What must be heard here so that what is held agrees with TikTok.

    `seen` None: looked for and not there. `before`: the last sighting. `ads`: all ads that use it; None where they were
    not read. `at`: the instant before TikTok was asked, so that whatever was heard of since then is newer.
    `withdrawn_words` mean "withdrawn" beside those that are known to.
    """
    found: list[LifecycleEvent] = []
    for chapter in (partial(period_claims, withdrawn_words=withdrawn_words), condition_claims, ad_claims):
        for claim in chapter(known, seen, before, ads, at):
            known, event = settled(known, claim, key)
            found += [event] if event is not None else []
    return found


def settled(known: Authorization | None, claim: Claim, key: str) -> tuple[Authorization | None, LifecycleEvent | None]:
    """The authorization with which the claim holds, and the event that led there; unchanged where none does."""
    if known is not None and claim.holds(known):
        return known, None
    for event in claim.events:
        after = decide(known, event, key=key).authorization
        if after is not None and claim.holds(after):
            return after, event
    return known, None


Claims = Iterator[Claim]


def period_claims(
    known: Authorization | None,
    seen: Sighting | None,
    before: Sighting | None,
    _ads: Sequence[AdSeen] | None,
    at: datetime,
    withdrawn_words: Collection[str] = (),
) -> Claims:
    """Whether a grant is in force, and until when. What nobody here knows is adopted while it is in force."""
    if seen is not None and seen.is_in_force(at):
        yield in_force(known, seen, at)
    elif known is None or not known.is_running:
        return
    elif seen is None:
        if was_seen_in_this_period(known, before):
            yield withdrawn(at, ACCOUNT_REMOVED if is_account(known.key) else NO_LONGER_LISTED)
    elif seen.is_deleted:
        yield withdrawn(at, POST_DELETED)
    elif seen.ends_at is not None and seen.ends_at <= at:
        yield from over(known, seen.ends_at, before, at)
    elif says_withdrawn(seen, withdrawn_words):
        yield withdrawn(at, ACCOUNT_REMOVED if seen.is_account else WITHDRAWN)


def says_withdrawn(seen: Sighting, words: Collection[str] = ()) -> bool:
    """Whether TikTok's word says that the authorization, or the access to the account, was taken back."""
    word = (seen.auth_status or "").upper()
    return word in words or word in ACCOUNT_GONE or any(part in word for part in WITHDRAWING_PARTS)


def doubt_of(known: Authorization | None, seen: Sighting, at: datetime, words: Collection[str] = ()) -> str | None:
    """What TikTok shows of something that runs here and nobody can read; None where all is clear."""
    if known is None or not known.is_running or seen.is_in_force(at) or seen.is_deleted:
        return None
    is_over = seen.ends_at is not None and seen.ends_at <= at
    if is_over or seen.auth_status in NOT_YET or says_withdrawn(seen, words):
        return None
    return (
        "an authorization without an end"
        if seen.is_authorized
        else f"“{seen.auth_status}”"
        if seen.auth_status
        else "no word"
    )


def in_force(known: Authorization | None, seen: Sighting, at: datetime) -> Claim:
    """A grant until the end that TikTok shows. An account, and the advertiser's own post, is held without one."""
    ends_at, starts_at = seen.ends_at, seen.starts_at or at
    if known is not None and known.route is Route.OWN and known.is_running and known.expires_at is None:
        return Claim(holds=lambda held: held.is_running, events=())
    granted = CodeGranted(at=at, starts_at=starts_at, expires_at=ends_at, code=seen.code)
    # Taken back as far as is known here, and in force all the same: then it was given again since.
    anew = replace(granted, starts_at=at)
    events: list[LifecycleEvent] = [granted, anew]
    if ends_at is not None:
        extended = PeriodExtended(at=at, expires_at=ends_at)
        is_the_same = known is not None and known.starts_at == seen.starts_at
        events = [extended, granted, anew] if is_the_same else [granted, extended, anew]
        events.append(PeriodCorrected(at=at, expires_at=ends_at))
    return Claim(holds=lambda held: held.is_running and held.expires_at == ends_at, events=events)


def over(known: Authorization, ends_at: datetime, before: Sighting | None, at: datetime) -> Claims:
    """Over by TikTok's own date. An end that is known here is the clock's to tell.

    An end that TikTok itself had shown later was moved into the past: somebody took it back. One that only others had told
    later was told wrongly, and the clock ends it once it is corrected.
    """
    if known.expires_at is not None and known.expires_at <= ends_at:
        return
    if before is not None and before.is_authorized and before.ends_at is not None and before.ends_at > ends_at:
        yield withdrawn(at, WITHDRAWN)
        return
    yield Claim(holds=lambda held: held.expires_at == ends_at, events=[PeriodCorrected(at=at, expires_at=ends_at)])


def withdrawn(at: datetime, reason: str) -> Claim:
    """No grant is in force any more."""
    return Claim(holds=lambda held: not held.is_running, events=[CodeWithdrawn(at=at, reason=reason)])


def was_seen_in_this_period(known: Authorization, before: Sighting | None) -> bool:
    """Whether TikTok has shown it since it was granted: what was told only by others may not be bound yet."""
    if before is None:
        return False
    begin = known.ladder_begins_at
    return before.missing_since is None or begin is None or begin <= before.missing_since


def condition_claims(
    known: Authorization | None,
    seen: Sighting | None,
    _before: Sighting | None,
    ads: Sequence[AdSeen] | None,
    at: datetime,
) -> Claims:
    """The post's condition; that its music is missing is told by its ads alone."""
    shown = seen.condition if seen is not None else None
    if known is None:
        return
    if shown in (None, Condition.PUBLIC):
        if any(ad.standing is Standing.SILENT for ad in ads or ()):
            shown = Condition.MUSIC_MISSING
        elif known.condition is Condition.MUSIC_MISSING and all(ad.standing is Standing.WAITING for ad in ads or ()):
            # Nothing that could tell was read.
            return
    if shown is not None:
        wanted = shown
        yield Claim(holds=lambda held: held.condition is wanted, events=[PostChanged(at=at, condition=wanted)])


def ad_claims(
    known: Authorization | None,
    _seen: Sighting | None,
    _before: Sighting | None,
    ads: Sequence[AdSeen] | None,
    at: datetime,
) -> Claims:
    """Which ads deliver, and which are over, also because TikTok no longer lists them.

    `ads` holds those whose absence is not certain too, without a status.
    """
    if known is None or ads is None:
        return
    standings = {ad.ad_id: ad.standing for ad in ads}
    for ad_id in known.flights:
        standings.setdefault(ad_id, Standing.OVER)
    for ad_id, standing in standings.items():
        yield from ad_claim(ad_id, standing, known, at)


def ad_claim(ad_id: str, standing: Standing, known: Authorization, at: datetime) -> Claims:
    """What an ad's standing means for its flight.

    One that waits means nothing: before its start nobody has missed it, and a live one whose day's budget is spent is wanted
    as before. Daily budgets would otherwise stop and start it every day.
    """

    def is_live(held: Authorization) -> bool:
        flight = held.flights.get(ad_id)
        return flight is not None and flight.is_live

    def is_silent(held: Authorization) -> bool:
        return not is_live(held)

    def is_unwanted(held: Authorization) -> bool:
        flight = held.flights.get(ad_id)
        return flight is None or not flight.is_wanted

    match standing:
        case Standing.DELIVERING:
            yield Claim(holds=is_live, events=[AdStarted(at=at, ad=Ad(ad_id=ad_id))])
        case Standing.LOST | Standing.SILENT if ad_id in known.flights:
            reason = "music" if standing is Standing.SILENT else "post"
            yield Claim(holds=is_silent, events=[AdLost(at=at, ad_id=ad_id, reason=reason)])
        case Standing.OVER:
            yield Claim(holds=is_unwanted, events=[AdStopped(at=at, ad_id=ad_id)])
        case _:
            pass
