"""Programs' way in: tokens that are shown once, kept as a hash, and may do what their scopes say."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import class_row

from domain import spark_code
from domain.people import Role, Scope
from infra import audit
from infra.people import PeopleError, kept, new_secret

PREFIX = "esp_"
LAST_CHARACTERS = 4
SEEN_EVERY = timedelta(minutes=1)
LONGEST_NAME, MOST_DAYS = 60, 3_652
# What a token may do is never more than what the person who made it may.
NEEDED: dict[Scope, Role] = {
    Scope.READ: Role.VIEWER,
    Scope.ACT: Role.OPERATOR,
    Scope.IMPORT: Role.OPERATOR,
    Scope.ADMIN: Role.ADMIN,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiToken:
    """One of them, without its secret. `made_by` and `role` (of that person, now) are None where the command line made it."""

    id: int
    name: str
    last: str
    scopes: frozenset[Scope]
    user_id: int | None
    made_by: str | None
    role: Role | None
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None
    revoked_at: datetime | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "scopes", frozenset(map(Scope, self.scopes)))
        object.__setattr__(self, "role", Role(self.role) if self.role else None)

    @property
    def actor(self) -> str:
        """What the audit log calls it."""
        return f"token:{self.name}"

    def works(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


SELECT = """
SELECT api_tokens.id, api_tokens.name, last, scopes, user_id, users.email AS made_by, users.role,
    api_tokens.created_at, expires_at, used_at, revoked_at
FROM api_tokens LEFT JOIN users ON users.id = user_id
"""
FIND = f"""{SELECT}
WHERE token = %s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > %s) AND users.disabled_at IS NULL
"""


def make(
    connection: psycopg.Connection[Any],
    *,
    name: str,
    scopes: Collection[Scope],
    user_id: int | None = None,
    days: int | None = None,
    actor: str,
    now: datetime,
) -> str:
    """The token, shown once. `days` None: until it is revoked. Raises PeopleError."""
    name = _checked(name, scopes, days)
    secret = PREFIX + new_secret()
    ends = now + timedelta(days=days) if days else None
    chosen = sorted(scopes)
    query = """INSERT INTO api_tokens (name, token, last, scopes, user_id, created_at, expires_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"""
    last = secret[-LAST_CHARACTERS:]
    if not connection.execute(query, [name, kept(secret), last, list(map(str, chosen)), user_id, now, ends]).rowcount:
        raise PeopleError(f"There is a token called {name} that works: revoke it, or choose another name.")
    about = {"scopes": list(map(str, chosen)), "days": days}
    audit.note(connection, at=now, actor=actor, act="token.made", subject=name, about=about)
    return secret


def listed(connection: psycopg.Connection[Any]) -> list[ApiToken]:
    """Those that work first, the newest first."""
    query = f"{SELECT} ORDER BY revoked_at IS NOT NULL, api_tokens.id DESC LIMIT 500"
    return connection.cursor(row_factory=class_row(ApiToken)).execute(query).fetchall()


def find(connection: psycopg.Connection[Any], secret: str, *, now: datetime) -> ApiToken | None:
    """The token if it works, with the scopes that who made it may still give; its use is noted at most once a minute."""
    if not secret.startswith(PREFIX):
        return None
    token = connection.cursor(row_factory=class_row(ApiToken)).execute(FIND, [kept(secret), now]).fetchone()
    if token and (token.used_at is None or now - token.used_at >= SEEN_EVERY):
        connection.execute("UPDATE api_tokens SET used_at = %s WHERE id = %s", [now, token.id])
    return _within_role(token) if token else None


def number_of(connection: psycopg.Connection[Any], secret: str) -> int:
    """The id of a token that was just made."""
    ((number,),) = connection.execute("SELECT id FROM api_tokens WHERE token = %s", [kept(secret)]).fetchall()
    return int(number)


def revoke(connection: psycopg.Connection[Any], token_id: int, *, actor: str, now: datetime) -> str:
    """Its name. Raises PeopleError where there is none of this number."""
    query = "UPDATE api_tokens SET revoked_at = coalesce(revoked_at, %s) WHERE id = %s RETURNING name, revoked_at = %s"
    row = connection.execute(query, [now, token_id, now]).fetchone()
    if row is None:
        raise PeopleError("There is no token of this number: look into the list again.")
    if row[1]:
        audit.note(connection, at=now, actor=actor, act="token.revoked", subject=row[0])
    return str(row[0])


def _within_role(token: ApiToken) -> ApiToken:
    """Nobody who may do less than before leaves a token behind that may do more."""
    role = token.role
    return replace(token, scopes=frozenset(each for each in token.scopes if role is None or role.may(NEEDED[each])))


def _checked(name: str, scopes: Collection[Scope], days: int | None) -> str:
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME:
        raise PeopleError(f"Give the token a name of 1 to {LONGEST_NAME} characters: what uses it, for example.")
    if spark_code.stands_in(name):
        raise PeopleError("A Spark code is no name: give the token another.")
    if not scopes:
        raise PeopleError("Choose what the token may do: at least one of read, act, import, admin.")
    if days is not None and not 1 <= days <= MOST_DAYS:
        raise PeopleError(f"A token works for 1 to {MOST_DAYS:,} days, or until it is revoked.")
    return name
