"""docs/effects.md states the rows and the schedules that the code has."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from infra.outbox import EFFECTS
from worker.access import FRESH_LINK_AFTER, POLLS
from worker.cases import REFUSED_CONNECTION_RESTS, TRIES
from worker.checking import READINGS

PAGE = (Path(__file__).parents[2] / "docs" / "effects.md").read_text(encoding="utf-8")
UNITS = {"h": 3_600, "min": 60, "s": 1}


def spoken(span: timedelta) -> str:
    """`2 min`, `1 h`, `23 h 12 min 30 s`."""
    left, words = int(span.total_seconds()), []
    for unit, seconds in UNITS.items():
        if left >= seconds:
            words.append(f"{left // seconds} {unit}")
            left %= seconds
    return " ".join(words)


def test_every_kind_of_row_is_on_the_page() -> None:
    assert tuple(re.findall(r"^\| `([a-z.]+)` \|", PAGE, re.MULTILINE)) == EFFECTS


@pytest.mark.parametrize("schedule", [READINGS, TRIES])
def test_the_schedules_are_those_of_the_code(schedule: Sequence[timedelta]) -> None:
    waits = ", ".join(map(spoken, schedule))

    assert f"| {waits} | {spoken(sum(schedule, timedelta()))};" in PAGE


def test_so_are_the_spans_of_account_access() -> None:
    (soon, often), (later, seldom), (_, hourly) = POLLS

    assert (
        f"every {spoken(often)} for {spoken(soon)} after the link, every {spoken(seldom)} for {spoken(later)}" in PAGE
    )
    assert hourly == timedelta(hours=1)
    assert f"| A fresh link to the creator | {FRESH_LINK_AFTER.days} days |" in PAGE
    assert f"| A connection that TikTok refuses | {spoken(REFUSED_CONNECTION_RESTS)} |" in PAGE
