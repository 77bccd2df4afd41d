"""How things are written for TikTok, and how its instants and numbers are read: always UTC, always exact."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from infra.logs import HIDDEN, hidden

# What TikTok writes where there is nothing to say.
NOTHING = frozenset(("", "-", "--", "0", "0000-00-00 00:00:00"))


def in_query(given: Mapping[str, Any]) -> str:
    """A query with every special character escaped: a bare + would arrive as a space, a bare # would end the address."""
    return urlencode({name: plain(value) for name, value in given.items()}, quote_via=quote, safe="")


def plain(value: Any) -> str:
    """A query's value: text as it is, all else as JSON text; repeated keys are refused by TikTok."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def without(secrets: Iterable[str], text: str) -> str:
    """`text` without these secrets, however TikTok repeats them, and without whatever else looks like one."""
    for secret in secrets:
        body = secret.strip().lstrip("#")
        # A code that lost its + on the way is still too much to tell.
        for form in (secret, quote(secret, safe=""), body, quote(body, safe=""), body.replace("+", " ")):
            text = text.replace(form, HIDDEN) if form else text
    return str(hidden(text))


def instant(text: str | int | None) -> datetime | None:
    """An instant from either form, `2026-05-24 07:09:07` or `2026-05-24T07:09:07Z`, or from seconds since 1970.

    Without a zone it is UTC: TikTok says so. Raises ValueError for anything else, rather than guess an end.
    """
    if text is None or str(text).strip() in NOTHING:
        return None
    if isinstance(text, int):
        return datetime.fromtimestamp(text, UTC)
    parsed = datetime.fromisoformat(text.strip())
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


def day(text: str) -> date:
    """The day of `2026-05-24 00:00:00`, in the advertiser's own time zone: no zone is read into it."""
    return datetime.fromisoformat(text.strip()).date()


def amount(text: str | float | None) -> Decimal:
    """A metric, which TikTok writes as text; `-` is what does not apply and counts as nothing."""
    if text is None or str(text).strip() in NOTHING:
        return Decimal(0)
    number = Decimal(str(text).strip().replace(",", ""))
    if not number.is_finite():
        raise ValueError("a metric is not a number")
    return number
