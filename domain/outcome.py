"""How a period ended: renewed, lapsed or not needed; what a lapse cost and which step failed; how quick an answer was."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from domain.authorization import Authorization, Flight
from domain.money import A_DAY, Amounts, cents
from domain.patience import deadline_of
from domain.renewal import FOREVER

NOTHING = timedelta()
A_MINUTE, A_SECOND = timedelta(minutes=1), timedelta(seconds=1)


class Outcome(StrEnum):
    """How a period ended."""

    RENEWED_BY_EXTENSION = "renewed_by_extension"
    RENEWED_BY_NEW_CODE = "renewed_by_new_code"
    LAPSED = "lapsed"
    NOT_NEEDED = "not_needed"


class Step(StrEnum):
    """Which step failed before a lapse; of several that did, the first in this order is told."""

    POST_GONE = "post_gone"
    WITHDRAWN = "withdrawn"
    DECLINED = "declined"
    REFUSED_CODE = "refused_code"
    NOBODY_ASKED = "nobody_asked"
    ASKED_LATE = "asked_late"
    NO_ANSWER = "no_answer"


SENTENCES: dict[Outcome | Step, str] = {
    Outcome.RENEWED_BY_EXTENSION: "the creator extended the code in time",
    Outcome.RENEWED_BY_NEW_CODE: "the creator gave a new code in time",
    Outcome.LAPSED: "the period ended although something still needed it",
    Outcome.NOT_NEEDED: "the period ended, and nothing needed it any longer",
    Step.POST_GONE: "the post was removed, so nothing could be renewed",
    Step.WITHDRAWN: "the authorization was taken back before its end",
    Step.DECLINED: "the creator declined to renew",
    Step.REFUSED_CODE: "the creator sent a code that TikTok refused, and no other came in time",
    Step.NOBODY_ASKED: "nobody asked the creator before the end",
    Step.ASKED_LATE: "the creator was first asked when the emergency had begun already",
    Step.NO_ANSWER: "the creator was asked in time and did not answer",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class SentAsk:
    """A message that asked for the renewal, and the channel that it took."""

    at: datetime
    channel: str = "mail"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """A span in which one ad was meant to run, and what it spends a day; `until` None: it still is."""

    since: datetime
    until: datetime | None = None
    spend_a_day: Amounts = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """What is known of one period of an authorization when it is judged.

    `begins_at` as `Authorization.ladder_begins_at`; `ends_at` is the withdrawal where there was one. `needed_until` as
    `renewal.need_of` gave it at the end. `renewed_at`: when the next period was seen to be in force, also after a gap.
    """

    begins_at: datetime
    ends_at: datetime
    needed_until: datetime | None = None
    contract_ends_at: datetime | None = None
    asks: Sequence[SentAsk] = ()
    renewed_at: datetime | None = None
    is_extension: bool = True
    refused_at: datetime | None = None
    declined_at: datetime | None = None
    withdrawn_at: datetime | None = None
    removed_at: datetime | None = None

    @property
    def is_needed_on(self) -> bool:
        """Whether something needs the authorization beyond the period's end, and the contract lasts that long."""
        contract_lasts = self.contract_ends_at is None or self.contract_ends_at > self.ends_at
        return self.needed_until is not None and self.needed_until > self.ends_at and contract_lasts


@dataclass(frozen=True, kw_only=True, slots=True)
class Lapse:
    """What a lapse cost until the renewal that came late, or until now: `down` is the time with at least one ad wanted."""

    failed: Step
    down: timedelta
    not_delivered: Amounts
    is_over: bool

    @property
    def minutes_down(self) -> int:
        """Whole minutes, the begun one not counted."""
        return self.down // A_MINUTE


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerTime:
    """How long a renewal took since the first ask of its period, and since the last, whose channel gets the credit."""

    since_first: timedelta
    since_last: timedelta
    channel: str


def wanted_of(known: Authorization, measured: Amounts, *, ends_at: datetime) -> list[Wanted]:
    """The ads that were meant to run beyond `ends_at`, with what each spends a day.

    `measured`: what they spent a day together before the end. It goes before what was stated, in equal shares.
    """
    ads = [ad for flight in known.flights.values() if (ad := _wanted(flight)) and (ad.until or FOREVER) > ends_at]
    spent = [ad for ad in ads if ad.since < ends_at]
    share = {currency: spend / len(spent) for currency, spend in measured.items()} if spent else {}
    return [replace(ad, spend_a_day=share) if share and ad.since < ends_at else ad for ad in ads]


def _wanted(flight: Flight) -> Wanted | None:
    """From its start to its flight's end, or to its stop: that TikTok silenced it is the loss."""
    if flight.started_at is None:
        return None
    ends = (flight.ad.flight_end, None if flight.is_wanted else flight.stopped_at)
    return Wanted(
        since=flight.started_at,
        until=min((end for end in ends if end is not None), default=None),
        spend_a_day={flight.ad.currency: flight.ad.daily_spend} if flight.ad.daily_spend else {},
    )


def outcome_of(period: Period, *, now: datetime) -> Outcome | None:
    """How the period ended; None while it runs. A renewal that comes after a gap is a lapse all the same."""
    if period.renewed_at is not None and period.renewed_at <= period.ends_at:
        return Outcome.RENEWED_BY_EXTENSION if period.is_extension else Outcome.RENEWED_BY_NEW_CODE
    if period.ends_at > now:
        return None
    return Outcome.LAPSED if period.is_needed_on else Outcome.NOT_NEEDED


def lapse_of(period: Period, ads: Iterable[Wanted], *, now: datetime) -> Lapse | None:
    """The report of a lapse, None where there was none. After the contract's end no ad counts as wanted."""
    if outcome_of(period, now=now) is not Outcome.LAPSED:
        return None
    until = min(each for each in (period.renewed_at, period.contract_ends_at, now) if each is not None)
    silent = [(ad, max(ad.since, period.ends_at), min(ad.until or until, until)) for ad in ads]
    silent = [(ad, begin, end) for ad, begin, end in silent if begin < end]
    return Lapse(
        failed=failed_step(period),
        down=length_of((begin, end) for _, begin, end in silent),
        not_delivered=not_delivered((ad.spend_a_day, end - begin) for ad, begin, end in silent),
        is_over=period.renewed_at is not None and period.renewed_at <= now,
    )


def failed_step(period: Period) -> Step:
    """The step that failed, as far as it did before the end: what happened later did not cause the lapse."""
    known = (
        (Step.POST_GONE, period.removed_at),
        (Step.WITHDRAWN, period.withdrawn_at),
        (Step.DECLINED, period.declined_at),
        (Step.REFUSED_CODE, period.refused_at),
    )
    for step, at in known:
        if at is not None and at <= period.ends_at:
            return step
    first = min((ask.at for ask in period.asks if ask.at < period.ends_at), default=None)
    if first is None:
        return Step.NOBODY_ASKED
    emergency_at = deadline_of(period.begins_at, period.ends_at).emergency_at
    return Step.ASKED_LATE if first > emergency_at else Step.NO_ANSWER


def length_of(spans: Iterable[tuple[datetime, datetime]]) -> timedelta:
    """The time that `spans` cover together; where they overlap it counts once."""
    total, covered_until = NOTHING, None
    for begin, end in sorted(spans):
        begins_anew = begin if covered_until is None else max(begin, covered_until)
        if end > begins_anew:
            total += end - begins_anew
            covered_until = end
    return total


def not_delivered(silences: Iterable[tuple[Amounts, timedelta]]) -> Amounts:
    """What the ads would have spent in their silence, by currency: spend a day times the share of a day, to the second."""
    amounts: defaultdict[str | None, Decimal] = defaultdict(Decimal)
    for spend_a_day, silence in silences:
        days = Decimal(silence // A_SECOND) / Decimal(A_DAY // A_SECOND)
        for currency, spend in spend_a_day.items():
            amounts[currency] += spend * days
    return {currency: cents(amount) for currency, amount in amounts.items() if amount}


def answer_time(period: Period) -> AnswerTime | None:
    """How long the creator took; None where nobody renewed, or nobody had asked. A late answer is one too."""
    renewed_at = period.renewed_at
    asks = sorted((ask for ask in period.asks if renewed_at and ask.at <= renewed_at), key=lambda ask: ask.at)
    if renewed_at is None or not asks:
        return None
    return AnswerTime(
        since_first=renewed_at - asks[0].at, since_last=renewed_at - asks[-1].at, channel=asks[-1].channel
    )
