"""Events against the public contract: checked on their way in, turned into the domain's events on their way out.

docs/events.md tells the contract to people, infra/public_types.py and infra/schemas.py to machines.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any
from zoneinfo import available_timezones

import msgspec

from domain import events
from infra.public_types import (
    Ad,
    AdStarted,
    AdStopped,
    AuthorizationExtended,
    AuthorizationRequested,
    CodeGranted,
    Creator,
    Instant,
    PostChanged,
    Refusal,
    Subject,
)
from infra.unreadable import INSTANT, Unreadable, from_msgspec, remedy_for

__all__ = ["PRIVATE_TYPES", "Unreadable", "check", "event_of", "in_range", "key_of"]

EARLIEST, LATEST = datetime(2010, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
# Said by the clock and by TikTok's answers; a producer may not.
PRIVATE_TYPES = frozenset(
    ("ad.lost", "code.refused", "period.corrected", "period.ended", "renewal.due", "request.lapsed", "unbind.requested")
)


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


def key_of(subject: Subject) -> str:
    """`<advertiser>/<post>` or `<advertiser>/@<handle>`: the authorization, known without a look-up."""
    if subject.post is not None:
        return f"{subject.advertiser_id}/{subject.post.item_id}"
    if subject.account is not None:
        return f"{subject.advertiser_id}/@{_handle(subject.account.handle)}"
    raise Unreadable(
        "$.post", "Neither a post nor an account is named.", 'Send "post": {"item_id"}, or "account": {"handle"}.'
    )


def check(data: Subject, *, offered_days: Sequence[int]) -> None:
    """What a type alone cannot say. Raises Unreadable with a JSON path inside `data`."""
    if data.post is not None and data.account is not None:
        raise Unreadable("$.account", "Both a post and an account are named.", "Send one of the two.")
    match data:
        case AuthorizationRequested():
            _check_request(data, offered_days)
        case CodeGranted():
            _check_period(data)
        case AuthorizationExtended():
            in_range(data.expires_at, "$.expires_at")
        case AdStarted(ad=Ad(flight_end=datetime() as end)):
            in_range(end, "$.ad.flight_end")


def in_range(instant: datetime, field: str) -> datetime:
    """`instant` in UTC. The bounds keep milliseconds sent as seconds, and a year 0, out of the arithmetic."""
    if not EARLIEST <= instant < LATEST:
        raise Unreadable(field, "This instant is not between the years 2010 and 2100.", INSTANT)
    return instant.astimezone(UTC)


def _check_request(data: AuthorizationRequested, offered_days: Sequence[int]) -> None:
    if data.route is None and data.account is None:
        raise Unreadable("$.route", "This field is missing.", remedy_for("route"))
    if data.route == "code" and data.account is not None:
        # A code stands for one post and has an end; access to an account has neither.
        remedy = 'Send "account" or leave it out; for a code send "post": {"item_id"} in place of the account.'
        raise Unreadable("$.route", "An account is not authorized by a code.", remedy)
    if data.route == "account" and data.account is None:
        # Access is given to an account, with all its posts; nobody could pursue it for one of them.
        raise Unreadable("$.account", "The route account needs an account.", 'Send "account": {"handle"}, not a post.')
    needs_creator = data.route == "code"
    offered = ", ".join(map(str, offered_days))
    if data.days is None and needs_creator:
        raise Unreadable("$.days", "This field is missing.", f"Send the wanted period in days: one of {offered}.")
    if data.days is not None and data.days not in offered_days:
        raise Unreadable("$.days", "TikTok does not offer this period.", f"Send one of {offered}.")
    if data.creator is None and needs_creator:
        raise Unreadable(
            "$.creator", "This field is missing.", 'Send "creator": {"handle"}, best with an e-mail address.'
        )
    for name in ("needed_until", "contract_ends_at"):
        if (instant := getattr(data, name)) is not None:
            in_range(instant, f"$.{name}")
    if data.creator and data.creator.timezone and data.creator.timezone not in _zones():
        raise Unreadable("$.creator.timezone", "This is not a known time zone.", remedy_for("timezone"))


def _check_period(data: CodeGranted) -> None:
    starts_at = in_range(data.starts_at, "$.starts_at")
    if data.expires_at is None:
        # Access by account (Business Center) has no end; a code always has one.
        if data.account is None:
            raise Unreadable("$.expires_at", "This field is missing.", INSTANT)
    elif in_range(data.expires_at, "$.expires_at") <= starts_at:
        raise Unreadable("$.expires_at", "The period ends before it starts.", "Send an instant after starts_at.")


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _handle(text: str) -> str:
    return text.removeprefix("@").lower()


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
        handle=_handle(data.handle),
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
    "request.lapsed": _kept(Nothing, lambda _data, at: events.RequestLapsed(at=at)),
    "renewal.due": _kept(
        RenewalDue,
        lambda data, at: events.RenewalDue(at=at, period_ends_at=data.period_ends_at.astimezone(UTC), rung=data.rung),
    ),
}
