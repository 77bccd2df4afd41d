"""Imports of existing codes: a sheet is taken in as a stream, kept sealed, checked and applied batch by batch by the worker,
paused and ended by people.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import msgspec
import psycopg
from psycopg.types.json import Jsonb

from domain import sheets
from domain.sheets import Column, SheetError
from infra import audit
from infra.bulk_tables import Progress, Stage
from infra.incoming import without_codes
from infra.long_work import UNTENDED, LongWork
from infra.sheet_forgetting import FULL, forget
from infra.sheet_text import lines_of
from infra.vault import Vault

# Ten times what an agency has, far below what would fill a disk unseen.
MOST_ROWS = 500_000
LONGEST_NAME = 120
ROWS_AT_ONCE = 1_000
# Bound into what is sealed: a row of a sheet opens as nothing else.
CONTEXT = "sheet"
encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, kw_only=True, slots=True)
class Sheet:
    """One import as it stands. `place` is a line of the sheet; the other numbers count rows."""

    id: int
    name: str
    actor: str
    stage: Stage
    status: Progress
    is_dry_run: bool
    is_forgotten: bool
    ignored: list[str]
    lines: int
    place: int
    good: int
    bad: int
    again: int
    applied: int
    created_at: datetime
    ended_at: datetime | None
    emptied_at: datetime | None
    trouble: str | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "stage", Stage(self.stage))
        object.__setattr__(self, "status", Progress(self.status))

    @property
    def may_be_applied(self) -> bool:
        """Whether it was checked, has something good in it, and a person's word is all that it waits for."""
        is_checked = self.stage is Stage.CHECK and self.status.has_ended
        return is_checked and self.good > 0 and not self.is_forgotten

    @property
    def may_be_ended(self) -> bool:
        """Also one that was only checked: its codes are still there."""
        return not self.status.has_ended or self.may_be_applied

    @property
    def is_applied(self) -> bool:
        """Whether all its good rows were applied."""
        return self.stage is Stage.APPLY and self.status.has_ended and self.applied == self.good

    @property
    def total(self) -> int:
        """Rows of the present stage."""
        return self.lines if self.stage is Stage.CHECK else self.good

    @property
    def done(self) -> int:
        """How many of them were reached."""
        return self.good + self.bad + self.again if self.stage is Stage.CHECK else self.applied


IMPORTS = LongWork(
    table="imports",
    noun="import",
    shape=Sheet,
    error=SheetError,
    select=f"SELECT {', '.join(Sheet.__dataclass_fields__)} FROM imports",
    left="lines - place",
    # Codes of one that is over are still there.
    neglected=f"{UNTENDED} OR {FULL}",
)
load, listed, need, is_any_neglected = IMPORTS.load, IMPORTS.listed, IMPORTS.need, IMPORTS.is_any_neglected
pause, go_on = IMPORTS.pause, IMPORTS.go_on


def receive(
    connection: psycopg.Connection[Any],
    chunks: Iterable[bytes],
    *,
    vault: Vault,
    name: str,
    actor: str,
    now: datetime,
    is_dry_run: bool = True,
) -> int:
    """The number of a new import; kept whole or, by the caller's transaction, not at all. Nudge `imports` after the commit.

    However long the sheet, no more than ROWS_AT_ONCE rows are held. Hand in what was stored before: a sender that is
    slow would hold the transaction. Raises SheetError.
    """
    heading, rows = sheets.read(lines_of(chunks))
    query = (
        "INSERT INTO imports (name, actor, is_dry_run, ignored, created_at) VALUES (%s, %s, %s, %s, %s) RETURNING id"
    )
    values = [_name(name), actor, is_dry_run, Jsonb(list(heading.ignored)), now]
    ((number,),) = connection.execute(query, values).fetchall()
    count = _keep(connection, vault, number, rows)
    if not count:
        raise SheetError("The sheet has no rows below its first line. Add them, then send it again.")
    connection.execute("UPDATE imports SET lines = %s WHERE id = %s", [count, number])
    about = {"name": _name(name), "rows": count, "dry_run": is_dry_run}
    audit.note(connection, at=now, actor=actor, act="import.uploaded", subject=f"import/{number}", about=about)
    return int(number)


def unsealed(vault: Vault, sealed: bytes) -> dict[Column, str]:
    """The cells of one row. Raises UnsealError under another key."""
    return msgspec.json.decode(vault.unseal(sealed, context=CONTEXT), type=dict[Column, str])


def apply(connection: psycopg.Connection[Any], number: int, *, actor: str, now: datetime) -> None:
    """The good rows of a sheet that was checked go to the inbox. Nudge `imports` after the commit. Raises SheetError."""
    sheet = need(connection, number, lock=True)
    if not sheet.may_be_applied:
        raise SheetError(_why_not(sheet))
    query = """
    UPDATE imports SET stage = 'apply', status = 'waiting', is_dry_run = false, place = 0, ended_at = NULL,
        claimed_until = NULL WHERE id = %s
    """
    connection.execute(query, [number])
    subject, about = f"import/{number}", {"rows": sheet.good}
    audit.note(connection, at=now, actor=actor, act="import.applied", subject=subject, about=about)


def end(connection: psycopg.Connection[Any], number: int, *, actor: str, now: datetime) -> None:
    """It is over, with what is done by now, and its codes are forgotten; also one that was only checked. Nudge `imports`
    after the commit: the codes of a large sheet take more than one transaction. Raises SheetError.
    """
    IMPORTS.end(connection, number, actor=actor, now=now)
    forget(connection, number, now=now)


def _name(text: str) -> str:
    """A file's name as it may be shown; a pasted sheet has none."""
    plain = "".join(character for character in text if character.isprintable()).strip()
    return str(without_codes(plain))[:LONGEST_NAME] or "pasted"


def _keep(
    connection: psycopg.Connection[Any], vault: Vault, number: int, rows: Iterator[tuple[int, dict[Column, str]]]
) -> int:
    """How many rows there were."""
    count = 0
    with connection.cursor() as cursor:
        while batch := list(islice(rows, ROWS_AT_ONCE)):
            count += len(batch)
            if count > MOST_ROWS:
                raise SheetError(f"The sheet has more than {MOST_ROWS:,} rows. Send it in several parts.")
            with cursor.copy("COPY sheet_rows (import_id, line, sealed) FROM STDIN") as copy:
                for line, cells in batch:
                    copy.write_row((number, line, vault.seal(encode(cells).decode(), context=CONTEXT)))
    return count


def _why_not(sheet: Sheet) -> str:
    if sheet.stage is Stage.APPLY:
        return "It was applied already, or is being applied."
    if not sheet.status.has_ended:
        return "It is being checked: wait for the end of that."
    if not sheet.good:
        return "None of its rows can be applied. Mend them in the sheet, then send it again."
    return "Its codes are no longer kept. Send the sheet again."
