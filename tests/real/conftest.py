"""Real Redis, real PostgreSQL, real processes: one fleet for all tests, and a table of the times to recover at the end."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.fleet import Fleet

RECOVERIES = pytest.StashKey[dict[str, float]]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "real: starts and kills real processes on a real Redis and PostgreSQL")
    config.stash[RECOVERIES] = {}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if recoveries := config.stash[RECOVERIES]:
        terminalreporter.section("time to recover under load")
        for fault, seconds in sorted(recoveries.items()):
            terminalreporter.line(f"{seconds:6.2f} s  {fault}")


@pytest.fixture
def recoveries(pytestconfig: pytest.Config) -> dict[str, float]:
    """Seconds by fault, shown at the end of the run."""
    return pytestconfig.stash[RECOVERIES]


@pytest.fixture(scope="session")
def fleet() -> Iterator[Fleet]:
    redis_server = shutil.which("redis-server")
    if redis_server is None or sys.platform == "win32":
        pytest.skip("there is no redis-server on this machine: install the package redis-server")
    folder = Path(tempfile.mkdtemp(prefix="everspark-"))
    fleet = Fleet(folder, redis_server)
    try:
        fleet.starts_all()
        yield fleet
    finally:
        fleet.ends()
        shutil.rmtree(folder, ignore_errors=True)
