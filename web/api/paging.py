"""Lists, a page at a time: each page says where the next one is, and that address is all that a caller has to keep."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from typing import Generic, TypeVar
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field

from web.api.calls import Call
from web.api.problems import no_place
from web.reading import number_of

T = TypeVar("T")


class Paged(BaseModel):
    """The part of a list's query that every list has."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(50, ge=1, le=200, description="How many items a page has at most.")
    after: str | None = Field(
        None,
        min_length=1,
        max_length=400,
        description="Where the page begins: taken from `next` of the page before, never made.",
    )

    @property
    def place(self) -> str:
        """What the cursor stands for; empty for the first page. Raises Refusal."""
        return _opened(self.after) if self.after else ""

    @property
    def number(self) -> int | None:
        """The same for lists that go on from a number. Raises Refusal."""
        if not (place := self.place):
            return None
        if (number := number_of(place)) is None:
            raise no_place()
        return number


class Page(BaseModel, Generic[T]):
    """One page of a list. `next` is the address of the next one, null on the last."""

    items: list[T]
    next: str | None = None


def page(call: Call, items: Iterable[T], *, after: object | None) -> Page[T]:
    """`after` is the place from which the next page goes on; None on the last page. The answer says it in a header too."""
    found = list(items)
    if after is None:
        return Page(items=found)
    pairs = [pair for pair in call.query if pair[0] != "after"]
    following = f"{call.path}?{urlencode([*pairs, ('after', _closed(str(after)))])}"
    call.headers["link"] = f'<{following}>; rel="next"'
    return Page(items=found, next=following)


def _closed(place: str) -> str:
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def _opened(cursor: str) -> str:
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise no_place() from None
