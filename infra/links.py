"""A creator's way to their page: a link that is signed, has an end and can be taken back. The token itself is kept nowhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from infra.vault import Vault

CONTEXT = "link"
DAYS = 30
# `<link>.<end in seconds>.<mac>`; digits and hexadecimal only, so that no mail program cuts a character off its end.
TOKEN = re.compile(r"([1-9][0-9]{0,17})\.([1-9][0-9]{0,11})\.([0-9a-f]{32})", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Visit:
    """Somebody with a good link, hence the creator. `is_first`: nobody had opened it before."""

    link_id: int
    creator_id: int
    handle: str
    locale: str | None
    timezone: str | None
    is_first: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Expired:
    """A link of ours whose time is over: shown nothing, but a fresh one may go to the address that is known."""

    link_id: int
    handle: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Unknown:
    """No link of ours, or one that was taken back; which of them is nobody's business."""


def issue(
    connection: psycopg.Connection[Any], vault: Vault, *, creator_id: int, now: datetime, days: int = DAYS
) -> str:
    """The token of a new link, in the caller's transaction."""
    expires_at = (now + timedelta(days=days)).replace(microsecond=0)
    query = "INSERT INTO links (creator_id, created_at, expires_at) VALUES (%s, %s, %s) RETURNING id"
    ((link_id,),) = connection.execute(query, [creator_id, now, expires_at]).fetchall()
    return token_of(vault, link_id=link_id, expires_at=expires_at)


def token_of(vault: Vault, *, link_id: int, expires_at: datetime) -> str:
    """The token that stands for this link; only the vault's key makes it."""
    named = f"{link_id}.{int(expires_at.timestamp())}"
    return f"{named}.{vault.mac(named, context=CONTEXT)}"


def is_genuine(vault: Vault, token: str) -> bool:
    """Whether we made it, whatever became of it since; asks nobody."""
    named, _, mac = token.rpartition(".")
    return TOKEN.fullmatch(token) is not None and vault.is_mac(mac, named, context=CONTEXT)


FIND = """
SELECT links.creator_id, links.revoked_at, links.opened_at, creators.handle, creators.locale, creators.timezone
FROM links JOIN creators ON creators.id = links.creator_id WHERE links.id = %s AND links.expires_at = %s
"""


def creator_of(
    connection: psycopg.Connection[Any], vault: Vault, token: str, *, now: datetime
) -> Visit | Expired | Unknown:
    """Whose link it is. The database is asked only about what we signed; its end must be the one that was signed."""
    if not is_genuine(vault, token):
        return Unknown()
    link_id, seconds = (int(part) for part in token.split(".")[:2])
    expires_at = datetime.fromtimestamp(seconds, UTC)
    row = connection.execute(FIND, [link_id, expires_at]).fetchone()
    if row is None or row[1] is not None:
        return Unknown()
    creator_id, _, opened_at, handle, locale, timezone = row
    if expires_at <= now:
        return Expired(link_id=link_id, handle=handle)
    return Visit(
        link_id=link_id,
        creator_id=creator_id,
        handle=handle,
        locale=locale,
        timezone=timezone,
        is_first=opened_at is None,
    )


def note_opened(connection: psycopg.Connection[Any], link_id: int, *, now: datetime) -> None:
    """Keeps the first time that a link was opened."""
    connection.execute("UPDATE links SET opened_at = %s WHERE id = %s AND opened_at IS NULL", [now, link_id])


REVOKE = """
UPDATE links SET revoked_at = %(now)s WHERE creator_id = %(creator_id)s AND revoked_at IS NULL AND expires_at > %(now)s
    AND (%(only)s::int8 IS NULL OR id = %(only)s)
"""


def revoke(connection: psycopg.Connection[Any], *, creator_id: int, now: datetime, only: int | None = None) -> int:
    """Takes back every link of the creator that still works, or the one numbered `only`; how many there were."""
    return connection.execute(REVOKE, {"creator_id": creator_id, "now": now, "only": only}).rowcount


def prune(connection: psycopg.Connection[Any], *, before: datetime) -> int:
    """Forgets links that ended before an instant; from then on they are unknown."""
    return connection.execute("DELETE FROM links WHERE expires_at < %s", [before]).rowcount
