"""One PostgreSQL for the whole run (for each process of it), migrated once; each test finds its tables empty and a clock
to move by hand.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog
from sqlalchemy import Engine, text

from infra import bulk_tables, embedded, people_tables  # noqa: F401 - they declare tables
from infra.clock import HandClock
from infra.database import hot, make_engine, migrate
from infra.logs import LIBRARIES
from infra.vault import Vault
from tests.emptying import empty

START = datetime(2026, 11, 22, 10, tzinfo=UTC)

# It need not survive a power cut, so it does not wait for the disk; and nothing happens in it but what a test does.
SERVER_OPTIONS = {"fsync": "off", "autovacuum": "off"}

# Of several processes that share the tests (pytest-xdist), one runs the whole folder: what starts a fleet of processes or a
# browser starts it once, and does not compete with its like for the machine.
KEPT_TOGETHER = ("browser", "real")


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent.name in KEPT_TOGETHER:
            item.add_marker(pytest.mark.xdist_group(item.path.parent.name))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What the tests of real faults recorded, in whichever process they ran."""
    passed = terminalreporter.stats.get("passed", ())
    if recorded := sorted(each for report in passed for each in report.user_properties):
        terminalreporter.section("seconds to recover under load")
        for fault, seconds in recorded:
            terminalreporter.line(f"{seconds:6.2f}  {fault}")


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    """What a test, or a command that it ran, configured ends with it: at debug, every library would talk in all tests after."""
    loggers = [logging.getLogger(name) for name in ("root", *LIBRARIES)]
    before = [(logger.handlers[:], logger.level) for logger in loggers]
    yield
    for logger, (handlers, level) in zip(loggers, before, strict=True):
        logger.handlers[:] = handlers
        logger.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def data_dir() -> Iterator[Path]:
    """A folder under a short path, which a server of another account may pass through (pytest closes its own)."""
    folder = Path(tempfile.mkdtemp(prefix="everspark-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def database_url(data_dir: Path) -> Iterator[str]:
    """A migrated database for this run."""
    with embedded.server(data_dir) as url:
        migrate(url)
        engine = make_engine(url)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for name, value in SERVER_OPTIONS.items():
                connection.execute(text(f"alter system set {name} = {value}"))
            connection.execute(text("select pg_reload_conf()"))
        engine.dispose()
        yield url


@pytest.fixture(scope="session")
def _session_engine(database_url: str) -> Iterator[Engine]:
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def engine(_session_engine: Engine) -> Engine:
    """An engine on empty tables, numbered from one again."""
    with hot(_session_engine) as connection:
        empty(connection)
    return _session_engine


@pytest.fixture
def clock() -> HandClock:
    """Ten in the morning, UTC, on 22 November 2026."""
    return HandClock(START)


@pytest.fixture
def vault() -> Vault:
    return Vault(bytes(range(32)))
