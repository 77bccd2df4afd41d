"""Logs: one line for each unit of work, JSON unless on a terminal, and nothing secret in any of them.

The libraries' own logging goes the same way, so that one reader suffices.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor

log = structlog.get_logger()
HIDDEN = "[redacted]"
SECRET_NAMES = re.compile(
    r"(?i)(secret|password|passwd|token|authorization_header|api_?key|private_?key|cookie)$|^code$|^signature$"
)
SECRET_TEXTS = re.compile(
    r"#[A-Za-z0-9+/=]{30,}"  # a Spark code
    r"|whsec_[A-Za-z0-9+/=_-]+"  # a webhook secret
    r"|(?i:bearer)\s+[A-Za-z0-9._~+/=-]{8,}"
    r"|(?<=://)[^\s/@:]*:[^\s/@]+(?=@)"  # user:password in an address
)
# How loud each library may be: their info lines repeat what our own lines say better.
LIBRARIES = {
    "alembic": "WARNING",
    "apscheduler": "WARNING",
    "dramatiq": "WARNING",
    "uvicorn": "WARNING",
    "httpx": "WARNING",
    "httpcore": "WARNING",
    "urllib3": "ERROR",
    "apprise": "CRITICAL",
}
# What each of dramatiq's consumers says every three seconds while Redis is away, and how often we do for all of them.
CONSUMERS, CANNOT_CONSUME = "dramatiq.worker.ConsumerThread", "Consumer encountered a connection error"
AWAY_IS_TOLD_EVERY_SECONDS = 60


def configure(
    *, log_format: str = "auto", level: str = "info", stream: TextIO | None = None, simulation: bool = False
) -> None:
    """Sends structlog and the libraries' logging to `stream` (standard error), redacted.

    In a `simulation` each line says so, the libraries' lines too.
    """
    target = stream if stream is not None else sys.stderr
    is_json = log_format == "json" or (log_format == "auto" and not target.isatty())
    shared = [*_shared(), _simulated] if simulation else _shared()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,  # a cached logger would escape capture_logs
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering(is_json=is_json)],
        )
    )
    handler.addFilter(QueueAway())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    _quieten()


class QueueAway(logging.Filter):
    """Our own line, with the remedy and once a minute, in place of those of dramatiq's consumers."""

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._seconds, self._again_at, self._lock = seconds, 0.0, threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is another one, and goes its way."""
        if not (record.name.startswith(CONSUMERS) and str(record.msg).startswith(CANNOT_CONSUME)):
            return True
        if self._is_due():
            error = record.getMessage().partition(": ")[2]
            log.warning("queue_away", error=error, remedy="see that Redis runs, and EVERSPARK_REDIS_URL")
        return False

    def _is_due(self) -> bool:
        with self._lock:
            now = self._seconds()
            is_due = now >= self._again_at
            self._again_at = now + AWAY_IS_TOLD_EVERY_SECONDS if is_due else self._again_at
            return is_due


@contextmanager
def unit(**fields: object) -> Iterator[None]:
    """One unit of work: its fields stand on all its lines, and nothing of the unit before on this thread does."""
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(**fields)
    try:
        yield
    finally:
        structlog.contextvars.clear_contextvars()


def redact(_logger: object, _method: str, event: EventDict) -> EventDict:
    """A structlog processor that hides whatever is secret by its name or by its looks."""
    return {name: hidden(value, name) for name, value in event.items()}


def hidden(value: Any, name: str = "") -> Any:
    """The same value without its secrets, however deep they lie."""
    if SECRET_NAMES.search(name) and value is not None and not isinstance(value, bool):
        return HIDDEN
    match value:
        case str():
            return SECRET_TEXTS.sub(HIDDEN, value)
        case bytes() | bytearray():
            return SECRET_TEXTS.sub(HIDDEN, value.decode(errors="replace"))
        case Mapping():
            return {key: hidden(inner, str(key)) for key, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [hidden(inner) for inner in value]
        case _:
            return value if isinstance(value, int | float | None) else SECRET_TEXTS.sub(HIDDEN, str(value))


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.StackInfoRenderer(),
    ]


def _simulated(_logger: object, _method: str, event: EventDict) -> EventDict:
    event["simulation"] = True
    return event


def _rendering(*, is_json: bool) -> list[Processor]:
    # Redaction comes after the traceback became text: exceptions carry values too.
    last: Processor = structlog.processors.JSONRenderer() if is_json else structlog.dev.ConsoleRenderer()
    return [structlog.processors.format_exc_info, redact, last]


def _quieten() -> None:
    for name, level in LIBRARIES.items():
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(level)
    logging.captureWarnings(capture=True)
