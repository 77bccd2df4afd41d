"""One advertiser as TikTok shows it: pages read to their end, calls counted, and a way out where an answer is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import TypeVar

from domain.posts import AdSeen, Identity, Post
from infra.tiktok.answers import Answer, Answered, Later, Lost, Page, Refused
from infra.tiktok.client import MOST_AD_GROUPS, Advertiser

T = TypeVar("T")
# What `keyword` takes for an id, not for words of a caption.
DIGITS_OF_AN_ID = 19


class UnansweredError(Exception):
    """TikTok did not tell: `answer` says why. Ends the reading; what was read before it stands."""

    def __init__(self, answer: Refused | Later | Lost) -> None:
        super().__init__(answer.message if isinstance(answer, Refused) else answer.reason)
        self.answer = answer


@dataclass(slots=True)
class Reading:
    """The calls of one look at one advertiser. Raises UnansweredError where a call brings nothing."""

    advertiser: Advertiser
    bc_id: str | None = None
    calls: int = 0

    def posts(self) -> Iterator[tuple[Post, ...]]:
        """All bound posts, a page at a time."""
        return self._pages(lambda page: self.advertiser.posts(page=page))

    def post(self, item_id: str) -> Post | None:
        """One bound post, or None where the list has none of this id. Raises ValueError for what is no id of TikTok's."""
        if not is_item_id(item_id):
            raise ValueError(f"{item_id} is not a post's id")
        found = self.value(self.advertiser.posts(keyword=item_id))
        return next((post for post in found.items if post.item_id == item_id), None)

    def ads(self) -> list[AdSeen]:
        return [ad for page in self._pages(lambda number: self.advertiser.ads(page=number)) for ad in page]

    def identities(self, identity_type: str) -> list[Identity]:
        """All identities of one type. Account access needs a Business Center; without one there is none."""
        pages = self._pages(lambda page: self.advertiser.identities(identity_type, bc_id=self.bc_id, page=page))
        return [identity for page in pages for identity in page]

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
        if isinstance(answer, Answered):
            return answer.value
        raise UnansweredError(answer)

    def _pages(self, ask: Callable[[int], Answer[Page[T]]]) -> Iterator[tuple[T, ...]]:
        for number in count(1):
            page = self.value(ask(number))
            yield page.items
            if page.is_last or not page.items:
                return


def is_item_id(text: str) -> bool:
    """Whether this may be looked for by `keyword`."""
    return text.isdigit() and len(text) >= DIGITS_OF_AN_ID
