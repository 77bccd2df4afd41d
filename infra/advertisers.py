"""The advertisers that Everspark is connected to: their tokens (sealed), and whose turn it is to be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row

from infra.vault import Vault

CONTEXT = "token"


@dataclass(frozen=True, kw_only=True, slots=True)
class Connected:
    """An advertiser with the token in the clear, which is never printed."""

    advertiser_id: str
    token: str
    bc_id: str | None = None
    name: str | None = None

    def __repr__(self) -> str:
        return f"Connected({self.advertiser_id!r})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Advertiser:
    """An advertiser as people see it; `trouble` is the sentence of the last call that failed."""

    advertiser_id: str
    name: str | None
    bc_id: str | None
    is_connected: bool
    connected_at: datetime
    looked_at: datetime | None
    next_look_at: datetime
    spent_at: datetime | None
    trouble: str | None


CONNECT = """
INSERT INTO advertisers AS known (advertiser_id, name, bc_id, token, connected_at, next_look_at, next_kpis_at)
VALUES (%(advertiser_id)s, %(name)s, %(bc_id)s, %(token)s, %(now)s, %(now)s, %(now)s)
ON CONFLICT (advertiser_id) DO UPDATE SET
    name = coalesce(excluded.name, known.name), bc_id = coalesce(excluded.bc_id, known.bc_id), token = excluded.token,
    connected_at = excluded.connected_at, next_look_at = excluded.next_look_at, next_kpis_at = excluded.next_kpis_at,
    trouble = NULL
"""


def connect(
    connection: psycopg.Connection[Any],
    vault: Vault,
    *,
    advertiser_id: str,
    token: str,
    now: datetime,
    name: str | None = None,
    bc_id: str | None = None,
) -> None:
    """Adds an advertiser or gives it a new token; it is looked at next, and what waited for it is owed now."""
    sealed = vault.seal(token, context=CONTEXT)
    values = {"advertiser_id": advertiser_id, "name": name, "bc_id": bc_id, "token": sealed, "now": now}
    connection.execute(CONNECT, values)


def disconnect(connection: psycopg.Connection[Any], advertiser_id: str) -> bool:
    """Forgets the token; what is known of the advertiser stays. False where none was held."""
    query = "UPDATE advertisers SET token = NULL WHERE advertiser_id = %s AND token IS NOT NULL"
    return connection.execute(query, [advertiser_id]).rowcount > 0


def connected(connection: psycopg.Connection[Any], vault: Vault, advertiser_id: str) -> Connected | None:
    """The advertiser with its token; None where none is held. Raises UnsealError under another key."""
    query = "SELECT token, bc_id, name FROM advertisers WHERE advertiser_id = %s AND token IS NOT NULL"
    row = connection.execute(query, [advertiser_id]).fetchone()
    if row is None:
        return None
    token = vault.unseal(bytes(row[0]), context=CONTEXT)
    return Connected(advertiser_id=advertiser_id, token=token, bc_id=row[1], name=row[2])


LIST = """
SELECT advertiser_id, name, bc_id, token IS NOT NULL AS is_connected, connected_at, looked_at, next_look_at, spent_at,
    trouble
FROM advertisers ORDER BY advertiser_id
"""


def every(connection: psycopg.Connection[Any]) -> list[Advertiser]:
    """All advertisers, also those whose token was forgotten."""
    with connection.cursor(row_factory=class_row(Advertiser)) as cursor:
        return cursor.execute(LIST).fetchall()


def connected_ids(connection: psycopg.Connection[Any]) -> frozenset[str]:
    """The advertisers that can be asked about."""
    rows = connection.execute("SELECT advertiser_id FROM advertisers WHERE token IS NOT NULL", prepare=True)
    return frozenset(row[0] for row in rows)


def look_soon(connection: psycopg.Connection[Any], advertiser_ids: Sequence[str], *, now: datetime) -> int:
    """Brings forward the next look at these connected advertisers; how many there are."""
    query = """
        UPDATE advertisers SET next_look_at = least(next_look_at, %s)
        WHERE advertiser_id = ANY(%s) AND token IS NOT NULL"""
    return connection.execute(query, [now, list(advertiser_ids)]).rowcount


def note_trouble(connection: psycopg.Connection[Any], advertiser_id: str, trouble: str | None) -> bool:
    """Keeps the sentence of a failed call, or forgets it; whether that is news. Where it is none, nothing is written."""
    query = "UPDATE advertisers SET trouble = %s WHERE advertiser_id = %s AND trouble IS DISTINCT FROM %s"
    return connection.execute(query, [trouble, advertiser_id, trouble]).rowcount > 0
