"""How long something takes, in words."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain import spans


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(minutes=26_915), "18 d 16 h"),
        (timedelta(days=1), "1 d 0 h"),
        (timedelta(hours=2, minutes=5, seconds=59), "2 h 5 min"),
        (timedelta(minutes=59, seconds=59), "59 min"),
        (timedelta(), "0 min"),
    ],
)
def test_a_span_is_told_in_its_two_largest_units(span: timedelta, words: str) -> None:
    assert spans.told(span) == words
