"""What can happen to an authorization, as values. Each event says when it happened in the world (`at`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


class Route(StrEnum):
    """How an authorization is held."""

    CODE = "code"
    ACCOUNT = "account"
    OWN = "own"


class Condition(StrEnum):
    """What can be said of the post beside its authorization; blocks ads, ends nothing."""

    PUBLIC = "public"
    PRIVATE = "private"
    UNDER_REVIEW = "under_review"
    REMOVED = "removed"
    MUSIC_MISSING = "music_missing"


@dataclass(frozen=True, kw_only=True, slots=True)
class Creator:
    """Who may grant; `handle` is lower case and without @, `timezone` an IANA name."""

    handle: str
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    locale: str | None = None
    timezone: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Code:
    """A Spark code without the code: its keyed fingerprint, its last characters, and whether it has the usual shape."""

    fingerprint: str
    last: str
    is_strict: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Ad:
    """Something live on TikTok that depends on the authorization; `daily_spend` in `currency`."""

    ad_id: str
    flight_end: datetime | None = None
    daily_spend: Decimal | None = None
    currency: str | None = None
    objective: str | None = None
    billing_event: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class AuthorizationRequested:
    """An advertiser wants to use a post (or an account) and somebody has asked for it."""

    at: datetime
    route: Route = Route.CODE
    days: int | None = None
    needed_until: datetime | None = None
    contract_ends_at: datetime | None = None
    reference: str | None = None
    creator: Creator | None = None
    item_url: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeGranted:
    """A grant is in force from `starts_at`; `expires_at` is None where access has no end (account, own)."""

    at: datetime
    starts_at: datetime
    expires_at: datetime | None
    code: Code | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeRefused:
    """TikTok did not accept a code; whatever was granted before stands. `reason` is a symbol of `domain.refusals`."""

    at: datetime
    reason: str
    said: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class AdStarted:
    """An ad that uses the post delivers."""

    at: datetime
    ad: Ad


@dataclass(frozen=True, kw_only=True, slots=True)
class AdStopped:
    """An ad that used the post no longer delivers."""

    at: datetime
    ad_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AdLost:
    """An ad that is meant to run does not: TikTok says that what it shows (`reason`: the post, the music) is not authorized."""

    at: datetime
    ad_id: str
    reason: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PeriodExtended:
    """The creator extended the current code: same code, later end."""

    at: datetime
    expires_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class PeriodCorrected:
    """TikTok shows an earlier end than was told; what TikTok shows is true."""

    at: datetime
    expires_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class PeriodEnded:
    """The clock says that the period ending at `ends_at` is over."""

    at: datetime
    ends_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeWithdrawn:
    """The creator (or TikTok) took the authorization back."""

    at: datetime
    reason: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestDeclined:
    """The creator said no to a request, the first one or a renewal."""

    at: datetime
    reason: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestLapsed:
    """The clock says that a request stayed unanswered for too long."""

    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class PostChanged:
    """The post's condition changed."""

    at: datetime
    condition: Condition


@dataclass(frozen=True, kw_only=True, slots=True)
class NeedStated:
    """Somebody says until when the authorization is needed, whatever its ads say; None: nothing beside them needs it."""

    at: datetime
    needed_until: datetime | None
    reason: str | None = None


LifecycleEvent = (
    AuthorizationRequested
    | CodeGranted
    | CodeRefused
    | AdStarted
    | AdStopped
    | AdLost
    | PeriodExtended
    | PeriodCorrected
    | PeriodEnded
    | CodeWithdrawn
    | RequestDeclined
    | RequestLapsed
    | PostChanged
    | NeedStated
)


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeSubmitted:
    """Somebody handed in a code (None: the text held none); only TikTok can say whether it is good."""

    at: datetime
    code: Code | None


@dataclass(frozen=True, kw_only=True, slots=True)
class RenewalDue:
    """The clock says that the ladder's rung `rung` for the period ending at `period_ends_at` is reached.

    `is_early`: it is not yet, but the same creator is written to now, and one message may carry both asks. With `away_from`
    and `away_until`: it is not yet, but the creator will be away then.
    """

    at: datetime
    period_ends_at: datetime
    rung: int
    is_early: bool = False
    away_from: datetime | None = None
    away_until: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class UnbindRequested:
    """An operator wants an ended authorization's post to leave the advertiser's list at TikTok."""

    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class RenewalSuggested:
    """Somebody says around when to ask for the renewal, and why."""

    at: datetime
    around: datetime
    reason: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class LookWanted:
    """Somebody waits for what TikTok shows of this one authorization."""

    at: datetime


Event = LifecycleEvent | CodeSubmitted | RenewalDue | UnbindRequested | RenewalSuggested | LookWanted


@dataclass(frozen=True, kw_only=True, slots=True)
class CreatorSnoozed:
    """The creator wants to be reminded later: not before `until`."""

    at: datetime
    until: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class CreatorOptedOut:
    """The creator does not want to be asked any more."""

    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class CreatorOptedIn:
    """The creator may be asked again."""

    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class CreatorAway:
    """The creator is not to be asked from `begins_at` until before `ends_at`."""

    at: datetime
    begins_at: datetime
    ends_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentDue:
    """A payment to the creator is due (so nobody asks), or was made."""

    at: datetime
    is_due: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class CreatorLinkWanted:
    """The creator had a link to the page whose time is over, and wants a fresh one at the address that is known."""

    at: datetime


CreatorEvent = CreatorSnoozed | CreatorOptedOut | CreatorOptedIn | CreatorAway | PaymentDue | CreatorLinkWanted
"""What is said of a creator; it concerns no single authorization."""
