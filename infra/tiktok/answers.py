"""What a call to TikTok comes to. A refusal and a lost answer are values, each with its own treatment; none is raised.

Also the values that the client returns and that only it knows; posts, identities and ads are in domain/posts.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, TypeAlias, TypeVar

from domain.refusals import Refusal

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered(Generic[T]):
    """TikTok said yes (code 0)."""

    value: T
    request_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """TikTok said no, in its own words (`message`, without codes and tokens) and in ours (`refusal`)."""

    code: int
    message: str
    request_id: str
    refusal: Refusal


@dataclass(frozen=True, kw_only=True, slots=True)
class Later:
    """Nothing happened; ask again `after` this span: a bucket is empty, TikTok is busy or away, or a read failed.

    `is_trouble`: no limit of anybody's, but no answer, or one that cannot be read; it may be the same for ever.
    """

    after: timedelta
    reason: str
    request_id: str | None = None
    is_trouble: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Lost:
    """A write that may have happened: its answer never came, could not be read, or told of trouble inside TikTok."""

    reason: str
    request_id: str | None = None


Answer: TypeAlias = Answered[T] | Refused | Later | Lost


@dataclass(frozen=True, kw_only=True, slots=True)
class Page(Generic[T]):
    """One page of a list; `page` counts from 1, `pages` and `total` are what TikTok says of the whole list.

    Both are 0 where TikTok does not say: then a full page, of `size` rows, is not the last one. `unread` are the ids of
    rows that could not be read, None for one without an id; they are no items.
    """

    items: tuple[T, ...]
    page: int
    pages: int
    total: int
    size: int = 1
    unread: tuple[str | None, ...] = ()

    @property
    def rows(self) -> int:
        """How many rows came, read or not."""
        return len(self.items) + len(self.unread)

    @property
    def is_last(self) -> bool:
        """Whether nothing follows."""
        return not self.rows or (self.page >= self.pages if self.pages else self.rows < self.size)


@dataclass(frozen=True, kw_only=True, slots=True)
class Connection:
    """What an OAuth code was exchanged for; the token has no end and reads as nothing in a repr."""

    access_token: str = field(repr=False)
    advertiser_ids: tuple[str, ...]
    scope: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """A TikTok account that a Business Center holds; `roles` are TikTok's words (POST, LIVE, …)."""

    asset_id: str
    name: str
    roles: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeStatus:
    """A creator's own view of a post's code; `status` is NOT_USED, IN_USE, EXPIRED, DELETED or a newer word."""

    item_id: str
    status: str
    code: str | None = field(default=None, repr=False)
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    days: int | None = None
