"""Imports of sheets, a batch at a time: verdicts, letters and the place in one transaction, so that a crash repeats nothing.

First every row is checked; then, after a person's word or at once, those that are good become letters to the inbox. Webhooks
go first: while mailboxes have much to do, imports rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

import psycopg
from sqlalchemy import Engine

from domain.sheet_rows import RowError, parse
from infra import inbox
from infra.bulk_tables import Stage, Verdict
from infra.clock import Clock
from infra.database import hot
from infra.sheet_forgetting import empty_some
from infra.sheet_letters import Writing
from infra.sheets import IMPORTS, Sheet, unsealed
from infra.unreadable import Unreadable
from infra.vault import UnsealError, Vault
from worker.import_progress import ROWS, VERDICTS, columns_of, fail, leave_out, note
from worker.resting import Batch, BatchError, next_batch
from worker.sheet_verdicts import CONTRADICTED, Known, Row, disputed, judged, told_apart

# At most two letters a row: as many at once as an act on many writes.
BATCH = 50
# A check leaves no work to the mailboxes, and locks nothing that a webhook needs: it rests as long as it took, and takes as many
# rows at once that finding them is no longer most of the work.
CHECKED, TIMES_OF_A_CHECK = 500, 1
# So many rows of a batch may raise by a bug and be left out; when more do, the import stands still until a person looks at it.
MOST_ODD = 3


class Importing:
    """`size`: rows of a batch, where they are not as many as suit the stage."""

    def __init__(self, vault: Vault, *, offered_days: Sequence[int], size: int | None = None) -> None:
        self._vault, self._sizes = vault, {Stage.CHECK: size or CHECKED, Stage.APPLY: size or BATCH}
        self._writing = Writing(vault, offered_days=offered_days)

    def advance(self, engine: Engine, clock: Clock, *, only: int | None = None) -> Batch | None:
        """The next batch of some open import, or of one; None where nothing is open, or others are at it.

        What is over loses its codes first: that was promised to somebody.
        """
        with hot(engine) as connection:
            if only is None and empty_some(connection, now=clock.now()):
                return Batch()
        try:
            return self._batch(engine, clock, only)
        except BatchError as raised:
            if isinstance(raised.error, UnsealError):
                fail(engine, raised.number, raised.error)
                return Batch()
            return self._one_by_one(engine, clock, raised.number)

    def _one_by_one(self, engine: Engine, clock: Clock, number: int) -> Batch:
        """What raised once more, row by row, as many as are applied at once: a row that raises is left out. Where several do, the
        bug is not theirs.
        """
        odd, mailboxes = 0, frozenset[int]()
        for _ in range(self._sizes[Stage.APPLY]):
            try:
                batch = self._batch(engine, clock, number, size=1)
            except BatchError as raised:
                odd += 1
                if odd > MOST_ODD or not leave_out(engine, number, raised.error, now=clock.now()):
                    fail(engine, number, raised.error)
                    break
                continue
            if batch is None or batch.must_rest:
                break
            mailboxes |= batch.mailboxes
        return Batch(mailboxes=mailboxes)

    def _batch(self, engine: Engine, clock: Clock, only: int | None, *, size: int | None = None) -> Batch | None:
        """So many rows in one transaction, or as many as suit the stage. Raises BatchError, and what an outage raises."""
        return next_batch(engine, clock, IMPORTS, partial(self._do, size=size), only=only)

    def _do(self, connection: psycopg.Connection[Any], sheet: Sheet, now: datetime, *, size: int | None) -> Batch:
        stage = self._check if sheet.stage is Stage.CHECK else self._apply
        return stage(connection, sheet, now, size or self._sizes[sheet.stage])

    def _check(self, connection: psycopg.Connection[Any], sheet: Sheet, now: datetime, size: int) -> Batch:
        """Verdicts on some more rows; after the last one the good ones are next, unless a person is to decide that."""
        rows = self._read(connection, sheet, now, size)
        rows = told_apart(rows, twins(connection, sheet, rows))
        rows = self._with_known(connection, rows)
        connection.execute(VERDICTS, columns_of(sheet, rows))
        counts = Counter(row.verdict for row in rows)
        others = disputed(rows)
        problems = [CONTRADICTED.format(line=line) for line in others.values()]
        taken_back = connection.execute(TAKEN_BACK, [[*others], problems, sheet.id, sheet.place])
        counts.update({Verdict.BAD: taken_back.rowcount, Verdict.GOOD: -taken_back.rowcount})
        note(connection, sheet, rows, counts=counts, is_over=len(rows) < size, now=now)
        return Batch(times=TIMES_OF_A_CHECK)

    def _apply(self, connection: psycopg.Connection[Any], sheet: Sheet, now: datetime, size: int) -> Batch:
        """Some more good rows as letters; the rows as they were sent are forgotten with it."""
        rows = self._read(connection, sheet, now, size)
        letters = [letter for row in rows for letter in row.letters]
        inbox.accept(connection, letters, now=now)
        # What was good when it was checked may be over by now.
        late = [row for row in rows if row.held is None]
        connection.execute(VERDICTS, columns_of(sheet, late))
        connection.execute(FORGET, [sheet.id, [row.line for row in rows]])
        counts = {Verdict.BAD: len(late), Verdict.GOOD: -len(late)}
        applied = len(rows) - len(late)
        note(connection, sheet, rows, counts=counts, applied=applied, is_over=len(rows) < size, now=now)
        return Batch(mailboxes=inbox.mailboxes_of(letters))

    def _read(self, connection: psycopg.Connection[Any], sheet: Sheet, now: datetime, size: int) -> list[Row]:
        found = connection.execute(ROWS.encode(), [sheet.id, sheet.place, sheet.stage, size])
        return [self._row(sheet, line, sealed, days, now) for line, sealed, days in found]

    def _row(self, sheet: Sheet, line: int, sealed: bytes, known_days: int | None, now: datetime) -> Row:
        try:
            held = parse(unsealed(self._vault, sealed), now=now, offered_days=self._writing.offered_days)
            letters = self._writing.letters(sheet.id, line, held, now=now, known_days=known_days)
        except (RowError, Unreadable) as error:
            key = error.key if isinstance(error, RowError) else None
            return Row(line=line, key=key, verdict=Verdict.BAD, problem=str(error))
        return Row(
            line=line,
            key=held.key,
            held=held,
            letters=letters,
            fingerprint=self._writing.fingerprint(held),
            code=self._writing.fingerprint_of_code(held),
        )

    def _with_known(self, connection: psycopg.Connection[Any], rows: list[Row]) -> list[Row]:
        """Rows that would change nothing are `again`."""
        keys = [row.key for row in rows if row.key]
        found = connection.execute(KNOWN, [keys])
        known = {key: Known(state=state, expires_at=expires_at) for key, state, expires_at in found}
        codes = set(connection.execute(CODES, [[row.code for row in rows if row.code]]).fetchall())
        return [judged(row, known.get(row.key or ""), has_code=(row.code, row.key) in codes) for row in rows]


KNOWN = "SELECT key, state, expires_at FROM authorizations WHERE key = ANY(%s)"
CODES = "SELECT fingerprint, key FROM codes WHERE fingerprint = ANY(%s)"
TWINS = """
SELECT DISTINCT ON (key) key, line, fingerprint FROM sheet_rows
WHERE import_id = %s AND key = ANY(%s) AND fingerprint IS NOT NULL AND line <= %s ORDER BY key, line
"""
# Of batches before; within its own a row has its verdict by then.
TAKEN_BACK = """
UPDATE sheet_rows SET verdict = 'bad', problem = t.problem, sealed = NULL
FROM unnest(%s::int4[], %s::text[]) AS t (line, problem)
WHERE import_id = %s AND sheet_rows.line = t.line AND sheet_rows.line <= %s AND verdict = 'good'
"""
FORGET = "UPDATE sheet_rows SET sealed = NULL WHERE import_id = %s AND line = ANY(%s)"


def twins(connection: psycopg.Connection[Any], sheet: Sheet, rows: Sequence[Row]) -> dict[str, tuple[int, str]]:
    """The first row of the sheet about each of these posts, in batches before: its line, and what it says."""
    found = connection.execute(TWINS, [sheet.id, [row.key for row in rows if row.key], sheet.place])
    return {key: (line, fingerprint) for key, line, fingerprint in found}
