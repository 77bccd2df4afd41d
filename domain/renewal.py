"""When a creator is asked to renew, and when not: one table of windows and rungs, and one pure plan.

Near its end a period has a window in which its creator is asked, an emergency in which hints that would delay an ask give
way, and a last resort. The figures began as ACME clients' practice (a third of the period, a twentieth, a fiftieth); short
codes are asked for earlier than that, as docs/decisions/0015 tells.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache

from domain.authorization import Action, Authorization, Plan, State
from domain.events import Condition
from domain.reasons import Reason

FOREVER = datetime.max.replace(tzinfo=UTC)


class Urgency(StrEnum):
    """How near the end an ask is."""

    WINDOW = "window"
    EMERGENCY = "emergency"
    LAST_RESORT = "last_resort"
    AFTER_END = "after_end"


WHEN_ASKED: dict[Urgency, str] = {
    Urgency.WINDOW: "in good time",
    Urgency.EMERGENCY: "close to the end",
    Urgency.LAST_RESORT: "just before the end",
    Urgency.AFTER_END: "after the end",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Law:
    """What holds for periods of `days`: spans before the end; a negative rung is an ask after the end."""

    days: int
    window: timedelta
    emergency: timedelta
    last_resort: timedelta
    rungs: tuple[timedelta, ...]


def law(days: int, window: float, emergency: float, last_resort: float, rungs: tuple[float, ...]) -> Law:
    """A row of the table, written in days."""
    return Law(
        days=days,
        window=timedelta(days=window),
        emergency=timedelta(days=emergency),
        last_resort=timedelta(days=last_resort),
        rungs=tuple(timedelta(days=rung) for rung in rungs),
    )


# fmt: off
LAWS = (
    #    days  window  emergency  last resort  asks, in days before the end (negative: after it)
    law(    7,   5,         1,           0.14, (5, 3, 1.5, 0.7, -1)),
    law(   30,  10,         2,           0.6,  (10, 7, 4, 2, -1, -5)),
    law(   60,  20,         3,           1.2,  (20, 10, 5, 2, 1, -1, -5)),
    law(  180,  30,         9,           3.6,  (30, 14, 7, 3, 1, -1, -5)),
    law(  365,  30,        18,           7.3,  (30, 14, 7, 3, 1, -1, -5)),
)
# fmt: on

# An hour's spread keeps many periods that end together from asking in the same second.
MOST_JITTER = timedelta(hours=1)
NOTHING = timedelta()
# Somebody who turns the daemon on over old data must not write to creators about what ended long ago.
STALE_AFTER = timedelta(days=7)


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """What operators may set: the periods on offer (days) and how long a request may stay unanswered.

    `unbind_after`: how long after its end a post is unbound at TikTok; None: never by itself. `digest_span`: how far ahead
    an ask may be brought forward into a message that the same creator gets anyway.
    """

    offered_days: tuple[int, ...] = (7, 30, 60, 365)
    lapse_after: timedelta = timedelta(days=14)
    minimum_daily_budget: int = 50
    unbind_after: timedelta | None = None
    digest_span: timedelta = timedelta(days=3)


@dataclass(frozen=True, kw_only=True, slots=True)
class AskDue:
    """A rung that is reached: what to ask for, and how urgently."""

    rung: int
    urgency: Urgency
    days: int
    why: str = Reason.RENEWAL_NEEDED


def law_of(begins_at: datetime, ends_at: datetime) -> Law:
    """The row for a period: the longest one that the period fills, give or take a day."""
    return row_for((ends_at - begins_at).days + 1)


@lru_cache(maxsize=1024)
def row_for(days: int) -> Law:
    """The longest row of at most so many days, else the shortest."""
    return next((row for row in reversed(LAWS) if row.days <= days), LAWS[0])


def plan(authorization: Authorization, *, now: datetime, policy: Policy) -> Plan:
    """What the clock does next for this authorization, and why."""
    match authorization.state:
        case State.REQUESTED:
            asked_at = authorization.requested_at or authorization.state_since
            return Plan(action=Action.LAPSE, at=asked_at + policy.lapse_after, why=Reason.UNANSWERED_REQUEST)
        case State.REVOKED:
            return Plan(why=Reason.IS_REVOKED)
        case State.EXPIRED:
            return plan_after_the_end(authorization, now)
        case _:
            return plan_before_the_end(authorization, now)


def plan_before_the_end(authorization: Authorization, now: datetime) -> Plan:
    """A running period: ask on the next rung if the renewal is needed, and end it at its end."""
    ends_at = authorization.expires_at
    if ends_at is None:
        return Plan(why=Reason.NO_END_DATE)
    if ends_at <= now:
        # Over, and about to be told so: the asks before the end are past, and those after it wait for `expired`.
        return Plan(action=Action.EXPIRE, at=ends_at, why=Reason.PERIOD_ENDED)
    if objection := objection_to_asking(authorization, ends_at):
        return Plan(action=Action.EXPIRE, at=ends_at, why=objection)
    rung = next_rung(authorization, now)
    if rung is None or rung.at >= ends_at:
        return Plan(action=Action.EXPIRE, at=ends_at, why=Reason.LADDER_CLIMBED)
    if suggested := suggested_rung(authorization, rung, now):
        return Plan(action=Action.ASK, at=suggested.at, why=Reason.RENEWAL_SUGGESTED)
    return Plan(action=Action.ASK, at=rung.at, why=Reason.RENEWAL_NEEDED)


def plan_after_the_end(authorization: Authorization, now: datetime) -> Plan:
    """An expired one: TikTok's own remedy is an extension, so the ladder goes on for some days."""
    ends_at = authorization.expires_at
    if ends_at is None or authorization.state_reason == Reason.REQUEST_LAPSED:
        return Plan(why=Reason.LAPSED_UNANSWERED)
    if objection := objection_to_asking(authorization, max(ends_at, now)):
        return Plan(why=objection)
    rung = next_rung(authorization, now)
    if rung is None:
        return Plan(why=Reason.LADDER_CLIMBED)
    if now - rung.at > STALE_AFTER:
        return Plan(why=Reason.TOO_LATE_TO_ASK)
    return Plan(action=Action.ASK, at=rung.at, why=Reason.RENEWAL_NEEDED)


def objection_to_asking(authorization: Authorization, from_: datetime) -> Reason | None:
    """Why the creator is not asked, or None: nobody is asked for what no ad needs, nor what cannot help."""
    if authorization.condition is Condition.REMOVED:
        return Reason.POST_REMOVED
    if authorization.declined_at is not None:
        return Reason.CREATOR_DECLINED
    need = need_of(authorization)
    if need is None:
        return Reason.NO_AD_NEEDS_IT
    if need <= from_:
        return Reason.COVERED
    contract_end = authorization.contract_ends_at
    return Reason.CONTRACT_ENDS_FIRST if contract_end is not None and contract_end <= from_ else None


def need_of(authorization: Authorization) -> datetime | None:
    """Until when something needs the authorization; None if nothing does. An ad without an end needs it for ever."""
    need = authorization.needed_until
    for flight in authorization.flights.values():
        if flight.is_wanted:
            end = flight.ad.flight_end or FOREVER
            need = end if need is None or end > need else need
    return need


@dataclass(frozen=True, kw_only=True, slots=True)
class Rung:
    """One ask of a period's ladder: its place in the law's row, and when it is due."""

    number: int
    at: datetime


def next_rung(authorization: Authorization, now: datetime) -> Rung | None:
    """The next ask. Of several that are overdue only the latest counts: one message, not one for each missed."""
    ladder = rungs_left(authorization)
    overdue = [rung for rung in ladder if rung.at <= now]
    if not overdue:
        return ladder[0] if ladder else None
    following = ladder[len(overdue) :]
    # A late ask that is nearly at the next rung takes that one's place, or two messages would follow each other.
    if following and following[0].at - now < (following[0].at - overdue[-1].at) / 8:
        return Rung(number=following[0].number, at=overdue[-1].at)
    return overdue[-1]


def rungs_left(authorization: Authorization) -> list[Rung]:
    """The rungs not used yet on this side of the period's end."""
    begins_at, ends_at = authorization.ladder_begins_at, authorization.expires_at
    if begins_at is None or ends_at is None:
        return []
    used, after_end = authorization.rung, authorization.state is State.EXPIRED
    ladder = ladder_of(authorization.key, begins_at, ends_at)
    return [rung for rung in ladder if rung.number >= used and (rung.at > ends_at) == after_end]


@lru_cache(maxsize=1024)
def ladder_of(key: str, begins_at: datetime, ends_at: datetime) -> tuple[Rung, ...]:
    """All rungs of a period, in the order of time: an ask after the end is spread to later, never to before it."""
    row, share = law_of(begins_at, ends_at), jitter_share(key, ends_at)
    return tuple(
        Rung(number=number, at=ends_at - before + most_jitter(row, before) * share)
        for number, before in enumerate(row.rungs)
    )


def most_jitter(row: Law, before: timedelta) -> timedelta:
    """How far an ask may be spread: none in the emergency, where every minute counts."""
    return NOTHING if NOTHING < before <= row.emergency else min(MOST_JITTER, abs(before) / 20)


def jitter_share(key: str, ends_at: datetime) -> float:
    """0 to 1, random-looking, and always the same for one period of one authorization."""
    seed = hashlib.blake2b(f"{key} {ends_at.timestamp()}".encode(), digest_size=4).digest()
    return float(int.from_bytes(seed) / 2**32)


def suggested_rung(authorization: Authorization, rung: Rung, now: datetime) -> Rung | None:
    """The ask that a suggestion moves, in place of `rung`; None where none is pending, or it would delay an emergency."""
    at, ends_at, begins_at = authorization.suggested_at, authorization.expires_at, authorization.ladder_begins_at
    if at is None or ends_at is None or begins_at is None or at >= ends_at:
        return None
    if at > rung.at and at > ends_at - law_of(begins_at, ends_at).emergency:
        return None
    # What the suggestion passes by is not asked as well.
    moved = next_rung(authorization, max(at, now)) or rung
    return Rung(number=moved.number, at=at)


def may_come_early(at: datetime, ends_at: datetime, *, now: datetime, policy: Policy) -> bool:
    """Whether the ask due at `at` may join a message at `now`: within the digest span, and by at most half its distance
    from the end, so that a ladder is not climbed long before its last rungs could help.
    """
    return at - now <= min(policy.digest_span, (ends_at - at) / 2)


def ask_due(
    authorization: Authorization,
    *,
    now: datetime,
    policy: Policy,
    is_early: bool = False,
    comes_forward: bool = False,
) -> AskDue | None:
    """The ask that is due at `now` (or may join a message then, if `is_early`; or is made now whenever it is planned for, if
    it `comes_forward`), or None if the plan has none.
    """
    upcoming, ends_at = authorization.plan, authorization.expires_at
    if upcoming.action is not Action.ASK or upcoming.at is None or ends_at is None:
        return None
    may_join = is_early and may_come_early(upcoming.at, ends_at, now=now, policy=policy)
    if upcoming.at > now and not (may_join or comes_forward):
        return None
    if authorization.is_running and ends_at <= now:
        return None
    rung = next_rung(authorization, now)
    if rung is None:
        return None
    if upcoming.why == Reason.RENEWAL_SUGGESTED:
        rung = suggested_rung(authorization, rung, now) or rung
    return AskDue(
        rung=rung.number,
        urgency=urgency_of(authorization, now),
        days=smallest_period(authorization, now, policy),
        why=upcoming.why,
    )


def urgency_of(authorization: Authorization, now: datetime) -> Urgency:
    """How near the end of its period an authorization is at `now`."""
    begins_at, ends_at = authorization.ladder_begins_at, authorization.expires_at
    if begins_at is None or ends_at is None:
        return Urgency.WINDOW
    row, left = law_of(begins_at, ends_at), ends_at - now
    if left <= NOTHING:
        return Urgency.AFTER_END
    if left <= row.last_resort:
        return Urgency.LAST_RESORT
    return Urgency.EMERGENCY if left <= row.emergency else Urgency.WINDOW


def smallest_period(authorization: Authorization, now: datetime, policy: Policy) -> int:
    """The fewest days on offer that cover the need, else the most. TikTok adds days to what is left."""
    ends_at = max(authorization.expires_at or now, now)
    need = min(need_of(authorization) or ends_at, authorization.contract_ends_at or FOREVER)
    left = need - ends_at
    return next((days for days, span in on_offer(policy.offered_days) if left <= span), max(policy.offered_days))


@lru_cache(maxsize=64)
def on_offer(offered_days: tuple[int, ...]) -> tuple[tuple[int, timedelta], ...]:
    """The periods on offer, the shortest first, as days and as spans."""
    return tuple((days, timedelta(days=days)) for days in sorted(offered_days))
