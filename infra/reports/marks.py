"""A tiny mark of what has changed, for pages that are open: one row of small numbers, read at the same cost however much
there is.

What is added is seen at once, by the highest number of its table. What is only altered is seen by PostgreSQL's own counters
of a table's changes, which a busy connection hands in within ten seconds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg

# By topic: the expressions whose values change with it. Topics are what a page's regions name in `data-live`.
TOPICS: Mapping[str, tuple[str, ...]] = {
    "authorizations": ("(SELECT max(id) FROM history)", "changes('authorizations')", "changes('asks')"),
    "events": ("(SELECT max(seq) FROM inbox)", "changes('pending')", "changes('inbox')"),
    "outbox": ("(SELECT max(id) FROM outbox)", "changes('outbox')"),
    "escalations": ("(SELECT max(id) FROM escalations)", "changes('escalations')"),
    "bulks": (
        "(SELECT max(id) FROM bulks)",
        "(SELECT sum(place + done + skipped) FROM bulks WHERE status IN ('waiting', 'running'))",
        "changes('bulks')",
    ),
    "imports": (
        "(SELECT max(id) FROM imports)",
        "(SELECT sum(place) FROM imports WHERE status IN ('waiting', 'running'))",
        "changes('imports')",
    ),
    "creators": ("changes('creators')", "changes('links')"),
    "advertisers": ("changes('advertisers')",),
    "producers": ("changes('producers')",),
    "endpoints": ("changes('endpoints')",),
    "sweeps": ("(SELECT max(started_at) FROM sweeps)",),
    "sums": ("(SELECT max(at) FROM summaries)", "(SELECT max(greatest(opened_at, resolved_at)) FROM alerts)"),
    "audit": ("(SELECT max(id) FROM audit)",),
}
CHANGES = (
    "(pg_stat_get_tuples_inserted('{0}'::regclass) + pg_stat_get_tuples_updated('{0}'::regclass)"
    " + pg_stat_get_tuples_deleted('{0}'::regclass))"
)


def _written_out(expression: str) -> str:
    name = expression.removeprefix("changes('").removesuffix("')")
    return CHANGES.format(name) if name != expression else expression


QUERY = "SELECT " + ", ".join(
    f"concat_ws('/', {', '.join(map(_written_out, expressions))})" for expressions in TOPICS.values()
)
# Of two transactions the one that began later may commit sooner: so far back, what was not seen yet is looked for.
LOOKED_BACK, MOST_NAMED = 500, 100
TOUCHED = """
SELECT id, authorization_id FROM history WHERE id > (SELECT max(id) FROM history) - %s ORDER BY id DESC
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """How the database stood. `text` is short, and another one whenever anything has changed."""

    by_topic: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        told = "|".join(self.by_topic.values())
        return hashlib.blake2b(told.encode(), digest_size=8).hexdigest()

    def changed_since(self, before: Mark) -> list[str]:
        """The topics in which the two differ."""
        return [topic for topic, mark in self.by_topic.items() if before.by_topic.get(topic) != mark]


def read(connection: psycopg.Connection[Any]) -> Mark:
    """One query, which walks nothing but the ends of indexes."""
    row = connection.execute(QUERY.encode(), prepare=True).fetchone() or ()
    return Mark(by_topic=dict(zip(TOPICS, map(str, row), strict=True)))


def latest(connection: psycopg.Connection[Any]) -> dict[int, int]:
    """The last lines of all histories, each with the authorization that it is about."""
    return dict(connection.execute(TOUCHED, [LOOKED_BACK], prepare=True).fetchall())
