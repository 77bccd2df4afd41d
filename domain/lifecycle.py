"""The lifecycle as one total grid: event x state -> move, stay, again, late, early or park.

Everything else that knows the lifecycle (diagram and table in docs/lifecycle.md, CHECK constraints, property tests) is
derived from `GRID`. Guards read like sentences; the rules of a cell are tried from left to right.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from domain.authorization import ENDED_STATES, RUNNING_STATES, Authorization, State, changed
from domain.events import (
    AdLost,
    AdStarted,
    AdStopped,
    AuthorizationRequested,
    CodeGranted,
    CodeRefused,
    CodeWithdrawn,
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
from domain.facts import latest, learn
from domain.guards import (
    Guard,
    a_grant_is_known,
    a_newer_need_was_stated,
    an_ad_is_still_live,
    an_ad_still_delivers,
    it_began_after_the_revocation,
    it_corrects_nothing,
    it_ends_as_known,
    it_happened_after_the_end,
    it_happened_after_the_revocation,
    it_is_known_already,
    it_is_older_than_the_grant,
    it_is_older_than_the_request,
    it_outlasts_the_period,
    it_was_in_force_when_declined,
    no_grant_is_known,
    something_newer_is_known_of_the_ad,
    the_condition_is_newer,
    the_period_lasts_longer_by_now,
    the_request_lapsed,
    the_request_lapses_later_by_now,
)
from domain.reasons import Reason

__all__ = ["ENDED_STATES", "GRID", "RUNNING_STATES", "Cell", "Decision", "Outcome", "Rule", "State", "decide"]


class Outcome(StrEnum):
    """What an event did.

    `moved`: the state changed. `stayed`: facts changed at most. `again`: known already.
    `late`: something newer is known. `early`: waits until its authorization changes. `parked`: waits for a person.
    """

    MOVED = "moved"
    STAYED = "stayed"
    AGAIN = "again"
    LATE = "late"
    EARLY = "early"
    PARKED = "parked"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """Where all `guards` hold, the event has this outcome, and the state becomes `to` if it moves."""

    outcome: Outcome
    reason: Reason
    to: State | None = None
    guards: tuple[Guard, ...] = ()


Cell = tuple[Rule, ...]


def move(state: State, reason: Reason) -> Rule:
    """The state becomes `state`."""
    return Rule(outcome=Outcome.MOVED, to=state, reason=reason)


def stay(reason: Reason) -> Rule:
    """The state stays; facts may have changed."""
    return Rule(outcome=Outcome.STAYED, reason=reason)


def park(reason: Reason) -> Rule:
    """A contradiction that only a person can settle."""
    return Rule(outcome=Outcome.PARKED, reason=reason)


def when(guard: Guard, *rules: Rule) -> Cell:
    """`rules`, but only where `guard` holds."""
    return tuple(replace(rule, guards=(guard, *rule.guards)) for rule in rules)


def in_force(reason: Reason) -> Cell:
    """`active` where an ad still delivers (ads resume by themselves after an extension), else `authorized`."""
    return (*when(an_ad_still_delivers, move(State.ACTIVE, reason)), move(State.AUTHORIZED, reason))


again = Rule(outcome=Outcome.AGAIN, reason=Reason.ALREADY_SO)
late = Rule(outcome=Outcome.LATE, reason=Reason.OLDER_NEWS)
early = Rule(outcome=Outcome.EARLY, reason=Reason.NO_GRANT_YET)

AGAIN, LATE, EARLY = (again,), (late,), (early,)
UPDATED = (
    *when(it_is_older_than_the_request, late),
    *when(it_is_known_already, again),
    stay(Reason.FACTS_UPDATED),
)
# A request that came after the end starts anew; one sent before it and delivered after changes nothing.
ANEW = (*when(it_happened_after_the_end, move(State.REQUESTED, Reason.ASKED_ANEW)), late)
GRANTED = (*when(it_outlasts_the_period, *in_force(Reason.GRANTED)), late)
RENEWED = (*when(it_outlasts_the_period, stay(Reason.RENEWED)), *when(it_ends_as_known, again), late)
REVIVED = (*when(it_outlasts_the_period, *in_force(Reason.REVIVED)), *when(it_ends_as_known, again), late)
# What was withdrawn stays so, however long it would have lasted: only a grant that began later counts.
REGRANTED = (
    *when(it_began_after_the_revocation, *in_force(Reason.REVIVED)),
    *when(it_was_in_force_when_declined, *in_force(Reason.GRANTED)),
    late,
)
REFUSED = (stay(Reason.CODE_REFUSED),)
# A start told twice does not restart an ad whose flight is over.
STARTED = (
    *when(something_newer_is_known_of_the_ad, late),
    *when(it_is_known_already, again),
    move(State.ACTIVE, Reason.AD_STARTED),
)
ANOTHER = (
    *when(something_newer_is_known_of_the_ad, late),
    *when(it_is_known_already, again),
    stay(Reason.ANOTHER_AD),
)
# TikTok stops ads at the end at once. One that starts later means that a grant has not been heard of.
STRAY = (
    *when(something_newer_is_known_of_the_ad, late),
    *when(it_happened_after_the_end, park(Reason.AD_WITHOUT_AUTHORIZATION)),
    late,
)
STOPPED = (
    *when(something_newer_is_known_of_the_ad, late),
    *when(it_is_known_already, again),
    stay(Reason.AD_STOPPED),
)
LAST_STOPPED = (
    *when(something_newer_is_known_of_the_ad, late),
    *when(it_is_known_already, again),
    *when(an_ad_is_still_live, stay(Reason.AD_STOPPED)),
    move(State.AUTHORIZED, Reason.LAST_AD_STOPPED),
)
# TikTok silences an ad whose post is not authorized; somebody wants it to run all the same, so the need stays.
SILENCED = (
    *when(something_newer_is_known_of_the_ad, late),
    *when(it_is_known_already, again),
    stay(Reason.AD_LOST),
)
LAST_SILENCED = (
    *when(something_newer_is_known_of_the_ad, late),
    *when(it_is_known_already, again),
    *when(an_ad_is_still_live, stay(Reason.AD_LOST)),
    move(State.AUTHORIZED, Reason.LAST_AD_LOST),
)
EXTENDED = (*when(it_outlasts_the_period, stay(Reason.EXTENDED)), *when(it_ends_as_known, again), late)
# Asked anew after its end: extending the old code is TikTok's own remedy, and answers the request.
ANSWERED = (*when(a_grant_is_known, *REVIVED), early)
# A withdrawal that overtook its grant may have overtaken an extension too: that one still waits for the grant.
CONTRADICTED = (
    *when(no_grant_is_known, early),
    *when(it_happened_after_the_revocation, park(Reason.EXTENSION_AFTER_REVOCATION)),
    late,
)
# Told of a later end than TikTok shows: the present period is shorter. One that was read before the period began is old.
CORRECTED = (
    *when(it_ends_as_known, again),
    *when(it_corrects_nothing, late),
    stay(Reason.CORRECTED),
)
# A request that overtook the end, or the withdrawal, that it answers: the end comes late, the request stands.
ENDED = (
    *when(the_period_lasts_longer_by_now, late),
    *when(it_is_older_than_the_request, move(State.REQUESTED, Reason.ASKED_ANEW)),
    move(State.EXPIRED, Reason.PERIOD_ENDED),
)
WITHDRAWN = (
    *when(it_is_older_than_the_grant, late),
    *when(it_is_older_than_the_request, move(State.REQUESTED, Reason.ASKED_ANEW)),
    move(State.REVOKED, Reason.WITHDRAWN),
)
WITHDRAWN_ENDED = (
    *when(it_is_older_than_the_grant, late),
    *when(it_is_older_than_the_request, *when(the_request_lapsed, late), move(State.REQUESTED, Reason.ASKED_ANEW)),
    move(State.REVOKED, Reason.WITHDRAWN),
)
WITHDRAWN_UNGRANTED = (*when(it_is_older_than_the_request, late), move(State.REVOKED, Reason.WITHDRAWN))
DECLINED = (*when(it_is_older_than_the_request, late), move(State.REVOKED, Reason.DECLINED))
# A creator who declines to renew takes nothing back: the present period goes on, and the ladder stays shut.
NOT_RENEWED = (
    *when(it_is_older_than_the_grant, late),
    *when(it_is_known_already, again),
    stay(Reason.RENEWAL_DECLINED),
)
LAPSED = (*when(the_request_lapses_later_by_now, late), move(State.EXPIRED, Reason.REQUEST_LAPSED))
CONDITION = (
    *when(the_condition_is_newer, late),
    *when(it_is_known_already, again),
    stay(Reason.CONDITION_CHANGED),
)
# What is needed may be said of anything at any time: of what has ended it counts when it comes back.
NEED = (
    *when(a_newer_need_was_stated, late),
    *when(it_is_known_already, again),
    stay(Reason.NEED_STATED),
)

# fmt: off
GRID: dict[type[LifecycleEvent], tuple[Cell, Cell, Cell, Cell, Cell]] = {
    #                        requested            authorized   active        expired          revoked
    AuthorizationRequested: (UPDATED,             UPDATED,     UPDATED,      ANEW,            ANEW),
    CodeGranted:            (GRANTED,             RENEWED,     RENEWED,      REVIVED,         REGRANTED),
    CodeRefused:            (REFUSED,             REFUSED,     REFUSED,      REFUSED,         REFUSED),
    AdStarted:              (EARLY,               STARTED,     ANOTHER,      STRAY,           STRAY),
    AdStopped:              (STOPPED,             STOPPED,     LAST_STOPPED, STOPPED,         STOPPED),
    AdLost:                 (SILENCED,            SILENCED,    LAST_SILENCED, SILENCED,        SILENCED),
    PeriodExtended:         (ANSWERED,            EXTENDED,    EXTENDED,     REVIVED,         CONTRADICTED),
    PeriodCorrected:        (LATE,                CORRECTED,   CORRECTED,    LATE,            LATE),
    PeriodEnded:            (LATE,                ENDED,       ENDED,        AGAIN,           LATE),
    CodeWithdrawn:          (WITHDRAWN_UNGRANTED, WITHDRAWN,   WITHDRAWN,    WITHDRAWN_ENDED, AGAIN),
    RequestDeclined:        (DECLINED,            NOT_RENEWED, NOT_RENEWED,  NOT_RENEWED,     AGAIN),
    RequestLapsed:          (LAPSED,              LATE,        LATE,         LATE,            LATE),
    PostChanged:            (CONDITION,           CONDITION,   CONDITION,    CONDITION,       CONDITION),
    NeedStated:             (NEED,                NEED,        NEED,         NEED,            NEED),
}
# fmt: on
COLUMN = {state: number for number, state in enumerate(State)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What became of one event: its outcome, why, and the authorization after it (None: still unknown)."""

    outcome: Outcome
    reason: Reason
    authorization: Authorization | None


def decide(known: Authorization | None, event: LifecycleEvent, *, key: str) -> Decision:
    """What `event` does to the authorization `key`; `known` is None when nothing has been heard of it."""
    if known is None:
        return first_news(event, key)
    after = learn(known, event)
    rule = ruling(known, event, after)
    if rule.outcome is Outcome.EARLY or (rule.outcome is Outcome.PARKED and not isinstance(event, AdStarted)):
        return Decision(outcome=rule.outcome, reason=rule.reason, authorization=known)
    # A stray start waits for a person, and is a fact all the same: a grant that is still under way finds the ad live.
    if rule.to is not None:
        after = entered(after, rule.to, rule.reason, event.at)
    return Decision(outcome=rule.outcome, reason=rule.reason, authorization=after)


def ruling(known: Authorization, event: LifecycleEvent, after: Authorization) -> Rule:
    """The first rule of the event's cell whose guards all hold; the last rule of a cell has none."""
    for rule in GRID[type(event)][COLUMN[known.state]]:
        for guard in rule.guards:
            if not guard(known, event, after):
                break
        else:
            return rule
    raise LookupError(f"no rule for {type(event).__name__} in state {known.state}")


def first_news(event: LifecycleEvent, key: str) -> Decision:
    """A request opens an authorization, a grant that nobody asked for adopts it; all else waits for one of them."""
    match event:
        case AuthorizationRequested():
            blank = born(key, State.REQUESTED, Reason.REQUESTED, event.at, event.route)
            return Decision(outcome=Outcome.MOVED, reason=Reason.REQUESTED, authorization=learn(blank, event))
        case CodeGranted():
            route = Route.ACCOUNT if "/@" in key else Route.CODE
            adopted = born(key, State.AUTHORIZED, Reason.ADOPTED, event.at, route)
            return Decision(outcome=Outcome.MOVED, reason=Reason.ADOPTED, authorization=learn(adopted, event))
        case _:
            return Decision(outcome=Outcome.EARLY, reason=Reason.NOT_KNOWN_YET, authorization=None)


def born(key: str, state: State, reason: Reason, at: datetime, route: Route) -> Authorization:
    """An authorization of which nothing but its key is known."""
    return Authorization(key=key, route=route, state=state, state_reason=reason, state_since=at)


def entered(known: Authorization, state: State, reason: Reason, at: datetime) -> Authorization:
    """`known` in its new state. A declined request counts as revoked from that instant, until it is asked or granted."""
    after = changed(known, state=state, state_reason=reason, state_since=at)
    if state is State.REVOKED:
        return changed(after, revoked_at=latest(known.revoked_at, at))
    if state is State.REQUESTED:
        after = changed(after, state_since=known.requested_at or at)
    # Who declines takes nothing back, so a grant that began before is as good as any.
    return changed(after, revoked_at=None) if known.was_declined else after
