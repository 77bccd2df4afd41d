"""`everspark import`: a sheet of existing codes, checked row by row and applied, with progress; it goes on where it stopped."""

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from domain.sheets import SheetError
from everspark.opened import AsJson, Data, Opened, actor, opened
from everspark.outcomes import NOT_FOUND, USAGE, WRONG, Stop, say
from everspark.printing import as_facts, as_json, as_table
from infra import logs, sheets
from infra.broker import make_broker, make_nudges
from infra.bulk_tables import Progress as Standing
from infra.bulk_tables import Stage, Verdict
from infra.chosen import policy_of
from infra.database import hot, snapshot
from infra.reports import imported
from infra.sheet_text import pieces
from infra.sheets import Sheet
from worker.drain import drain
from worker.importing import Importing
from worker.resting import BACKLOG_REST

# So many bad rows are named; the page and --json have all of them.
NAMED = 20
# While mailboxes have enough to do an import waits; where nobody empties them, it does not wait for ever.
MOST_RESTS = 100


def import_(
    sheet: Annotated[str | None, typer.Argument(metavar="[FILE]", help="A CSV, or - for standard input.")] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Apply the good rows once all are checked.")] = False,
    resume: Annotated[int | None, typer.Option(help="Go on with the import of this number.", metavar="NUMBER")] = None,
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Checks a sheet of existing codes row by row and, with --apply, takes in what is good. Ends with 1 where a row is bad.

    Example: everspark import codes.csv
    Example: everspark import --resume 7 --apply
    """
    if (sheet is None) == (resume is None):
        raise Stop("Name a file (- for standard input), or an import to go on with by --resume: one of the two.", USAGE)
    with opened(data) as tools:
        # What came of it is the command's own to say.
        logs.configure(log_format=tools.settings.log_format, level="error")
        number = _resumed(tools, resume, apply=apply) if resume else _received(tools, sheet or "", apply=apply)
        found = _worked(tools, number)
        (_tell_json if json else _tell)(tools, found)
    if found.bad or not found.status.has_ended:
        raise typer.Exit(WRONG)


def _received(tools: Opened, name: str, *, apply: bool) -> int:
    """The number of a sheet that was taken in, whole."""
    try:
        with _opened_sheet(name) as (file, size), _bar() as bar, hot(tools.engine) as connection:
            reading = bar.add_task("Reading", total=size)
            return sheets.receive(
                connection,
                _pieces(file, bar, reading),
                vault=tools.vault,
                name="" if name == "-" else Path(name).name,
                actor=actor(),
                now=tools.clock.now(),
                is_dry_run=not apply,
            )
    except SheetError as error:
        raise Stop(str(error), USAGE) from None
    except OSError as error:
        code = NOT_FOUND if isinstance(error, FileNotFoundError) else USAGE
        raise Stop(f"{name} cannot be read: {error.strerror or error}.", code) from None


@contextmanager
def _opened_sheet(name: str) -> Iterator[tuple[IO[bytes], int]]:
    """The sheet and its size. Standard input waits in a file until it ends: nobody holds a transaction for a slow sender."""
    if name != "-":
        with Path(name).open("rb") as file:
            yield file, Path(name).stat().st_size
        return
    with tempfile.TemporaryFile() as spool:
        shutil.copyfileobj(sys.stdin.buffer, spool)
        size = spool.tell()
        spool.seek(0)
        yield spool, size


def _pieces(file: IO[bytes], bar: Progress, task: object) -> Iterator[bytes]:
    for piece in pieces(file.read):
        bar.advance(task, len(piece))  # type: ignore[arg-type]  # rich's own number of a task
        yield piece


def _resumed(tools: Opened, number: int, *, apply: bool) -> int:
    """The import goes on: one that was paused, or stopped by an error, too. Raises Stop where there is none."""
    with hot(tools.engine) as connection:
        sheet = sheets.load(connection, number)
        if sheet is None:
            raise Stop(f"There is no import {number}.", NOT_FOUND)
        try:
            if sheet.status in (Standing.PAUSED, Standing.FAILED):
                sheets.go_on(connection, number, actor=actor(), now=tools.clock.now())
            if apply and sheet.status.has_ended and not sheet.is_applied:
                sheets.apply(connection, number, actor=actor(), now=tools.clock.now())
        except SheetError as error:
            raise Stop(str(error)) from None
    return number


def _worked(tools: Opened, number: int) -> Sheet:
    """The import once nothing is left to do; workers may do a part of it meanwhile."""
    work, deliver = Importing(tools.vault, offered_days=tools.settings.offered_days), _delivering(tools)
    rests = 0
    try:
        with _bar() as bar:
            task = bar.add_task("Checking")
            while (sheet := _shown(tools, number, bar, task)).status.is_open:
                batch = work.advance(tools.engine, tools.clock, only=number)
                rests = rests + 1 if batch is None or batch.must_rest else 0
                if rests > MOST_RESTS:
                    raise Stop(f"Nobody empties the mailboxes. It goes on once a worker runs: {_again(number)}")
                if batch is None or batch.must_rest:
                    time.sleep(BACKLOG_REST.total_seconds())
                else:
                    deliver(batch.mailboxes)
    except KeyboardInterrupt:
        raise Stop(f"Stopped by the way. A worker goes on with it, and so does {_again(number)}") from None
    return sheet


def _shown(tools: Opened, number: int, bar: Progress, task: object) -> Sheet:
    """The import as it stands, on the bar as well."""
    with snapshot(tools.engine) as connection:
        sheet = sheets.need(connection, number)
    words = "Checking" if sheet.stage is Stage.CHECK else "Applying"
    bar.update(task, description=words, total=sheet.total, completed=sheet.done)  # type: ignore[arg-type]  # as above
    return sheet


def _bar() -> Progress:
    return Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())


def _delivering(tools: Opened) -> Callable[[Iterable[int]], None]:
    """Workers elsewhere are nudged. Those of another process on this machine cannot be, so their mail is applied here."""
    if tools.settings.redis_url:
        return make_nudges(make_broker(tools.settings.redis_url)).mailboxes
    policy = policy_of(tools.settings)

    def deliver(mailboxes: Iterable[int]) -> None:
        for mailbox in mailboxes:
            drain(tools.engine, tools.clock, policy, mailbox)

    return deliver


def _again(number: int) -> str:
    return f"`everspark import --resume {number}`."


def _tell(tools: Opened, sheet: Sheet) -> None:
    applied = {"applied": sheet.applied} if sheet.stage is Stage.APPLY else {}
    counts = {"rows": sheet.lines, "good": sheet.good, "bad": sheet.bad, "nothing new": sheet.again}
    as_facts({"import": sheet.id} | counts | applied)
    if sheet.bad:
        with snapshot(tools.engine) as connection:
            bad = imported.rows(connection, sheet.id, verdict=Verdict.BAD, limit=NAMED)
        as_table(("line", "post", "what is wrong"), [(row.line, row.key, row.problem) for row in bad])
    if sheet.bad > NAMED:
        say(f"And {sheet.bad - NAMED:,} more: see /imports/{sheet.id}, or --json.")
    if sheet.trouble:
        say(f"It met a bug ({sheet.trouble}); the log has the traceback. Go on with {_again(sheet.id)}")
    if sheet.status is Standing.PAUSED:
        say(f"Somebody has paused it. Go on with {_again(sheet.id)}")
    if sheet.may_be_applied:
        say(f"Nothing was done yet. Apply what is good with `everspark import --resume {sheet.id} --apply`.")


def _tell_json(tools: Opened, sheet: Sheet) -> None:
    bad = [
        {"line": row.line, "authorization": row.key, "problem": row.problem}
        for row in imported.everything(tools.engine, sheet.id, verdict=Verdict.BAD)
    ]
    counts = {"rows": sheet.lines, "good": sheet.good, "bad": sheet.bad, "again": sheet.again, "applied": sheet.applied}
    as_json({"import": sheet.id, "stage": sheet.stage, "status": sheet.status} | counts | {"report": bad})
