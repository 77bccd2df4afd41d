"""A measured ratio beside its goal: how it is judged, shown on the terminal, and kept as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

FOLDER = Path(__file__).parent / "results"


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """`ratio` is ours divided by what it is measured against. No goal: shown for comparison only."""

    name: str
    unit: str
    ours: float
    against: float
    ratio: float
    goal: float | None
    met: bool | None


def at_least(goal: float, *, name: str, unit: str, ours: float, against: float) -> Result:
    ratio = ours / against
    return Result(name=name, unit=unit, ours=ours, against=against, ratio=ratio, goal=goal, met=ratio >= goal)


def at_most(goal: float, *, name: str, unit: str, ours: float, against: float) -> Result:
    ratio = ours / against
    return Result(name=name, unit=unit, ours=ours, against=against, ratio=ratio, goal=goal, met=ratio <= goal)


def for_comparison(*, name: str, unit: str, ours: float, against: float) -> Result:
    return Result(name=name, unit=unit, ours=ours, against=against, ratio=ours / against, goal=None, met=None)


def keep(measure: str, results: list[Result]) -> None:
    FOLDER.mkdir(exist_ok=True)
    text = json.dumps([asdict(result) for result in results], indent=2)
    (FOLDER / f"{measure}.json").write_text(text + "\n")


def show(console: Console, results: list[Result]) -> None:
    table = Table(title="Everspark against its baselines, on the same PostgreSQL and Redis")
    table.add_column("measure", overflow="fold")
    table.add_column("unit", no_wrap=True)
    for heading in ("ours", "against", "ratio", "goal", ""):
        table.add_column(heading, justify="right", no_wrap=True)
    for result in results:
        table.add_row(
            result.name, result.unit, *map(_figure, (result.ours, result.against, result.ratio)), *_verdict(result)
        )
    console.print(table)
    missed = [result.name for result in results if result.met is False]
    console.print(f"{len(missed)} goals missed: {'; '.join(missed)}" if missed else "Every goal is met.")


def _verdict(result: Result) -> tuple[str, str]:
    if result.goal is None:
        return "-", "shown only"
    # A goal is a floor exactly when being above it is what meets it.
    is_floor = result.met == (result.ratio >= result.goal)
    return f"{'>=' if is_floor else '<='} {_figure(result.goal)}", "met" if result.met else "MISSED"


def _figure(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"
