"""Rows as a sheet, above all authorizations: CSV, line by line, which a spreadsheet shows and never runs."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeVar

from domain.explaining import told_why
from domain.money import in_cents
from infra.reports.listing import Row

T = TypeVar("T")
# What a spreadsheet takes for a formula, and runs; a quote before it makes it the text that it is.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
# By this mark spreadsheets know that the text is UTF-8.
MARK = "\ufeff"
LINES_AT_ONCE = 500


def told_at(at: datetime | None) -> str:
    """An instant as spreadsheets read it."""
    return f"{at:%Y-%m-%d %H:%M:%S}" if at else ""


def _at(name: str) -> Callable[[Row], str]:
    return lambda row: told_at(row[name])


def _amount(name: str) -> Callable[[Row], str]:
    return lambda row: "" if row[name] is None else in_cents(row[name])


def _as_it_is(name: str) -> Callable[[Row], Any]:
    return lambda row: row[name]


COLUMNS: dict[str, Callable[[Row], Any]] = {
    "authorization": _as_it_is("key"),
    "advertiser": _as_it_is("advertiser"),
    "creator": _as_it_is("handle"),
    "creator name": _as_it_is("creator"),
    "post": _as_it_is("item_id"),
    "account": _as_it_is("account_handle"),
    "campaign": _as_it_is("reference"),
    "route": _as_it_is("route"),
    "state": _as_it_is("state"),
    "state since (UTC)": _at("state_since"),
    "condition of the post": _as_it_is("condition"),
    "begins (UTC)": _at("starts_at"),
    "ends (UTC)": _at("expires_at"),
    "needed until (UTC)": _at("needed_until"),
    "spend a day": _amount("spend_a_day"),
    "at risk": _amount("at_risk"),
    "currency": _as_it_is("currency"),
    "next": _as_it_is("next_action"),
    "next at (UTC)": _at("next_action_at"),
    "why": lambda row: told_why(row["why"]),
    "TikTok confirmed (UTC)": _at("confirmed_at"),
    "link": _as_it_is("item_url"),
}


def lines(rows: Iterable[Row]) -> Iterator[str]:
    """Authorizations, with all that a list shows of them."""
    return sheet(rows, COLUMNS)


def sheet(rows: Iterable[T], columns: Mapping[str, Callable[[T], Any]]) -> Iterator[str]:
    """The sheet in parts of many lines, the head first; `columns` are names with what stands below them."""
    part = io.StringIO()
    writer = csv.writer(part)
    part.write(MARK)
    writer.writerow(columns)
    for number, row in enumerate(rows, 1):
        writer.writerow([harmless(read(row)) for read in columns.values()])
        if number % LINES_AT_ONCE == 0:
            yield part.getvalue()
            part.seek(0)
            part.truncate()
    yield part.getvalue()


def harmless(value: Any) -> Any:
    """A cell of text that no spreadsheet takes for a formula; numbers and gaps as they are."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
