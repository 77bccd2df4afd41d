"""The rows beside an authorization that an applied event calls for, and the notes that people read in its history."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from domain.authorization import Authorization
from domain.events import (
    Ad,
    AdLost,
    AdStarted,
    AdStopped,
    AuthorizationRequested,
    Code,
    CodeGranted,
    CodeRefused,
    CodeSubmitted,
    CodeWithdrawn,
    Creator,
    Event,
    LifecycleEvent,
    NeedStated,
    PeriodExtended,
)
from domain.renewal import Policy
from infra.authorizations import GrantHeard
from infra.inbox import Mail
from infra.owed import SubmittedCode
from worker.beside import call_for, refusal_note, shortfall_of
from worker.changes import Changes


def gather_facts(changes: Changes, mail: Mail, event: LifecycleEvent) -> None:
    """Rows beside the authorization that an applied event calls for: creator, grant, code, ads."""
    after = changes.after[mail.key]
    match event:
        case AuthorizationRequested(creator=creator):
            if creator is not None:
                changes.creators[creator.handle] = merged(changes.creators.get(creator.handle), creator, event.at)
                changes.handles[mail.key] = creator.handle
            if call := call_for(after, event.at):
                changes.calls.append(call)
        case CodeGranted():
            fingerprint = event.code.fingerprint if event.code else None
            add_grant(changes, mail, event.starts_at, event.expires_at, fingerprint)
            if event.code and mail.sealed:
                changes.codes.append(submitted(mail, event.code, mail.sealed))
        case PeriodExtended() if after.starts_at is not None:
            add_grant(changes, mail, after.starts_at, event.expires_at, None)
        case AdStarted(ad=Ad(ad_id=ad_id)) | AdStopped(ad_id=ad_id) | AdLost(ad_id=ad_id):
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


def submitted(mail: Mail, code: Code, sealed: bytes) -> SubmittedCode:
    """The sealed code of an event."""
    return SubmittedCode(key=mail.key, fingerprint=code.fingerprint, sealed=sealed, last=code.last, at=mail.occurred_at)


def note_of(event: LifecycleEvent, after: Authorization | None, policy: Policy) -> str | None:
    """What a person should know of the event, beside its outcome."""
    match event:
        case CodeGranted() | AdStarted() if after is not None:
            return "; ".join(filter(None, (warning_of(event, policy), shortfall_of(after)))) or None
        case CodeRefused():
            return refusal_note(event)
        case NeedStated():
            return event.reason
        case CodeWithdrawn(reason="operator"):
            return "an operator revoked it"
        case _:
            return warning_of(event, policy)


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
