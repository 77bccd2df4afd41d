"""Tables for people and JSON for machines."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.table import Table

# Lines are folded to the width of a terminal only where there is one.
console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())


def as_json(value: Any) -> None:
    """Instants become RFC 3339 in UTC, amounts decimal strings."""
    print(json.dumps(value, default=_plain, ensure_ascii=False, indent=2))


def as_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "", empty: str = "") -> None:
    """`empty`: what is said in place of a table without rows."""
    rows = list(rows)
    if empty and not rows:
        print(empty)
        return
    table = Table(title=title or None, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        # A key is copied into the next command: it stays in one piece.
        table.add_column(column, overflow="fold", no_wrap=column == "key")
    for row in rows:
        table.add_row(*(shown(cell) for cell in row))
    Console(highlight=False, width=None if sys.stdout.isatty() else 200).print(table)


def as_facts(facts: Mapping[str, object]) -> None:
    """Names on the left, values on the right."""
    width = max(map(len, facts))
    for name, value in facts.items():
        console.print(f"{name:<{width}}  {shown(value)}", markup=False)


def shown(value: object) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"
        case _:
            return str(value)


def instant(value: datetime | None) -> str | None:
    """RFC 3339 in UTC, with Z."""
    return None if value is None else value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _plain(value: object) -> object:
    match value:
        case datetime():
            return instant(value)
        case Decimal():
            return str(value)
        case _:
            raise TypeError(f"{type(value).__name__} has no JSON form here")
