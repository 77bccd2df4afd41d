"""The pictures of the lifecycle in docs/lifecycle.md, derived from `GRID`: a Mermaid state diagram and a Markdown table.

`python -m domain.diagram` writes them anew between the page's markers.
"""

from __future__ import annotations

from pathlib import Path

from domain.lifecycle import GRID, Cell, Outcome, Rule, State

PAGE = Path(__file__).parents[1] / "docs" / "lifecycle.md"
FIRST_NEWS = (
    (State.REQUESTED, "AuthorizationRequested"),
    (State.AUTHORIZED, "CodeGranted, not asked for"),
)


def mermaid() -> str:
    """Every move as an arrow; the events that share one stand on it together."""
    first = [f"    [*] --> {state}: {label}" for state, label in FIRST_NEWS]
    moves = [f"    {source} --> {target}: {', '.join(events)}" for (source, target), events in sorted(arrows().items())]
    return "\n".join(["```mermaid", "stateDiagram-v2", *first, *moves, "```"])


def arrows() -> dict[tuple[State, State], list[str]]:
    """Every move of the grid, from one state to another, with the names of the events that make it."""
    found: dict[tuple[State, State], list[str]] = {}
    for event, cells in GRID.items():
        for state, cell in zip(State, cells, strict=True):
            for target in dict.fromkeys(rule.to for rule in cell if rule.to is not None):
                found.setdefault((state, target), []).append(event.__name__)
    return found


def table() -> str:
    """Eleven events by five states; the rules of a cell are tried from left to right."""
    head = f"| event | {' | '.join(State)} |"
    rule = "|---" * (len(State) + 1) + "|"
    rows = [f"| {event.__name__} | {' | '.join(map(told, cells))} |" for event, cells in GRID.items()]
    return "\n".join([head, rule, *rows])


def told(cell: Cell) -> str:
    """A cell's rules in words."""
    return "; ".join(condition_of(rule) + effect_of(rule) for rule in cell)


def condition_of(rule: Rule) -> str:
    """The guards of a rule, as the sentences that they are named after."""
    return " and ".join(guard.__name__.replace("_", " ") for guard in rule.guards) + ": " if rule.guards else ""


def effect_of(rule: Rule) -> str:
    """The outcome, with the new state where there is one, and the reason where the outcome does not tell it."""
    if rule.to is not None:
        return f"**{rule.to}** ({rule.reason})"
    return f"{rule.outcome} ({rule.reason})" if rule.outcome in (Outcome.STAYED, Outcome.PARKED) else str(rule.outcome)


BLOCKS = {"diagram": mermaid, "table": table}


def redrawn(page: str) -> str:
    """`page` with what stands between each pair of markers drawn anew. Raises ValueError where a pair is missing."""
    for name, draw in BLOCKS.items():
        opening, closing = f"<!-- {name} -->", f"<!-- end of {name} -->"
        if (page.count(opening), page.count(closing)) != (1, 1):
            raise ValueError(f"the page needs the markers of the {name}, each once")
        before, after = page[: page.index(opening)], page[page.index(closing) :]
        page = f"{before}{opening}\n{draw()}\n{after}"
    return page


if __name__ == "__main__":
    PAGE.write_text(redrawn(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
