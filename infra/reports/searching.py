"""What a search finds: a post, a key, beginnings of handles and of campaigns' names, the last characters of a code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import product
from typing import Any

POST = re.compile(r"/(?:video|photo)/(\d+)")
# So many of a code's characters are kept for people (domain/spark_code.py).
LAST = 4
# Each part finds what it finds by an index of its own; together they are what was searched for.
EACH = """
    SELECT of.id FROM creators JOIN authorizations AS of ON of.creator_id = creators.id
    WHERE creators.handle LIKE %(search_handle)s
    UNION ALL SELECT id FROM authorizations WHERE account_handle LIKE %(search_handle)s
    UNION ALL SELECT id FROM authorizations WHERE lower(reference) LIKE lower(%(search_prefix)s)
    UNION ALL SELECT id FROM authorizations WHERE item_id = %(search_post)s
    UNION ALL SELECT id FROM authorizations WHERE key = %(search)s
    UNION ALL SELECT of.id FROM codes JOIN authorizations AS of USING (key) WHERE codes.last = ANY(%(search_last)s)
"""
ALL = f"authorizations.id IN ({EACH})"
# The same, asked of one row.
MATCHES = """
lower(authorizations.reference) LIKE lower(%(search_prefix)s) OR authorizations.account_handle LIKE %(search_handle)s
OR authorizations.item_id = %(search_post)s OR authorizations.key = %(search)s
OR EXISTS (SELECT FROM creators WHERE creators.id = authorizations.creator_id AND creators.handle LIKE %(search_handle)s)
OR authorizations.key IN (SELECT key FROM codes WHERE codes.last = ANY(%(search_last)s))
"""


def values(text: str) -> Mapping[str, Any]:
    """The parameters of all these conditions."""
    handle, post = text.lstrip("@").lower(), POST.search(text)
    return {
        "search": text,
        "search_handle": f"{literally(handle)}%",
        "search_prefix": f"{literally(text)}%",
        "search_post": post[1] if post else text,
        "search_last": in_any_case(text.strip("…").rstrip("=")),
    }


def in_any_case(text: str) -> list[str]:
    """Each way to write a code's end in large letters and small: the index tells them apart, who reads one out does not."""
    if len(text) > LAST:
        return []
    return ["".join(letters) for letters in product(*({letter.lower(), letter.upper()} for letter in text))]


def literally(text: str) -> str:
    """`text` for LIKE, where handles have underscores."""
    return re.sub(r"([\\%_])", r"\\\1", text)
