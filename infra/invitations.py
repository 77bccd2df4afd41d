"""One-time links, good for a day: by one somebody becomes a user, or sets a new password. Only their hash is kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import class_row

from domain.people import Role
from infra import audit, people
from infra.people import PeopleError, Person

INVITED_FOR = timedelta(hours=24)
# Who invites the first admin: nobody is there yet.
FIRST = "first start"


@dataclass(frozen=True, kw_only=True, slots=True)
class Invitation:
    """An open one. `person`: whose password it sets anew; None where it makes somebody."""

    id: int
    role: Role
    email: str | None
    person: Person | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Open:
    """One that would let somebody in. `email`: None of one that is good for any address; `is_known`: it sets a password anew."""

    id: int
    role: Role
    email: str | None
    created_at: datetime
    expires_at: datetime
    is_known: bool

    def __post_init__(self) -> None:
        object.__setattr__(self, "role", Role(self.role))


def make(connection: psycopg.Connection[Any], *, role: Role, email: str | None, actor: str, now: datetime) -> str:
    """The secret of a one-time link, shown once. For somebody who is there it sets a new password, and nothing else."""
    to = people.address(email) if email else None
    person = people.by_email(connection, to) if to else None
    if person and person.disabled_at:
        raise PeopleError(f"{person.email} is disabled: enable them first.")
    secret, role = people.new_secret(), person.role if person else role
    # Of two links for one person the newer one counts; what is over is in the audit log.
    connection.execute("DELETE FROM invitations WHERE expires_at <= %s OR (used_at IS NULL AND email = %s)", [now, to])
    query = "INSERT INTO invitations (token, role, email, created_at, expires_at) VALUES (%s, %s, %s, %s, %s)"
    connection.execute(query, [people.kept(secret), role, to, now, now + INVITED_FOR])
    about = {"role": role, "for": "a new password" if person else "coming in"}
    audit.note(connection, at=now, actor=actor, act="person.invited", subject=to, about=about)
    return secret


def make_first(connection: psycopg.Connection[Any], *, now: datetime) -> str | None:
    """A link for the first admin while there is none; the one before works no more. None once there is an admin."""
    if people.admins(connection):
        return None
    connection.execute("DELETE FROM invitations WHERE used_at IS NULL AND email IS NULL")
    return make(connection, role=Role.ADMIN, email=None, actor=FIRST, now=now)


def listed(connection: psycopg.Connection[Any], *, now: datetime) -> list[Open]:
    """Those that still let somebody in, what ends next first."""
    query = """SELECT invitations.id, invitations.role, invitations.email, invitations.created_at, expires_at,
            users.id IS NOT NULL AS is_known
        FROM invitations LEFT JOIN users USING (email)
        WHERE used_at IS NULL AND expires_at > %s AND disabled_at IS NULL
            AND NOT (email IS NULL AND invitations.role = 'admin'
                AND EXISTS (SELECT FROM users AS admins WHERE admins.role = 'admin' AND admins.disabled_at IS NULL))
        ORDER BY expires_at, invitations.id"""
    return connection.cursor(row_factory=class_row(Open)).execute(query, [now]).fetchall()


def withdraw(connection: psycopg.Connection[Any], number: int, *, actor: str, now: datetime) -> str | None:
    """It lets nobody in any more; whom it was for. Raises PeopleError where it is not open."""
    query = "DELETE FROM invitations WHERE id = %s AND used_at IS NULL AND expires_at > %s RETURNING email, role"
    row = connection.execute(query, [number, now]).fetchone()
    if row is None:
        raise PeopleError("This link is not open any more: it was used, replaced or withdrawn, or its day is over.")
    email: str | None = row[0]
    audit.note(connection, at=now, actor=actor, act="person.uninvited", subject=email, about={"role": row[1]})
    return email


def find(connection: psycopg.Connection[Any], secret: str, *, now: datetime) -> Invitation | None:
    """What a link is good for; None where it was used, is too old, or is none, and, of the first admin's, once there is one."""
    query = (
        "SELECT id, role, email FROM invitations WHERE token = %s AND used_at IS NULL AND expires_at > %s FOR UPDATE"
    )
    row = connection.execute(query, [people.kept(secret), now]).fetchone()
    if row is None:
        return None
    number, role, email = row[0], Role(row[1]), row[2]
    person = people.by_email(connection, email) if email else None
    is_too_late = email is None and role is Role.ADMIN and people.admins(connection)
    if is_too_late or (person and person.disabled_at):
        return None
    return Invitation(id=number, role=role, email=email, person=person)


def number_of(connection: psycopg.Connection[Any], secret: str) -> int:
    """The id of an invitation that was just made."""
    ((number,),) = connection.execute("SELECT id FROM invitations WHERE token = %s", [people.kept(secret)]).fetchall()
    return int(number)


def take(connection: psycopg.Connection[Any], email: str, *, now: datetime) -> Role | None:
    """The role of an open invitation to this address, which is used by it."""
    query = (
        "UPDATE invitations SET used_at = %s WHERE email = %s AND used_at IS NULL AND expires_at > %s RETURNING role"
    )
    row = connection.execute(query, [now, people.address(email), now]).fetchone()
    return Role(row[0]) if row else None


def accept(
    connection: psycopg.Connection[Any],
    invitation: Invitation,
    *,
    email: str,
    name: str | None,
    password: str,
    now: datetime,
) -> Person:
    """Makes the person, or sets their password (a hash) and signs them out elsewhere; the link is used. Raises PeopleError."""
    email = invitation.email or email
    if (person := invitation.person) is None:
        person = people.add(connection, email=email, name=name, role=invitation.role, password=password, now=now)
    else:
        people.set_password(connection, person, password)
        connection.execute("DELETE FROM sessions WHERE user_id = %s", [person.id])
    connection.execute("UPDATE invitations SET used_at = %s WHERE id = %s", [now, invitation.id])
    act = "person.password_set" if invitation.person else "person.joined"
    audit.note(connection, at=now, actor=f"user:{person.email}", act=act, subject=person.email)
    return person
