"""The way to PostgreSQL: one pool; transactions calm (SQLModel) and hot (psycopg); migrations."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import psycopg
from sqlalchemy import Engine, create_engine, event, exc, text
from sqlalchemy.engine import URL, ExceptionContext, make_url
from sqlalchemy.pool import NullPool
from sqlmodel import Session

if TYPE_CHECKING:
    from alembic.config import Config

# The server ended the session of a process that was frozen in the midst of a transaction: PostgreSQL files it under internal.
FROZEN = (psycopg.errors.IdleInTransactionSessionTimeout, psycopg.errors.TransactionTimeout)
# What a database that is away, restarting or full raises, or one that has given us up: to be tried again, not a bug.
OUTAGES = (
    exc.OperationalError,
    exc.InterfaceError,
    exc.DisconnectionError,
    exc.TimeoutError,
    psycopg.OperationalError,
    psycopg.InterfaceError,
    *FROZEN,
)
# A statement longer than this is a mistake: sweeps and drains work in bounded batches.
SESSION_OPTIONS = "-c timezone=UTC -c statement_timeout=30s -c idle_in_transaction_session_timeout=60s"
MIGRATION_OPTIONS = "-c timezone=UTC -c lock_timeout=60s"
# Any constant will do: it keeps two processes from migrating at once.
MIGRATION_LOCK = 7_300_200


def make_engine(url: str, *, pool_size: int = 10) -> Engine:
    """An engine for `postgresql://…`; UTC sessions, bounded waits, and connections that are looked at before use."""
    engine = create_engine(
        _driver_url(url),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=10,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": 5,
            "options": SESSION_OPTIONS,
            "application_name": "everspark",
            # A database that vanished without a word is noticed in 15 s, not in 15 minutes.
            "tcp_user_timeout": 15_000,
            "keepalives_idle": 10,
        },
    )
    event.listen(engine, "handle_error", _as_outage)
    return engine


def reason_of(outage: Exception) -> str:
    """What one of OUTAGES says in its first line: which server, and why. Drivers name host and port there, never a password."""
    said = str(getattr(outage, "orig", None) or outage).strip()
    return said.partition("\n")[0].rstrip(".") or type(outage).__name__


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """One transaction through SQLModel: commits at the end, rolls back on an error."""
    with Session(engine, expire_on_commit=False) as session, session.begin():
        yield session


@contextmanager
def hot(engine: Engine) -> Iterator[psycopg.Connection]:
    """One transaction on the bare psycopg connection of the same pool, for set-based SQL and pipelines."""
    pooled = engine.raw_connection()
    connection = cast("psycopg.Connection", pooled.driver_connection)
    try:
        with connection.transaction():
            yield connection
    finally:
        if connection.closed:
            pooled.invalidate()
        pooled.close()


def bare(session: Session) -> psycopg.Connection:
    """The psycopg connection of a session's own transaction."""
    return cast("psycopg.Connection", session.connection().connection.driver_connection)


@contextmanager
def snapshot(engine: Engine) -> Iterator[psycopg.Connection]:
    """One transaction that sees the database as it stood at its first query, and can write nothing."""
    with hot(engine) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield connection


def migrate(url: str, *, revision: str = "head") -> None:
    """Brings the database to the newest revision (or up to another); several processes may call it at once."""
    from alembic import command  # a fifth of a second that only migrating needs

    engine = create_engine(_driver_url(url), poolclass=NullPool, connect_args={"options": MIGRATION_OPTIONS})
    config = _alembic()
    with engine.begin() as connection:
        connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def is_current(engine: Engine) -> bool:
    """Whether the database stands at the newest revision of this program."""
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    wanted = set(ScriptDirectory.from_config(_alembic()).get_heads())
    with engine.connect() as connection:
        return set(MigrationContext.configure(connection).get_current_heads()) == wanted


def _as_outage(context: ExceptionContext) -> exc.OperationalError | None:
    """SQLAlchemy would raise what it raises for bugs too."""
    error = context.original_exception
    return exc.OperationalError(context.statement, None, error) if isinstance(error, FROZEN) else None


def _alembic() -> Config:
    from alembic.config import Config

    # Found, not imported: migrations build upon infra, never the other way round.
    spec = importlib.util.find_spec("migrations")
    if spec is None or spec.origin is None:
        raise RuntimeError("the package `migrations` is not installed")
    config = Config()
    config.set_main_option("script_location", str(Path(spec.origin).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _driver_url(url: str) -> URL:
    return make_url(url.replace("postgres://", "postgresql://", 1)).set(drivername="postgresql+psycopg")
