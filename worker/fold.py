"""Folds the pure decisions over a batch of events. No I/O: what is to be written comes back as one value."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from domain.authorization import Authorization, Flight, changed
from domain.events import (
    Ad,
    AdStarted,
    AdStopped,
    AuthorizationRequested,
    Code,
    CodeGranted,
    CodeSubmitted,
    Creator,
    Event,
    LifecycleEvent,
    PeriodExtended,
    RenewalDue,
    RequestLapsed,
)
from domain.lifecycle import Outcome, decide
from domain.reasons import Reason
from domain.renewal import Policy, ask_due, plan
from infra.authorizations import Entry, GrantHeard
from infra.contract import Unreadable, event_of
from infra.inbox import Handled, Mail
from infra.owed import AskOwed, SubmittedCode

WAITING = "waiting"


class EventRaisedError(Exception):
    """A bug met one event: it is put aside with this traceback, and its neighbours go on."""

    def __init__(self, mail: Mail) -> None:
        super().__init__(f"event {mail.seq} of type {mail.type} raised")
        self.mail = mail


@dataclass(slots=True)
class Changes:
    """What a batch of events changes. `after` holds every authorization as it is now, `touched` those to be saved."""

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


def fold(known: Mapping[str, Authorization], mails: Sequence[Mail], *, now: datetime, policy: Policy) -> Changes:
    """Applies `mails`, in order, to the authorizations they name."""
    changes = Changes(after=dict(known))
    by_key: dict[str, list[Mail]] = defaultdict(list)
    for mail in mails:
        by_key[mail.key].append(mail)
    for key, letters in by_key.items():
        for mail in apply_until_settled(changes, letters, now, policy):
            finish(changes, mail, Outcome.EARLY, early_reason(changes, key))
        if key in changes.touched:
            changes.after[key] = planned(changes.after[key], now, policy)
    return changes


def apply_until_settled(changes: Changes, mails: list[Mail], now: datetime, policy: Policy) -> list[Mail]:
    """Applies one authorization's events, early ones again while others make a difference; returns those left."""
    while True:
        early = [mail for mail in mails if apply(changes, mail, now, policy) is Outcome.EARLY]
        if not early or len(early) == len(mails):
            return early
        mails = early


def apply(changes: Changes, mail: Mail, now: datetime, policy: Policy) -> str:
    """One event: read, decided, and noted in `changes`. An early one is left for the caller to note."""
    try:
        event = event_of(mail.type, mail.data, mail.occurred_at)
        match event:
            case CodeSubmitted():
                return submit(changes, mail, event, policy)
            case RenewalDue():
                return remind(changes, mail, event, now, policy)
            case _:
                return live(changes, mail, event, now, policy)
    except Unreadable as problem:
        return finish(changes, mail, Outcome.PARKED, Reason.UNREADABLE, note=str(problem))
    except Exception as error:
        raise EventRaisedError(mail) from error


def live(changes: Changes, mail: Mail, event: LifecycleEvent, now: datetime, policy: Policy) -> str:
    """A lifecycle event: what the grid says, and the facts that it brings."""
    known = changes.after.get(mail.key)
    if known is not None and isinstance(event, RequestLapsed) and mail.key in changes.touched:
        known = planned(known, now, policy)
    decision = decide(known, event, key=mail.key)
    if decision.outcome is Outcome.EARLY:
        return Outcome.EARLY
    if decision.authorization is not None and decision.authorization is not known:
        changes.after[mail.key] = decision.authorization
        changes.touched.add(mail.key)
    if decision.outcome is not Outcome.PARKED or isinstance(event, AdStarted):
        gather_facts(changes, mail, event)
    return finish(changes, mail, decision.outcome, decision.reason, before=known, note=warning_of(event, policy))


def gather_facts(changes: Changes, mail: Mail, event: LifecycleEvent) -> None:
    """Rows beside the authorization that an applied event calls for: creator, grant, code, ads."""
    after = changes.after[mail.key]
    match event:
        case AuthorizationRequested(creator=Creator() as creator):
            changes.creators[creator.handle] = merged(changes.creators.get(creator.handle), creator, event.at)
            changes.handles[mail.key] = creator.handle
        case CodeGranted():
            fingerprint = event.code.fingerprint if event.code else None
            add_grant(changes, mail, event.starts_at, event.expires_at, fingerprint)
            if event.code and mail.sealed:
                changes.codes.append(submitted(mail, event.code, mail.sealed))
        case PeriodExtended() if after.starts_at is not None:
            add_grant(changes, mail, after.starts_at, event.expires_at, None)
        case AdStarted(ad=Ad(ad_id=ad_id)) | AdStopped(ad_id=ad_id):
            changes.flights[mail.key, ad_id] = after.flights[ad_id]
        case _:
            pass


def merged(known: tuple[Creator, datetime] | None, creator: Creator, at: datetime) -> tuple[Creator, datetime]:
    """The newest contact facts of a batch; what a newer event leaves out stays."""
    if known is None:
        return creator, at
    older, newer = (known[0], creator) if at >= known[1] else (creator, known[0])
    names = ("name", "email", "phone", "locale", "timezone")
    return replace(newer, **{name: getattr(newer, name) or getattr(older, name) for name in names}), max(at, known[1])


def add_grant(
    changes: Changes, mail: Mail, starts_at: datetime, ends_at: datetime | None, fingerprint: str | None
) -> None:
    """A period, with where its dates came from."""
    changes.grants.append(
        GrantHeard(
            key=mail.key,
            starts_at=starts_at,
            ends_at=ends_at,
            source=mail.type,
            code_fingerprint=fingerprint,
            seq=mail.seq,
        )
    )


def submit(changes: Changes, mail: Mail, event: CodeSubmitted, policy: Policy) -> str:
    """A code goes to TikTok before anything is believed of it; a text without a code goes to a person."""
    if event.code is None or mail.sealed is None:
        return finish(changes, mail, Outcome.PARKED, Reason.NO_CODE_FOUND, before=changes.after.get(mail.key))
    code = submitted(mail, event.code, mail.sealed)
    changes.codes.append(code)
    changes.checks.append(code)
    known = changes.after.get(mail.key)
    return finish(changes, mail, WAITING, Reason.WAITING_FOR_TIKTOK, before=known, note=warning_of(event, policy))


def submitted(mail: Mail, code: Code, sealed: bytes) -> SubmittedCode:
    """The sealed code of an event."""
    return SubmittedCode(key=mail.key, fingerprint=code.fingerprint, sealed=sealed, last=code.last, at=mail.occurred_at)


def remind(changes: Changes, mail: Mail, event: RenewalDue, now: datetime, policy: Policy) -> str:
    """A rung is reached: the ask is owed, if it still is due now that everything heard before has been applied."""
    known = changes.after.get(mail.key)
    if known is None:
        return Outcome.EARLY
    if mail.key in changes.touched:
        known = planned(known, now, policy)
    due = ask_due(known, now=now, policy=policy)
    changes.touched.add(mail.key)
    if due is None or known.expires_at != event.period_ends_at:
        changes.after[mail.key] = known
        return finish(changes, mail, Outcome.LATE, Reason.NO_LONGER_DUE, before=known)
    changes.asks.append(
        AskOwed(
            key=mail.key,
            period_ends_at=event.period_ends_at,
            rung=due.rung,
            urgency=due.urgency,
            days=due.days,
        )
    )
    changes.after[mail.key] = changed(known, rung=due.rung + 1)
    note = f"rung {due.rung + 1}, {due.urgency}: asked to extend by {due.days} days"
    return finish(changes, mail, Outcome.STAYED, Reason.ASKED, before=known, note=note)


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


def early_reason(changes: Changes, key: str) -> Reason:
    """What an early event waits for."""
    return Reason.NO_GRANT_YET if key in changes.after else Reason.NOT_KNOWN_YET


def planned(authorization: Authorization, now: datetime, policy: Policy) -> Authorization:
    """The authorization with its next action as of `now`."""
    return changed(authorization, plan=plan(authorization, now=now, policy=policy))


def warning_of(event: Event, policy: Policy) -> str | None:
    """What a person should know of an event that was accepted all the same."""
    match event:
        case AdStarted(ad=Ad(daily_spend=Decimal() as spend, currency=currency)) if spend < policy.minimum_daily_budget:
            least = f"TikTok's minimum of {policy.minimum_daily_budget} for a campaign"
            return f"daily budget {spend} {currency or ''}".strip() + f" is under {least}"
        case CodeSubmitted(code=Code(is_strict=False)) | CodeGranted(code=Code(is_strict=False)):
            return (
                "the code has not the usual shape (# and 63 characters and =); only TikTok can say whether it is good"
            )
        case _:
            return None


def keys_of(mails: Iterable[Mail]) -> list[str]:
    """The authorizations that a batch names, each once."""
    return list(dict.fromkeys(mail.key for mail in mails))
