"""The figures as rows: for the terminal, for the page, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from bench.renewals.campaigns import CURRENCIES
from bench.renewals.goals import goals, verdict
from bench.renewals.tally import NUMBERS, Tally
from bench.renewals.year import EVERSPARK, Year
from bench.results import FOLDER

Row = tuple[str, Callable[[Tally], str]]


def money(currency: str) -> Row:
    """A row of its own for each currency: their amounts are never added."""
    return f"money not delivered, {currency}", lambda each: f"{each.not_delivered[currency] / 1000:,.0f}k"


ROWS: tuple[Row, ...] = (
    ("needed authorizations that lapsed", lambda each: f"{each.lapsed_share:.1%}"),
    ("needed ends of periods that were missed", lambda each: f"{each.lapsed_ends_share:.1%}"),
    ("needed ends of periods", lambda each: f"{each.needed_ends:,}"),
    *(money(currency) for _, currency, _ in CURRENCIES),
    ("messages to a creator a month, mean", lambda each: f"{each.mean_a_month:.2f}"),
    ("the same, 95th percentile", lambda each: f"{each.most_a_month(0.95)}"),
    ("the same, most", lambda each: f"{each.max_a_month}"),
    ("messages in quiet hours, nights and weekends", lambda each: f"{each.quiet:,}"),
    ("of these at night", lambda each: f"{each.by_night:,}"),
    ("of these emergencies", lambda each: f"{each.quiet_emergencies:,}"),
    ("asks for each renewal", lambda each: f"{each.asks_for_a_renewal:.2f}"),
    ("asks that were not needed", lambda each: f"{each.asks_not_needed:,}"),
    ("telephone calls before an end", lambda each: f"{each.calls:,}"),
    ("creators who had enough", lambda each: f"{each.opted_out:,}"),
)


def show(console: Console, sums: Mapping[str, Tally]) -> None:
    """The table, and the verdict on each goal."""
    table = Table(title="A year of the same creators under four policies")
    table.add_column("", overflow="fold")
    for policy in sums:
        table.add_column(policy, justify="right", no_wrap=True, style="bold" if policy == EVERSPARK else None)
    for name, figure in ROWS:
        table.add_row(name, *(figure(each) for each in sums.values()))
    console.print(table)
    for goal in goals(sums):
        console.print(verdict(goal), style="green" if goal.met else "red", highlight=False)


def as_markdown(sums: Mapping[str, Tally]) -> str:
    """The same table for the page, with the verdicts below."""
    lines = ["| | " + " | ".join(sums) + " |", "|---" * (len(sums) + 1) + "|"]
    lines += [f"| {name} | " + " | ".join(figure(each) for each in sums.values()) + " |" for name, figure in ROWS]
    return "\n".join([*lines, "", *(f"- {verdict(goal)}" for goal in goals(sums))])


def lengths_as_markdown(sums: Mapping[str, Tally]) -> str:
    """The share of needed ends that were missed, by the length of the period."""
    lines = ["| days | " + " | ".join(sums) + " |", "|---" * (len(sums) + 1) + "|"]
    for days in sorted({days for each in sums.values() for days in each.needed_by_length}):
        shares = (each.missed_by_length[days] / max(1, each.needed_by_length[days]) for each in sums.values())
        lines.append(f"| {days} | " + " | ".join(f"{share:.1%}" for share in shares) + " |")
    return "\n".join(lines)


def sensitivity_as_markdown(runs: Sequence[tuple[str, Mapping[str, Tally]]]) -> str:
    """One line for each other year."""
    names = list(runs[0][1])
    lines = [
        "| | "
        + " | ".join(f"lapsed: {name}" for name in names)
        + " | times fewer | messages: "
        + " | messages: ".join(names[1:])
        + " |",
        "|---" * (2 * len(names) + 1) + "|",
    ]
    for name, sums in runs:
        lapsed = " | ".join(f"{each.lapsed_share:.1%}" for each in sums.values())
        written = " | ".join(f"{each.mean_a_month:.2f}" for each in list(sums.values())[1:])
        lines.append(f"| {name} | {lapsed} | {goals(sums)[0].ratio:.1f} | {written} |")
    return "\n".join(lines)


def keep(year: Year, sums: Mapping[str, Tally]) -> None:
    """Everything as JSON, with the goals in the shape of the other measures."""
    FOLDER.mkdir(exist_ok=True)
    told = {
        "year": {"seed": year.seed, "creators": year.creators, "authorizations": year.authorizations},
        "goals": [asdict(goal) for goal in goals(sums)],
        "policies": {policy: figures(each) for policy, each in sums.items()},
    }
    (FOLDER / "renewals.json").write_text(json.dumps(told, indent=2) + "\n")


def figures(sums: Tally) -> dict[str, object]:
    """A tally with its ratios."""
    return {
        **{name: getattr(sums, name) for name in NUMBERS},
        "lapsed_by_character": dict(sums.lapsed_by_character),
        "needed_ends_by_length": dict(sums.needed_by_length),
        "missed_ends_by_length": dict(sums.missed_by_length),
        "lapsed_share": sums.lapsed_share,
        "lapsed_ends_share": sums.lapsed_ends_share,
        "not_delivered": {currency: str(amount) for currency, amount in sorted(sums.not_delivered.items())},
        "messages_a_month": {
            "mean": sums.mean_a_month,
            "p95": sums.most_a_month(0.95),
            "max": sums.max_a_month,
        },
        "asks_for_a_renewal": sums.asks_for_a_renewal,
    }
