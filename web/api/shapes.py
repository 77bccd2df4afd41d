"""What many answers are made of: instants in UTC, money as text with its currency, and the shape that all share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

from fastapi import Path
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from domain.money import Amounts, in_cents
from web.api.spelling import NO_NUL

# A row's number: what a bigint holds.
Number = Annotated[int, Path(ge=1, le=2**63 - 1)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=200), NO_NUL]
Key = Annotated[
    Word,
    Field(description="An authorization's key: `advertiser/post`, or `advertiser/@account`."),
]
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.IGNORECASE | re.ASCII)


def _spelled(value: object) -> object:
    """What is read otherwise takes numbers for seconds, or for thousandths of them, as it likes."""
    if not isinstance(value, str) or RFC_3339.fullmatch(value) is None:
        raise ValueError("Input should be an instant by RFC 3339 with a zone, such as 2026-12-24T09:00:00Z")
    return value


Instant = Annotated[
    AwareDatetime,
    BeforeValidator(_spelled),
    Field(description="RFC 3339 with a zone, such as 2026-12-24T09:00:00Z."),
]


class Shape(BaseModel):
    """Part of an answer, made of a row or a value that has more than it tells."""

    model_config = ConfigDict(from_attributes=True, extra="ignore")


class Asked(BaseModel):
    """What a write carries. A field that is not known is refused, so that no misspelt one is overlooked."""

    model_config = ConfigDict(extra="forbid")


class Money(Shape):
    """An amount as a decimal text. Without a currency where none is known; amounts of two are never added."""

    amount: str
    currency: str | None


class Noted(Shape):
    """It is kept, and applied by a worker within moments."""

    noted: bool = True
    at: datetime


class Count(Shape):
    """How many; with `is_more` at least so many, since counting stopped there."""

    count: int
    is_more: bool = False


def money(amount: Decimal | None, currency: str | None) -> Money | None:
    return None if amount is None else Money(amount=in_cents(amount), currency=currency)


def moneys(amounts: Amounts) -> list[Money]:
    """By currency, what is without one last."""
    found = sorted(amounts.items(), key=lambda pair: (pair[0] is None, pair[0] or ""))
    return [Money(amount=in_cents(amount), currency=currency) for currency, amount in found]


def with_money(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """A row whose amounts stand beside their currency, with money in their place."""
    return {**row, **{name: money(row[name], row["currency"]) for name in names}}


def seconds(span: timedelta | None) -> int | None:
    """A span as a whole number of seconds."""
    return None if span is None else round(span.total_seconds())
