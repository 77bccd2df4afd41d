"""Links to a creator's page as operators make them and take them back, each with a line in the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import psycopg

from infra import audit, links
from infra.contract import key_of_creator
from infra.vault import Vault


def make_link(
    connection: psycopg.Connection[Any], vault: Vault, creator_id: int, handle: str, *, actor: str, now: datetime
) -> str:
    """The token of a fresh link to their page, to be shown this once."""
    token = links.issue(connection, vault, creator_id=creator_id, now=now)
    audit.note(connection, at=now, actor=actor, act="creator.link_made", subject=key_of_creator(handle))
    return token


def revoke_links(
    connection: psycopg.Connection[Any],
    creator_id: int,
    handle: str,
    *,
    only: int | None = None,
    actor: str,
    now: datetime,
) -> int:
    """Takes back every link that still works, or the one numbered `only`; how many that were."""
    count = links.revoke(connection, creator_id=creator_id, now=now, only=only)
    about = {"links": count} | ({"link": only} if only else {})
    audit.note(
        connection, at=now, actor=actor, act="creator.links_revoked", subject=key_of_creator(handle), about=about
    )
    return count
