"""Folds the pure decisions over a batch of events. No I/O: what is to be written comes back as one value."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from domain.absence import forward_at
from domain.authorization import Authorization, changed
from domain.events import (
    AdStarted,
    CodeSubmitted,
    CreatorLinkWanted,
    LifecycleEvent,
    LookWanted,
    RenewalDue,
    RenewalSuggested,
    RequestLapsed,
    UnbindRequested,
)
from domain.lifecycle import Outcome, decide
from domain.patience import Holiday
from domain.reasons import Reason
from domain.renewal import WHEN_ASKED, Policy, ask_due, plan
from domain.suggesting import is_too_late
from infra.inbox import Mail
from infra.kept_events import creator_event_of, event_of
from infra.owed import AskOwed, SubmittedCode, UnbindOwed, check_of
from infra.unreadable import Unreadable
from worker.beside import (
    NOTHING_BESIDE,
    Beside,
    advertisers_in,
    handle_of,
    is_about_a_creator,
    is_hint,
    may_be_unbound,
    may_concern,
    unbinding_of,
)
from worker.changes import Changes, finish
from worker.endings import over
from worker.facts_told import gather_facts, note_of, submitted, warning_of

WAITING = "waiting"


class EventRaisedError(Exception):
    """A bug met one event: it is put aside with this traceback, and its neighbours go on."""

    def __init__(self, mail: Mail) -> None:
        super().__init__(f"event {mail.seq} of type {mail.type} raised")
        self.mail = mail


def fold(
    known: Mapping[str, Authorization],
    mails: Sequence[Mail],
    *,
    now: datetime,
    policy: Policy,
    beside: Beside = NOTHING_BESIDE,
) -> Changes:
    """Applies `mails`, in order, to the authorizations they name."""
    changes = Changes(after=dict(known), beside=beside)
    by_key: dict[str, list[Mail]] = defaultdict(list)
    for mail in mails:
        by_key[mail.key].append(mail)
    for key, letters in by_key.items():
        for mail in apply_until_settled(changes, letters, now, policy):
            finish(changes, mail, Outcome.EARLY, early_reason(changes, key))
        if key in changes.touched:
            changes.after[key] = planned(changes.after[key], now, policy)
            if unbinding := unbinding_of(known.get(key), changes.after[key], policy):
                changes.unbinds.append(unbinding)
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
        if is_hint(mail):
            return hinted(changes, mail)
        if is_about_a_creator(mail):
            return hear_creator(changes, mail)
        event = event_of(mail.type, mail.data, mail.occurred_at)
        match event:
            case CodeSubmitted():
                return submit(changes, mail, event, policy)
            case RenewalDue():
                return remind(changes, mail, event, now, policy)
            case RenewalSuggested():
                return suggest(changes, mail, event)
            case LookWanted():
                changes.wanted.add(mail.key)
                return finish(changes, mail, Outcome.STAYED, Reason.LOOK_WANTED, before=changes.after.get(mail.key))
            case UnbindRequested():
                return unbind(changes, mail, now)
            case _:
                return live(changes, mail, event, now, policy)
    except Unreadable as problem:
        return finish(changes, mail, Outcome.PARKED, Reason.UNREADABLE, note=str(problem))
    except Exception as error:
        raise EventRaisedError(mail) from error


def hear_creator(changes: Changes, mail: Mail) -> str:
    """A fact of a creator, or a wish: it concerns no single authorization."""
    event = creator_event_of(mail.type, mail.data, mail.occurred_at)
    changes.told.append((handle_of(mail), event))
    reason = Reason.LINK_WANTED if isinstance(event, CreatorLinkWanted) else Reason.CREATOR_TOLD
    return finish(changes, mail, Outcome.STAYED, reason)


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
        if ended := over(known, decision.authorization, event):
            changes.ended.append(ended)
    if decision.outcome is not Outcome.PARKED or isinstance(event, AdStarted):
        gather_facts(changes, mail, event)
    note = note_of(event, decision.authorization, policy)
    return finish(changes, mail, decision.outcome, decision.reason, before=known, note=note)


def submit(changes: Changes, mail: Mail, event: CodeSubmitted, policy: Policy) -> str:
    """A code goes to TikTok before anything is believed of it; a text without a code goes to a person."""
    if event.code is None or mail.sealed is None:
        return finish(changes, mail, Outcome.PARKED, Reason.NO_CODE_FOUND, before=changes.after.get(mail.key))
    code = submitted(mail, event.code, mail.sealed)
    known = changes.after.get(mail.key)
    if is_in_hand(changes, code):
        return finish(changes, mail, Outcome.AGAIN, Reason.CODE_IN_HAND, before=known)
    changes.codes.append(code)
    changes.checks.append(code)
    return finish(changes, mail, WAITING, Reason.WAITING_FOR_TIKTOK, before=known, note=warning_of(event, policy))


def is_in_hand(changes: Changes, code: SubmittedCode) -> bool:
    """Whether this very code is being checked, or is about to be."""
    if check_of(code.key, code.fingerprint) in changes.beside.in_hand:
        return True
    return any((each.key, each.fingerprint) == (code.key, code.fingerprint) for each in changes.checks)


def unbind(changes: Changes, mail: Mail, now: datetime) -> str:
    """An operator's word: what has ended leaves the advertiser's list at TikTok; what has not stays."""
    known = changes.after.get(mail.key)
    if known is None or not may_be_unbound(known):
        return finish(changes, mail, Outcome.LATE, Reason.NOT_UNBOUND, before=known)
    changes.unbinds.append(UnbindOwed(key=mail.key, by="operator", ended_at=known.state_since, due_at=now))
    return finish(changes, mail, Outcome.STAYED, Reason.UNBINDING, before=known)


def hinted(changes: Changes, mail: Mail) -> str:
    """TikTok's own webhook: if it may concern authorizations, those that it names are looked at, or all where it names none."""
    named = advertisers_in(mail.data)
    looks = (named or changes.beside.connected) & changes.beside.connected if may_concern(mail) else frozenset()
    (changes.looks if named else changes.looks_at_all).update(looks)
    return finish(changes, mail, Outcome.STAYED, Reason.LOOK_CALLED_FOR if looks else Reason.NOTHING_TO_LOOK_AT)


def remind(changes: Changes, mail: Mail, event: RenewalDue, now: datetime, policy: Policy) -> str:
    """A rung is reached: the ask is owed, if it still is due now that everything heard before has been applied."""
    known = changes.after.get(mail.key)
    if known is None:
        return Outcome.EARLY
    if mail.key in changes.touched:
        known = planned(known, now, policy)
    # What is brought forward is one ask: a second letter about it must not bring the next one too.
    is_this = event.rung == known.rung
    is_early, is_forward = is_this and event.is_early, is_this and comes_forward(known, event, now)
    due = ask_due(known, now=now, policy=policy, is_early=is_early, comes_forward=is_forward)
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
            why=Reason.BEFORE_HOLIDAY if is_forward else due.why,
        )
    )
    # A suggestion moves one ask; what it said is kept until the period ends.
    changes.after[mail.key] = changed(
        known, rung=due.rung + 1, suggested_at=None if due.why == Reason.RENEWAL_SUGGESTED else known.suggested_at
    )
    note = f"Ask {due.rung + 1}, {WHEN_ASKED[due.urgency]}, for {due.days} more days"
    return finish(changes, mail, Outcome.STAYED, Reason.ASKED, before=known, note=note)


def comes_forward(known: Authorization, event: RenewalDue, now: datetime) -> bool:
    """Whether the ask is made before its time, since its creator will be away; not once the holiday has begun."""
    ask_at, begins_at, ends_at = known.plan.at, known.ladder_begins_at, known.expires_at
    if event.away_from is None or event.away_until is None or ask_at is None or begins_at is None or ends_at is None:
        return False
    holiday = Holiday(begins_at=event.away_from, ends_at=event.away_until)
    at = forward_at(ask_at, begins_at=begins_at, ends_at=ends_at, holiday=holiday)
    return at is not None and at <= now < min(ask_at, event.away_from)


def suggest(changes: Changes, mail: Mail, event: RenewalSuggested) -> str:
    """Somebody's word on when to ask: kept with the period that it is about, for the plan to follow."""
    known = changes.after.get(mail.key)
    if known is None:
        return Outcome.EARLY
    if is_too_late(known, event.around):
        return finish(changes, mail, Outcome.LATE, Reason.SUGGESTED_TOO_LATE, before=known)
    changes.after[mail.key] = changed(known, suggested_at=event.around, suggestion=event.reason)
    changes.touched.add(mail.key)
    return finish(changes, mail, Outcome.STAYED, Reason.SUGGESTED, before=known, note=event.reason)


def early_reason(changes: Changes, key: str) -> Reason:
    """What an early event waits for."""
    return Reason.NO_GRANT_YET if key in changes.after else Reason.NOT_KNOWN_YET


def planned(authorization: Authorization, now: datetime, policy: Policy) -> Authorization:
    """The authorization with its next action as of `now`."""
    return changed(authorization, plan=plan(authorization, now=now, policy=policy))


def keys_of(mails: Iterable[Mail]) -> list[str]:
    """The authorizations that a batch names, each once."""
    return list(dict.fromkeys(mail.key for mail in mails))
