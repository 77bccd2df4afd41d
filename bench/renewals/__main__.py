"""`python -m bench.renewals`: a simulated year of asking creators, under four policies side by side."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from bench.renewals.people import TEMPERS
from bench.renewals.picture import picture
from bench.renewals.report import as_markdown, keep, lengths_as_markdown, sensitivity_as_markdown, show
from bench.renewals.rivals import Skill
from bench.renewals.tally import Tally
from bench.renewals.year import Year, simulate

DOCS = Path(__file__).parents[2] / "docs"
PAGE, PICTURE = DOCS / "renewals-proof.md", DOCS / "renewals.svg"
QUICK = 10


def main() -> None:
    """The exit code is 0 also when a goal is missed: the table says so, and whoever ran it decides."""
    parser = argparse.ArgumentParser(prog="python -m bench.renewals", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="decides every random number")
    parser.add_argument("--creators", type=int, default=2000)
    parser.add_argument("--authorizations", type=int, default=10000)
    parser.add_argument("--quick", action="store_true", help="a tenth of both: a look, not a measurement")
    parser.add_argument(
        "--page", action="store_true", help="writes the picture and the tables of docs/, with other years"
    )
    chosen = parser.parse_args()
    shrink = QUICK if chosen.quick else 1
    year = Year(
        seed=chosen.seed,
        creators=max(1, chosen.creators // shrink),
        authorizations=max(1, chosen.authorizations // shrink),
    )
    console = Console()
    with Progress(console=console) as progress:
        sums = watched(progress, "the year", year)
        others = [(name, watched(progress, name, other)) for name, other in variations(year)] if chosen.page else []
    show(console, sums)
    keep(year, sums)
    if chosen.page:
        write_page(year, sums, others)


def watched(progress: Progress, name: str, year: Year) -> dict[str, Tally]:
    task = progress.add_task(name, total=1.0)
    return simulate(year, progress=lambda done: progress.update(task, completed=done))


def variations(year: Year) -> Iterator[tuple[str, Year]]:
    """Other random numbers; and, with half as many creators, other tempers, better rivals, no way but mail, no last look."""
    for seed in (year.seed + 1, year.seed + 2):
        yield f"seed {seed}", replace(year, seed=seed)
    year = replace(year, creators=max(1, year.creators // 2), authorizations=max(1, year.authorizations // 2))
    for temper in TEMPERS[1:]:
        yield f"{temper.name} creators", replace(year, temper=temper)
    yield "rivals who know the flights", replace(year, rivals=Skill(knows_flights=True))
    yield "one list for all advertisers", replace(year, rivals=Skill(one_list=True))
    yield "Everspark by mail alone", replace(year, climbs=False)
    yield "Everspark that does not look first", replace(year, looks_first=False)


def write_page(year: Year, sums: Mapping[str, Tally], others: list[tuple[str, dict[str, Tally]]]) -> None:
    """The tables between the page's marks, and the picture."""
    note = f"{year.creators:,} simulated creators, {year.authorizations:,} authorizations, one year, seed {year.seed}"
    PICTURE.write_text(picture(sums, note))
    text = between_marks(PAGE.read_text(), "result", as_markdown(sums))
    text = between_marks(text, "lengths", lengths_as_markdown(sums))
    runs = [(f"seed {year.seed}, as above", dict(sums)), *others]
    PAGE.write_text(between_marks(text, "sensitivity", sensitivity_as_markdown(runs)))


def between_marks(text: str, mark: str, table: str) -> str:
    """`text` with what stands between the marks replaced."""
    marks = re.compile(rf"(<!-- {mark} -->\n).*(<!-- end of {mark} -->)", re.DOTALL)
    return marks.sub(lambda found: f"{found[1]}{table}\n{found[2]}", text)


if __name__ == "__main__":
    main()
