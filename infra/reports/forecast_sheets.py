"""The forecast as sheets: its lapses, and its messages, each a row, with its money in a column for each currency."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from domain.foreseen import Lapse, Message
from domain.money import Amounts, in_cents
from infra.reports.exporting import sheet, told_at

Column = Callable[[Any], Any]


def lapses(rows: Sequence[Lapse]) -> Iterator[str]:
    """All that lapses, as they come."""
    columns: dict[str, Column] = {
        "authorization": lambda row: row.key,
        "creator": lambda row: row.handle,
        "ends (UTC)": lambda row: told_at(row.at),
        "needed until (UTC)": lambda row: "without end" if row.is_endless else told_at(row.until),
        **by_currency("stops a day", rows, lambda row: row.spend_a_day),
        **by_currency("at risk", rows, lambda row: row.at_risk),
        "asked before": lambda row: row.asked,
        "not asked, because": lambda row: row.hindrance,
    }
    return sheet(rows, columns)


def messages(rows: Sequence[Message], fallback: ZoneInfo) -> Iterator[str]:
    """All that goes out, as they come. `fallback`: the zone of creators whose own is not known."""
    columns: dict[str, Column] = {
        "goes (UTC)": lambda row: told_at(row.at),
        "by the creator's clock": lambda row: told_at(row.local_time(fallback)),
        "zone": lambda row: str(row.local_time(fallback).tzinfo),
        "creator": lambda row: row.handle,
        "urgency": lambda row: row.urgency.replace("_", " "),
        "asks": lambda row: len(row.items),
        "about": lambda row: " ".join(item.key for item in row.items),
        **by_currency("at risk", rows, lambda row: row.at_risk),
    }
    return sheet(rows, columns)


def by_currency(name: str, rows: Sequence[Any], amounts_of: Callable[[Any], Amounts]) -> dict[str, Column]:
    """A column for each currency that any row has: amounts of several are never added, nor are they in one column."""

    def column(currency: str | None) -> Column:
        return lambda row: in_cents(amount) if (amount := amounts_of(row).get(currency)) is not None else None

    found = {currency for row in rows for currency in amounts_of(row)}
    return {f"{name} {currency or 'without currency'}": column(currency) for currency in sorted(found, key=str)}
