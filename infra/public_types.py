"""The `data` of each public type of event, as structs: what a sender may write (docs/events.md)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

# `$` also matches before a last line break, which `\Z` does not; but JSON Schema knows no `\Z`. This is both.
END = r"$(?!\n)"
NO_CONTROL = r"^[^\x00-\x1f\x7f]*" + END

Digits = Annotated[str, Meta(pattern=r"^[0-9]{1,32}" + END, description="An id: digits, as a string.")]
Handle = Annotated[str, Meta(pattern=r"^@?[\w.]{1,64}" + END, description="A TikTok handle, with or without @.")]
Instant = Annotated[datetime, Meta(tz=True, description="RFC 3339 with a zone.")]
Line = Annotated[str, Meta(max_length=200, pattern=NO_CONTROL)]
Prose = Annotated[str, Meta(max_length=2000)]
Url = Annotated[str, Meta(max_length=2000, pattern=r"^https?://[^\s\x00-\x1f\x7f]+" + END)]
Email = Annotated[
    str, Meta(max_length=254, pattern=r"^[^\s@<>,;:\"()\[\]\\\x00-\x1f\x7f]+@[^\s@<>,;:\"()\[\]\\\x00-\x1f\x7f]+" + END)
]
Locale = Annotated[str, Meta(pattern=r"^[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8}){0,3}" + END)]
Amount = Annotated[str, Meta(pattern=r"^[0-9]{1,14}(\.[0-9]{1,4})?" + END, description="A decimal string.")]
Currency = Annotated[str, Meta(pattern=r"^[A-Za-z]{3}" + END, description="ISO 4217.")]
Pasted = Annotated[str, Meta(max_length=20_000, description="A Spark code, or any text that holds it.")]


class Post(msgspec.Struct, frozen=True):
    item_id: Digits
    url: Url | None = None


class Account(msgspec.Struct, frozen=True):
    handle: Handle


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What every event names: the advertiser, and the post or (for account access) the creator's account."""

    advertiser_id: Digits
    post: Post | None = None
    account: Account | None = None


class Creator(msgspec.Struct, frozen=True):
    handle: Handle
    name: Line | None = None
    email: Email | None = None
    phone: Annotated[str, Meta(max_length=40, pattern=NO_CONTROL)] | None = None
    locale: Locale | None = None
    timezone: Annotated[str, Meta(max_length=64, description="An IANA name.")] | None = None


class Spend(msgspec.Struct, frozen=True):
    amount: Amount
    currency: Currency


class Ad(msgspec.Struct, frozen=True):
    ad_id: Digits
    flight_end: Instant | None = None
    daily_spend: Spend | None = None
    objective: Line | None = None
    billing_event: Line | None = None


class AuthorizationRequested(Subject, frozen=True, kw_only=True):
    route: (
        Annotated[
            Literal["code", "account", "own"], Meta(description="May be left out with an account, and is then account.")
        ]
        | None
    ) = None
    days: int | None = None
    needed_until: Instant | None = None
    contract_ends_at: Instant | None = None
    reference: Line | None = None
    creator: Creator | None = None


class CodeSubmitted(Subject, frozen=True, kw_only=True):
    code: Pasted


class CodeGranted(Subject, frozen=True, kw_only=True):
    starts_at: Instant
    expires_at: Instant | None = None
    code: Pasted | None = None


class AdStarted(Subject, frozen=True, kw_only=True):
    ad: Ad


class StoppedAd(msgspec.Struct, frozen=True):
    ad_id: Digits


class AdStopped(Subject, frozen=True, kw_only=True):
    ad: StoppedAd


class AuthorizationExtended(Subject, frozen=True, kw_only=True):
    expires_at: Instant


class Refusal(Subject, frozen=True, kw_only=True):
    reason: Prose | None = None


class PostChanged(Subject, frozen=True, kw_only=True):
    condition: Literal["public", "private", "under_review", "removed", "music_missing"]


class RenewalSuggested(Subject, frozen=True, kw_only=True):
    at: Instant
    reason: Annotated[str, Meta(max_length=500, pattern=NO_CONTROL)] | None = None


class NeedStated(Subject, frozen=True, kw_only=True):
    """`needed_until` must be there; null says that nothing but its ads needs it."""

    needed_until: Instant | None
    reason: Annotated[str, Meta(max_length=500, pattern=NO_CONTROL)] | None = None


class NamedCreator(msgspec.Struct, frozen=True):
    handle: Handle


class AboutCreator(msgspec.Struct, frozen=True, kw_only=True):
    """What concerns a creator, and no single authorization."""

    creator: NamedCreator


class CreatorSnoozed(AboutCreator, frozen=True, kw_only=True):
    until: Instant


class CreatorAway(AboutCreator, frozen=True, kw_only=True):
    begins_at: Instant = msgspec.field(name="from")
    ends_at: Instant = msgspec.field(name="until")


class PaymentDue(AboutCreator, frozen=True, kw_only=True):
    is_due: bool


PUBLIC_TYPES: dict[str, type[Subject | AboutCreator]] = {
    "authorization.requested": AuthorizationRequested,
    "code.submitted": CodeSubmitted,
    "code.granted": CodeGranted,
    "ad.started": AdStarted,
    "ad.stopped": AdStopped,
    "authorization.extended": AuthorizationExtended,
    "authorization.revoked": Refusal,
    "request.declined": Refusal,
    "post.changed": PostChanged,
    "renewal.suggested": RenewalSuggested,
    "look.wanted": Subject,
    "need.stated": NeedStated,
    "creator.snoozed": CreatorSnoozed,
    "creator.opted_out": AboutCreator,
    "creator.opted_in": AboutCreator,
    "creator.away": CreatorAway,
    "creator.payment_due": PaymentDue,
}
