"""The advertisers that Everspark is connected to: their tokens (sealed), and whose turn it is to be looked at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from infra import audit
from infra.outbox import owed_now
from infra.vault import Vault

CONTEXT = "token"
# Between two looks at one advertiser, however often somebody asks.
APART = timedelta(minutes=1)


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
    """An advertiser as people see it; `trouble` says in sentences what stands between TikTok and a whole look."""

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
    trouble = NULL, troubles = '{}', failed_looks = 0, tried_at = NULL, rests_until = NULL
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
    owed_now(connection, advertiser_id, now=now)


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


LOCK = """
SELECT FROM advertisers WHERE advertiser_id = ANY(%s) ORDER BY advertiser_id COLLATE "C" FOR NO KEY UPDATE
"""


def lock(connection: psycopg.Connection[Any], advertiser_ids: Sequence[str]) -> None:
    """Keeps them for this transaction, in one order, so that two workers never deadlock."""
    if advertiser_ids:
        connection.execute(LOCK, [list(advertiser_ids)], prepare=True)


SOON = """
WITH locked AS MATERIALIZED (
    SELECT advertiser_id FROM advertisers WHERE advertiser_id = ANY(%(ids)s) AND token IS NOT NULL
    ORDER BY advertiser_id COLLATE "C" FOR NO KEY UPDATE
)
UPDATE advertisers SET next_look_at = least(next_look_at, greatest(%(now)s, tried_at + %(apart)s::interval,
        CASE WHEN NOT %(is_asked)s THEN rests_until END)),
    rests_until = CASE WHEN %(is_asked)s THEN NULL ELSE rests_until END
FROM locked WHERE advertisers.advertiser_id = locked.advertiser_id
"""


def look_soon(
    connection: psycopg.Connection[Any],
    advertiser_ids: Sequence[str],
    *,
    now: datetime,
    apart: timedelta = timedelta(0),
    is_asked: bool = False,
) -> int:
    """Brings forward the next look at these connected advertisers, to `apart` after the last one; how many there are.

    A rest after trouble stands, unless a person asks: a hint knows nothing of it, and there may be many.
    """
    values = {"now": now, "apart": apart, "is_asked": is_asked, "ids": list(advertiser_ids)}
    return connection.execute(SOON, values).rowcount


def want_look(
    connection: psycopg.Connection[Any],
    advertiser_ids: Sequence[str],
    *,
    actor: str,
    now: datetime,
    apart: timedelta = APART,
) -> int:
    """Somebody asks for a look at these now; how many of them are connected. Nudge `looks` after the commit."""
    count = look_soon(connection, advertiser_ids, now=now, apart=apart, is_asked=True)
    if count:
        subject = advertiser_ids[0] if len(advertiser_ids) == 1 else None
        audit.note(connection, at=now, actor=actor, act="advertiser.look_wanted", subject=subject)
    return count


# The parts of a trouble, so that what succeeds forgets its own alone.
CALLS, LOOK, ACCOUNTS, ADS, FLIGHTS, ROWS, WORDS, ABSENCES, FIGURES = (
    "calls",
    "look",
    "accounts",
    "ads",
    "flights",
    "rows",
    "words",
    "absences",
    "figures",
)
NOTE = """
UPDATE advertisers SET troubles = new.troubles,
    trouble = (SELECT string_agg(DISTINCT value, ' ') FROM jsonb_each_text(new.troubles))
FROM (
    SELECT advertiser_id, (troubles - %(cleared)s::text[]) || %(noted)s::jsonb AS troubles
    FROM advertisers WHERE advertiser_id = %(advertiser_id)s FOR UPDATE
) AS new
WHERE advertisers.advertiser_id = new.advertiser_id AND advertisers.troubles <> new.troubles
"""


def note_troubles(
    connection: psycopg.Connection[Any], advertiser_id: str, noted: Mapping[str, str], *, cleared: Iterable[str] = ()
) -> bool:
    """Keeps what failed, a sentence for each part, and forgets what succeeded; whether that is news. Else nothing is written."""
    values = {"advertiser_id": advertiser_id, "noted": Jsonb(dict(noted)), "cleared": list(cleared)}
    return connection.execute(NOTE, values).rowcount > 0


def note_trouble(connection: psycopg.Connection[Any], advertiser_id: str, trouble: str) -> bool:
    """Keeps the sentence of an effect's call that the connection did not carry; whether that is news."""
    return note_troubles(connection, advertiser_id, {CALLS: trouble})
