"""When operators are told: once when something is new, grouped and counted, and once when all of it is over.

The whole memory is the last word that was said about a topic. A word that would change nothing but a count waits until
the span is over, and is then said only if something joined.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Topic(StrEnum):
    """What an alert is about; each topic of each owner has a thread of its own."""

    RENEWALS = "renewals"
    LAPSES = "lapses"
    CONNECTIONS = "connections"
    WEBHOOKS = "webhooks"
    SERVICE = "service"


@dataclass(frozen=True, kw_only=True, slots=True)
class Board:
    """What is open of one topic. What joined is seen by a number that only rises (`newest`) and by names."""

    count: int = 0
    newest: int = 0
    names: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class Word:
    """The last alert of a topic. `was_heard` is false where it failed, or nobody knows whether it arrived."""

    at: datetime
    is_resolved: bool = False
    newest: int = 0
    names: frozenset[str] = frozenset()
    was_heard: bool = True


class Say(StrEnum):
    """What is to be said now."""

    OPEN = "open"
    RESOLVED = "resolved"


def next_word(last: Word | None, board: Board, *, now: datetime, span: timedelta) -> Say | None:
    """What operators should be told now, or None. Resolution is told once, and only of what was told."""
    if not board.count:
        return Say.RESOLVED if last is not None and not last.is_resolved else None
    if last is None:
        return Say.OPEN
    has_news = bool(news_of(last, board))
    if last.is_resolved:
        # What was told, resolved and came back within the span is a flutter; what is new is not.
        return Say.OPEN if has_news or now - last.at >= span else None
    if now - last.at < span:
        return None
    return Say.OPEN if has_news or not last.was_heard else None


def next_change(last: Word | None, board: Board, *, now: datetime, span: timedelta) -> Say | None:
    """The same where each name counts, and one that is gone is news too: hysteresis has kept the board calm already."""
    told: frozenset[str] = frozenset() if last is None or last.is_resolved else last.names
    is_unheard = last is not None and not last.was_heard and now - last.at >= span
    if board.names == told and not (told and is_unheard):
        return None
    return Say.OPEN if board.names else Say.RESOLVED


def news_of(last: Word, board: Board) -> tuple[str, ...]:
    """What stands on the board and was not told."""
    return tuple(_news(last, board))


def _news(last: Word, board: Board) -> Iterator[str]:
    if board.newest > last.newest:
        yield str(board.newest)
    yield from sorted(board.names - last.names)
