"""TikTok's rate limits: fixed windows of a second, a minute and a day for each app, and a cap for each advertiser and path."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from simulator.catalogue import Refused

APP, ADVERTISER = 40100, 40133
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
BLOCK = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate:
    """Calls for each second, minute and day."""

    second: int
    minute: int
    day: int


LEVELS = {
    "basic": Rate(second=10, minute=600, day=864_000),
    "advanced": Rate(second=20, minute=1_200, day=1_728_000),
    "premium": Rate(second=30, minute=1_800, day=2_592_000),
    "ultimate": Rate(second=50, minute=3_000, day=4_320_000),
}
SANDBOX = Rate(second=1, minute=30, day=1_000)


@dataclass(slots=True)
class Window:
    """How many calls came in the current second, minute and day, and until when the bucket is blocked."""

    started: dict[timedelta, datetime] = field(default_factory=dict)
    counts: dict[timedelta, int] = field(default_factory=dict)
    blocked_until: datetime | None = None

    def count(self, span: timedelta, now: datetime) -> int:
        """The calls of the window of `span` that `now` lies in."""
        start = _floor(now, span)
        if self.started.get(span) != start:
            self.started[span], self.counts[span] = start, 0
        return self.counts[span]

    def add(self, *spans: timedelta) -> None:
        """Counts a call in these windows, in all without any."""
        for span in spans or tuple(self.counts):
            self.counts[span] += 1


@dataclass(slots=True)
class Limiter:
    """Off until told otherwise, since a clock by hand never reaches the next second.

    `advertiser_second`: calls a second for one advertiser on a path; tt_video/authorize is said to be throttled harder
    than the rest, the number is unknown. `app_paths`: lower limits of an app on a path, as published for ad/create.
    """

    is_on: bool = False
    advertiser_second: dict[str, int] = field(default_factory=lambda: {"tt_video/authorize": 5})
    app_paths: dict[str, Rate] = field(
        default_factory=lambda: {"ad/create": Rate(second=5, minute=150, day=86_400)},
    )
    refused: int = 0
    _windows: defaultdict[str, Window] = field(default_factory=lambda: defaultdict(Window))

    def check(self, *, app_id: str, level: str, path: str, advertiser_id: str | None, now: datetime) -> None:
        """Counts a call. Raises 40100 or 40133 when it is one too many.

        A call too many in its second still counts in its minute: who hammers on is blocked for five.
        """
        if not self.is_on:
            return
        try:
            self._check(app_id=app_id, level=level, path=path, advertiser_id=advertiser_id, now=now)
        except Refused:
            self.refused += 1
            raise

    def check_sandbox(self, *, app_id: str, path: str, now: datetime) -> None:
        """The sandbox counts each path by itself."""
        window = self._windows[f"sandbox:{app_id}:{path}"]
        if self.is_on:
            _check_app(window, SANDBOX, now)
            window.add()

    def forget(self) -> None:
        """Every window begins anew."""
        self._windows.clear()
        self.refused = 0

    def _check(self, *, app_id: str, level: str, path: str, advertiser_id: str | None, now: datetime) -> None:
        taken = [self._windows[f"app:{app_id}"]]
        _check_app(taken[0], LEVELS[level], now)
        if path in self.app_paths:
            taken.append(self._windows[f"app:{app_id}:{path}"])
            _check_app(taken[-1], self.app_paths[path], now)
        if advertiser_id and path in self.advertiser_second:
            taken.append(self._windows[f"advertiser:{advertiser_id}:{path}"])
            _check_advertiser(taken[-1], advertiser_id, self.advertiser_second[path], now)
        for window in taken:
            window.add()


def _check_app(window: Window, rate: Rate, now: datetime) -> None:
    if window.blocked_until and now < window.blocked_until:
        raise Refused(APP, "Too many requests: the app is blocked for a while, please retry later.")
    if window.count(DAY, now) >= rate.day:
        window.blocked_until = _floor(now, DAY) + DAY
        raise Refused(APP, f"Too many requests: the app's QPD reaches QPD limit {rate.day}.")
    if window.count(MINUTE, now) >= rate.minute:
        window.blocked_until = now + BLOCK
        raise Refused(APP, f"Too many requests: the app's QPM reaches QPM limit {rate.minute}.")
    if window.count(SECOND, now) >= rate.second:
        window.add(MINUTE, DAY)
        raise Refused(APP, f"Too many requests: the app's QPS reaches QPS limit {rate.second}.")


def _check_advertiser(window: Window, advertiser_id: str, most: int, now: datetime) -> None:
    count = window.count(SECOND, now)
    if count >= most:
        raise Refused(
            ADVERTISER,
            f"Advertiser ({advertiser_id})'s QPS ({count + 1}) reaches QPS limit {most} for current path, retry later.",
        )


def _floor(now: datetime, span: timedelta) -> datetime:
    if span == SECOND:
        return now.replace(microsecond=0)
    if span == MINUTE:
        return now.replace(second=0, microsecond=0)
    return now.replace(hour=0, minute=0, second=0, microsecond=0)
