"""What a batch of events calls for beside the lifecycle: calls to TikTok, looks at it, and notes for people. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from domain.authorization import ENDED_STATES, Authorization, State
from domain.eligibility import judge_window
from domain.events import CodeRefused, CodeSubmitted, Route
from domain.refusal_table import OUR_ROWS
from domain.refusals import refusal_named
from domain.renewal import Policy, need_of
from domain.spans import MINUTE, told
from infra.contract import CREATOR
from infra.inbox import Mail
from infra.kept_events import event_of
from infra.outbox import ACCOUNT_ACCESS, OWN_CONFIRM
from infra.owed import CallOwed, UnbindOwed, check_of
from infra.unreadable import Unreadable

SUBMITTED, HINT = "code.submitted", "tiktok."
# Ad group and ad reviews, videos of TikTok One (9 is its former self), and a creator who took the app's access away.
CONCERNING = frozenset(
    ("subscription.2", "subscription.3", "subscription.9", "subscription.10", "authorization.removed")
)
OWN_SYMBOLS = frozenset(row.symbol for row in OUR_ROWS)
CALLS = {Route.ACCOUNT: ACCOUNT_ACCESS, Route.OWN: OWN_CONFIRM}


@dataclass(frozen=True, kw_only=True, slots=True)
class Beside:
    """What is known beside the authorizations: checks that are under way, and the advertisers that can be looked at."""

    in_hand: frozenset[str] = frozenset()
    connected: frozenset[str] = frozenset()


NOTHING_BESIDE = Beside()


def is_hint(mail: Mail) -> bool:
    """Whether it is one of TikTok's own webhooks: about no authorization, and only a reason to look."""
    return mail.type.startswith(HINT)


def is_about_a_creator(mail: Mail) -> bool:
    """Whether it is a fact of a creator, which concerns no single authorization."""
    return mail.key.startswith(CREATOR)


def handle_of(mail: Mail) -> str:
    """The creator that a letter is about."""
    return mail.key.removeprefix(CREATOR)


def may_concern(mail: Mail) -> bool:
    """Whether a hint may be about what an authorization hangs on: ads, ad groups, TikTok One, a suspension, a lost link."""
    what = mail.type.removeprefix(HINT)
    if what in CONCERNING:
        return True
    # A suspension comes flat, without an entry; the number that it has is published nowhere.
    whole = msgspec.json.decode(mail.data)
    return what.startswith("subscription.") and isinstance(whole, dict) and {"advertiser_id", "status"} <= whole.keys()


def checks_of(mails: Iterable[Mail]) -> list[str]:
    """The idempotency keys of the checks that the submitted codes among `mails` call for."""
    return [check for mail in mails if mail.type == SUBMITTED and (check := _check_of(mail)) is not None]


def _check_of(mail: Mail) -> str | None:
    try:
        event = event_of(mail.type, mail.data, mail.occurred_at)
    except Unreadable:
        return None
    return check_of(mail.key, event.code.fingerprint) if isinstance(event, CodeSubmitted) and event.code else None


def advertisers_in(data: bytes) -> frozenset[str]:
    """The advertisers that a hint names, in any of the forms of its family (contract 6.1)."""
    whole = msgspec.json.decode(data)
    return frozenset(_named(whole)) if isinstance(whole, dict) else frozenset()


def _named(body: dict[str, Any]) -> Iterable[str]:
    entry = body.get("entry")
    entries = [body, *(entry if isinstance(entry, list) else [entry])]
    for each in entries:
        if isinstance(each, dict):
            yield from (str(each[name]) for name in ("adv_id", "advertiser_id") if each.get(name))
            changed = each.get("changed_metrics_values")
            yield from changed if isinstance(changed, dict) else ()


def call_for(after: Authorization, asked_at: datetime) -> CallOwed | None:
    """The call that gets access without a code; None where a code is awaited, or access is there."""
    kind = CALLS.get(after.route)
    if kind is None or after.state is not State.REQUESTED or (kind == ACCOUNT_ACCESS and "/@" not in after.key):
        return None
    return CallOwed(kind=kind, key=after.key, asked_at=asked_at)


def unbinding_of(before: Authorization | None, after: Authorization, policy: Policy) -> UnbindOwed | None:
    """By policy: the unbinding of what has just ended, after its time. What was never granted was never bound."""
    if policy.unbind_after is None or not may_be_unbound(after) or after.starts_at is None:
        return None
    if before is not None and (before.state, before.state_since) == (after.state, after.state_since):
        return None
    due_at = after.state_since + policy.unbind_after
    return UnbindOwed(key=after.key, by="policy", ended_at=after.state_since, due_at=due_at)


def may_be_unbound(known: Authorization) -> bool:
    """Only posts are bound, and only what has ended is unbound."""
    return known.state in ENDED_STATES and "/@" not in known.key


def shortfall_of(after: Authorization) -> str | None:
    """What a person should know of a grant that ends before what needs it: by how much, and what it is."""
    need = need_of(after)
    short = judge_window(ends_at=after.expires_at, flight_end=need)
    if need is None or short < MINUTE:
        return None
    ads = [flight.ad.ad_id for flight in after.flights.values() if flight.is_wanted and flight.ad.flight_end == need]
    what = f"the flight of ad {ads[0]}" if ads else "what it was asked for"
    return f"the authorization ends {told(short)} before {what}, on {need:%Y-%m-%d %H:%M} UTC"


def refusal_note(event: CodeRefused) -> str:
    """Cause, remedy, and what was said beside them: by TikTok, or by ourselves of our own refusals."""
    row = refusal_named(event.reason)
    said = " ".join((event.said or "").split())
    quote = f" TikTok said: “{said}”." if row.symbol not in OWN_SYMBOLS else f" {said}"
    return f"{row.cause} {row.remedy}{quote if said else ''}"
