"""A filter behind an act is read wholly or not at all: what is misspelt in it must never widen the act."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.authorization import State
from domain.filter_texts import pairs_in, read_text
from domain.filters import PARTS, Complaint, Filter, FilterError, pairs_of
from tests.domain.test_filters import filters

ACTIVE = Filter(state=(State.ACTIVE,))


@given(filters())
def test_what_an_address_says_is_read_wholly(wanted: Filter) -> None:
    assert read_text(urlencode(pairs_of(wanted))) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "state=active",
        "?state=active",
        " ?state=ACTIVE ",
        "/authorizations?state=active",
        "https://everspark.example/authorizations?state=active",
        "state=active&sort=money&after=0_1_2&before=",
    ],
)
def test_it_may_be_the_address_of_the_list_as_it_was_copied(text: str) -> None:
    assert read_text(text) == ACTIVE


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("statee=active", "statee"),
        ("state=active&lefft_to=7", "lefft_to"),
        ("foo", "foo"),
        ("%", "%"),
        ("??state=active", "?state"),
        ("/creators?state=active", "/creators?state"),
        ("state", "state"),
        ("state=", "state"),
        ("state=%20", "state"),
        ("state=active&left_to=", "left_to"),
        ("state=active&state=", "state"),
        ("left_to=7&left_to=30", "left_to"),
        ("State=active", "State"),
        (" ", "a part without a name"),
        ("=active", "a part without a name"),
        ("?", "filter"),
        ("&", "filter"),
        ("/authorizations", "/authorizations"),
        ("/authorizations?", "filter"),
        ("sort=money", "filter"),
        ("state=active;left_to=7", "state"),
        ("x" * 500, "x" * 40 + "…"),
    ],
)
def test_what_is_misspelt_or_blank_is_refused_by_name(text: str, named: str) -> None:
    with pytest.raises(FilterError) as caught:
        read_text(text)

    assert [each.name for each in caught.value.complaints] == [named]


@given(st.text(max_size=60) | st.builds("{}={}".format, st.sampled_from([*PARTS, "sort"]), st.text(max_size=20)))
def test_only_an_empty_text_matches_everything(text: str) -> None:
    wanted, complaints = tried(text)

    assert bool(complaints) == (wanted.is_empty and text != "")
    assert all(each.name and each.remedy for each in complaints)


def tried(text: str) -> tuple[Filter, tuple[Complaint, ...]]:
    try:
        return read_text(text), ()
    except FilterError as error:
        return Filter(), error.complaints


def test_other_lists_have_words_of_their_own() -> None:
    pairs = pairs_in("/events?outcome=parked&before=7", path="/events", words=("outcome", "key"), beside=("before",))

    assert pairs == [("outcome", "parked")]
    with pytest.raises(FilterError, match="keyy: no part of a filter; there are outcome, key"):
        pairs_in("outcome=parked&keyy=1", path="/events", words=("outcome", "key"), beside=("before",))
