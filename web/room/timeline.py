"""One authorization's story: everything heard, decided and sent, with the why, the newest first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from domain.escalation import Step
from domain.explaining import told_why
from domain.reasons import Reason
from infra.reports.lapses import Ended
from infra.reports.standing import Begun
from infra.waiting import NAMES, in_words
from web.wording import span

Row = dict[str, Any]

# What was heard, in words; a type of a newer version speaks for itself.
HEARD = {
    "authorization.requested": "Requested",
    "code.submitted": "A code was handed in",
    "code.granted": "Granted",
    "code.refused": "TikTok refused a code",
    "ad.started": "An ad started",
    "ad.stopped": "An ad stopped",
    "ad.lost": "TikTok silenced an ad",
    "authorization.extended": "Extended",
    "authorization.revoked": "Taken back",
    "period.corrected": "TikTok shows another end",
    "period.ended": "The period's end came",
    "post.changed": "The post changed",
    "request.declined": "The creator declined",
    "request.lapsed": "The request's time ran out",
    "renewal.due": "A renewal fell due",
    "renewal.suggested": "Somebody suggested when to ask",
    "need.stated": "Somebody said until when it is needed",
    "look.wanted": "Somebody wanted a look at TikTok",
    "unbind.requested": "Somebody wanted it unbound",
}
CLIMBED = {
    Step.OTHER_CHANNEL: "The creator's other channel is tried",
    Step.OWNER: "The account owner is told",
    Step.LAPSED: "The account owner is told of the lapse",
}
CLIMBED_NO_MORE = {
    Step.OTHER_CHANNEL: "The creator's other channel is not needed any more",
    Step.OWNER: "The account owner is not needed any more",
    Step.LAPSED: "The account owner is not needed for the lapse any more",
}
UNSENT = {
    "withheld": "left out of its message",
    "failed": "could not be sent",
    "cancelled": "called off",
    "uncertain": "may have been sent",
}
# Outcomes that deserve the eye.
LOUD = frozenset((Reason.CODE_REFUSED, Reason.AD_LOST, Reason.LAST_AD_LOST, Reason.PERIOD_ENDED, Reason.WITHDRAWN))


class Kind(StrEnum):
    """What a line of the story is."""

    HEARD = "heard"
    DECIDED = "decided"
    SENT = "sent"


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One line. `moved`: the state after it, where it changed; `seq`: the event, where it is one of the inbox.

    `act`: of whose doing it came, where somebody acted here.
    """

    at: datetime
    kind: Kind
    what: str
    why: str = ""
    moved: tuple[str | None, str] | None = None
    seq: int | None = None
    happened_at: datetime | None = None
    is_loud: bool = False
    act: Begun | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What else there is to tell, beside the history. `acts` by the number of the event."""

    asks: Sequence[Row]
    endings: Sequence[Ended]
    escalations: Sequence[Row]
    effects: Sequence[Row]
    acts: Mapping[int, Begun] = field(default_factory=dict)


def timeline(
    history: Sequence[Row], told: Told, *, since: datetime | None = None, until: datetime | None = None
) -> list[Line]:
    """`history` is one page of it, the newest first; of all else, what falls between `since` and before `until`.

    `since`: when the oldest line of this page was recorded, `until`: that of the page before; None where there is none.
    """
    beside = [
        line for line in others(told) if (since is None or line.at >= since) and (until is None or line.at < until)
    ]
    # Sorting is stable: of one instant, what came of it stands above what was heard.
    told_of = [heard(row, told.acts.get(row["seq"])) for row in history]
    return sorted([*beside, *told_of], key=lambda line: line.at, reverse=True)


def heard(row: Row, act: Begun | None = None) -> Line:
    """A line of the history."""
    has_moved = row["outcome"] == "moved" or (row["from"] is not None and row["from"] != row["to"])
    is_late = abs((row["recorded_at"] - row["at"]).total_seconds()) > 60  # noqa: PLR2004 - a minute
    why = told_why(row["reason"])
    is_ask = row["reason"] == Reason.ASKED
    return Line(
        at=row["recorded_at"],
        kind=Kind.DECIDED if is_ask else Kind.HEARD,
        what="The creator is to be asked" if is_ask else HEARD.get(row["event"]) or str(row["event"]),
        why=f"{why}. {row['note']}" if row["note"] else why,
        moved=(row["from"], row["to"]) if has_moved else None,
        seq=row["seq"],
        happened_at=row["at"] if is_late else None,
        is_loud=row["reason"] in LOUD,
        act=act,
    )


def others(told: Told) -> Iterator[Line]:
    """What was decided and sent, in no order."""
    for ask in told.asks:
        yield from asked(ask)
    yield from map(ended, told.endings)
    for escalation in told.escalations:
        yield from climbed(escalation)
    yield from map(done, told.effects)


def asked(ask: Row) -> Iterator[Line]:
    """What became of an ask's message; that it was decided is in the history."""
    ends = f"for the period that ends {ask['period_ends_at']:%Y-%m-%d}"
    if ask["sent_at"] is not None:
        why = f"it asks for {ask['days']} days, {ends}"
        yield Line(at=ask["sent_at"], kind=Kind.SENT, what="Message to the creator", why=why)
    elif ask["status"] in UNSENT:
        reason = f": {told_why(in_words(ask['reason']))}" if ask["reason"] else ""
        what = f"Ask {ask['rung'] + 1} {UNSENT[ask['status']]}"
        yield Line(at=ask["asked_at"], kind=Kind.DECIDED, what=what, why=ends + reason)


def ended(each: Ended) -> Line:
    """How a period ended."""
    down = f"; down for {span(each.down)}" if each.down else ""
    return Line(
        at=each.ending.decided_at,
        kind=Kind.DECIDED,
        what=f"Period {each.ending.outcome.replace('_', ' ')}",
        why=each.sentence + down,
        is_loud=each.has_lapsed,
    )


def climbed(row: Row) -> Iterator[Line]:
    """That silence climbed, and that it was over."""
    step, ends = Step(row["step"]), f"for the period that ends {row['period_ends_at']:%Y-%m-%d}"
    yield Line(at=row["opened_at"], kind=Kind.DECIDED, what=CLIMBED[step], why=ends, is_loud=True)
    if row["resolved_at"] is not None:
        yield Line(at=row["resolved_at"], kind=Kind.DECIDED, what=CLIMBED_NO_MORE[step], why=ends)


def done(row: Row) -> Line:
    """An effect that was settled."""
    name = NAMES.get(row["kind"], row["kind"])
    return Line(
        at=row["settled_at"],
        kind=Kind.SENT,
        what=f"{name[0].upper()}{name[1:]}: {row['status']}",
        why=in_words(row["reason"]),
        is_loud=row["status"] == "failed",
    )
