"""What a search finds, found first. Few are looked at one by one, in whatever order; where there are many, a list that walks
its own index soon meets enough of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

# Twice as many cost twice the time to sort; with half as many a list walks twice as far.
FEW = 3_000
POST = re.compile(r"/(?:video|photo)/(\d+)")
# Each part finds what it finds by an index of its own; together they are what was searched for.
EACH = """
    SELECT of.id FROM creators JOIN authorizations AS of ON of.creator_id = creators.id
    WHERE creators.handle LIKE %(search_handle)s
    UNION ALL SELECT id FROM authorizations WHERE account_handle LIKE %(search_handle)s
    UNION ALL SELECT id FROM authorizations WHERE reference LIKE %(search_prefix)s
    UNION ALL SELECT id FROM authorizations WHERE item_id = %(search_post)s
    UNION ALL SELECT id FROM authorizations WHERE key = %(search)s
    UNION ALL SELECT of.id FROM codes JOIN authorizations AS of USING (key) WHERE codes.last = %(search_last)s
"""
ALL = f"authorizations.id IN ({EACH})"
AMONG = "authorizations.id = ANY(%(search_ids)s)"
# The same, asked of one row.
MATCHES = """
authorizations.reference LIKE %(search_prefix)s OR authorizations.account_handle LIKE %(search_handle)s
OR authorizations.item_id = %(search_post)s OR authorizations.key = %(search)s
OR EXISTS (SELECT FROM creators WHERE creators.id = authorizations.creator_id AND creators.handle LIKE %(search_handle)s)
OR authorizations.key IN (SELECT key FROM codes WHERE codes.last = %(search_last)s)
"""
FIRST = f"SELECT id FROM ({EACH}) AS found LIMIT {FEW + 1}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What was met first, FEW at most; `is_all` where there is no more of it."""

    ids: tuple[int, ...]
    is_all: bool


def find(connection: psycopg.Connection[Any], text: str) -> Found | None:
    """None where nothing is searched for."""
    if not text:
        return None
    rows = connection.execute(FIRST.encode(), values(text), prepare=False).fetchall()
    return Found(ids=tuple({number for (number,) in rows}), is_all=len(rows) <= FEW)


def part(found: Found | None) -> str:
    """The condition over `authorizations`; before anything was found, that which finds all of it."""
    if found is None:
        return ALL
    return AMONG if found.is_all else MATCHES


def values(text: str) -> Mapping[str, str]:
    """The parameters of all these conditions but for `search_ids`."""
    handle, post = text.lstrip("@").lower(), POST.search(text)
    return {
        "search": text,
        "search_handle": f"{_literally(handle)}%",
        "search_prefix": f"{_literally(text)}%",
        "search_post": post[1] if post else text,
        "search_last": text.strip("…").rstrip("="),
    }


def _literally(text: str) -> str:
    """`text` for LIKE, where handles have underscores."""
    return re.sub(r"([\\%_])", r"\\\1", text)
