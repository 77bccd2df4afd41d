"""Imports of existing codes: a sheet is sent as CSV and checked, its report read row by row, what is good in it applied."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import psycopg
from fastapi import Query, Response
from pydantic import Field
from starlette.responses import StreamingResponse

from domain.people import Scope
from domain.sheets import SheetError
from infra import audit, sheets
from infra.bulk_tables import Progress, Stage, Verdict
from infra.database import hot, snapshot
from infra.reports import exporting, imported
from infra.sheet_text import MOST_BYTES, pieces
from infra.sheets import Sheet
from web.api.calls import CSV, PREFIX, Asks, Operation, Write, Writes
from web.api.paging import Page, Paged, page
from web.api.problems import invalid, missing
from web.api.shapes import Asked, Number, Shape, Word
from web.room.calls import cut


class Sending(Asked):
    """What the sheet in the body is called, and whether what is good in it is applied at once."""

    name: Word = Field("sheet", description="The file's name, for people.")
    dry_run: bool = Field(default=True, description="Only check it; `apply` applies what is good. With false, at once.")


class Import(Shape):
    """A sheet. `good`, `bad` and `again` (nothing new) count its rows; `done` of the `total` of the present stage."""

    id: int
    name: str
    actor: str
    stage: Stage
    status: Progress
    is_dry_run: bool
    ignored: list[str]
    lines: int
    good: int
    bad: int
    again: int
    applied: int
    done: int
    total: int
    may_be_applied: bool
    created_at: datetime
    ended_at: datetime | None
    trouble: str | None


class Wanting(Paged):
    """The report's filter."""

    verdict: Verdict | None = Field(None, description="Of one verdict alone.")


class ImportRow(Shape):
    """One row by its line: what is wrong with it, or what it became. `last`: of its code, the last characters."""

    line: int
    verdict: Verdict | None
    problem: str | None
    key: str | None
    last: str | None
    ends_at: datetime | None
    authorization_id: int | None
    state: str | None
    event: int | None
    outcome: str | None


def receive(write: Writes, sending: Annotated[Sending, Query()]) -> Import:
    """Takes a sheet in, kept whole or not at all; workers check it row by row."""
    try:
        number = sheets.receive(
            write.connection,
            pieces(write.body.read),
            vault=write.desk.vault,
            name=sending.name,
            actor=write.actor,
            now=write.now,
            is_dry_run=sending.dry_run,
        )
    except SheetError as error:
        raise invalid(str(error), field="body", remedy="Mend the sheet, then send it again (docs/import.md).") from None
    write.headers["location"] = f"{PREFIX}/imports/{number}"
    return _told(write, number)


def listed(call: Asks, asked: Annotated[Paged, Query()]) -> Page[Import]:
    """What was sent in, the newest first."""
    with snapshot(call.desk.engine) as connection:
        found, last = cut(sheets.listed(connection, before=asked.number, limit=asked.limit + 1), asked.limit)
    return page(call, map(Import.model_validate, found), after=last and last.id)


def one(call: Asks, number: Number) -> Import:
    """One import, and how far it has come."""
    with snapshot(call.desk.engine) as connection:
        return Import.model_validate(_known(connection, number))


def rows(call: Asks, number: Number, asked: Annotated[Wanting, Query()]) -> Page[ImportRow]:
    """The report, row by row: what is wrong first."""
    with snapshot(call.desk.engine) as connection:
        _known(connection, number)
        after = asked.place or None
        found = imported.rows(connection, number, verdict=asked.verdict, after=after, limit=asked.limit + 1)
    told, last = cut(found, asked.limit)
    return page(call, map(ImportRow.model_validate, told), after=last and last.place)


def exported(call: Asks, number: Number) -> Response:
    """The whole report as CSV, read while it is sent."""
    with hot(call.desk.engine) as connection:
        _known(connection, number)
        audit.note(connection, at=call.now, actor=call.actor, act="import.exported", subject=f"import/{number}")
    report = exporting.sheet(imported.everything(call.desk.engine, number), imported.COLUMNS)
    return StreamingResponse(report, media_type=f"{CSV}; charset=utf-8")


def apply(write: Writes, number: Number) -> Import:
    """Applies what is good in a sheet that was checked."""
    return _changed(write, number, sheets.apply)


def pause(write: Writes, number: Number) -> Import:
    """It stops after the batch that is in hand."""
    return _changed(write, number, sheets.pause)


def go_on(write: Writes, number: Number) -> Import:
    """It goes on where it stopped, also after a failure."""
    return _changed(write, number, sheets.go_on)


def end(write: Writes, number: Number) -> Import:
    """It is over, with what is done by now; its codes are forgotten."""
    return _changed(write, number, sheets.end)


def _changed(write: Write, number: int, change: Callable[..., None]) -> Import:
    _known(write.connection, number)
    change(write.connection, number, actor=write.actor, now=write.now)
    return _told(write, number)


def _told(write: Write, number: int) -> Import:
    write.after.append(write.desk.nudges.imports)
    return Import.model_validate(_known(write.connection, number))


def _known(connection: psycopg.Connection[Any], number: int) -> Sheet:
    sheet = sheets.load(connection, number)
    if sheet is None:
        raise missing("There is no import of this number.")
    return sheet


def _changing(name: str, handler: Callable[..., Import]) -> Operation:
    return Operation(path=f"/imports/{{number}}/{name}", handler=handler, scope=Scope.IMPORT, method="POST")


OPERATIONS = (
    Operation(path="/imports", handler=listed),
    Operation(
        path="/imports",
        handler=receive,
        scope=Scope.IMPORT,
        method="POST",
        status=201,
        accepts=CSV,
        most_bytes=MOST_BYTES,
    ),
    Operation(path="/imports/{number}", handler=one),
    Operation(path="/imports/{number}/rows", handler=rows),
    Operation(path="/imports/{number}/rows.csv", handler=exported, media_type=CSV),
    _changing("apply", apply),
    _changing("pause", pause),
    _changing("go-on", go_on),
    _changing("end", end),
)
