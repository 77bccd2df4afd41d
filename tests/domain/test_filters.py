"""A filter is the same whether it stands in an address, in a view that was saved, or behind an act on all that it matches."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.authorization import State
from domain.events import Condition, Route
from domain.filters import (
    FIRST_DAY,
    LAST_DAY,
    MOST_DAYS,
    PARTS,
    Complaint,
    E,
    Filter,
    FilterError,
    pairs_of,
    read,
    words_of,
)

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=20).filter(
    lambda text: text.isprintable()
)
HANDLES = st.from_regex(r"[a-z0-9_.]{1,24}", fullmatch=True)
AMOUNTS = st.integers(0, 10**10).map(lambda cents: Decimal(cents) / 100)
DAYS = st.integers(-MOST_DAYS, MOST_DAYS)
DATES = st.dates(FIRST_DAY, LAST_DAY)


def some(words: Iterable[E]) -> st.SearchStrategy[tuple[E, ...]]:
    return st.sets(st.sampled_from(list(words))).map(lambda chosen: tuple(sorted(chosen)))


@st.composite
def filters(draw: st.DrawFn) -> Filter:
    least, most = sorted((draw(DAYS), draw(DAYS)))
    first, last = sorted((draw(DATES), draw(DATES)))
    return Filter(
        state=draw(some(State)),
        route=draw(some(Route)),
        condition=draw(some(Condition)),
        advertiser=draw(st.just("") | st.from_regex(r"[0-9]{1,32}", fullmatch=True)),
        creator=draw(st.just("") | HANDLES),
        campaign=draw(st.just("") | TEXTS),
        left_from=draw(st.none() | st.just(least)),
        left_to=draw(st.none() | st.just(most)),
        ends_from=draw(st.none() | st.just(first)),
        ends_to=draw(st.none() | st.just(last)),
        risk_from=draw(st.none() | AMOUNTS),
        currency=draw(st.sampled_from(["", "EUR", "USD"])),
        unconfirmed=draw(st.none() | st.integers(0, MOST_DAYS)),
        search=draw(st.just("") | TEXTS),
    )


@given(filters())
def test_an_address_holds_the_whole_filter(wanted: Filter) -> None:
    assert read(pairs_of(wanted)) == wanted
    assert wanted.is_empty == (wanted == Filter())


def tried(pairs: list[tuple[str, str]]) -> tuple[Filter, tuple[Complaint, ...]]:
    try:
        return read(pairs), ()
    except FilterError as error:
        return Filter(), error.complaints


@given(st.lists(st.tuples(st.sampled_from([*PARTS, "sort", "after"]), st.text(max_size=150))))
def test_whatever_is_written_is_read_or_complained_of_by_name(pairs: list[tuple[str, str]]) -> None:
    wanted, complaints = tried(pairs)

    assert {each.name for each in complaints} <= {name for name, _ in pairs}
    assert all(each.remedy for each in complaints)
    assert read(reversed(pairs_of(wanted))) == wanted
    assert words_of(wanted)


def test_two_addresses_of_one_filter_become_equal() -> None:
    one = read([("state", "EXPIRED"), ("creator", "@Maya.Moves "), ("state", "active"), ("risk_from", "250.00")])
    other = read([("risk_from", "2.5e2"), ("state", "active"), ("state", "expired"), ("creator", "maya.moves")])

    assert pairs_of(one) == pairs_of(other)
    assert pairs_of(one)[-1] == ("risk_from", "250")


@pytest.mark.parametrize(
    ("name", "text", "remedy"),
    [
        ("state", "running", "one of requested, authorized, active, expired, revoked"),
        ("left_to", "soon", "a whole number of days, at most 3650"),
        ("left_to", "99999", "a whole number of days, at most 3650"),
        ("ends_from", "tomorrow", "a day, such as 2026-11-25"),
        ("ends_from", "2026-02-29", "a day, such as 2026-11-25"),
        ("ends_to", "2026-11-25T10:00", "a day, such as 2026-11-25"),
        ("ends_to", "0", "a day, such as 2026-11-25"),
        ("ends_from", "1969-12-31", "a day from 1970-01-01 to 2199-12-31"),
        ("ends_to", "9999-12-31", "a day from 1970-01-01 to 2199-12-31"),
        ("unconfirmed", "-1", "a whole number of days, none below zero"),
        ("risk_from", "much", "an amount such as 250 or 99.50"),
        ("risk_from", "nan", "an amount such as 250 or 99.50"),
        ("risk_from", "-1", "an amount such as 250 or 99.50"),
        ("currency", "euro", "three letters, such as EUR"),
        ("creator", "@", "a handle, such as @maya.moves"),
        ("campaign", "7" * 101, "at most 100 printable characters"),
        ("advertiser", "abc", "an advertiser's number, in digits"),
        ("advertiser", "7" * 33, "an advertiser's number, in digits"),
        ("search", "#" + "aB3" * 21 + "=", "the last four characters of a code, never all of it"),
    ],
)
def test_what_cannot_be_read_is_named_with_what_it_may_be(name: str, text: str, remedy: str) -> None:
    with pytest.raises(FilterError) as caught:
        read([("state", "active"), (name, text)])

    assert [(each.name, each.remedy) for each in caught.value.complaints] == [(name, remedy)]


def test_more_days_to_begin_with_than_to_end_with_match_nothing_and_are_complained_of() -> None:
    with pytest.raises(FilterError, match="left_to: at least 7"):
        read([("left_from", "7"), ("left_to", "3")])


def test_a_day_to_begin_with_after_the_one_to_end_with_is_complained_of() -> None:
    with pytest.raises(FilterError, match="ends_to: 2026-11-25 or later"):
        read([("ends_from", "2026-11-25"), ("ends_to", "2026-11-24")])


def test_a_date_however_written_becomes_one_address() -> None:
    wanted = read([("ends_to", " 20261125 "), ("ends_from", "2026-11-25"), ("left_to", "7")])

    assert wanted.ends_from == wanted.ends_to == date(2026, 11, 25)
    assert pairs_of(wanted) == [("left_to", "7"), ("ends_from", "2026-11-25"), ("ends_to", "2026-11-25")]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({}, "all authorizations"),
        ({"state": "active", "left_to": "7"}, "active, ending within 7 days"),
        ({"left_from": "0", "left_to": "1"}, "ending within 1 day"),
        ({"left_to": "-3"}, "over for 3 days or more"),
        ({"left_from": "14"}, "with 14 days left or more"),
        ({"left_from": "-7"}, "ended at most 7 days ago, or yet to end"),
        ({"left_from": "-7", "left_to": "7"}, "ended at most 7 days ago, or ending within 7 days"),
        ({"left_from": "-7", "left_to": "-2"}, "ended 2 to 7 days ago"),
        ({"left_from": "3", "left_to": "7"}, "with 3 to 7 days left"),
        ({"ends_from": "2026-11-25", "ends_to": "2026-11-25"}, "ending on 25 Nov 2026"),
        ({"ends_from": "2026-11-25", "ends_to": "2027-01-02"}, "ending from 25 Nov 2026 to 02 Jan 2027"),
        ({"ends_from": "2026-11-25"}, "ending from 25 Nov 2026 on"),
        ({"state": "active", "ends_to": "2026-11-25"}, "active, ending until 25 Nov 2026"),
        ({"left_to": "90", "ends_to": "2026-11-25"}, "ending within 90 days, ending until 25 Nov 2026"),
        ({"route": "code", "condition": "under_review"}, "by code, post under review"),
        ({"creator": "maya", "campaign": "Spring"}, "by @maya, for Spring"),
        ({"risk_from": "250", "currency": "eur"}, "250 EUR or more at risk"),
        ({"currency": "eur"}, "in EUR"),
        ({"unconfirmed": "2", "search": "ana"}, "not confirmed for 2 days or more, matching “ana”"),
    ],
)
def test_a_filter_says_itself(query: dict[str, str], words: str) -> None:
    assert words_of(read(query.items())) == words
