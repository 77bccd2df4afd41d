"""Rests: a share of the time, whatever a batch takes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from worker.resting import BACKLOG_REST, LONGEST, SHORTEST, TENDED_FOR, Batch, rest_after


@pytest.mark.parametrize(
    ("took", "rest"),
    [(0.001, SHORTEST), (0.1, timedelta(seconds=0.3)), (2, timedelta(seconds=6)), (60, LONGEST)],
)
def test_the_rest_is_three_times_the_work(took: float, rest: timedelta) -> None:
    assert rest_after(Batch(), timedelta(seconds=took)) == rest


def test_what_leaves_the_mailboxes_nothing_to_do_may_rest_less() -> None:
    assert rest_after(Batch(times=1), timedelta(seconds=2)) == timedelta(seconds=2)


def test_behind_a_backlog_it_is_always_the_same() -> None:
    assert rest_after(Batch(must_rest=True), timedelta(seconds=2)) == BACKLOG_REST


def test_nothing_counts_as_neglected_while_it_rests() -> None:
    assert LONGEST < TENDED_FOR
