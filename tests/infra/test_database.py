"""Migrations lead to exactly the schema that the tables describe, and transactions keep all or nothing."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlmodel import SQLModel

from infra import tables
from infra.database import OUTAGES, bare, hot, is_current, make_engine, migrate, reason_of, transaction
from tests.waiting import until

# Everything that makes a schema, in words, without names that depend on when it was made.
CATALOGS = {
    "columns": """
        select table_name, column_name, data_type, is_nullable, column_default, is_identity, identity_generation,
               numeric_precision, numeric_scale
        from information_schema.columns where table_schema = 'public' and table_name <> 'alembic_version'""",
    "constraints": """
        select conrelid::regclass::text, conname, contype::text, pg_get_constraintdef(oid)
        from pg_constraint
        where connamespace = 'public'::regnamespace and conrelid::regclass::text <> 'alembic_version'""",
    "indexes": """
        select tablename, indexname, indexdef from pg_indexes
        where schemaname = 'public' and tablename <> 'alembic_version'""",
    "storage": """
        select relname, reloptions::text from pg_class
        where relnamespace = 'public'::regnamespace and relkind = 'r' and relname <> 'alembic_version'""",
}


def schema_of(engine: Engine) -> dict[str, list[str]]:
    with engine.connect() as connection:
        return {
            name: sorted(str(tuple(row)) for row in connection.execute(text(query))) for name, query in CATALOGS.items()
        }


@pytest.fixture
def empty_database_url(database_url: str) -> str:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("drop database if exists other with (force)")
        connection.execute("create database other")
    return database_url.replace("/everspark?", "/other?")


def test_migrations_equal_tables(engine: Engine, empty_database_url: str) -> None:
    assert tables.Inbox.metadata is SQLModel.metadata
    other = make_engine(empty_database_url)
    SQLModel.metadata.create_all(other)

    described = schema_of(other)
    other.dispose()

    assert schema_of(engine) == described


def test_migrating_again_changes_nothing(engine: Engine, database_url: str) -> None:
    before = schema_of(engine)

    migrate(database_url)

    assert schema_of(engine) == before
    assert is_current(engine)


ASKED = """
    insert into authorizations (key, advertiser_id, account_handle, item_id, route, state, state_reason, state_since,
        requested_at, why, created_at, updated_at)
    values ('7200/@mia', '7200', 'mia', null, 'account', 'requested', 'requested', now(), now(), 'x', now(), now()),
           ('7200/7300', '7200', null, '7300', 'code', 'requested', 'requested', now(), now(), 'x', now(), now()),
           ('7200/7301', '7200', null, '7301', 'own', 'requested', 'requested', now(), now(), 'x', now(), now())"""


def test_access_that_was_asked_for_before_tiktok_was_called_is_owed_by_the_upgrade(empty_database_url: str) -> None:
    migrate(empty_database_url, revision="0001")
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute(ASKED)

        migrate(empty_database_url)

        owed = connection.execute("select kind, idempotency_key from outbox order by kind").fetchall()
    assert owed == [("account.access", "account.access-7200/@mia"), ("own.confirm", "own.confirm-7200/7301")]


def test_an_empty_database_is_not_current(empty_database_url: str) -> None:
    other = make_engine(empty_database_url)

    assert not is_current(other)
    migrate(empty_database_url)
    assert is_current(other)

    other.dispose()


def test_a_calm_transaction_keeps_nothing_of_a_failure(engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError), transaction(engine) as session:
        session.connection().execute(text("insert into leases values ('a', 'b', 1, now())"))
        _ = 1 / 0

    with transaction(engine) as session:
        assert session.connection().execute(text("select count(*) from leases")).scalar_one() == 0


def test_a_hot_transaction_keeps_all_or_nothing(engine: Engine) -> None:
    with hot(engine) as connection:
        connection.execute("insert into leases values ('kept', 'b', 1, now())")
    with pytest.raises(psycopg.errors.DivisionByZero), hot(engine) as connection:
        connection.execute("insert into leases values ('lost', 'b', 1, now())")
        connection.execute("select 1 / 0")

    with hot(engine) as connection:
        assert connection.execute("select name from leases").fetchall() == [("kept",)]


def test_a_connection_that_was_cut_is_replaced(engine: Engine) -> None:
    with pytest.raises(psycopg.OperationalError), hot(engine) as connection:
        connection.execute("select pg_terminate_backend(pg_backend_pid())")

    with hot(engine) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def frozen(connection: psycopg.Connection, engine: Engine) -> None:
    """As a process that was stopped within a transaction finds its session once it goes on."""
    connection.execute("set local idle_in_transaction_session_timeout = '1ms'")
    number = connection.info.backend_pid

    def is_ended() -> bool:
        with hot(engine) as other:
            return not other.execute("select from pg_stat_activity where pid = %s", [number]).rowcount

    until(is_ended)


def test_to_be_frozen_within_a_transaction_is_an_outage_and_no_bug(engine: Engine) -> None:
    with pytest.raises(OUTAGES), hot(engine) as connection:
        frozen(connection, engine)
        connection.execute("select 1")

    with pytest.raises(OUTAGES), transaction(engine) as session:
        frozen(bare(session), engine)
        session.connection().execute(text("select 1"))

    with hot(engine) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_sessions_live_in_utc(engine: Engine) -> None:
    with hot(engine) as connection:
        assert connection.execute("show timezone").fetchone() == ("UTC",)


def test_an_outage_says_which_server_and_why_and_never_a_password() -> None:
    for host in ("localhost", "127.0.0.1"):
        engine = make_engine(f"postgresql://ada:hunter2@{host}:1/db")
        with pytest.raises(OUTAGES) as away, engine.connect():
            pass
        engine.dispose()

        reason = reason_of(away.value)
        assert "port 1 failed: Connection refused" in reason
        assert "hunter2" not in reason
        assert "\n" not in reason
