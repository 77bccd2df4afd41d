"""Browsers that are signed in: a random cookie each, of which the hash is kept, for 12 hours of quiet and 7 days at most."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg

from domain.people import Role
from infra.people import Person, kept, new_secret

QUIET_FOR, LASTS_FOR = timedelta(hours=12), timedelta(days=7)
SEEN_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """Who a cookie belongs to, with the role that they have now. `token` is what is kept of the cookie."""

    token: bytes
    user_id: int
    email: str
    name: str | None
    role: Role


def begin(connection: psycopg.Connection[Any], person: Person, *, now: datetime) -> str:
    """The secret for the cookie: always a new one, whatever the browser sent. Sessions that are over are forgotten."""
    secret = new_secret()
    connection.execute("DELETE FROM sessions WHERE expires_at <= %s", [now])
    query = "INSERT INTO sessions (token, user_id, created_at, seen_at, expires_at) VALUES (%s, %s, %s, %s, %s)"
    connection.execute(query, [kept(secret), person.id, now, now, now + QUIET_FOR])
    connection.execute("UPDATE users SET signed_in_at = %s WHERE id = %s", [now, person.id])
    return secret


FIND = """
SELECT user_id, email, name, role, sessions.created_at, seen_at FROM sessions JOIN users ON users.id = user_id
WHERE token = %s AND expires_at > %s AND disabled_at IS NULL
"""


def find(connection: psycopg.Connection[Any], secret: str, *, now: datetime) -> Session | None:
    """Whose it is; being seen prolongs it, which is written at most once a minute."""
    row = connection.execute(FIND, [kept(secret), now]).fetchone()
    if row is None:
        return None
    user_id, email, name, role, created_at, seen_at = row
    if now - seen_at >= SEEN_EVERY:
        until = min(now + QUIET_FOR, created_at + LASTS_FOR)
        query = "UPDATE sessions SET seen_at = %s, expires_at = %s WHERE token = %s"
        connection.execute(query, [now, until, kept(secret)])
    return Session(token=kept(secret), user_id=user_id, email=email, name=name, role=Role(role))


ALIVE = """
SELECT token, role FROM sessions JOIN users ON users.id = user_id
WHERE token = ANY(%s) AND expires_at > %s AND disabled_at IS NULL
"""


def alive(connection: psycopg.Connection[Any], tokens: Iterable[bytes], *, now: datetime) -> dict[bytes, Role]:
    """Those that are not over, each with the role that its owner has now; being looked up prolongs none."""
    return {token: Role(role) for token, role in connection.execute(ALIVE, [list(tokens), now])}


def end(connection: psycopg.Connection[Any], token: bytes) -> None:
    """Signs one browser out; `token` as it is kept."""
    connection.execute("DELETE FROM sessions WHERE token = %s", [token])


def end_others(connection: psycopg.Connection[Any], user_id: int, *, but: bytes) -> int:
    """Signs somebody out everywhere else; from how many browsers."""
    return connection.execute("DELETE FROM sessions WHERE user_id = %s AND token <> %s", [user_id, but]).rowcount
