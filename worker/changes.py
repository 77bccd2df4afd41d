"""What a batch of events changes, as one value, and how the outcome of each event is noted in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from domain.authorization import Authorization, Flight
from domain.events import Creator, CreatorEvent
from domain.lifecycle import Outcome
from domain.reasons import Reason
from infra.authorizations import Entry, GrantHeard
from infra.inbox import Handled, Mail
from infra.owed import AskOwed, CallOwed, SubmittedCode, UnbindOwed
from worker.beside import NOTHING_BESIDE, Beside
from worker.endings import PeriodOver


@dataclass(slots=True)
class Changes:
    """What a batch of events changes. `after` holds every authorization as it is now, `touched` those to be saved;
    `traced` are the events that belong to a trace, with their outcome and its reason.
    """

    after: dict[str, Authorization] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)
    handled: list[Handled] = field(default_factory=list)
    kept: list[tuple[Mail, str]] = field(default_factory=list)
    history: list[Entry] = field(default_factory=list)
    grants: list[GrantHeard] = field(default_factory=list)
    flights: dict[tuple[str, str], Flight] = field(default_factory=dict)
    creators: dict[str, tuple[Creator, datetime]] = field(default_factory=dict)
    handles: dict[str, str] = field(default_factory=dict)
    codes: list[SubmittedCode] = field(default_factory=list)
    checks: list[SubmittedCode] = field(default_factory=list)
    asks: list[AskOwed] = field(default_factory=list)
    calls: list[CallOwed] = field(default_factory=list)
    unbinds: list[UnbindOwed] = field(default_factory=list)
    looks: set[str] = field(default_factory=set)
    wanted: set[str] = field(default_factory=set)
    ended: list[PeriodOver] = field(default_factory=list)
    told: list[tuple[str, CreatorEvent]] = field(default_factory=list)
    looks_at_all: set[str] = field(default_factory=set)
    beside: Beside = NOTHING_BESIDE
    traced: list[tuple[Mail, str, str]] = field(default_factory=list)


def finish(
    changes: Changes,
    mail: Mail,
    outcome: str,
    reason: Reason,
    *,
    before: Authorization | None = None,
    note: str | None = None,
) -> str:
    """Notes the outcome on the inbox row and, for an authorization that is known, in its history."""
    changes.handled.append(Handled(seq=mail.seq, outcome=outcome, reason=reason))
    if mail.traceparent is not None:
        changes.traced.append((mail, outcome, reason))
    if outcome in (Outcome.EARLY, Outcome.PARKED):
        changes.kept.append((mail, outcome))
    after = changes.after.get(mail.key)
    # An early event is told when its time has come, not each time that it is tried.
    if after is not None and outcome != Outcome.EARLY:
        changes.history.append(
            Entry(
                key=mail.key,
                seq=mail.seq,
                at=mail.occurred_at,
                event=mail.type,
                outcome=outcome,
                from_state=before.state if before else None,
                to_state=after.state,
                reason=reason,
                note=note,
            )
        )
    return outcome
