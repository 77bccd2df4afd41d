"""An import desk: sheets of existing codes are sent in, checked and applied when the test says so."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from psycopg.rows import dict_row
from sqlalchemy import Engine

from domain.renewal import Policy
from infra import sheets
from infra.clock import HandClock
from infra.database import hot
from infra.inbox import MAILBOXES
from infra.reports import imported
from infra.reports.imported import Row
from infra.sheets import Sheet
from infra.vault import Vault
from worker.drain import drain
from worker.importing import Importing

ADVERTISER = "7200000000000000001"
OFFERED = (7, 30, 60, 365)
HEADING = ("advertiser", "post", "creator", "code", "end date")
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def post(number: int) -> str:
    """Its number; the last four digits are never all zeros, as those of a number are that a spreadsheet has rounded."""
    return str(7300000000000000001 + 10 * number)


def code(number: int) -> str:
    """A Spark code, always the same for the same number."""
    return f"#{''.join(random.Random(number).choices(ALPHABET, k=60))}aB3="


def sheet(*rows: Sequence[object], heading: Sequence[str] = HEADING, separator: str = ",") -> str:
    """Rows of advertiser, post, creator, code, end date, unless another heading is given."""
    text = io.StringIO()
    csv.writer(text, delimiter=separator).writerows([heading, *rows])
    return text.getvalue()


def with_code(number: int = 1, **more: object) -> list[object]:
    """A row of the usual heading with a code."""
    return [ADVERTISER, post(number), f"@creator.{number}", code(number), more.get("ends", "")]


def with_end(number: int = 1, ends: str = "2026-12-31") -> list[object]:
    """A row of the usual heading with an end."""
    return [ADVERTISER, post(number), f"@creator.{number}", "", ends]


def chunks(text: str | bytes, size: int = 65_536) -> Iterator[bytes]:
    raw = text.encode() if isinstance(text, str) else text
    yield from (raw[place : place + size] for place in range(0, len(raw), size))


class Desk:
    """The verbs of these stories."""

    def __init__(self, engine: Engine, clock: HandClock, vault: Vault, *, size: int | None = None) -> None:
        self.engine, self.clock, self.vault = engine, clock, vault
        self._importing = Importing(vault, offered_days=OFFERED, size=size)

    def receives(self, text: str | bytes | Iterable[bytes], *, is_dry_run: bool = True) -> int:
        parts = chunks(text) if isinstance(text, str | bytes) else text
        with hot(self.engine) as connection:
            return sheets.receive(
                connection,
                parts,
                vault=self.vault,
                name="codes.csv",
                actor="user:ada@example.com",
                now=self.clock.now(),
                is_dry_run=is_dry_run,
            )

    def says(self, verb: str, number: int) -> None:
        """`apply`, `pause`, `go_on` or `end`."""
        with hot(self.engine) as connection:
            getattr(sheets, verb)(connection, number, actor="user:ada@example.com", now=self.clock.now())

    def works(self, *, batches: int = 10_000) -> int:
        """Batches until nothing is open; returns how many. What they leave in the mailboxes is applied as well."""
        done = 0
        while done < batches and (batch := self._importing.advance(self.engine, self.clock)):
            done += not batch.must_rest
            if batch.must_rest:
                self.drains()
        self.drains()
        return done

    def drains(self) -> None:
        for mailbox in range(MAILBOXES):
            while drain(self.engine, self.clock, Policy(), mailbox).has_more:
                pass

    def checks(self, text: str | bytes) -> list[Row]:
        """The report of a dry run."""
        number = self.receives(text)
        self.works()
        return self.report(number)

    def applies(self, text: str | bytes) -> int:
        """The number of an import that was checked and applied."""
        number = self.receives(text, is_dry_run=False)
        self.works()
        return number

    def sheet(self, number: int) -> Sheet:
        with hot(self.engine) as connection:
            return sheets.need(connection, number)

    def report(self, number: int, **wanted: Any) -> list[Row]:
        with hot(self.engine) as connection:
            return imported.rows(connection, number, **wanted)

    def asks(self, query: str, *values: Any) -> list[dict[str, Any]]:
        with hot(self.engine) as connection:
            return connection.cursor(row_factory=dict_row).execute(query.encode(), values).fetchall()

    def one(self, query: str, *values: Any) -> dict[str, Any]:
        (row,) = self.asks(query, *values)
        return row
