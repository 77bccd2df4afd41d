"""Filters that somebody wants to find again: a name, and the query of an address; everybody sees their own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row

from infra import audit

LONGEST_NAME, MOST = 60, 40


class ViewError(ValueError):
    """A view that cannot be kept; the sentence says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """One of them. `query` begins with no question mark, and is empty where everything is shown."""

    id: int
    name: str
    query: str


def of_user(connection: psycopg.Connection[Any], user_id: int | None) -> list[View]:
    """By name."""
    query = "SELECT id, name, query FROM saved_views WHERE user_id = %s ORDER BY lower(name), id"
    return connection.cursor(row_factory=class_row(View)).execute(query, [user_id]).fetchall()


SAVE = """
INSERT INTO saved_views (user_id, name, query, created_at) VALUES (%s, %s, %s, %s)
ON CONFLICT (user_id, name) DO NOTHING
"""


def save(
    connection: psycopg.Connection[Any], user_id: int, *, name: str, query: str, actor: str, now: datetime
) -> None:
    """Keeps it; of one name there is one. Raises ViewError."""
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise ViewError(f"Give the view a name of 1 to {LONGEST_NAME} printable characters.")
    held = of_user(connection, user_id)
    if any(view.name == name and view.query != query for view in held):
        raise ViewError(f"You have another view called {name}: delete that one first, or choose another name.")
    if len(held) >= MOST and all(view.name != name for view in held):
        raise ViewError(f"You have {MOST} views, which is the most; delete one first.")
    connection.execute(SAVE, [user_id, name, query, now])
    audit.note(connection, at=now, actor=actor, act="view.saved", about={"name": name, "query": query})


def delete(connection: psycopg.Connection[Any], user_id: int, view_id: int, *, actor: str, now: datetime) -> None:
    """Forgets it; of somebody else's nothing is known here."""
    query = "DELETE FROM saved_views WHERE user_id = %s AND id = %s RETURNING name"
    if row := connection.execute(query, [user_id, view_id]).fetchone():
        audit.note(connection, at=now, actor=actor, act="view.deleted", about={"name": row[0]})
