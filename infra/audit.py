"""The audit log: who did what, on what, in the transaction in which it was done. Never a secret, never a code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

NOTHING: Mapping[str, Any] = MappingProxyType({})
# Of an act on more than so many the first are named.
MOST_KEYS = 200


def note(
    connection: psycopg.Connection[Any],
    *,
    at: datetime,
    actor: str,
    act: str,
    subject: str | None = None,
    about: Mapping[str, Any] = NOTHING,
) -> None:
    """`actor`: `user:ada@example.com`, `token:crm-import`, `cli:ada`; `act`: a constant name such as `person.invited`."""
    query = "INSERT INTO audit (at, actor, act, subject, about) VALUES (%s, %s, %s, %s, %s)"
    connection.execute(query, [at, actor, act, subject, Jsonb(dict(about))])


def several(keys: Sequence[str]) -> dict[str, Any]:
    """What `about` says of an act on several subjects: each, by which it is found; of very many the first, and how many more."""
    more = {"more_keys": len(keys) - MOST_KEYS} if len(keys) > MOST_KEYS else {}
    return {"keys": list(keys[:MOST_KEYS])} | more
