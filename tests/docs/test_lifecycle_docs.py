"""The pages on the lifecycle and on renewals say what the code does."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from domain.authorization import State
from domain.diagram import PAGE, mermaid, redrawn, table
from domain.lifecycle import GRID, Outcome
from domain.reasons import Reason
from domain.renewal import LAWS, Law

RENEWALS = PAGE.with_name("renewals.md").read_text(encoding="utf-8")
GLOSSARY = PAGE.with_name("glossary.md").read_text(encoding="utf-8")
REASONS_NOT_TO_ASK = set(list(Reason)[list(Reason).index(Reason.LADDER_CLIMBED) :])


def test_the_picture_and_the_table_are_those_of_the_grid() -> None:
    page = PAGE.read_text(encoding="utf-8")

    assert redrawn(page) == page, "run: python -m domain.diagram"


def test_a_page_without_its_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="diagram"):
        redrawn("# The lifecycle\n")


def test_the_picture_has_an_arrow_for_every_move() -> None:
    moves = {
        f"{state} --> {rule.to}"
        for cells in GRID.values()
        for state, cell in zip(State, cells, strict=True)
        for rule in cell
        if rule.to is not None
    }

    assert moves == set(re.findall(r"(?<=    )\w+ --> \w+", mermaid()))


def test_the_table_has_a_cell_for_every_event_and_state() -> None:
    rows = table().splitlines()[2:]

    assert [row.split(" | ")[0] for row in rows] == [f"| {event.__name__}" for event in GRID]
    assert all(row.count("|") == 7 for row in rows)


def test_the_page_explains_every_outcome_and_every_state() -> None:
    page = PAGE.read_text(encoding="utf-8")

    for word in (*Outcome, *State):
        assert f"`{word}`" in page


def test_the_renewal_table_is_the_one_in_the_code() -> None:
    rows = [line for line in RENEWALS.splitlines() if re.match(r"\| \d", line)]

    assert rows == [row_of(law) for law in LAWS]


def test_the_page_names_every_reason_not_to_ask() -> None:
    named = set(re.findall(r"^\| `(\w+)` \|", RENEWALS, flags=re.MULTILINE))

    assert named == {reason.value for reason in REASONS_NOT_TO_ASK}


def test_the_glossary_is_in_alphabetical_order() -> None:
    terms = [term.lower() for term in re.findall(r"^\| \*\*([^*]+)\*\*", GLOSSARY, flags=re.MULTILINE)]

    assert terms == sorted(terms)
    assert len(terms) > 20


def row_of(law: Law) -> str:
    """A law as the page shows it."""
    day = timedelta(days=1)
    spans = [f"{span / day:g}" for span in (law.window, law.emergency, law.last_resort)]
    rungs = [f"{rung / day:g}" if rung > timedelta() else f"+{-rung / day:g}" for rung in law.rungs]
    return f"| {law.days} | {' | '.join(spans)} | {', '.join(rungs)} |"
