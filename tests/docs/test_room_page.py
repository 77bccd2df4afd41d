"""docs/room.md names the filters and the orders that the list has."""

from __future__ import annotations

import re
from pathlib import Path

from domain.authorization import State
from domain.events import Condition, Route
from domain.filters import LONGEST, MOST_DAYS, PARTS, Sort
from infra.reports.listing import MOST_COUNTED, fewer
from infra.views import MOST

PAGE = (Path(__file__).parents[2] / "docs" / "room.md").read_text(encoding="utf-8")
LIST = PAGE.partition("## Authorizations")[2].partition("\n## ")[0]


def test_every_filter_is_told_in_its_order() -> None:
    rows = re.findall(r"^\| ((?:`[a-z_]+`(?:, )?)+) \|", LIST, re.MULTILINE)

    assert [name for row in rows for name in re.findall(r"`([a-z_]+)`", row)] == list(PARTS)


def test_so_is_every_word_that_a_filter_takes() -> None:
    for words in (State, Route, Condition):
        assert ", ".join(f"`{word}`" for word in words) in LIST
    for sort in Sort:
        assert f"`{sort}`" in LIST


def test_and_every_limit() -> None:
    assert f"up to {LONGEST} characters" in LIST
    assert f"from -{MOST_DAYS} to {MOST_DAYS}" in LIST
    for most in (MOST_COUNTED, fewer(MOST_COUNTED)):
        assert f"more than {most:,}" in LIST
    assert f"{MOST} for each person" in LIST
