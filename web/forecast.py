"""What the page at `/forecast` shows: the forecast, kept for a while as it may take seconds, and its days as bars."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from threading import Lock
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from domain.forecast import Day, Forecast
from domain.hours import SATURDAY
from infra.clock import Clock
from infra.forecasting import foresee
from infra.settings import Settings

DAYS = 30
KEPT_FOR = timedelta(minutes=1)
# However large the portfolio: at most a tenth of the machine's time goes into forecasts.
RESTS = 10
# The picture's own units; it is stretched to the page.
BAR, GAP, HALF = 8, 2, 50


class Foresight:
    """The last forecast, made anew on demand once it is old. While one thread makes it, the others show the one before."""

    def __init__(
        self, engine: Engine, settings: Settings, clock: Clock, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._engine, self._settings, self._clock, self._monotonic = engine, settings, clock, monotonic
        self._making, self._rests_until = Lock(), 0.0
        self._last: Forecast | None = None

    @property
    def fallback(self) -> ZoneInfo:
        """The zone of creators whose own is not known."""
        return ZoneInfo(self._settings.quiet_zone)

    def latest(self) -> Forecast:
        """May take seconds: to be called in a thread. Raises what the database raises."""
        last = self._last
        if last is not None and (self._is_fresh(last) or self._making.locked()):
            return last
        with self._making:
            if self._last is None or not self._is_fresh(self._last):
                self._last = self._made()
            return self._last

    def _is_fresh(self, last: Forecast) -> bool:
        return self._clock.now() - last.now < KEPT_FOR or self._monotonic() < self._rests_until

    def _made(self) -> Forecast:
        began = self._monotonic()
        made = foresee(self._engine, self._settings, now=self._clock.now(), days=DAYS)
        ended = self._monotonic()
        self._rests_until = ended + RESTS * (ended - began)
        return made


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """One day of the picture: messages rise above the line, lapses hang below it; heights in the picture's units."""

    x: int
    messages: float
    lapses: float
    is_weekend: bool


def bars(days: Sequence[Day]) -> list[Bar]:
    """Each half has a scale of its own: its largest day fills it."""
    most_messages = max((day.messages for day in days), default=0) or 1
    most_lapses = max((day.lapses for day in days), default=0) or 1
    return [
        Bar(
            x=place * (BAR + GAP),
            messages=round(day.messages / most_messages * HALF, 1),
            lapses=round(day.lapses / most_lapses * HALF, 1),
            is_weekend=day.day.weekday() >= SATURDAY,
        )
        for place, day in enumerate(days)
    ]
