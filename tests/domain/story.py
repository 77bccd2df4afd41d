"""Builders for the domain's tests: a calendar in days, events and authorizations with believable defaults, one fold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.authorization import Authorization, Flight, State
from domain.events import (
    Ad,
    AdLost,
    AdStarted,
    AdStopped,
    AuthorizationRequested,
    CodeGranted,
    CodeRefused,
    CodeWithdrawn,
    Condition,
    LifecycleEvent,
    NeedStated,
    PeriodCorrected,
    PeriodEnded,
    PeriodExtended,
    PostChanged,
    RequestDeclined,
    RequestLapsed,
    Route,
)
from domain.lifecycle import Decision, Outcome, decide
from domain.reasons import Reason
from domain.renewal import Policy, plan

KEY = "7200000000000000001/7300000000000000001"
ACCOUNT_KEY = "7200000000000000001/@mia.makes"
START = datetime(2026, 11, 22, 10, tzinfo=UTC)
POLICY = Policy()


def day(number: float) -> datetime:
    """The instant `number` days after the story's begin."""
    return START + timedelta(days=number)


def requested(at: float = 0, **facts: Any) -> AuthorizationRequested:
    return AuthorizationRequested(at=day(at), **{"days": 30, **facts})


def granted(begin: float = 1, end: float = 31, *, at: float | None = None) -> CodeGranted:
    return CodeGranted(at=day(begin if at is None else at), starts_at=day(begin), expires_at=day(end))


def access_given(begin: float = 1) -> CodeGranted:
    """Access without an end, as an account gives it."""
    return CodeGranted(at=day(begin), starts_at=day(begin), expires_at=None)


def refused(at: float = 2) -> CodeRefused:
    return CodeRefused(at=day(at), reason="code_not_found")


def ad_started(at: float = 2, ad_id: str = "1", *, flight_end: float | None = None) -> AdStarted:
    return AdStarted(at=day(at), ad=Ad(ad_id=ad_id, flight_end=None if flight_end is None else day(flight_end)))


def ad_stopped(at: float = 3, ad_id: str = "1") -> AdStopped:
    return AdStopped(at=day(at), ad_id=ad_id)


def ad_lost(at: float = 3, ad_id: str = "1") -> AdLost:
    return AdLost(at=day(at), ad_id=ad_id, reason="asset_authorization_lost")


def corrected(at: float = 4, end: float = 20) -> PeriodCorrected:
    """TikTok, read on day `at`, shows an end on day `end`."""
    return PeriodCorrected(at=day(at), expires_at=day(end))


def extended(at: float = 20, end: float = 61) -> PeriodExtended:
    return PeriodExtended(at=day(at), expires_at=day(end))


def period_ended(end: float = 31, *, at: float | None = None) -> PeriodEnded:
    return PeriodEnded(at=day(end if at is None else at), ends_at=day(end))


def withdrawn(at: float = 5) -> CodeWithdrawn:
    return CodeWithdrawn(at=day(at))


def declined(at: float = 5) -> RequestDeclined:
    return RequestDeclined(at=day(at))


def lapsed(at: float = 14) -> RequestLapsed:
    return RequestLapsed(at=day(at))


def post_changed(at: float = 4, condition: Condition = Condition.PRIVATE) -> PostChanged:
    return PostChanged(at=day(at), condition=condition)


def need_stated(at: float = 4, until: float | None = 90) -> NeedStated:
    return NeedStated(at=day(at), needed_until=None if until is None else day(until))


def flight(
    ad_id: str = "1",
    *,
    started: float | None = 2,
    stopped: float | None = None,
    lost: float | None = None,
    end: float | None = None,
) -> Flight:
    return Flight(
        ad=Ad(ad_id=ad_id, flight_end=None if end is None else day(end)),
        started_at=None if started is None else day(started),
        stopped_at=None if stopped is None else day(stopped),
        lost_at=None if lost is None else day(lost),
    )


def authorization(state: State = State.AUTHORIZED, *flights: Flight, **facts: Any) -> Authorization:
    """An authorization that came to `state` on the plain road: asked on day 0, granted for days 1 to 31."""
    has_period = state is not State.REQUESTED
    since = {State.REQUESTED: 0, State.AUTHORIZED: 1, State.ACTIVE: 2, State.EXPIRED: 31, State.REVOKED: 5}[state]
    reason = {
        State.REQUESTED: Reason.REQUESTED,
        State.AUTHORIZED: Reason.GRANTED,
        State.ACTIVE: Reason.AD_STARTED,
        State.EXPIRED: Reason.PERIOD_ENDED,
        State.REVOKED: Reason.WITHDRAWN,
    }[state]
    if state is State.ACTIVE and not flights:
        flights = (flight(),)
    plain = Authorization(
        key=KEY,
        route=Route.CODE,
        state=state,
        state_reason=reason,
        state_since=day(since),
        days=30,
        requested_at=day(0),
        starts_at=day(1) if has_period else None,
        expires_at=day(31) if has_period else None,
        period_source="code.granted" if has_period else None,
        revoked_at=day(5) if state is State.REVOKED else None,
        flights={one.ad.ad_id: one for one in flights},
    )
    return replace(plain, **facts)


def planned(known: Authorization, *, now: float) -> Authorization:
    """`known` with its next action as of day `now`."""
    return replace(known, plan=plan(known, now=day(now), policy=POLICY))


def hears(known: Authorization | None, event: LifecycleEvent) -> Decision:
    return decide(known, event, key=KEY)


def fold(events: Iterable[LifecycleEvent], known: Authorization | None = None) -> Authorization | None:
    """The authorization after `events`, in this order; early ones are heard again as long as something else was new."""
    waiting = list(events)
    while True:
        early: list[LifecycleEvent] = []
        for event in waiting:
            decision = hears(known, event)
            known = decision.authorization
            if decision.outcome is Outcome.EARLY:
                early.append(event)
        if len(early) in (0, len(waiting)):
            return known
        waiting = early


def after(*events: LifecycleEvent, known: Authorization | None = None) -> Authorization:
    """As `fold`, where something must be known at the end."""
    result = fold(events, known)
    assert result is not None
    return result
