"""One scheduler works, the others stand by: elections, and the turn that a sweep is given by the one who leads."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import psycopg
import structlog
from sqlalchemy import Engine

from infra import leases
from infra.database import hot
from infra.settings import Settings

OFFICE = "scheduler"
log = structlog.get_logger()


class Nudging(Protocol):
    """What a sweep needs of infra.broker.Nudges; no call ever raises."""

    def mailboxes(self, numbers: Iterable[int]) -> None: ...

    def outbox(self) -> None: ...

    def calls(self) -> None: ...

    def hooks(self) -> None: ...

    def bulks(self) -> None: ...

    def imports(self) -> None: ...

    def climbs(self) -> None: ...

    def looks(self) -> None: ...

    def summaries(self) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """What one sweep works with. `now` stands still, so that a long catch-up has an end."""

    engine: Engine
    now: datetime
    nudges: Nudging
    settings: Settings
    fence: int
    is_stopping: Callable[[], bool]


@contextmanager
def as_leader(turn: Turn) -> Iterator[psycopg.Connection]:
    """One transaction that only the present leader can commit. Raises leases.Deposed."""
    with hot(turn.engine) as connection:
        leases.stand(connection, name=OFFICE, fence=turn.fence)
        yield connection


class Leadership:
    """The standing of this process in the election. `fence` is None while another leads."""

    def __init__(self, engine: Engine, *, seconds: float, holder: str = "") -> None:
        self._engine = engine
        self._seconds = seconds
        self.holder = holder or f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self.fence: int | None = None

    def campaign(self) -> bool:
        """Takes the lead or renews it; whether this very call won it. An outage leaves the standing as it was:
        writes are fenced, so believing too long does no harm.
        """
        with hot(self._engine) as connection:
            fence = leases.acquire(connection, name=OFFICE, holder=self.holder, seconds=self._seconds)
        if fence is None:
            self.stand_down()
            return False
        is_won = fence != self.fence
        self.fence = fence
        if is_won:
            log.info("leader_elected", holder=self.holder, fence=fence)
        return is_won

    def stand_down(self) -> None:
        """Accepts that another leads."""
        if self.fence is not None:
            log.warning("leader_deposed", holder=self.holder, fence=self.fence)
        self.fence = None

    def resign(self) -> None:
        """Gives the lead back, so that a stand-by takes over at its next campaign."""
        if self.fence is None:
            return
        fence, self.fence = self.fence, None
        with hot(self._engine) as connection:
            leases.release(connection, name=OFFICE, holder=self.holder)
        log.info("leader_resigned", holder=self.holder, fence=fence)
