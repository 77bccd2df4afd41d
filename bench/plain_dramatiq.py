"""Baseline (a): plain dramatiq. One event a message, one session and one commit for each; default worker settings."""

from __future__ import annotations

import os
from typing import Any

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from sqlmodel import Session

from bench import plain
from infra.tables import Inbox

broker = RedisBroker(url=os.environ["EVERSPARK_REDIS_URL"])  # type: ignore[no-untyped-call]
dramatiq.set_broker(broker)
engine = plain.make_engine()


@dramatiq.actor
def take(message: dict[str, Any]) -> None:
    """An event that came on the queue."""
    plain.take(engine, message)


@dramatiq.actor
def apply_stored(seq: int) -> None:
    """An event that the web process has stored already (bench/plain_fastapi.py)."""
    with Session(engine) as session:
        event = session.get_one(Inbox, seq)
        plain.apply(session, event)
        session.commit()
