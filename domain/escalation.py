"""Whom silence climbs to: after some asks the creator's other channel, then the account owner, who can telephone.

What no ask can mend (the post is gone, the creator said no, a payment is due) goes to the owner at once, with its cause.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from domain.authorization import Authorization, State
from domain.events import Condition, Route
from domain.patience import CreatorFacts, Patience, refusal_of
from domain.renewal import FOREVER, LAWS, STALE_AFTER, law_of, need_of


class Step(StrEnum):
    """Where an escalation has climbed to; each at most once for a period of an authorization."""

    OTHER_CHANNEL = "other_channel"
    OWNER = "owner"
    LAPSED = "lapsed"


class Cause(StrEnum):
    """Why a person is told, the most telling one first. No ask can mend those of HARD."""

    WITHDRAWN = "withdrawn"
    POST_REMOVED = "post_removed"
    DECLINED = "declined"
    OPTED_OUT = "opted_out"
    PAYMENT_DUE = "payment_due"
    NO_ADDRESS = "no_address"
    ENDED = "ended"
    UNANSWERED = "unanswered"
    SILENT = "silent"
    NOT_ASKED = "not_asked"


HARD = (
    Cause.WITHDRAWN,
    Cause.POST_REMOVED,
    Cause.DECLINED,
    Cause.OPTED_OUT,
    Cause.PAYMENT_DUE,
    Cause.NO_ADDRESS,
)
SENTENCES: dict[Cause, str] = {
    Cause.WITHDRAWN: "the authorization was taken back while it is needed",
    Cause.POST_REMOVED: "the post was removed, so extending cannot help: another post is needed",
    Cause.DECLINED: "the creator declined to renew",
    Cause.OPTED_OUT: "the creator does not want to be asked by this service; a person may talk to them",
    Cause.PAYMENT_DUE: "a payment to the creator is due, and nothing is asked before it is made",
    Cause.NO_ADDRESS: "the creator cannot be written to: no address is known, or mail to it was refused",
    Cause.ENDED: "it ended while it is needed",
    Cause.UNANSWERED: "the creator was asked for a first authorization and has not given it; the request lapses soon",
    Cause.SILENT: "the creator was asked and has not renewed",
    Cause.NOT_ASKED: "the end is near and the creator could not be asked yet",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Climb:
    """For periods of `days`: after the ask of a rung (0 is the first of the law's row) and that much silence, a step."""

    days: int
    channel_rung: int
    channel_silence: timedelta
    owner_rung: int
    owner_silence: timedelta


def climb(days: int, channel_rung: int, channel_silence: float, owner_rung: int, owner_silence: float) -> Climb:
    """A row of the table, its spans written in days."""
    return Climb(
        days=days,
        channel_rung=channel_rung,
        channel_silence=timedelta(days=channel_silence),
        owner_rung=owner_rung,
        owner_silence=timedelta(days=owner_silence),
    )


# fmt: off
CLIMBS = (
    #      days  other channel     account owner      which is, in days before the end
    #            rung  silence     rung  silence      channel   owner
    climb(    7,    0,    1.5,        1,   0.5),    #     3.5    2.5
    climb(   30,    1,    1,          2,   1),      #     6      3
    climb(   60,    1,    2,          2,   1),      #     8      4
    climb(  180,    1,    2,          2,   1),      #    12      6
    climb(  365,    1,    2,          1,   4),      #    12     10
)
# fmt: on
CLIMB_OF = dict(zip(LAWS, CLIMBS, strict=True))


NO_TIME, NOTHING_SAID = timedelta(), CreatorFacts()
# Whoever is granted, or first needed, close to the end is asked within minutes: that much is no failure to ask.
GRACE = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """An authorization with what bears on its escalation. `asked`: when each rung of the present period was sent.

    `is_reachable`: mail can reach the creator. `has_channel`: there is a second way to the creator. `outcome.lapse_of`
    gives what a lapse cost.
    """

    authorization: Authorization
    facts: CreatorFacts = NOTHING_SAID
    asked: Mapping[int, datetime] = field(default_factory=dict)
    is_reachable: bool = True
    has_channel: bool = False

    @property
    def period_ends_at(self) -> datetime | None:
        """What a step is counted by: one for each period. Access without an end has one once it was withdrawn, and a
        request that nobody has answered lasts until it lapses.
        """
        known = self.authorization
        if known.state is State.REQUESTED:
            return known.plan.at
        return known.expires_at or (known.revoked_at if known.state is State.REVOKED else None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Due:
    """A step, the instant from which it is due, and why."""

    step: Step
    at: datetime
    cause: Cause


def steps_due(case: Case, *, now: datetime) -> list[Due]:
    """The steps that are due by `now`; none for what is not needed, and none for what ended long ago."""
    ends_at = case.period_ends_at
    if ends_at is None or not is_needed(case, now):
        return []
    if case.authorization.state is State.REQUESTED:
        return request_steps(case, ends_at, now)
    if not case.authorization.is_running:
        ended_at = down_since(case) or ends_at
        is_news = NO_TIME <= now - ended_at <= STALE_AFTER
        return [Due(step=Step.LAPSED, at=ended_at, cause=cause_of(case, now))] if is_news else []
    if ends_at <= now:
        return []  # Over, and about to be told so: it will have lapsed.
    steps = (channel_step(case, ends_at, now), owner_step(case, ends_at, now))
    return [due for due in steps if due is not None and due.at <= now]


def is_needed(case: Case, now: datetime) -> bool:
    """Whether something needs the authorization beyond its end (beyond `now`, once it has ended) and may have it."""
    known, ends_at = case.authorization, case.period_ends_at
    need = need_of(known)
    if known.state is State.REQUESTED:
        # A request is a need, unless it says until when. One's own account asks no creator.
        need = None if known.route is Route.OWN else need or FOREVER
    if ends_at is None or need is None:
        return False
    until = min(need, known.contract_ends_at or need)
    return until > (max(ends_at, now) if known.is_running else now)


def down_since(case: Case) -> datetime | None:
    """From when nothing is authorized any more; None while it is."""
    known = case.authorization
    match known.state:
        case State.REVOKED:
            return known.revoked_at
        case State.EXPIRED:
            return known.expires_at
        case _:
            return None


def cause_of(case: Case, now: datetime) -> Cause:
    """The most telling cause at `now`."""
    known = case.authorization
    if known.state is State.REVOKED and not known.was_declined:
        return Cause.WITHDRAWN
    if known.condition is Condition.REMOVED:
        return Cause.POST_REMOVED
    if known.state is State.REQUESTED:
        return Cause.UNANSWERED
    if known.declined_at is not None or known.state is State.REVOKED:
        return Cause.DECLINED
    if refusal := refusal_of(case.facts):
        return Cause.OPTED_OUT if refusal is Patience.OPTED_OUT else Cause.PAYMENT_DUE
    if not case.is_reachable:
        return Cause.NO_ADDRESS
    if down_since(case) is not None:
        return Cause.ENDED
    return Cause.SILENT if any(at <= now for at in case.asked.values()) else Cause.NOT_ASKED


def request_steps(case: Case, lapses_at: datetime, now: datetime) -> list[Due]:
    """The account owner, when half of the time that a first request has is over: the brand wrote it, not this service."""
    known = case.authorization
    asked_at = known.requested_at or known.state_since
    due_at = asked_at + (lapses_at - asked_at) / 2
    return [Due(step=Step.OWNER, at=due_at, cause=cause_of(case, now))] if due_at <= now < lapses_at else []


def channel_step(case: Case, ends_at: datetime, now: datetime) -> Due | None:
    """The other channel: never for what no ask can mend, and never for account access, which no link renews."""
    cause = cause_of(case, now)
    if not case.has_channel or case.authorization.route is Route.ACCOUNT:
        return None
    # An unread mailbox is no silence, but who cannot be mailed may well be reached by telephone.
    if cause is Cause.NO_ADDRESS:
        return Due(step=Step.OTHER_CHANNEL, at=window_of(case, ends_at), cause=cause)
    row = row_of(case, ends_at)
    at = None if cause in HARD else silent_since(case, row.channel_rung, row.channel_silence)
    return None if at is None else Due(step=Step.OTHER_CHANNEL, at=at, cause=cause)


def owner_step(case: Case, ends_at: datetime, now: datetime) -> Due | None:
    """The account owner: for a hard cause at once, for silence by the table.

    Whatever kept the asks back, the owner hears no later than if they had gone out on time.
    """
    cause = cause_of(case, now)
    if cause in HARD:
        # The post's end and a refusal are news whenever they happen; the rest matters once somebody would be asked.
        is_news = cause in {Cause.POST_REMOVED, Cause.DECLINED}
        return Due(step=Step.OWNER, at=now if is_news else window_of(case, ends_at), cause=cause)
    row = row_of(case, ends_at)
    silent_at = silent_since(case, row.owner_rung, row.owner_silence)
    latest_at = ends_at - law_of(begins_at(case, ends_at), ends_at).rungs[row.owner_rung] + row.owner_silence
    if cause is Cause.NOT_ASKED:
        latest_at = max(latest_at, case.authorization.state_since + GRACE)
    return Due(step=Step.OWNER, at=min(silent_at or latest_at, latest_at), cause=cause)


def silent_since(case: Case, rung: int, silence: timedelta) -> datetime | None:
    """When the silence after the ask of `rung`, or of a later one that took its place, is long enough.

    Somebody who asked for time, or is on holiday, is not silent: it counts from the end of that.
    """
    sent = [at for number, at in case.asked.items() if number >= rung]
    if not sent:
        return None
    heard = [min(sent), case.facts.snoozed_until]
    if case.facts.holiday is not None and case.facts.holiday.begins_at <= min(sent) + silence:
        heard.append(case.facts.holiday.ends_at)
    return max(at for at in heard if at is not None) + silence


def is_over(case: Case, step: Step, period_ends_at: datetime, *, now: datetime) -> bool:
    """Whether an open step needs nobody any longer: renewed, not needed, or past the end, where LAPSED takes over."""
    known = case.authorization
    if case.period_ends_at != period_ends_at or not is_needed(case, now):
        return True
    has_not_ended = known.is_running or known.state is State.REQUESTED
    return has_not_ended if step is Step.LAPSED else not has_not_ended


def row_of(case: Case, ends_at: datetime) -> Climb:
    """The row of the table for the present period."""
    return CLIMB_OF[law_of(begins_at(case, ends_at), ends_at)]


def window_of(case: Case, ends_at: datetime) -> datetime:
    """From when the creator would be asked."""
    return ends_at - law_of(begins_at(case, ends_at), ends_at).window


def begins_at(case: Case, ends_at: datetime) -> datetime:
    """What the period's length is counted from."""
    return case.authorization.ladder_begins_at or ends_at
