"""One advertiser as TikTok shows it: pages read to their end, calls counted, and a way out where an answer is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Generic, TypeVar

from domain.posts import AdSeen, Identity, Post
from infra.tiktok.answers import Answer, Answered, Later, Lost, Page, Refused
from infra.tiktok.api import AFTER_TROUBLE
from infra.tiktok.client import Advertiser
from infra.tiktok.sizes import MOST_AD_GROUPS, MOST_ADS_BY_ID

T = TypeVar("T")
# What `keyword` takes for an id, not for words of a caption.
DIGITS_OF_AN_ID = 19


class UnansweredError(Exception):
    """TikTok did not tell: `answer` says why. Ends the reading; what was read before it stands."""

    def __init__(self, answer: Refused | Later | Lost) -> None:
        super().__init__(answer.message if isinstance(answer, Refused) else answer.reason)
        self.answer = answer


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed(Generic[T]):
    """A list that was read to its end. `is_whole`: what is not in it is not there; `unread` are ids of unreadable rows."""

    items: Sequence[T]
    is_whole: bool
    unread: Sequence[str | None] = ()


def nothing() -> None:
    """Where nobody wants to hear of each answer."""


@dataclass(slots=True)
class Reading:
    """The calls of one look at one advertiser. Raises UnansweredError where a call brings nothing.

    `beat` is called after each answer.
    """

    advertiser: Advertiser
    bc_id: str | None = None
    calls: int = 0
    beat: Callable[[], None] = nothing

    def posts(self) -> Iterator[Page[Post]]:
        """All bound posts, a page at a time."""
        return self._pages(lambda page: self.advertiser.posts(page=page, is_lenient=True))

    def posts_of(self, item_id: str) -> list[Post]:
        """The rows of one bound post; none where the list has none of this id. Raises ValueError for what is no id of TikTok's."""
        if not is_item_id(item_id):
            raise ValueError(f"{item_id} is not a post's id")
        found = self.value(self.advertiser.posts(keyword=item_id))
        return [post for post in found.items if post.item_id == item_id]

    def ads(self) -> Listed[AdSeen]:
        """All ads that are not deleted. Rows move while pages are read: the list is whole if as many as TikTok counts came."""
        pages = list(self._pages(lambda number: self.advertiser.ads(page=number, is_lenient=True)))
        found = {ad.ad_id: ad for page in pages for ad in page.items}
        return Listed(
            items=list(found.values()),
            is_whole={page.total for page in pages} == {len(found)} and bool(found),
            unread=[each for page in pages for each in page.unread],
        )

    def ads_by_id(self, ad_ids: Sequence[str]) -> Listed[AdSeen]:
        """These ads, deleted ones too; `unread` are the ids of which it is not sure that they are not there."""
        found, unread = list[AdSeen](), list[str | None]()
        for begin in range(0, len(ad_ids), MOST_ADS_BY_ID):
            asked = ad_ids[begin : begin + MOST_ADS_BY_ID]
            page = self.value(self.advertiser.ads_by_id(asked, is_lenient=True))
            found += page.items
            unread += asked if None in page.unread else page.unread
        told = {ad.ad_id for ad in found}
        return Listed(items=found, is_whole=not unread, unread=[each for each in unread if each not in told])

    def identities(self, identity_type: str) -> Listed[Identity]:
        """All identities of one type. Account access needs a Business Center; without one there is none."""
        pages = list(
            self._pages(
                lambda page: self.advertiser.identities(identity_type, bc_id=self.bc_id, page=page, is_lenient=True)
            )
        )
        unread = [each for page in pages for each in page.unread]
        return Listed(items=[each for page in pages for each in page.items], is_whole=not unread, unread=unread)

    def flight_ends(self, adgroup_ids: Sequence[str]) -> dict[str, datetime | None]:
        """When these ad groups end; None runs until it is stopped."""
        ids, ends = list(dict.fromkeys(adgroup_ids)), dict[str, datetime | None]()
        for begin in range(0, len(ids), MOST_AD_GROUPS):
            groups = self.value(self.advertiser.ad_groups(ids[begin : begin + MOST_AD_GROUPS]))
            ends |= {group.adgroup_id: group.ends_at for group in groups}
        return ends

    def value(self, answer: Answer[T]) -> T:
        """What was answered."""
        self.calls += 1
        self.beat()
        if isinstance(answer, Answered):
            return answer.value
        raise UnansweredError(answer)

    def _pages(self, ask: Callable[[int], Answer[Page[T]]]) -> Iterator[Page[T]]:
        """Raises UnansweredError where the same page comes for another number: such a list has no end."""
        before: tuple[T, ...] = ()
        for number in count(1):
            page = self.value(ask(number))
            if page.items and page.items == before:
                raise UnansweredError(Later(after=AFTER_TROUBLE, reason="the same page came twice", is_trouble=True))
            yield page
            if page.is_last:
                return
            before = page.items


def is_item_id(text: str) -> bool:
    """Whether this may be looked for by `keyword`."""
    return text.isdigit() and len(text) >= DIGITS_OF_AN_ID
