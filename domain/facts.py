"""What an event teaches, whatever state it meets.

Each fact is a register that only newer news overwrites, so that the order of arrival does not matter.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from domain.authorization import Authorization, Flight, changed
from domain.events import (
    Ad,
    AdLost,
    AdStarted,
    AdStopped,
    AuthorizationRequested,
    CodeGranted,
    CodeWithdrawn,
    LifecycleEvent,
    NeedStated,
    PeriodCorrected,
    PeriodExtended,
    PostChanged,
    RequestDeclined,
)


def learn(known: Authorization, event: LifecycleEvent) -> Authorization:
    """`known` with the facts of `event`; its state is untouched."""
    match event:
        case AuthorizationRequested():
            return learn_request(known, event)
        case CodeGranted() | PeriodExtended() if improves_the_period(known, event):
            return learn_period(known, event)
        case AdStarted():
            return learn_start(known, event)
        case AdStopped():
            return learn_stop(known, event)
        case AdLost():
            return learn_loss(known, event)
        case PeriodCorrected() if may_correct(known, event):
            return changed(known, expires_at=event.expires_at, corrected_at=event.at, period_source="period.corrected")
        case CodeWithdrawn():
            # Also one that a newer grant has overtaken: it still tells which older grants count for nothing.
            return changed(known, revoked_at=latest(known.revoked_at, event.at))
        case _:
            return learn_words(known, event)


def learn_words(known: Authorization, event: LifecycleEvent) -> Authorization:
    """What somebody said that touches neither the period nor the ads; anything else teaches nothing."""
    match event:
        case RequestDeclined() if not precedes(event.at, known.starts_at, known.requested_at):
            return changed(known, declined_at=latest(known.declined_at, event.at))
        case PostChanged() if not precedes(event.at, known.condition_at):
            return changed(known, condition=event.condition, condition_at=event.at)
        case NeedStated() if not precedes(event.at, known.need_stated_at):
            return changed(known, needed_until=event.needed_until, need_stated_at=event.at)
        case _:
            return known


def learn_request(known: Authorization, event: AuthorizationRequested) -> Authorization:
    """The newest request's facts; what it leaves out stays. How access is held is settled once a grant is in force."""
    if known.requested_at is not None and event.at < known.requested_at:
        return known
    states_need = event.needed_until is not None and not precedes(event.at, known.need_stated_at)
    return changed(
        known,
        route=known.route if known.is_running else event.route,
        days=event.days or known.days,
        needed_until=event.needed_until if states_need else known.needed_until,
        need_stated_at=event.at if states_need else known.need_stated_at,
        contract_ends_at=event.contract_ends_at or known.contract_ends_at,
        reference=event.reference or known.reference,
        item_url=event.item_url or known.item_url,
        requested_at=event.at,
        declined_at=known.declined_at if known.declined_at and known.declined_at > event.at else None,
    )


def begin_of(event: CodeGranted | PeriodExtended) -> datetime:
    """The instant that a withdrawal is compared with: what was given by then has been taken back."""
    return event.starts_at if isinstance(event, CodeGranted) else event.at


def was_taken_back(known: Authorization, begin: datetime) -> bool:
    """Whether what began at `begin` was ended by the newest withdrawal."""
    return known.revoked_at is not None and begin <= known.revoked_at


def improves_the_period(known: Authorization, event: CodeGranted | PeriodExtended) -> bool:
    """Whether the event brings a later end. What was not taken back is better than what was, whatever its end."""
    if known.starts_at is None:
        return isinstance(event, CodeGranted)
    if precedes(event.at, known.corrected_at):
        return False
    is_dead, would_be_dead = was_taken_back(known, known.starts_at), was_taken_back(known, begin_of(event))
    if is_dead != would_be_dead:
        return is_dead and isinstance(event, CodeGranted)
    return known.expires_at is not None and (event.expires_at is None or event.expires_at > known.expires_at)


def learn_period(known: Authorization, event: CodeGranted | PeriodExtended) -> Authorization:
    """The period that `event` brings; its ladder begins anew, and a renewal declined before it is history."""
    is_grant = isinstance(event, CodeGranted)
    return changed(
        known,
        starts_at=begin_of(event) if is_grant else known.starts_at,
        expires_at=event.expires_at,
        period_source="code.granted" if is_grant else "authorization.extended",
        # An extension opens a ladder of its own: who has just extended by a week is not asked as if that were the end of a year.
        ladder_from=event.starts_at if isinstance(event, CodeGranted) else event.at,
        rung=known.rung if event.expires_at == known.expires_at else 0,
        # A suggestion was about the period before.
        suggested_at=known.suggested_at if event.expires_at == known.expires_at else None,
        suggestion=known.suggestion if event.expires_at == known.expires_at else None,
        declined_at=known.declined_at if known.declined_at is not None and known.declined_at > event.at else None,
    )


def learn_start(known: Authorization, event: AdStarted) -> Authorization:
    """The ad's facts as its newest start gave them."""
    flight = known.flights.get(event.ad.ad_id, Flight(ad=event.ad))
    if flight.started_at is not None and flight.started_at > event.at:
        return known
    return with_flight(known, replace(flight, ad=completed(event.ad, flight.ad), started_at=event.at))


def completed(ad: Ad, known: Ad) -> Ad:
    """`ad`, with what it leaves out as it was known."""
    names = ("flight_end", "daily_spend", "currency", "objective", "billing_event")
    missing = {name: getattr(known, name) for name in names if getattr(ad, name) is None}
    return replace(ad, **missing) if any(value is not None for value in missing.values()) else ad


def learn_stop(known: Authorization, event: AdStopped) -> Authorization:
    """The ad's newest stop, also of an ad whose start has not been heard of."""
    flight = known.flights.get(event.ad_id, Flight(ad=Ad(ad_id=event.ad_id)))
    return with_flight(known, replace(flight, stopped_at=latest(flight.stopped_at, event.at)))


def learn_loss(known: Authorization, event: AdLost) -> Authorization:
    """The newest time that TikTok silenced the ad, also one whose start has not been heard of."""
    flight = known.flights.get(event.ad_id, Flight(ad=Ad(ad_id=event.ad_id)))
    return with_flight(known, replace(flight, lost_at=latest(flight.lost_at, event.at)))


def may_correct(known: Authorization, event: PeriodCorrected) -> bool:
    """Whether the correction is about the present period: a running one that TikTok was read after, and the last reading."""
    return known.is_running and not precedes(event.at, known.starts_at, known.ladder_from, known.corrected_at)


def with_flight(known: Authorization, flight: Flight) -> Authorization:
    """`known` with one ad's record replaced."""
    return changed(known, flights={**known.flights, flight.ad.ad_id: flight})


def latest(known: datetime | None, at: datetime) -> datetime:
    """The newer of two instants."""
    return at if known is None or at > known else known


def precedes(at: datetime, *others: datetime | None) -> bool:
    """Whether `at` lies before any of the known instants."""
    return any(other is not None and at < other for other in others)
