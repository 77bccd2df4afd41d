"""Imports of existing codes: a sheet is sent in and checked, its report read row by row, and what is good in it applied."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from domain.people import Role
from domain.sheets import SheetError
from infra import audit, sheets
from infra.bulk_tables import Stage, Verdict
from infra.database import hot, snapshot
from infra.reports import exporting, imported
from infra.sheet_sample import sample
from infra.sheet_text import MOST_BYTES, pieces
from infra.sheets import Sheet
from web.room.calls import A_PAGE, REFRESH_SECONDS, Call, Desk, Page, cut, download
from web.room.rendering import field

# What a form may carry beside the sheet.
REST_OF_FORM = 100_000
SHOWN = {
    Verdict.BAD: "cannot be taken",
    Verdict.AGAIN: "nothing new",
    Verdict.GOOD: "good",
    imported.UNCHECKED: "not checked yet",
}


def listed(desk: Desk, call: Call, *, complaint: str = "", status: int = 200) -> Response:
    """What was sent in, the newest first, and the form for the next one."""
    with hot(desk.engine) as connection:
        found, last = cut(sheets.listed(connection, before=call.before, limit=A_PAGE + 1))
    return desk.render(
        call,
        "room/imports.html",
        status=status,
        sheets=found,
        more=last and last.id,
        may_act=call.visitor.role.may(Role.OPERATOR),
        complaint=complaint,
    )


def receive(desk: Desk, call: Call) -> Response:
    """Takes a sheet in, a file or what was pasted. What is wrong with it as a whole is said in the list."""
    try:
        name, chunks = _sheet_of(call.form)
        with hot(desk.engine) as connection:
            number = sheets.receive(
                connection, chunks, vault=desk.vault, name=name, actor=call.visitor.actor, now=call.now
            )
    except SheetError as error:
        return listed(desk, call, complaint=str(error), status=422)
    desk.nudges.imports()
    return RedirectResponse(f"/imports/{number}", status_code=303)


def one(desk: Desk, call: Call, *, complaint: str = "", status: int = 200) -> Response:
    """How far one has come, and its report: what is wrong first."""
    verdict = call.query.get("show", "")
    if verdict and verdict not in SHOWN:
        raise HTTPException(422, f"`show` is one of {', '.join(SHOWN)}; without it, all of the report.")
    with snapshot(desk.engine) as connection:
        sheet = _need(sheets.load(connection, call.path["id"]))
        after = call.query.get("after")
        rows, last = cut(imported.rows(connection, sheet.id, verdict=verdict or None, after=after, limit=A_PAGE + 1))
    return desk.render(
        call,
        "room/import.html",
        status=status,
        sheet=sheet,
        rows=rows,
        show=verdict,
        words=SHOWN,
        more=last and last.place,
        is_applying=sheet.stage is Stage.APPLY,
        refresh_seconds=REFRESH_SECONDS if sheet.status.is_open else None,
        may_act=call.visitor.role.may(Role.OPERATOR),
        complaint=complaint,
    )


def export(desk: Desk, call: Call) -> Response:
    """The report as a sheet; of a code only its last characters."""
    with hot(desk.engine) as connection:
        sheet = _need(sheets.load(connection, call.path["id"]))
        audit.note(
            connection, at=call.now, actor=call.visitor.actor, act="import.exported", subject=f"import/{sheet.id}"
        )
    report = exporting.sheet(imported.everything(desk.engine, sheet.id), imported.COLUMNS)
    return download(report, f"import-{sheet.id}.csv")


def example(_desk: Desk, call: Call) -> Response:
    """A sheet to begin with."""
    return download([sample(call.now)], "everspark-import.csv")


def apply(desk: Desk, call: Call) -> Response:
    return _changed(desk, call, sheets.apply)


def pause(desk: Desk, call: Call) -> Response:
    return _changed(desk, call, sheets.pause)


def go_on(desk: Desk, call: Call) -> Response:
    return _changed(desk, call, sheets.go_on)


def end(desk: Desk, call: Call) -> Response:
    return _changed(desk, call, sheets.end)


def _changed(desk: Desk, call: Call, change: Callable[..., None]) -> Response:
    number: int = call.path["id"]
    try:
        with hot(desk.engine) as connection:
            _need(sheets.load(connection, number))
            change(connection, number, actor=call.visitor.actor, now=call.now)
    except SheetError as error:
        return one(desk, call, complaint=str(error), status=409)
    desk.nudges.imports()
    return RedirectResponse(f"/imports/{number}", status_code=303)


def _sheet_of(form: FormData) -> tuple[str, Iterator[bytes]]:
    """The name and the content of what was sent. Raises SheetError where it is nothing, or two things."""
    upload, pasted = form.get("file"), field(form, "pasted")
    has_file = isinstance(upload, UploadFile) and bool(upload.size)
    if has_file == bool(pasted.strip()):
        raise SheetError("Choose a file, or paste the rows with their heading: one of the two.")
    if isinstance(upload, UploadFile) and has_file:
        return upload.filename or "", pieces(upload.file.read)
    return "", pieces(BytesIO(pasted.encode(errors="replace")).read)


def _need(sheet: Sheet | None) -> Sheet:
    if sheet is None:
        raise HTTPException(404, "There is no such import.")
    return sheet


PAGES = (
    Page(path="/imports", handler=listed, words=("before",)),
    Page(
        path="/imports",
        handler=receive,
        role=Role.OPERATOR,
        methods=("POST",),
        most_bytes=MOST_BYTES + REST_OF_FORM,
        takes_files=True,
    ),
    Page(path="/imports/sample.csv", handler=example),
    Page(path="/imports/{id:int}.csv", handler=export),
    Page(path="/imports/{id:int}", handler=one, words=("show", "after")),
    Page(path="/imports/{id:int}/apply", handler=apply, role=Role.OPERATOR, methods=("POST",)),
    Page(path="/imports/{id:int}/pause", handler=pause, role=Role.OPERATOR, methods=("POST",)),
    Page(path="/imports/{id:int}/go-on", handler=go_on, role=Role.OPERATOR, methods=("POST",)),
    Page(path="/imports/{id:int}/end", handler=end, role=Role.OPERATOR, methods=("POST",)),
)
