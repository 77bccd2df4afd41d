"""All rows of a report, for those who take long to fetch them: pages by keyset, each read in a short transaction of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import psycopg
from sqlalchemy import Engine

from infra.database import snapshot

Connection = psycopg.Connection[Any]
T = TypeVar("T")
# Some 5 MB of authorizations; and a search that many match costs about the same for each page, however few it holds.
AT_ONCE = 2_000


def piecewise(engine: Engine, page: Callable[[Connection, T | None, int], Sequence[T]]) -> Iterator[T]:
    """All that `page(connection, last, limit)` reads: what follows the row `last` (None: from the beginning), at most `limit`.

    No connection is held while rows are handed out: who reads slowly, or went away, keeps nothing of the pool.
    """
    last: T | None = None
    while True:
        with snapshot(engine) as connection:
            rows = page(connection, last, AT_ONCE)
        yield from rows
        if len(rows) < AT_ONCE:
            return
        last = rows[-1]
