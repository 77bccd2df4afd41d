"""When a condition of the service opens and resolves: it does not flap, and nothing is counted across a silence."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.alerting import Board, Say, Word, next_change
from domain.watching import DELAYS, SILENCE, Delays, Kind, Watched, limits_of, seen, settled
from tests.domain.story import day

MINUTE = timedelta(minutes=1)
CALM = Delays(opens_after=2 * MINUTE, resolves_after=5 * MINUTE)
NAME = "sweep:remind"


class Watch:
    """Goes round by hand; `steps` is what each round said of one condition, a minute apart."""

    def __init__(self, delays: Delays = CALM) -> None:
        self.now, self.delays = day(0), delays
        self.known: dict[str, Watched] = {}

    def sees(self, *steps: bool, apart: timedelta = MINUTE) -> bool:
        for holds in steps:
            self.now += apart
            found = seen(self.known, {NAME: "it is late"} if holds else {}, now=self.now)
            self.known = {each.name: settled(each, self.delays, now=self.now) for each in found}
        return self.known[NAME].is_open


def test_it_opens_once_it_has_held_and_resolves_once_all_has_been_well() -> None:
    watch = Watch()

    assert not watch.sees(True, True)
    assert watch.sees(True)
    assert watch.known[NAME].opened_at == watch.now
    assert watch.sees(*[False] * 5)
    assert not watch.sees(False)
    assert watch.known[NAME].resolved_at == watch.now


def test_what_flutters_neither_opens_nor_resolves() -> None:
    assert not Watch().sees(*[True, False] * 20)

    watch = Watch()
    watch.sees(True, True, True)
    assert watch.sees(*[False, False, True] * 20)


def test_a_silence_of_the_watch_is_not_counted() -> None:
    watch = Watch()
    watch.sees(True)
    assert not watch.sees(True, apart=SILENCE + MINUTE)
    assert watch.sees(True, True)

    watch.sees(False)
    assert watch.sees(False, apart=SILENCE + MINUTE)
    assert not watch.sees(*[False] * 5)


def test_what_was_resolved_may_open_again() -> None:
    watch = Watch(Delays(opens_after=timedelta(), resolves_after=timedelta()))

    assert watch.sees(True)
    assert not watch.sees(False)
    assert watch.sees(True)
    assert watch.known[NAME].resolved_at is None


def test_every_kind_has_its_delays_and_its_name_says_it() -> None:
    assert set(DELAYS) == set(Kind)
    assert Watched(name=NAME, sentence="", holds=True, since=day(0), seen_at=day(0)).kind is Kind.SWEEP


@settings(max_examples=200, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=80))
def test_over_any_story_an_opening_and_its_end_lie_apart(steps: list[bool]) -> None:
    """However it flutters, an alert stays open for as long as all has to be well, and its causes lasted."""
    watch, changes, was_open = Watch(), [], False
    for number, holds in enumerate(steps):
        if not watch.known and not holds:
            continue
        if watch.sees(holds) is not was_open:
            was_open = not was_open
            lasted = 2 if was_open else 5
            assert steps[number - lasted : number + 1] == [was_open] * (lasted + 1)
            changes.append(number)
    assert all(later - earlier > 2 for earlier, later in pairwise(changes))


def test_limits_are_read_by_currency() -> None:
    assert limits_of(" usd=5000, EUR=4000.50 ,") == {"USD": Decimal(5000), "EUR": Decimal("4000.50")}
    assert limits_of("") == {}


@pytest.mark.parametrize(
    "text", ["5000", "USD", "USD=", "USD=much", "dollars=5", "USD=-1", "USD=NaN", "USD=5000;EUR=4"]
)
def test_limits_that_cannot_be_read_are_named(text: str) -> None:
    with pytest.raises(ValueError, match="does not read like USD=5000"):
        limits_of(text)


def board(*names: str) -> Board:
    return Board(count=len(names), names=frozenset(names))


def change(last: Word | None, now_open: Board, hours: float = 1) -> Say | None:
    return next_change(last, now_open, now=day(hours / 24), span=timedelta(hours=8))


def test_each_change_is_told_and_nothing_else_is() -> None:
    told = Word(at=day(0), names=frozenset({"a", "b"}))

    assert change(None, board()) is None
    assert change(None, board("a")) is Say.OPEN
    assert change(told, board("a", "b"), 90) is None
    assert change(told, board("a", "b", "c")) is Say.OPEN
    assert change(told, board("a")) is Say.OPEN
    assert change(told, board()) is Say.RESOLVED


def test_what_comes_back_after_the_end_was_told_is_new() -> None:
    over = Word(at=day(0), names=frozenset({"a"}), is_resolved=True)

    assert change(over, board()) is None
    assert change(over, board("a")) is Say.OPEN


def test_a_word_that_nobody_may_have_heard_is_repeated_after_the_span_unless_it_is_of_the_end() -> None:
    lost = Word(at=day(0), names=frozenset({"a"}), was_heard=False)

    assert change(lost, board("a"), 7) is None
    assert change(lost, board("a"), 8) is Say.OPEN
    assert change(Word(at=day(0), names=frozenset({"a"}), was_heard=False, is_resolved=True), board(), 9) is None
