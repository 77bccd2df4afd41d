"""The questions that decide between the rules of a cell, each about what was known before and what has happened.

All compare instants, never the order of arrival: deliveries repeat, and overtake each other.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from domain.authorization import Authorization
from domain.events import (
    AdLost,
    AdStarted,
    AdStopped,
    CodeGranted,
    LifecycleEvent,
    NeedStated,
    PeriodCorrected,
    PeriodEnded,
    PeriodExtended,
    PostChanged,
)
from domain.facts import begin_of, improves_the_period, was_taken_back
from domain.reasons import Reason

# What was known, what has happened, and what is known after it (`learn` of the two, made once for all guards).
Guard = Callable[[Authorization, LifecycleEvent, Authorization], bool]


def new_end(event: LifecycleEvent) -> datetime | None:
    """The end that a grant, an extension or a correction brings; None is no end at all."""
    return event.expires_at if isinstance(event, CodeGranted | PeriodExtended | PeriodCorrected) else None


def it_outlasts_the_period(known: Authorization, event: LifecycleEvent, _after: Authorization) -> bool:
    """The grant or extension ends later than anything granted before, or is the first, and was not taken back since."""
    return (
        isinstance(event, CodeGranted | PeriodExtended)
        and improves_the_period(known, event)
        and not was_taken_back(known, begin_of(event))
    )


def it_ends_as_known(known: Authorization, event: LifecycleEvent, _after: Authorization) -> bool:
    """The grant, extension or correction brings the very end that is known."""
    return known.has_period and known.expires_at == new_end(event)


def it_corrects_nothing(known: Authorization, _event: LifecycleEvent, after: Authorization) -> bool:
    """TikTok was read before the present period began, or before a reading that is known."""
    return known.expires_at == after.expires_at


def it_began_after_the_revocation(known: Authorization, event: LifecycleEvent, _after: Authorization) -> bool:
    """The creator gave a new grant after taking the old one back."""
    return isinstance(event, CodeGranted) and known.revoked_at is not None and event.starts_at > known.revoked_at


def it_was_in_force_when_declined(known: Authorization, event: LifecycleEvent, _after: Authorization) -> bool:
    """The creator had granted before declining, so a renewal was declined, and nothing was taken back."""
    if not isinstance(event, CodeGranted) or not known.was_declined:
        return False
    return event.starts_at <= known.state_since and (event.expires_at is None or event.expires_at > known.state_since)


def a_grant_is_known(known: Authorization, _event: LifecycleEvent, _after: Authorization) -> bool:
    """There is a period that may be extended: one that was not taken back."""
    return known.starts_at is not None and not was_taken_back(known, known.starts_at)


def no_grant_is_known(known: Authorization, _event: LifecycleEvent, _after: Authorization) -> bool:
    """Nothing was ever granted, as far as has been heard."""
    return not known.has_period


def it_happened_after_the_revocation(known: Authorization, event: LifecycleEvent, _after: Authorization) -> bool:
    """The event contradicts the revocation instead of preceding it."""
    return known.revoked_at is not None and event.at > known.revoked_at


def it_happened_after_the_end(known: Authorization, event: LifecycleEvent, _after: Authorization) -> bool:
    """The event is newer than what ended the authorization, and than any withdrawal heard of since."""
    return event.at > known.state_since and (known.revoked_at is None or event.at > known.revoked_at)


def it_is_older_than_the_request(known: Authorization, event: LifecycleEvent, _after: Authorization) -> bool:
    """Somebody asked again after this."""
    return known.requested_at is not None and event.at < known.requested_at


def it_is_older_than_the_grant(known: Authorization, event: LifecycleEvent, _after: Authorization) -> bool:
    """A grant began after this; a withdrawal before it took back another one."""
    return known.starts_at is not None and event.at < known.starts_at


def the_period_lasts_longer_by_now(known: Authorization, event: LifecycleEvent, _after: Authorization) -> bool:
    """The clock spoke of an end that has been moved since (or there is none)."""
    return isinstance(event, PeriodEnded) and (known.expires_at is None or known.expires_at > event.ends_at)


def the_request_lapses_later_by_now(known: Authorization, event: LifecycleEvent, _after: Authorization) -> bool:
    """The clock spoke of a request that has been repeated since."""
    return known.plan.at is not None and known.plan.at > event.at


def the_request_lapsed(known: Authorization, _event: LifecycleEvent, _after: Authorization) -> bool:
    """It ended because nobody answered, not because a period was over."""
    return known.state_reason == Reason.REQUEST_LAPSED


def an_ad_still_delivers(_known: Authorization, event: LifecycleEvent, after: Authorization) -> bool:
    """After this event, some ad is live and its flight is not over."""
    return after.delivers_at(event.at)


def an_ad_is_still_live(_known: Authorization, _event: LifecycleEvent, after: Authorization) -> bool:
    """After this event, some ad's last news is a start, whatever its flight plan says."""
    return any(flight.is_live for flight in after.flights.values())


def something_newer_is_known_of_the_ad(known: Authorization, event: LifecycleEvent, _after: Authorization) -> bool:
    """The ad stopped or was silenced after this start, or started after this stop or silence."""
    match event:
        case AdStarted(at=at, ad=ad):
            flight = known.flights.get(ad.ad_id)
            ends = (flight.stopped_at, flight.lost_at) if flight is not None else ()
            return any(end is not None and end >= at for end in ends)
        case AdStopped(at=at, ad_id=ad_id) | AdLost(at=at, ad_id=ad_id):
            flight = known.flights.get(ad_id)
            return flight is not None and flight.started_at is not None and flight.started_at > at
        case _:
            return False


def it_is_known_already(known: Authorization, _event: LifecycleEvent, after: Authorization) -> bool:
    """The event teaches nothing."""
    return after is known or after == known


def the_condition_is_newer(known: Authorization, event: LifecycleEvent, _after: Authorization) -> bool:
    """The post's condition was reported again after this."""
    return isinstance(event, PostChanged) and known.condition_at is not None and known.condition_at > event.at


def a_newer_need_was_stated(known: Authorization, event: LifecycleEvent, _after: Authorization) -> bool:
    """Somebody said after this until when it is needed."""
    return isinstance(event, NeedStated) and known.need_stated_at is not None and known.need_stated_at > event.at
