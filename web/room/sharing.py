"""Reports that many open pages ask for at once, read once: two hundred pages of one kind cost as much as one.

The key is the mark of which a page was told: what is made for a mark is at least as new, so nobody waits for a clock.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Any, TypeVar, cast

from web.room.calls import Call

T = TypeVar("T")
MOST_KEPT = 64


class Shared:
    """The last reports by name and mark. Only pages that fetch themselves again share; who opens a page sees it fresh."""

    def __init__(self, *, most: int = MOST_KEPT) -> None:
        self._most, self._lock = most, Lock()
        self._kept: OrderedDict[tuple[str, str], Report] = OrderedDict()

    def read(self, call: Call, name: str, make: Callable[[], T]) -> T:
        """What `make` makes; of those who ask for the same one waits for another's. `name` says what is read, wholly."""
        if not call.is_refresh:
            return make()
        with self._lock:
            report = self._kept.setdefault((name, call.mark), Report())
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return cast("T", report.read(make))


class Report:
    """Made by the first who asks."""

    def __init__(self) -> None:
        self._lock, self._made = Lock(), list[Any]()

    def read(self, make: Callable[[], Any]) -> Any:
        with self._lock:
            if not self._made:
                self._made.append(make())
            return self._made[0]
