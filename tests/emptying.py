"""Empty tables, numbered from one again: what every test begins with, and every round of a walk."""

from __future__ import annotations

import psycopg

from infra.tables import Inbox

TABLES = [table.name for table in reversed(Inbox.metadata.sorted_tables)]
SIZE = "SELECT " + "+".join(f"pg_relation_size('{name}')" for name in TABLES)
DELETED = ";".join(f"DELETE FROM {name}" for name in TABLES)
RENUMBERED = "SELECT setval(oid, 1, false) FROM pg_class WHERE relkind = 'S'"
TRUNCATED = f"TRUNCATE {', '.join(TABLES)} RESTART IDENTITY"
# DELETE is a hundred times faster than TRUNCATE, which makes new files, but leaves its dead rows in the old ones.
TOO_LARGE = 4 * 2**20


def empty(connection: psycopg.Connection) -> None:
    """All of them."""
    ((size,),) = connection.execute(SIZE.encode()).fetchall()
    for statement in (DELETED, RENUMBERED) if size < TOO_LARGE else (TRUNCATED,):
        connection.execute(statement.encode())
