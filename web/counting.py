"""Deliveries, counted in memory where they are answered, and written down every few seconds."""

from __future__ import annotations

import asyncio

import structlog
from sqlalchemy import Engine

from infra import deliveries
from infra.clock import Clock
from infra.database import OUTAGES, hot
from infra.deliveries import Counted, Tally

log = structlog.get_logger()

COUNTS_SECONDS = 5.0


class Counting:
    """Writes what the ingress has counted, every few seconds and as the process stops; what is not written yet stays counted."""

    def __init__(self, tally: Tally, engine: Engine, clock: Clock) -> None:
        self._tally, self._engine, self._clock = tally, engine, clock

    async def keep(self) -> None:
        while True:
            await asyncio.sleep(COUNTS_SECONDS)
            await self.write()

    async def write(self) -> None:
        if not (taken := self._tally.take()):
            return
        try:
            await asyncio.to_thread(self._add, taken)
        except OUTAGES as error:
            self._tally.give_back(taken)
            log.warning("deliveries_not_counted", error=type(error).__name__)
        except Exception:
            # Nothing would be counted until the process is started again.
            self._tally.give_back(taken)
            log.exception("deliveries_not_counted")

    def _add(self, taken: Counted) -> None:
        with hot(self._engine) as connection:
            deliveries.add(connection, taken, now=self._clock.now())
