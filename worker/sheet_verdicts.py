"""What is to be said of the rows of a sheet: which are told twice, contradict each other, or are known already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from domain.authorization import ENDED_STATES, RUNNING_STATES
from domain.sheet_rows import Held
from infra.bulk_tables import Verdict
from infra.inbox import Letter

CONTRADICTED = "Line {line} says something else of the same post. Keep one of the two."


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One row and what is to be said of it. `held` is None where it cannot be read. `other`: the first line about the same post,
    where that says something else.
    """

    line: int
    key: str | None = None
    held: Held | None = None
    letters: Sequence[Letter] = ()
    fingerprint: str | None = None
    code: str | None = field(default=None, repr=False)
    verdict: Verdict = Verdict.GOOD
    problem: str | None = None
    other: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What is known of an authorization already."""

    state: str
    expires_at: datetime | None


def told_apart(rows: Sequence[Row], first: Mapping[str, tuple[int, str]]) -> list[Row]:
    """Of two rows about one post the later one is told twice, or contradicts: then neither is right, wherever it stands."""
    told = list(_told_apart(rows, dict(first)))
    others = disputed(told)
    return [contradicted(row, others[row.line]) if row.line in others else row for row in told]


def disputed(rows: Sequence[Row]) -> dict[int, int]:
    """Lines of which a later one says something else, each with the first that does."""
    found: dict[int, int] = {}
    for row in rows:
        if row.other is not None:
            found.setdefault(row.other, row.line)
    return found


def contradicted(row: Row, line: int) -> Row:
    """`line` is of the row that says something else."""
    return replace(row, verdict=Verdict.BAD, problem=CONTRADICTED.format(line=line))


def _told_apart(rows: Sequence[Row], first: dict[str, tuple[int, str]]) -> Iterator[Row]:
    for row in rows:
        if row.key is None or row.held is None:
            yield row
            continue
        line, fingerprint = first.setdefault(row.key, (row.line, row.fingerprint or ""))
        if line == row.line:
            yield row
        elif fingerprint == row.fingerprint:
            yield replace(row, verdict=Verdict.AGAIN, problem=f"It says the same as line {line}.")
        else:
            yield replace(contradicted(row, line), other=line)


def judged(row: Row, known: Known | None, *, has_code: bool) -> Row:
    """`row` as it is, or as one that tells what is known already."""
    if row.verdict is not Verdict.GOOD or row.held is None or known is None:
        return row
    if has_code and row.held.ends_at is None and known.state not in ENDED_STATES:
        return replace(row, verdict=Verdict.AGAIN, problem="This code is known already.")
    if row.held.ends_at is not None and known.state in RUNNING_STATES and covers(known, row.held):
        return replace(row, verdict=Verdict.AGAIN, problem="It is known already, with an end that is no earlier.")
    return row


def covers(known: Known, held: Held) -> bool:
    """Whether what is known lasts as long; where only a day was told, to that day."""
    if known.expires_at is None or held.ends_at is None:
        return False
    return known.expires_at >= held.ends_at or (held.is_whole_day and known.expires_at.date() == held.ends_at.date())
