"""How periods end, noted as they do: whether they were renewed and how quickly, and what a lapse cost and why it came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import psycopg

from domain.authorization import Authorization
from domain.events import CodeGranted, CodeWithdrawn, Condition, LifecycleEvent, PeriodExtended
from domain.outcome import Outcome, Period, SentAsk, answer_time, lapse_of, outcome_of, wanted_of
from domain.posts import AdDay
from domain.renewal import FOREVER, need_of
from domain.worth import measured
from infra import endings, kpis
from infra.endings import Ending, Facts


@dataclass(frozen=True, kw_only=True, slots=True)
class PeriodOver:
    """A period that ended or was renewed; or came back after a gap (`is_back`), and so tells more of the last end.

    `ends_at` is the end that it was to have, by which its asks and its row are found. `known` is what stood before.
    """

    known: Authorization
    ends_at: datetime
    period: Period
    is_back: bool

    @property
    def came_late(self) -> bool:
        """Whether a renewal ends a lapse, so that there is a sum to be made."""
        return self.is_back or (self.period.renewed_at is not None and self.period.renewed_at > self.period.ends_at)


def over(known: Authorization | None, after: Authorization, event: LifecycleEvent) -> PeriodOver | None:
    """Whether `event` ended or renewed the period that was known before it."""
    if known is None or known.starts_at is None or not (is_renewed(known, after, event) or is_ended(known, after)):
        return None
    withdrawn_at = event.at if isinstance(event, CodeWithdrawn) else None
    ends = [at for at in (known.expires_at, withdrawn_at if known.is_running else known.revoked_at) if at is not None]
    if not ends:
        return None
    period = Period(
        begins_at=known.ladder_begins_at or known.starts_at,
        # A withdrawal ends the period before its time.
        ends_at=min(ends),
        needed_until=need_of(known),
        contract_ends_at=known.contract_ends_at,
        renewed_at=event.at if after.is_running else None,
        is_extension=isinstance(event, PeriodExtended),
        declined_at=known.declined_at,
        withdrawn_at=withdrawn_at,
        removed_at=known.condition_at if known.condition is Condition.REMOVED else None,
    )
    return PeriodOver(known=known, ends_at=known.expires_at or min(ends), period=period, is_back=not known.is_running)


def is_renewed(known: Authorization, after: Authorization, event: LifecycleEvent) -> bool:
    """Whether a grant or an extension made it last longer, or brought it back. A correction is no renewal."""
    if not after.is_running or not isinstance(event, CodeGranted | PeriodExtended):
        return False
    is_longer = known.expires_at is not None and (after.expires_at is None or after.expires_at > known.expires_at)
    return is_longer or not known.is_running


def is_ended(known: Authorization, after: Authorization) -> bool:
    """Whether nothing is in force any more; also where a request that overtook the end asks anew already."""
    return known.is_running and not after.is_running


def note(connection: psycopg.Connection[Any], ended: Sequence[PeriodOver], *, now: datetime) -> None:
    """One row for each period's end; a lapse that is over by now gets its end and its sum."""
    if not ended:
        return
    periods = [{"key": each.known.key, "begins_at": each.period.begins_at, "ends_at": each.ends_at} for each in ended]
    facts, last = endings.load(connection, periods)
    days = days_before(connection, [each for each in ended if each.came_late])
    judged: dict[tuple[int, datetime], Ending] = {}
    for each, fact in zip(ended, facts, strict=True):
        row = judge(each, fact, last.get(fact.authorization_id), days.get(each.known.key, ()), now=now)
        if row is not None:
            # What is heard of it next, in the same batch, finds it noted.
            last[row.authorization_id] = judged[row.authorization_id, row.period_ends_at] = row
    endings.save(connection, list(judged.values()))


def days_before(connection: psycopg.Connection[Any], late: Sequence[PeriodOver]) -> Mapping[str, Sequence[AdDay]]:
    """What was measured in the weeks before these ends."""
    if not late:
        return {}
    since = min(each.period.ends_at for each in late)
    return kpis.days_of(connection, sorted({each.known.key for each in late}), now=since)


def judge(
    over: PeriodOver, facts: Facts, last: Ending | None, days: Sequence[AdDay], *, now: datetime
) -> Ending | None:
    """The row as it is to be now. `last` is the authorization's last ending; None: there is nothing new to say of it."""
    period = replace(over.period, asks=tuple(SentAsk(at=at) for at in facts.sent_at), refused_at=facts.refused_at)
    row = Ending(authorization_id=facts.authorization_id, period_ends_at=over.ends_at, outcome="", decided_at=now)
    if over.is_back:
        if last is None:
            return None  # It ended before anybody kept count.
        period, row = resumed(period, last), last
    # An event may be ahead of our clock.
    now = max(now, period.ends_at, period.renewed_at or now)
    outcome = outcome_of(period, now=now)
    if outcome is None or (over.is_back and outcome is Outcome.NOT_NEEDED):
        return None
    answered_at = period.renewed_at if answer_time(period) else None
    row = replace(row, outcome=outcome, asked_at=min(facts.sent_at, default=row.asked_at), answered_at=answered_at)
    return with_lapse(row, over.known, period, days, now=now)


def resumed(period: Period, last: Ending) -> Period:
    """The period that ended last, as it was noted then: it was needed or not, whatever is needed now."""
    needed_until = FOREVER if last.outcome == Outcome.LAPSED else None
    return replace(period, ends_at=last.down_from or last.period_ends_at, needed_until=needed_until)


def with_lapse(row: Ending, known: Authorization, period: Period, days: Sequence[AdDay], *, now: datetime) -> Ending:
    """With the report of a lapse, or without one. What failed is told as it was when it began."""
    ads = wanted_of(known, measured(days, now=period.ends_at), ends_at=period.ends_at)
    lapse = lapse_of(period, ads, now=now)
    if lapse is None:
        return replace(row, down_from=None, down_until=None, lost=None, step=None)
    return replace(
        row,
        down_from=period.ends_at,
        down_until=period.ends_at + lapse.down if lapse.is_over else None,
        lost=endings.kept(lapse.not_delivered) if lapse.is_over else None,
        step=row.step or lapse.failed,
    )
