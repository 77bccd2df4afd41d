"""How long TikTok is left alone after it said "too often" or "busy": by its code and by what its text says of the span."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from enum import StrEnum
from threading import Lock

OK, PARTLY = 0, 20001
# Refused before anything was done: too often (of an app, of a field's value, of an advertiser), and locks held by others.
APP_TOO_OFTEN, VALUE_TOO_OFTEN, ADVERTISER_TOO_OFTEN = frozenset((40016, 40100)), 40132, 40133
WRITE_CONFLICT, TASK_NOT_READY = 40202, 40201
TOO_OFTEN = APP_TOO_OFTEN | {VALUE_TOO_OFTEN, ADVERTISER_TOO_OFTEN}
BUSY = TOO_OFTEN | {WRITE_CONFLICT, TASK_NOT_READY}
# 40050 is "duplicate request": an earlier one of the same kind was taken, so of a write nothing is known.
DUPLICATE = 40050
# TikTok's own trouble (50000, 50002, 51305, 60001): whether a write was done is not said.
TROUBLE = range(50_000, 70_000)

SPANS = re.compile(r"\bQP(?P<span>[SMD])\b|\bper (?P<word>second|minute|day)\b|\b(?P<daily>daily)\b", re.IGNORECASE)
# A second's limit is free in the next one; a breach of a minute's limit costs about five minutes, of a day's the day.
# (TikTok's page on rate limits; tt_video/authorize/ was seen to clear after some 1.5 s.)
AFTER_QPS, AFTER_QPM = timedelta(seconds=2), timedelta(minutes=5)
SHORTEST, LONGEST = timedelta(seconds=2), timedelta(minutes=5)
MOST_DOUBLINGS = 8


class Scope(StrEnum):
    """What is left alone: all calls of the app, one path, or one advertiser on one path."""

    APP = "app"
    PATH = "path"
    ADVERTISER = "advertiser"


def scope_of(code: int, message: str) -> Scope:
    """Whom the limit counts."""
    if code in APP_TOO_OFTEN:
        return Scope.PATH if "path" in message.lower() else Scope.APP
    return Scope.ADVERTISER


def span_of(message: str, *, times: int, now: datetime) -> timedelta:
    """How long to wait; `times` counts breaches in a row and matters only where the text says nothing."""
    match said(message):
        case "s":
            return AFTER_QPS
        case "m":
            return AFTER_QPM
        case "d":
            return midnight_after(now) - now
        case _:
            doublings: int = 2 ** min(times - 1, MOST_DOUBLINGS)
            return min(SHORTEST * doublings, LONGEST)


def said(message: str) -> str | None:
    """The span that the text names by its first letter; the longest one where it names several."""
    letters = {(found["span"] or found["word"] or "d")[0].lower() for found in SPANS.finditer(message)}
    return next((letter for letter in "dms" if letter in letters), None)


def midnight_after(now: datetime) -> datetime:
    """The next 00:00 UTC: when a day's limit is free again."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


class Breaches:
    """How many times in a row each bucket was refused, for all threads of a process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._times: dict[str, int] = {}

    def count(self, bucket: str) -> int:
        """One more; answers how many in a row."""
        with self._lock:
            self._times[bucket] = self._times.get(bucket, 0) + 1
            return self._times[bucket]

    def forget(self, *buckets: str) -> None:
        """These have just been answered."""
        if self._times:
            with self._lock:
                for bucket in buckets:
                    self._times.pop(bucket, None)
