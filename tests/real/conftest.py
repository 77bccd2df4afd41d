"""Real Redis, real PostgreSQL, real processes: one fleet for all tests of faults."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.fleet import Fleet


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "real: starts and kills real processes on a real Redis and PostgreSQL")


@pytest.fixture(scope="module")
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
