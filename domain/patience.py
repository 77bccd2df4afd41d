"""Whether a creator may be asked now, later, or not at all: what the creator said, and how much one person is written to.

The creator's own word (opted out, snoozed, on holiday) and a payment that is owed are never overridden. Quiet hours and
the weekly cap give way to an emergency, and only where waiting for them would miss the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from domain.hours import Hours, opening
from domain.renewal import Urgency, law_of

A_WEEK = timedelta(days=7)
BEGINNING = datetime.min.replace(tzinfo=UTC)
# A message that arrives as the code ends is as late as none: people need a moment to read, open TikTok and extend.
TIME_TO_ACT = timedelta(hours=1)
NOTHING = timedelta()
EMERGENCIES = (Urgency.EMERGENCY, Urgency.LAST_RESORT)

USUAL_HOURS, UNIVERSAL = Hours(), ZoneInfo("UTC")
ANY_HOUR = Hours(opens=time(), closes=time(), weekends=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Holiday:
    """Not to be asked from `begins_at` until before `ends_at`."""

    begins_at: datetime
    ends_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class CreatorFacts:
    """What is known of one creator that bears on asking. `payment_due`: the brand owes money, so nobody asks."""

    zone: str | None = None
    snoozed_until: datetime | None = None
    holiday: Holiday | None = None
    has_opted_out: bool = False
    payment_due: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Manners:
    """What operators may set. `fallback`: the zone of creators whose own is not known.

    In any seven days a creator gets at most `weekly_cap` messages, with emergencies `emergency_cap`: nothing goes beyond that.
    """

    hours: Hours = USUAL_HOURS
    fallback: ZoneInfo = UNIVERSAL
    weekly_cap: int = 2
    emergency_cap: int = 4

    def __post_init__(self) -> None:
        if not 1 <= self.weekly_cap <= self.emergency_cap:
            raise ValueError("the weekly cap is at least one, and the one for emergencies no smaller")


@dataclass(frozen=True, kw_only=True, slots=True)
class Deadline:
    """From when an ask is an emergency, and the last instant at which asking still helps."""

    emergency_at: datetime
    latest_at: datetime


@lru_cache(maxsize=1024)
def deadline_of(begins_at: datetime, ends_at: datetime) -> Deadline:
    """The deadline of asks for a period; `begins_at` as `Authorization.ladder_begins_at`."""
    return Deadline(emergency_at=ends_at - law_of(begins_at, ends_at).emergency, latest_at=ends_at - TIME_TO_ACT)


class Answer(StrEnum):
    """Whether to ask. `never` means that no waiting changes it: only the creator or the operator can."""

    YES = "yes"
    LATER = "later"
    NEVER = "never"


class Patience(StrEnum):
    """Why a creator is asked now, later, or not at all."""

    MAY_BE_ASKED = "may_be_asked"
    CANNOT_WAIT = "cannot_wait"
    QUIET_HOURS = "quiet_hours"
    WEEKLY_CAP = "weekly_cap"
    ON_HOLIDAY = "on_holiday"
    SNOOZED = "snoozed"
    PAYMENT_DUE = "payment_due"
    OPTED_OUT = "opted_out"


SENTENCES: dict[Patience, str] = {
    Patience.MAY_BE_ASKED: "nothing speaks against asking the creator now",
    Patience.CANNOT_WAIT: "it is quiet time or the week's messages are used up, but waiting would miss the end",
    Patience.QUIET_HOURS: "it is outside the hours at which the creator is written to",
    Patience.WEEKLY_CAP: "the creator had as many messages within seven days as one person should get",
    Patience.ON_HOLIDAY: "the creator is on holiday",
    Patience.SNOOZED: "the creator asked to be reminded later",
    Patience.PAYMENT_DUE: "a payment to the creator is due, so nothing is asked before it is made",
    Patience.OPTED_OUT: "the creator does not want to be asked",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """Whether to ask, and why. `not_before` (UTC) is there for `later` alone: look again then, the answer may differ."""

    answer: Answer
    reason: Patience
    not_before: datetime | None = None


def may_ask(
    facts: CreatorFacts,
    sent_at: Sequence[datetime],
    *,
    at: datetime,
    urgency: Urgency,
    deadline: Deadline | None,
    manners: Manners,
) -> Verdict:
    """Whether the creator, who got messages at `sent_at` (any order), may be asked at `at`.

    `deadline` None: there is no end to miss (it is past already), so the ask waits as long as it must.
    """
    if refusal := refusal_of(facts):
        return Verdict(answer=Answer.NEVER, reason=refusal)
    polite_at, why = earliest(facts, sent_at, at=at, manners=manners)
    if polite_at <= at:
        return Verdict(answer=Answer.YES, reason=Patience.MAY_BE_ASKED)
    if deadline is not None and polite_at > deadline.latest_at and urgency is not Urgency.AFTER_END:
        begins_at = at if urgency in EMERGENCIES else max(at, deadline.emergency_at)
        haste = soonest(facts, sent_at, at=begins_at, manners=manners, latest_at=deadline.latest_at)
        if haste <= at:
            return Verdict(answer=Answer.YES, reason=Patience.CANNOT_WAIT)
        # What is never overridden and lasts beyond the end leaves nothing to be won by haste.
        if haste <= deadline.latest_at:
            return Verdict(answer=Answer.LATER, reason=why, not_before=haste)
    return Verdict(answer=Answer.LATER, reason=why, not_before=polite_at)


def refusal_of(facts: CreatorFacts) -> Patience | None:
    """What no waiting changes."""
    if facts.has_opted_out:
        return Patience.OPTED_OUT
    return Patience.PAYMENT_DUE if facts.payment_due else None


def soonest(
    facts: CreatorFacts, sent_at: Sequence[datetime], *, at: datetime, manners: Manners, latest_at: datetime
) -> datetime:
    """Where politeness would miss the end: the hours of a day on the weekend if they come in time, else any hour."""
    by_day = replace(manners, hours=replace(manners.hours, weekends=True), weekly_cap=manners.emergency_cap)
    daytime = earliest(facts, sent_at, at=at, manners=by_day)[0]
    if daytime <= latest_at:
        return daytime
    return earliest(facts, sent_at, at=at, manners=replace(by_day, hours=ANY_HOUR))[0]


def earliest(
    facts: CreatorFacts, sent_at: Sequence[datetime], *, at: datetime, manners: Manners
) -> tuple[datetime, Patience]:
    """The first instant (UTC) at which nothing objects, and the objection that held longest until then.

    Each time the longest one is waited for and all are looked at again: a holiday may begin before a night is over.
    """
    now, reason, longest = at.astimezone(UTC), Patience.MAY_BE_ASKED, NOTHING
    capped_until = free_again_at(sent_at, manners.weekly_cap)
    while True:
        until, why = max(objections(facts, capped_until, now, manners))
        if until <= now:
            return now, reason
        if until - now > longest:
            reason, longest = why, until - now
        now = until


def objections(
    facts: CreatorFacts, capped_until: datetime, now: datetime, manners: Manners
) -> Iterator[tuple[datetime, Patience]]:
    """What may speak against asking at `now`, with the instant (UTC) at which it ends; one that is not later is none."""
    yield opening(now, zone=facts.zone, hours=manners.hours, fallback=manners.fallback), Patience.QUIET_HOURS
    yield capped_until, Patience.WEEKLY_CAP
    if facts.snoozed_until is not None:
        yield facts.snoozed_until.astimezone(UTC), Patience.SNOOZED
    if facts.holiday is not None and facts.holiday.begins_at <= now:
        yield facts.holiday.ends_at.astimezone(UTC), Patience.ON_HOLIDAY


def free_again_at(sent_at: Sequence[datetime], cap: int) -> datetime:
    """The first instant (UTC) from which fewer than `cap` messages lie in the seven days before. One ahead counts too."""
    newest = sorted(sent_at, reverse=True)
    return newest[cap - 1].astimezone(UTC) + A_WEEK if len(newest) >= cap else BEGINNING
