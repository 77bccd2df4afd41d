"""One PostgreSQL for the whole run, migrated once; each test finds its tables empty and a clock to move by hand."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlmodel import SQLModel

from infra import embedded
from infra.clock import HandClock
from infra.database import make_engine, migrate
from infra.vault import Vault

START = datetime(2026, 11, 22, 10, tzinfo=UTC)


@pytest.fixture(scope="session")
def data_dir() -> Iterator[Path]:
    """A folder under a short path, which a server of another account may pass through (pytest closes its own)."""
    folder = Path(tempfile.mkdtemp(prefix="everspark-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def database_url(data_dir: Path) -> Iterator[str]:
    """A migrated database for this run. It need not survive a power cut, so it does not wait for the disk."""
    with embedded.server(data_dir) as url:
        migrate(url)
        engine = make_engine(url)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("alter system set fsync = off"))
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
    names = ", ".join(table.name for table in SQLModel.metadata.sorted_tables)
    with _session_engine.begin() as connection:
        connection.execute(text(f"truncate {names} restart identity"))
    return _session_engine


@pytest.fixture
def clock() -> HandClock:
    """Ten in the morning, UTC, on 22 November 2026."""
    return HandClock(START)


@pytest.fixture
def vault() -> Vault:
    return Vault(bytes(range(32)))
