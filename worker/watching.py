"""The watch: whether vows hold, sweeps come round, events are handled and money at risk stays within its limit; and the
alerts when that changes.

Each worker process has a thread that goes round once a minute, whoever else has died: it needs neither a scheduler nor
Redis. One of them at a time, by a lock of the database; what stands is in the database too, so it does not matter which.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import dramatiq
import structlog
from sqlalchemy import Engine

from infra import outbox, watched
from infra.channel_urls import Channels
from infra.channels import AppriseMessenger, Messenger
from infra.clock import Clock
from infra.database import OUTAGES, hot, reason_of
from infra.watched import Limits
from worker.climbing import ALERTS_LOCK, Rules, Tally, say_alerts

EVERY_SECONDS = 60.0

log = structlog.stdlib.get_logger(__name__)


def watch(
    engine: Engine,
    clock: Clock,
    *,
    channels: Channels,
    limits: Limits,
    messenger: Messenger | None = None,
    rules: Rules | None = None,
) -> Tally:
    """One round. While another process goes round, or says alerts, it does nothing."""
    rules = rules or Rules()
    with outbox.sole_payer(engine, lock=ALERTS_LOCK) as is_sole:
        if not is_sole:
            return Tally()
        with hot(engine) as connection:
            changes = watched.look_round(connection, limits, now=clock.now())
        for each in changes.opened:
            log.warning("alert_opened", name=each.name, sentence=each.sentence)
        for each in changes.resolved:
            log.info("alert_resolved", name=each.name)
        messenger = messenger or AppriseMessenger()
        owed, told = say_alerts(engine, clock, channels=channels, messenger=messenger, rules=rules)
    return Tally(opened=len(changes.opened), resolved=len(changes.resolved), owed=owed, told=told)


class Watchman(dramatiq.Middleware):
    """Goes round as long as the worker of its process runs, however that was started."""

    def __init__(self, go_round: Callable[[], object], *, every_seconds: float = EVERY_SECONDS) -> None:
        self._go_round, self._every = go_round, every_seconds
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def after_worker_boot(self, _broker: dramatiq.Broker, _worker: Any) -> None:
        """Begins, unless it goes round already."""
        if self._thread is None:
            self._stopping.clear()
            self._thread = threading.Thread(target=self._walk, name="watch", daemon=True)
            self._thread.start()

    def before_worker_shutdown(self, _broker: dramatiq.Broker, _worker: Any) -> None:
        """Finishes the round in hand; a worker that never came up has none."""
        if self._thread is not None:
            self._stopping.set()
            self._thread.join()
            self._thread = None

    def _walk(self) -> None:
        while True:
            try:
                self._go_round()
            except OUTAGES as error:
                log.info("work_postponed", actor="watch", reason=reason_of(error))
            except Exception:
                # A watch that ends for one mishap is one that nobody misses.
                log.exception("watch_failed")
            if self._stopping.wait(self._every):
                return
