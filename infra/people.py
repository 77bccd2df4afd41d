"""Who may sign in: users and their roles. Each change is in the audit log.

One-time links are in infra/invitations.py, sessions in infra/sessions.py, API tokens in infra/api_tokens.py.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import psycopg
from email_validator import EmailNotValidError, validate_email
from psycopg.rows import class_row

from domain.people import Role
from infra import audit

SECRET_BYTES = 32
LONGEST_NAME = 100
DEMO = "demo@example.com"


class Change(Protocol):
    """A change of one person by another."""

    def __call__(self, connection: psycopg.Connection[Any], *, user_id: int, actor: str, now: datetime) -> Person: ...


class PeopleError(Exception):
    """Something that cannot be done with people or tokens; the sentence names the remedy."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """Somebody who may sign in, or could until `disabled_at`. `subject`: who they are to the OpenID Connect issuer."""

    id: int
    email: str
    name: str | None
    role: Role
    password: str | None
    subject: str | None
    created_at: datetime
    disabled_at: datetime | None
    signed_in_at: datetime | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "role", Role(self.role))


COLUMNS = "id, email, name, role, password, subject, created_at, disabled_at, signed_in_at"


def new_secret() -> str:
    """32 random bytes as text for a cookie, an address or a header."""
    return secrets.token_urlsafe(SECRET_BYTES)


def kept(secret: str) -> bytes:
    """What is stored of such a secret. It is random, so that a fast hash is as good as a slow one."""
    return hashlib.sha256(secret.encode()).digest()


def address(email: str) -> str:
    """The address as it is kept: one person has one. Raises PeopleError."""
    try:
        valid = validate_email(email.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise PeopleError("This is not an e-mail address: write it as ada@example.com.") from None
    return valid.normalized.casefold()


def listed(connection: psycopg.Connection[Any]) -> list[Person]:
    return _people(connection, "ORDER BY disabled_at IS NOT NULL, email")


def by_email(connection: psycopg.Connection[Any], email: str) -> Person | None:
    return next(iter(_people(connection, "WHERE email = %s", email.strip().casefold())), None)


def by_id(connection: psycopg.Connection[Any], user_id: int) -> Person | None:
    return next(iter(_people(connection, "WHERE id = %s", user_id)), None)


def by_subject(connection: psycopg.Connection[Any], subject: str) -> Person | None:
    return next(iter(_people(connection, "WHERE subject = %s", subject)), None)


def admins(connection: psycopg.Connection[Any]) -> list[Person]:
    """Those who can see to people now."""
    return _people(connection, "WHERE role = 'admin' AND disabled_at IS NULL ORDER BY email")


def add(
    connection: psycopg.Connection[Any],
    *,
    email: str,
    role: Role,
    name: str | None = None,
    password: str | None = None,
    subject: str | None = None,
    now: datetime,
) -> Person:
    """A new user; `password` is a hash. Raises PeopleError where there is one of that address."""
    values = {"email": address(email), "name": _name(name), "role": role, "password": password, "subject": subject}
    query = f"""INSERT INTO users (email, name, role, password, subject, created_at)
        VALUES (%(email)s, %(name)s, %(role)s, %(password)s, %(subject)s, %(now)s)
        ON CONFLICT DO NOTHING RETURNING {COLUMNS}"""
    cursor = connection.cursor(row_factory=class_row(Person)).execute(query, values | {"now": now})
    if (person := cursor.fetchone()) is None:
        raise PeopleError("There is somebody with this address already: they sign in, or an admin makes them a link.")
    return person


def demo_operator(connection: psycopg.Connection[Any], *, now: datetime) -> Person:
    """Who acts in a simulation, where nobody signs in."""
    found = by_email(connection, DEMO)
    return found or add(connection, email=DEMO, name="Demo operator", role=Role.OPERATOR, now=now)


def set_password(connection: psycopg.Connection[Any], person: Person, password: str) -> None:
    """`password` is a hash."""
    connection.execute("UPDATE users SET password = %s WHERE id = %s", [password, person.id])


def stands(connection: psycopg.Connection[Any], person: Person) -> bool:
    """Whether nobody has disabled them, or set another password, since they were read; the row is held, so that nobody does
    before this transaction ends.
    """
    query = """SELECT FROM users WHERE id = %s AND password IS NOT DISTINCT FROM %s
        AND disabled_at IS NOT DISTINCT FROM %s FOR NO KEY UPDATE"""
    return bool(connection.execute(query, [person.id, person.password, person.disabled_at]).rowcount)


def bind(connection: psycopg.Connection[Any], person: Person, subject: str, *, now: datetime) -> None:
    """From now on they are known by their identity at the issuer, whatever becomes of their address there."""
    connection.execute("UPDATE users SET subject = %s WHERE id = %s", [subject, person.id])
    audit.note(connection, at=now, actor=f"user:{person.email}", act="person.bound", subject=person.email)


def change_role(connection: psycopg.Connection[Any], *, user_id: int, role: Role, actor: str, now: datetime) -> Person:
    """Raises PeopleError where nobody would be left who sees to people."""
    person = _held(connection, user_id)
    if person.role is not role:
        if person.role is Role.ADMIN:
            _need_another_admin(connection, person)
        connection.execute("UPDATE users SET role = %s WHERE id = %s", [role, user_id])
        about = {"from": person.role, "to": role}
        audit.note(connection, at=now, actor=actor, act="person.role", subject=person.email, about=about)
    return person


def disable(connection: psycopg.Connection[Any], *, user_id: int, actor: str, now: datetime) -> Person:
    """Signs them out everywhere, and their API tokens stop working. Raises PeopleError for the last admin."""
    person = _held(connection, user_id)
    if person.disabled_at is None:
        _need_another_admin(connection, person)
        connection.execute("UPDATE users SET disabled_at = %s WHERE id = %s", [now, user_id])
        connection.execute("DELETE FROM sessions WHERE user_id = %s", [user_id])
        audit.note(connection, at=now, actor=actor, act="person.disabled", subject=person.email)
    return person


def enable(connection: psycopg.Connection[Any], *, user_id: int, actor: str, now: datetime) -> Person:
    """Lets them sign in again, with the password that they had."""
    person = _held(connection, user_id)
    if person.disabled_at is not None:
        connection.execute("UPDATE users SET disabled_at = NULL WHERE id = %s", [user_id])
        audit.note(connection, at=now, actor=actor, act="person.enabled", subject=person.email)
    return person


def _people(connection: psycopg.Connection[Any], where: str, *values: object) -> list[Person]:
    cursor = connection.cursor(row_factory=class_row(Person))
    return cursor.execute(f"SELECT {COLUMNS} FROM users {where}", values).fetchall()


def _held(connection: psycopg.Connection[Any], user_id: int) -> Person:
    if not (found := _people(connection, "WHERE id = %s FOR UPDATE", user_id)):
        raise PeopleError("There is nobody of this number: look into the list again.")
    return found[0]


def _need_another_admin(connection: psycopg.Connection[Any], person: Person) -> None:
    """All admins are held, so that two of them cannot remove each other at the same moment."""
    others = _people(connection, "WHERE role = 'admin' AND disabled_at IS NULL ORDER BY id FOR UPDATE")
    if person.role is Role.ADMIN and not any(other.id != person.id for other in others):
        raise PeopleError(f"{person.email} is the last admin: make somebody else admin first.")


def _name(name: str | None) -> str | None:
    return (name or "").strip()[:LONGEST_NAME] or None
