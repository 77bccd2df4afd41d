"""The second look at what a message asks, as it is about to go: does each ask still help, and how urgent is it by now?"""

from __future__ import annotations

from datetime import datetime, timedelta

from domain.advisor import Advice, Recommendation
from domain.authorization import Authorization, State
from domain.digest import DueAsk
from domain.money import Amounts
from domain.patience import deadline_of
from domain.reasons import Reason
from domain.renewal import LAWS, STALE_AFTER, objection_to_asking, urgency_of

# An ask may have waited for months, for a mail server or an address. Twelve days after the end of its period it is stale:
# five until the ladder's last rung, and as long as a rung may be late.
TOO_LATE_AFTER = max(-before for law in LAWS for before in law.rungs) + STALE_AFTER

# A message stands for the next rung too where that comes within hours of it: within an eighth of what is left then, as
# `renewal.next_rung` has it of a rung that is late, but four hours at least and a day at most.
JUST, MOST_JUST = timedelta(hours=4), timedelta(days=1)


def why_not(known: Authorization, period_ends_at: datetime, now: datetime) -> Reason | None:
    """Why an ask, which is about the period that ends at `period_ends_at` and no other, is not sent; or None."""
    ends_at = known.expires_at
    if known.state is State.REVOKED:
        return Reason.IS_REVOKED
    if ends_at != period_ends_at:
        is_longer = ends_at is None or ends_at > period_ends_at
        return Reason.RENEWED_MEANWHILE if is_longer else Reason.ANOTHER_PERIOD
    if now - ends_at > TOO_LATE_AFTER:
        return Reason.TOO_LATE_TO_ASK
    return objection_to_asking(known, max(ends_at, now))


def was_just_asked(asked_at: datetime, ends_at: datetime, *, last_sent_at: datetime | None) -> bool:
    """Whether the last message for this period stands for the ask of `asked_at` too: one that waited for the creator's
    hours, or for the week's cap, may go just before the next rung, on either side of the end.
    """
    within = min(max(JUST, abs(ends_at - asked_at) / 8), MOST_JUST)
    return last_sent_at is not None and asked_at - last_sent_at <= within


def due_ask(
    known: Authorization, *, rung: int, days: int, ends_at: datetime, at_risk: Amounts, now: datetime
) -> DueAsk:
    """An ask as the digest takes it, with the urgency of now; `ends_at` is the end of the period that it is about."""
    begins_at = known.ladder_begins_at
    return DueAsk(
        key=known.key,
        rung=rung,
        days=days,
        due_at=now,
        ends_at=ends_at,
        urgency=urgency_of(known, now),
        deadline=deadline_of(begins_at, ends_at) if begins_at and ends_at > now else None,
        at_risk=at_risk,
    )


def days_for(days: int, known: Authorization, advised: Recommendation, now: datetime) -> int:
    """The days to ask for: the longer period that the advisor proposes, as far as the contract lasts."""
    if advised.advice is not Advice.LONGER_PERIOD or advised.proposed is None or advised.proposed.days is None:
        return days
    longer = max(days, advised.proposed.days)
    begins_at, contract_end = max(known.expires_at or now, now), known.contract_ends_at
    return longer if contract_end is None or begins_at + timedelta(days=longer) <= contract_end else days
