"""What became of the rows of a sheet, and how far its import has come: also where a bug was met."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import psycopg
import structlog
from sqlalchemy import Engine

from infra.bulk_tables import Stage, Verdict
from infra.database import hot
from infra.sheet_forgetting import forget
from infra.sheets import IMPORTS, Sheet
from worker.sheet_verdicts import Row

log = structlog.get_logger()

ODD = "It could not be read, by a bug ({bug}): the log has more. Send this row in again once that is mended."
ROWS = """
SELECT line, sealed, days FROM sheet_rows LEFT JOIN authorizations USING (key)
WHERE import_id = %s AND line > %s AND sealed IS NOT NULL AND (%s = 'check' OR verdict = 'good') ORDER BY line LIMIT %s
"""
# What cannot be applied need not be kept.
VERDICTS = """
UPDATE sheet_rows SET verdict = t.verdict, problem = t.problem, key = coalesce(t.key, sheet_rows.key),
    fingerprint = t.fingerprint, last = coalesce(t.last, sheet_rows.last), ends_at = coalesce(t.ends_at, sheet_rows.ends_at),
    sealed = CASE WHEN t.verdict = 'good' THEN sealed END
FROM unnest(%s::int4[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[])
    AS t (line, verdict, problem, key, fingerprint, last, ends_at)
WHERE import_id = %s AND sheet_rows.line = t.line
"""
NOTE = """
UPDATE imports SET stage = %(stage)s, status = %(status)s, place = %(place)s, good = good + %(good)s, bad = bad + %(bad)s,
    again = again + %(again)s, applied = applied + %(applied)s, ended_at = %(ended_at)s
WHERE id = %(id)s
"""


def columns_of(sheet: Sheet, rows: Sequence[Row]) -> list[Any]:
    """The values of VERDICTS."""
    return [
        [row.line for row in rows],
        [row.verdict for row in rows],
        [row.problem for row in rows],
        [row.key for row in rows],
        [row.fingerprint for row in rows],
        [row.held.code.last if row.held and row.held.code else None for row in rows],
        [row.held.ends_at if row.held else None for row in rows],
        sheet.id,
    ]


def note(
    connection: psycopg.Connection[Any],
    sheet: Sheet,
    rows: Sequence[Row],
    *,
    counts: Mapping[Verdict, int],
    is_over: bool,
    now: datetime,
    applied: int = 0,
) -> None:
    """How far it has come. A batch that is not full is the last one of its stage."""
    good = sheet.good + counts.get(Verdict.GOOD, 0)
    goes_on = is_over and sheet.stage is Stage.CHECK and not sheet.is_dry_run and good > 0
    has_ended = is_over and not goes_on
    values = {
        "id": sheet.id,
        "stage": Stage.APPLY if goes_on else sheet.stage,
        "status": "done" if has_ended else "running",
        "place": 0 if goes_on else rows[-1].line if rows else sheet.place,
        "applied": applied,
        "ended_at": now if has_ended else None,
    }
    connection.execute(NOTE, values | {verdict: counts.get(verdict, 0) for verdict in Verdict})
    if has_ended:
        if sheet.stage is Stage.APPLY or not good:
            forget(connection, sheet.id, now=now)
        told = IMPORTS.need(connection, sheet.id)
        log.info(
            "import_ended",
            import_id=sheet.id,
            stage=told.stage,
            good=good,
            bad=told.bad,
            again=told.again,
            applied=told.applied,
        )


def leave_out(engine: Engine, number: int, error: Exception, *, now: datetime) -> bool:
    """The next row of an import is bad, since it raised `error`; False where a person stopped it meanwhile, or no row is left."""
    with hot(engine) as connection:
        sheet = IMPORTS.need(connection, number, lock=True)
        found = connection.execute(ROWS.encode(), [sheet.id, sheet.place, sheet.stage, 1]).fetchone()
        if found is None or not sheet.status.is_open:
            return False
        log.error("import_row_failed", import_id=number, line=found[0], exc_info=error)
        row = Row(line=found[0], key=None, verdict=Verdict.BAD, problem=ODD.format(bug=type(error).__name__))
        connection.execute(VERDICTS, columns_of(sheet, [row]))
        counts = {Verdict.BAD: 1, Verdict.GOOD: -1 if sheet.stage is Stage.APPLY else 0}
        note(connection, sheet, [row], counts=counts, is_over=False, now=now)
        return True


def fail(engine: Engine, number: int, error: Exception) -> None:
    """A bug: it stands still until a person lets it go on."""
    log.error("import_failed", import_id=number, exc_info=error)
    with hot(engine) as connection:
        IMPORTS.fail(connection, number, error)
