"""What the inbox keeps, and the domain's event made from it: each type with the shape of its data.

What producers may say is checked by infra/contract.py before it is kept; the clock, TikTok's answers, the creator's page
and the command line say the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from domain import events
from infra.contract import handle_of
from infra.public_types import (
    Ad,
    AdStarted,
    AdStopped,
    AuthorizationExtended,
    AuthorizationRequested,
    Creator,
    Instant,
    PostChanged,
    Refusal,
)
from infra.unreadable import Unreadable, from_msgspec

# What the inbox holds instead of a code, and what only the clock and TikTok's answers say.


class KeptCode(msgspec.Struct, frozen=True):
    """Both None: the text held no Spark code."""

    fingerprint: str | None = None
    last: str | None = None
    is_strict: bool = True


class KeptSubmission(msgspec.Struct, frozen=True):
    code: KeptCode


class KeptGrant(msgspec.Struct, frozen=True):
    starts_at: Instant
    expires_at: Instant | None = None
    code: KeptCode | None = None


class CodeRefused(msgspec.Struct, frozen=True):
    """`reason` is a symbol of domain.refusals, `said` what TikTok said, `request_id` what TikTok's support asks for."""

    reason: str
    said: str | None = None
    request_id: str | None = None


class LostAd(msgspec.Struct, frozen=True):
    ad_id: str
    reason: str | None = None


class AdLost(msgspec.Struct, frozen=True):
    ad: LostAd


class PeriodCorrected(msgspec.Struct, frozen=True):
    expires_at: Instant


class PeriodEnded(msgspec.Struct, frozen=True):
    ends_at: Instant


class Nothing(msgspec.Struct, frozen=True):
    pass


class RenewalDue(msgspec.Struct, frozen=True):
    period_ends_at: Instant
    rung: int
    is_early: bool = False
    away_from: Instant | None = None
    away_until: Instant | None = None


# The page and the command line say who it is by the letter's key alone.


class Suggestion(msgspec.Struct, frozen=True):
    at: Instant
    reason: str | None = None


class Need(msgspec.Struct, frozen=True):
    needed_until: Instant | None
    reason: str | None = None


class Snooze(msgspec.Struct, frozen=True):
    until: Instant


class Holiday(msgspec.Struct, frozen=True):
    begins_at: Instant = msgspec.field(name="from")
    ends_at: Instant = msgspec.field(name="until")


class Due(msgspec.Struct, frozen=True):
    is_due: bool


def creator_event_of(type: str, data: bytes, occurred_at: datetime) -> events.CreatorEvent:  # noqa: A002  as above
    """What a letter says of its creator. Raises Unreadable."""
    told = TOLD.get(type)
    if told is None:
        raise Unreadable("$.type", f"No creator can use events of type {type}.", "Nothing to do; kept for people.")
    shape, build = told
    try:
        return build(msgspec.json.decode(data, type=shape), occurred_at)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise from_msgspec(error, "$.data") from None


@dataclass(frozen=True, slots=True)
class Kept:
    """How the inbox's `data` of one type is read, and the domain's event made from it."""

    decoder: msgspec.json.Decoder[Any]
    build: Callable[[Any, datetime], events.Event]


def event_of(type: str, data: bytes, occurred_at: datetime) -> events.Event:  # noqa: A002  the field's own name
    """The domain's event from what the inbox keeps. Raises Unreadable, also for hints that no authorization can use."""
    kept = KEPT.get(type)
    if kept is None:
        raise Unreadable(
            "$.type", f"No authorization can use events of type {type}.", "Nothing to do; kept for people."
        )
    try:
        return kept.build(kept.decoder.decode(data), occurred_at)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise from_msgspec(error, "$.data") from None


def _request(data: AuthorizationRequested, at: datetime) -> events.AuthorizationRequested:
    return events.AuthorizationRequested(
        at=at,
        # Without a route only requests for an account pass `check`.
        route=events.Route(data.route or "account"),
        days=data.days,
        needed_until=_utc(data.needed_until),
        contract_ends_at=_utc(data.contract_ends_at),
        reference=data.reference,
        creator=_creator(data.creator),
        item_url=data.post.url if data.post else None,
    )


def _creator(data: Creator | None) -> events.Creator | None:
    if data is None:
        return None
    return events.Creator(
        handle=handle_of(data.handle),
        name=data.name,
        email=data.email,
        phone=data.phone,
        locale=data.locale,
        timezone=data.timezone,
    )


def _grant(data: KeptGrant, at: datetime) -> events.CodeGranted:
    starts_at = data.starts_at.astimezone(UTC)
    return events.CodeGranted(at=at, starts_at=starts_at, expires_at=_utc(data.expires_at), code=_code(data.code))


def _code(data: KeptCode | None) -> events.Code | None:
    if data is None or data.fingerprint is None:
        return None
    return events.Code(fingerprint=data.fingerprint, last=data.last or "", is_strict=data.is_strict)


def _ad(data: Ad) -> events.Ad:
    spend = data.daily_spend
    return events.Ad(
        ad_id=data.ad_id,
        flight_end=_utc(data.flight_end),
        daily_spend=Decimal(spend.amount) if spend else None,
        currency=spend.currency.upper() if spend else None,
        objective=data.objective,
        billing_event=data.billing_event,
    )


def _utc(instant: datetime | None) -> datetime | None:
    return instant.astimezone(UTC) if instant else None


def _kept(shape: type[msgspec.Struct], build: Callable[[Any, datetime], events.Event]) -> Kept:
    return Kept(msgspec.json.Decoder(shape), build)


KEPT = {
    "authorization.requested": _kept(AuthorizationRequested, _request),
    "code.submitted": _kept(KeptSubmission, lambda data, at: events.CodeSubmitted(at=at, code=_code(data.code))),
    "code.granted": _kept(KeptGrant, _grant),
    "code.refused": _kept(CodeRefused, lambda data, at: events.CodeRefused(at=at, reason=data.reason, said=data.said)),
    "ad.started": _kept(AdStarted, lambda data, at: events.AdStarted(at=at, ad=_ad(data.ad))),
    "ad.stopped": _kept(AdStopped, lambda data, at: events.AdStopped(at=at, ad_id=data.ad.ad_id)),
    "ad.lost": _kept(AdLost, lambda data, at: events.AdLost(at=at, ad_id=data.ad.ad_id, reason=data.ad.reason)),
    "period.corrected": _kept(
        PeriodCorrected, lambda data, at: events.PeriodCorrected(at=at, expires_at=data.expires_at.astimezone(UTC))
    ),
    "unbind.requested": _kept(Nothing, lambda _data, at: events.UnbindRequested(at=at)),
    "authorization.extended": _kept(
        AuthorizationExtended, lambda data, at: events.PeriodExtended(at=at, expires_at=data.expires_at.astimezone(UTC))
    ),
    "authorization.revoked": _kept(Refusal, lambda data, at: events.CodeWithdrawn(at=at, reason=data.reason)),
    "request.declined": _kept(Refusal, lambda data, at: events.RequestDeclined(at=at, reason=data.reason)),
    "post.changed": _kept(
        PostChanged, lambda data, at: events.PostChanged(at=at, condition=events.Condition(data.condition))
    ),
    "period.ended": _kept(
        PeriodEnded, lambda data, at: events.PeriodEnded(at=at, ends_at=data.ends_at.astimezone(UTC))
    ),
    "renewal.suggested": _kept(
        Suggestion,
        lambda data, at: events.RenewalSuggested(at=at, around=data.at.astimezone(UTC), reason=data.reason),
    ),
    "look.wanted": _kept(Nothing, lambda _data, at: events.LookWanted(at=at)),
    "need.stated": _kept(
        Need,
        lambda data, at: events.NeedStated(at=at, needed_until=_utc(data.needed_until), reason=data.reason),
    ),
    "request.lapsed": _kept(Nothing, lambda _data, at: events.RequestLapsed(at=at)),
    "renewal.due": _kept(
        RenewalDue,
        lambda data, at: events.RenewalDue(
            at=at,
            period_ends_at=data.period_ends_at.astimezone(UTC),
            rung=data.rung,
            is_early=data.is_early,
            away_from=data.away_from,
            away_until=data.away_until,
        ),
    ),
}

Build = Callable[[Any, datetime], events.CreatorEvent]
TOLD: dict[str, tuple[type[msgspec.Struct], Build]] = {
    "creator.snoozed": (Snooze, lambda data, at: events.CreatorSnoozed(at=at, until=data.until.astimezone(UTC))),
    "creator.opted_out": (Nothing, lambda _data, at: events.CreatorOptedOut(at=at)),
    "creator.opted_in": (Nothing, lambda _data, at: events.CreatorOptedIn(at=at)),
    "creator.away": (
        Holiday,
        lambda data, at: events.CreatorAway(
            at=at, begins_at=data.begins_at.astimezone(UTC), ends_at=data.ends_at.astimezone(UTC)
        ),
    ),
    "link.wanted": (Nothing, lambda _data, at: events.CreatorLinkWanted(at=at)),
    "creator.payment_due": (Due, lambda data, at: events.PaymentDue(at=at, is_due=data.is_due)),
}
