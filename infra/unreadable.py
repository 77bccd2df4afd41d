"""What a sender is told when a delivery cannot be read: which field, what is wrong with it, and what would mend it."""

from __future__ import annotations

from typing import Final

import msgspec

MALFORMED: Final = 400
TOO_LARGE: Final = 413
UNSUPPORTED: Final = 415
INVALID: Final = 422

REMEDIES = {
    "advertiser_id": "Send the advertiser's id as a string of at most 32 digits, in quotes.",
    "item_id": "Send the post's id as a string of at most 32 digits, in quotes.",
    "ad_id": "Send the ad's id as a string of at most 32 digits, in quotes.",
    "handle": "Send the creator's TikTok handle: letters, digits, dots and underscores, with or without @.",
    "amount": 'Send the amount as a decimal string that is not negative, for example "120.50".',
    "currency": 'Send three letters of ISO 4217, for example "EUR".',
    "timezone": 'Send an IANA name, for example "Europe/Paris".',
    "locale": 'Send a language tag, for example "en" or "fr-CA".',
    "email": "Send one plain address, for example ana@example.com.",
    "route": "Send code, account or own.",
    "condition": "Send public, private, under_review, removed or music_missing.",
    "url": "Send an address that begins with https:// or http://, of at most 2,000 characters.",
    "code": "Send the Spark code, or the text that holds it, as a string of at most 20,000 characters.",
    "type": 'Send the event\'s type as a string, for example "code.granted".',
    "days": "Send the wanted period as a whole number of days.",
}
INSTANT = 'Send RFC 3339 with a zone, for example "2026-11-22T10:00:00Z".'
INSTANTS = frozenset(
    ("timestamp", "time", "needed_until", "contract_ends_at", "starts_at", "expires_at", "flight_end", "ends_at"),
)
OTHERWISE = "See docs/events.md, or the JSON Schema at /schemas/."


class Unreadable(Exception):  # noqa: N818  it reads as what it is in `except Unreadable`
    """A delivery, or a part of one, that cannot be accepted as it is; `field` is a JSON path or a header's name."""

    def __init__(self, field: str, problem: str, remedy: str, *, status: int = INVALID) -> None:
        super().__init__(f"{field}: {problem} {remedy}")
        self.field, self.problem, self.remedy, self.status = field, problem, remedy, status

    def within(self, place: str) -> Unreadable:
        """The same complaint about a part of something larger: `$.type` within `$[3]` is `$[3].type`."""
        field = place + self.field.removeprefix("$") if self.field.startswith("$") else self.field
        return Unreadable(field, self.problem, self.remedy, status=self.status)


def from_msgspec(error: Exception, root: str, *, status: int = INVALID) -> Unreadable:
    """A complaint of msgspec in our words; `root` is the JSON path of what was decoded."""
    if not isinstance(error, msgspec.ValidationError):
        return Unreadable(root, "This is not JSON in UTF-8.", "Send one JSON value in UTF-8.", status=MALFORMED)
    problem, _, path = str(error).partition(" - at ")
    field = root + path.strip("`").removeprefix("$").replace("[...]", "")
    if problem.startswith("Object missing required field"):
        field, problem = f"{field}.{problem.split('`')[1]}", "This field is missing."
    name = field.rpartition(".")[2]
    return Unreadable(field, _sentence(problem, name), remedy_for(name), status=status)


def remedy_for(name: str) -> str:
    return INSTANT if name in INSTANTS else REMEDIES.get(name, OTHERWISE)


def _sentence(problem: str, name: str) -> str:
    # msgspec quotes an unknown enumeration value and a pattern: the first is the sender's text and may be a secret,
    # the second helps nobody.
    if problem.startswith("Invalid enum value"):
        return "This is not one of the known values."
    if "matching regex" in problem:
        return "This does not have the expected form."
    if "timezone component" in problem:
        return "This instant has no time zone."
    if name in INSTANTS and problem.startswith("Invalid RFC3339"):
        return "This is not an instant."
    return problem.replace("`", "").rstrip(".") + "."
