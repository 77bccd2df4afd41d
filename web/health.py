"""Whether the process lives (/healthz), and whether the service as a whole does its work (/readyz)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from infra.clock import Clock
from infra.reports.pulse import OLDEST
from infra.settings import Settings

log = structlog.get_logger()

# A leader is replaced within a lease, and its successor sweeps at once; a few intervals on top are patience.
SWEEPS_LATE = 6
UNHANDLED_FOR = timedelta(minutes=5)

LAST_SWEEP = "SELECT ended_at FROM sweeps WHERE ended_at IS NOT NULL ORDER BY started_at DESC LIMIT 1"

Check = dict[str, Any]


class Readiness:
    """The four checks; each says `ok`, and what it saw. `ping` raises when the queue's broker is away."""

    def __init__(self, engine: Engine, clock: Clock, settings: Settings, ping: Callable[[], None] | None) -> None:
        self._engine, self._clock, self._ping = engine, clock, ping
        self._started_at = clock.now()
        self._patience = timedelta(seconds=settings.lease_seconds + SWEEPS_LATE * settings.sweep_seconds)

    def checks(self) -> dict[str, Check]:
        now = self._clock.now()
        return {**self._from_database(now), "broker": self._broker()}

    def _from_database(self, now: datetime) -> dict[str, Check]:
        try:
            with self._engine.connect() as connection:
                swept = connection.execute(text(LAST_SWEEP)).scalar()
                oldest = connection.execute(text(OLDEST)).scalar()
        except SQLAlchemyError as error:
            log.warning("database_not_ready", error=type(error).__name__)
            unknown = {"ok": False, "detail": "The database does not answer."}
            return {"database": unknown, "sweeps": unknown, "inbox": unknown}
        return {"database": {"ok": True}, "sweeps": self._sweeps(swept, now), "inbox": _inbox(oldest, now)}

    def _sweeps(self, swept: datetime | None, now: datetime) -> Check:
        # A fresh installation has not swept yet: it gets as long as a change of leader would take.
        since = max(swept or self._started_at, self._started_at)
        is_ok = now - since <= self._patience
        detail = "The leader sweeps." if is_ok else "No sweep has ended lately: is a scheduler running?"
        return {"ok": is_ok, "last_ended_at": swept.isoformat() if swept else None, "detail": detail}

    def _broker(self) -> Check:
        if self._ping is None:
            return {"ok": True, "detail": "The queue is in memory."}
        try:
            self._ping()
        except Exception as error:  # noqa: BLE001  whatever a client raises means: away
            log.warning("broker_not_ready", error=type(error).__name__)
            return {"ok": False, "detail": "Redis does not answer; events are kept and handled late."}
        return {"ok": True}


def _inbox(oldest: datetime | None, now: datetime) -> Check:
    age = max(0.0, (now - oldest).total_seconds()) if oldest else 0.0
    is_ok = age <= UNHANDLED_FOR.total_seconds()
    detail = "Events are handled." if is_ok else "An event has waited too long: is a worker running?"
    return {"ok": is_ok, "oldest_unhandled_seconds": round(age, 3), "detail": detail}
