"""The report of an import, row by row: what is wrong first; and what became of the rows that were applied."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row
from sqlalchemy import Engine

from infra.bulk_tables import Verdict
from infra.reports.exporting import told_at
from infra.reports.piecewise import piecewise
from infra.reports.places import PlaceError
from infra.sheet_letters import GRANTED, SENDER, SUBMITTED

Connection = psycopg.Connection[Any]
# In reading order; what was not checked yet comes last.
UNCHECKED = "unchecked"
ORDER = (Verdict.BAD, Verdict.AGAIN, Verdict.GOOD, UNCHECKED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One row of a sheet, by the line where it begins. `event`: the number of what it was told as; `outcome`: what it came to."""

    line: int
    verdict: str | None
    problem: str | None
    key: str | None
    last: str | None
    ends_at: datetime | None
    authorization_id: int | None
    state: str | None
    event: int | None
    outcome: str | None

    @property
    def place(self) -> str:
        """After which the next page begins."""
        return f"{self.verdict or UNCHECKED}.{self.line}"


# The report as a sheet.
COLUMNS: Mapping[str, Callable[[Row], Any]] = {
    "line": lambda row: row.line,
    "verdict": lambda row: row.verdict or "",
    "problem": lambda row: row.problem or "",
    "authorization": lambda row: row.key or "",
    "code ends in": lambda row: row.last or "",
    "end date (UTC)": lambda row: told_at(row.ends_at),
    "event": lambda row: row.event,
    "became": lambda row: row.outcome or "",
    "state": lambda row: row.state or "",
}
PAGE = f"""
SELECT line, verdict, problem, r.key, last, r.ends_at, a.id AS authorization_id, a.state, e.seq AS event,
    coalesce(pending.status, e.outcome) AS outcome
FROM (
    SELECT * FROM sheet_rows WHERE import_id = %(number)s AND line > %(line)s {{which}} ORDER BY line LIMIT %(limit)s
) AS r
LEFT JOIN authorizations AS a ON a.key = r.key
LEFT JOIN inbox AS e ON e.sender = '{SENDER}' AND r.verdict = 'good' AND e.event_id
    = r.import_id || ':' || line || CASE WHEN r.ends_at IS NULL THEN ':{SUBMITTED}' ELSE ':{GRANTED}' END
LEFT JOIN pending ON pending.seq = e.seq
ORDER BY line
"""
OF_ANY, OF_VERDICT = PAGE.format(which=""), PAGE.format(which="AND verdict IS NOT DISTINCT FROM %(verdict)s")


def rows(
    connection: Connection, number: int, *, verdict: str | None = None, after: str | None = None, limit: int = 50
) -> list[Row]:
    """Of one verdict, or of all, after the row at the place `after` (`bad.17`); from the beginning without one.
    Raises PlaceError.
    """
    begun, line = _place_of(after)
    words = [word for word in ORDER if verdict in (None, word) and ORDER.index(word) >= begun]
    found: list[Row] = []
    for word in words:
        if len(found) < limit:
            is_begun = ORDER.index(word) == begun
            found += _of(connection, number, word, line=line if is_begun else 0, limit=limit - len(found))
    return found


def everything(engine: Engine, number: int, *, verdict: Verdict | None = None) -> Iterator[Row]:
    """All rows, or all of one verdict, by line: each once, also while verdicts are being given."""

    def page(connection: Connection, last: Row | None, limit: int) -> list[Row]:
        return _of(connection, number, verdict, line=last.line if last else 0, limit=limit)

    return piecewise(engine, page)


def _of(connection: Connection, number: int, word: str | None, *, line: int, limit: int) -> list[Row]:
    """Of the rows after a line those of a verdict, or of any without one."""
    values = {"number": number, "verdict": None if word == UNCHECKED else word, "line": line, "limit": limit}
    query = OF_VERDICT if word else OF_ANY
    return connection.cursor(row_factory=class_row(Row)).execute(query.encode(), values).fetchall()


def _place_of(after: str | None) -> tuple[int, int]:
    if not after:
        return 0, 0
    word, _, line = after.partition(".")
    if not (word in ORDER and line.isascii() and line.isdecimal() and len(line) < 10):  # noqa: PLR2004  int4
        raise PlaceError
    return ORDER.index(word), int(line)
