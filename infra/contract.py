"""Events against the public contract on their way in: what a type alone cannot say, and the key that each is kept under.

docs/events.md tells the contract to people, infra/public_types.py and infra/schemas.py to machines. How the inbox's
letters become the domain's events is in infra/kept_events.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from zoneinfo import available_timezones

from infra.public_types import (
    AboutCreator,
    Ad,
    AdStarted,
    AuthorizationExtended,
    AuthorizationRequested,
    CodeGranted,
    CreatorAway,
    CreatorSnoozed,
    NeedStated,
    RenewalSuggested,
    Subject,
)
from infra.unreadable import INSTANT, Unreadable, remedy_for

# Before the handle, the key of letters about a creator. No advertiser has this id: those are digits.
CREATOR = "creator/"

EARLIEST, LATEST = datetime(2010, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
# Said by the clock, by TikTok's answers and by the creator's page; a producer may not.
PRIVATE_TYPES = frozenset(
    (
        "ad.lost",
        "code.refused",
        "link.wanted",
        "period.corrected",
        "period.ended",
        "renewal.due",
        "request.lapsed",
        "unbind.requested",
    )
)


def key_of(subject: Subject | AboutCreator) -> str:
    """`<advertiser>/<post>` or `<advertiser>/@<handle>`: the authorization, known without a look-up; `creator/<handle>`."""
    if isinstance(subject, AboutCreator):
        return key_of_creator(subject.creator.handle)
    if subject.post is not None:
        return f"{subject.advertiser_id}/{subject.post.item_id}"
    if subject.account is not None:
        return f"{subject.advertiser_id}/@{handle_of(subject.account.handle)}"
    raise Unreadable(
        "$.post", "Neither a post nor an account is named.", 'Send "post": {"item_id"}, or "account": {"handle"}.'
    )


def key_of_creator(handle: str) -> str:
    """The key of letters about this creator."""
    return CREATOR + handle_of(handle)


def check(data: Subject | AboutCreator, *, offered_days: Sequence[int]) -> None:
    """What a type alone cannot say. Raises Unreadable with a JSON path inside `data`."""
    if isinstance(data, AboutCreator):
        _check_creator(data)
        return
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
        case RenewalSuggested():
            in_range(data.at, "$.at")
        case NeedStated(needed_until=datetime() as until):
            in_range(until, "$.needed_until")


def _check_creator(data: AboutCreator) -> None:
    match data:
        case CreatorSnoozed():
            in_range(data.until, "$.until")
        case CreatorAway():
            if in_range(data.ends_at, "$.until") <= in_range(data.begins_at, "$.from"):
                raise Unreadable("$.until", "It ends before it begins.", "Send an instant after from.")


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


def handle_of(text: str) -> str:
    """As it stands in keys: without @, in lower case."""
    return text.removeprefix("@").lower()
