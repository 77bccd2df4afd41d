"""`everspark endings`: how periods ended, how quick the answers were, and what lapses cost."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

import psycopg
import typer

from domain.money import Amounts
from domain.outcome import Outcome
from everspark.money import plain, told_again
from everspark.opened import AsJson, Data, opened
from everspark.outcomes import say
from everspark.printing import as_json, as_table
from infra.database import hot
from infra.reports import lapses
from infra.reports.lapses import Ended

COLUMNS = ("key", "period_ends_at", "outcome", "answered_in", "minutes_down", "lost", "step")


def endings(
    days: Annotated[int, typer.Option(min=1, help="Those of the last so many days.")] = 30,
    data: Data = None,
    json: AsJson = False,
) -> None:
    """How periods ended: renewed, lapsed (minutes down, money not delivered, which step failed) or not needed.

    Example: everspark endings --days 90 --json
    """
    with opened(data) as tools, hot(tools.engine) as connection:
        now = tools.clock.now()
        rows = read(connection, now=now, since=now - timedelta(days=days))
    if json:
        as_json(rows)
        return
    if not rows:
        say(f"No period ended in the last {days} days." if days > 1 else "No period ended in the last day.")
        return
    as_rows(rows)
    counts = Counter(row["outcome"] for row in rows)
    say("\n" + ", ".join(f"{counts[outcome]} {outcome.replace('_', ' ')}" for outcome in Outcome))


def read(
    connection: psycopg.Connection[Any], *, now: datetime, since: datetime | None = None, key: str | None = None
) -> list[dict[str, Any]]:
    """Endings as `--json` prints them. A lapse that goes on has its minutes and its money until now."""
    return [row_of(each) for each in lapses.ended(connection, now=now, since=since, key=key)]


def row_of(ended: Ended) -> dict[str, Any]:
    """One ending, for machines."""
    row = ended.ending
    return {
        "key": ended.key,
        "period_ends_at": row.period_ends_at,
        "outcome": row.outcome,
        "in_words": ended.sentence,
        "decided_at": row.decided_at,
        "asked_at": row.asked_at,
        "answered_at": row.answered_at,
        "answered_in": None if ended.answered_in is None else str(ended.answered_in).partition(".")[0],
        "down_from": row.down_from,
        "down_until": row.down_until,
        "minutes_down": ended.minutes_down,
        "lost": amounts(ended.lost),
        "step": row.step,
    }


def amounts(lost: Amounts | None) -> list[dict[str, Any]] | None:
    """None where nothing lapsed."""
    return None if lost is None else plain(lost)


def as_rows(endings: Sequence[dict[str, Any]], columns: Sequence[str] = COLUMNS, *, title: str = "") -> None:
    """The same for people."""
    rows = [row | {"lost": told_again(row["lost"] or ())} for row in endings]
    as_table(columns, [[row[name] for name in columns] for row in rows], title=title)
