"""Who leads: one row per office, taken and kept by a conditional upsert, with a fence that rises at each new holder.

Time is the database's, so that machines with clocks apart agree on when a lease is over.
"""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

# A silent leader is deposed by the same statement that elects the next one. `clock_timestamp()`, not `now()`: the
# statement may have waited for a batch that holds the row, and a lease must not begin in the past.
ACQUIRE = """
INSERT INTO leases AS held (name, holder, fence, expires_at)
VALUES (%(name)s, %(holder)s, 1, clock_timestamp() + make_interval(secs => %(seconds)s))
ON CONFLICT (name) DO UPDATE
   SET holder = excluded.holder,
       fence = held.fence + (held.holder <> excluded.holder)::int,
       expires_at = clock_timestamp() + make_interval(secs => %(seconds)s)
 WHERE held.holder = excluded.holder OR held.expires_at <= clock_timestamp()
RETURNING fence
"""
# The share lock holds a take-over back until this transaction is over: no write of an old leader lands after the new
# leader's first.
STAND = "SELECT 1 FROM leases WHERE name = %(name)s AND fence = %(fence)s FOR SHARE"
RELEASE = "UPDATE leases SET expires_at = clock_timestamp() WHERE name = %(name)s AND holder = %(holder)s"


class Deposed(Exception):  # noqa: N818  reads as what happened in `except Deposed`
    """Somebody else leads by now; the transaction that raised this writes nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """A lease as it stands: who holds it, under which fence, and whether it is still running by the database's time."""

    holder: str
    fence: int
    is_running: bool


def acquire(connection: psycopg.Connection, *, name: str, holder: str, seconds: float) -> int | None:
    """Takes or renews the lease; its fence, or None while somebody else holds it."""
    row = connection.execute(ACQUIRE, {"name": name, "holder": holder, "seconds": seconds}).fetchone()
    return None if row is None else int(row[0])


def stand(connection: psycopg.Connection, *, name: str, fence: int) -> None:
    """Keeps the lease from changing hands until this transaction ends. Raises Deposed when it already has."""
    if connection.execute(STAND, {"name": name, "fence": fence}).fetchone() is None:
        raise Deposed(f"fence {fence} of {name} is no longer current")


def release(connection: psycopg.Connection, *, name: str, holder: str) -> None:
    """Ends the holder's lease now, so that the next need not wait for its time to run out."""
    connection.execute(RELEASE, {"name": name, "holder": holder})


def held(connection: psycopg.Connection, *, name: str) -> Held | None:
    """Who leads, for doctor and readyz; None before the first election."""
    row = connection.execute(
        "SELECT holder, fence, expires_at > clock_timestamp() FROM leases WHERE name = %s", (name,)
    ).fetchone()
    return None if row is None else Held(holder=row[0], fence=row[1], is_running=row[2])
