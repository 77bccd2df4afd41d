"""Baseline (b): plain Celery. One event a task, one session and one commit for each; default worker settings."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from celery.signals import worker_process_init

from bench import plain

app = Celery("plain", broker=os.environ["EVERSPARK_REDIS_URL"])
engine = plain.make_engine()


@worker_process_init.connect  # type: ignore[untyped-decorator]
def forget_inherited_connections(**_: object) -> None:
    """Pool processes are forks: each needs connections of its own."""
    engine.dispose(close=False)


@app.task(ignore_result=True)  # type: ignore[untyped-decorator]
def take(message: dict[str, Any]) -> None:
    plain.take(engine, message)
