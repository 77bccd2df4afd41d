"""When operators are told, and when they are left in peace."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.alerting import Board, Say, Word, next_word
from tests.domain.story import day

SPAN = timedelta(hours=8)
HOUR = 1 / 24


def word(at: float = 0, **facts: object) -> Word:
    return Word(at=day(at), **{"newest": 3, **facts})  # type: ignore[arg-type]


def say(last: Word | None, board: Board, at: float = 0) -> Say | None:
    return next_word(last, board, now=day(at), span=SPAN)


def test_the_first_trouble_is_told_at_once_and_nothing_is_not_told() -> None:
    assert say(None, Board(count=1, newest=1)) is Say.OPEN
    assert say(None, Board()) is None


def test_what_changes_only_a_count_is_not_told_within_the_span() -> None:
    more = Board(count=9, newest=9)

    assert say(word(), more, 7 * HOUR) is None
    assert say(word(), more, 8 * HOUR) is Say.OPEN


def test_without_news_nothing_is_told_again_however_long_it_takes() -> None:
    assert say(word(), Board(count=3, newest=3), 90) is None
    assert say(word(), Board(count=1, newest=3), 90) is None


def test_resolution_is_told_once() -> None:
    assert say(word(), Board(), HOUR) is Say.RESOLVED
    assert say(word(HOUR, is_resolved=True), Board(), 2 * HOUR) is None


def test_what_comes_back_within_the_span_is_a_flutter_and_what_is_new_is_not() -> None:
    over = word(0, is_resolved=True, newest=0, names=frozenset({"7"}))

    assert say(over, Board(count=1, names=frozenset({"7"})), HOUR) is None
    assert say(over, Board(count=1, names=frozenset({"7"})), 8 * HOUR) is Say.OPEN
    assert say(over, Board(count=1, names=frozenset({"8"})), HOUR) is Say.OPEN


def test_an_alert_that_nobody_may_have_heard_is_repeated_once_the_span_is_over() -> None:
    lost = word(was_heard=False)

    assert say(lost, Board(count=1, newest=3), 7 * HOUR) is None
    assert say(lost, Board(count=1, newest=3), 8 * HOUR) is Say.OPEN


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.sets(st.sampled_from("abcd"))), max_size=60))
def test_over_any_story(moments: list[tuple[int, set[str]]]) -> None:
    """Words alternate sensibly: never resolved twice, never twice the same news, no more than one opening a span unless new."""
    last: Word | None = None
    said: list[tuple[Say, int, frozenset[str]]] = []
    hour = 0
    for hours, names in moments:
        hour += hours
        board = Board(count=len(names), names=frozenset(names))
        found = say(last, board, hour * HOUR)
        if found is None:
            continue
        known = frozenset() if last is None else last.names
        if found is Say.RESOLVED:
            assert last is not None
            assert not last.is_resolved
        elif last is not None and day(hour * HOUR) - last.at < SPAN:
            assert last.is_resolved
            assert board.names - known
        told = board.names if found is Say.OPEN else known
        last = Word(at=day(hour * HOUR), is_resolved=found is Say.RESOLVED, names=told)
        said.append((found, hour, told))
    for (one, *_), (other, *_) in pairwise(said):
        assert (one, other) != (Say.RESOLVED, Say.RESOLVED)
