"""Spark codes in the texts that people paste."""

from __future__ import annotations

import time
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.spark_code import Found, find, stands_in

CODE = "#Ab3+/Zz9" + "kQ7x" * 13 + "Yp0="
OTHER = "#Zz9+/Ab3" + "mT4w" * 13 + "Rv1="
LOOSE_CODE = "#Ab3_-Zz9" + "kQ7x" * 8
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def codes() -> st.SearchStrategy[str]:
    """Codes of the strict shape."""
    return st.text(ALPHABET, min_size=63, max_size=63).map(lambda body: f"#{body}=")


def test_the_example_has_the_shape_that_public_code_meets() -> None:
    assert len(CODE) == len(OTHER) == 65


@pytest.mark.parametrize(
    "text",
    [
        CODE,
        f"  {CODE}\n",
        f"\r\n\r\n{CODE}\r\n\r\n",
        f"Hi! here is my code: {CODE} let me know if it works :)",
        f"the code is {CODE}. Thanks",
        f"({CODE})",
        f'"{CODE}",',
        f"`{CODE}`",
        f"<p>{CODE}</p>",
        f"> On Monday Mia wrote:\n>> {CODE}\n> --\n> Mia",
        f"https://www.tiktok.com/@Mia.Makes/video/7300000000000000001 {CODE}",
        f"\u00a0{CODE}\u00a0",
        f"\ufeff{CODE}\u200b",
        CODE[:20] + "\u200b" + CODE[20:40] + "\u2060\u00ad" + CODE[40:],
        CODE[:30] + "\x00" + CODE[30:],
        CODE[:30] + "\n" + CODE[30:],
        f"Hi,\r\n{CODE[:40]}\r\n{CODE[40:]}\r\nMia",
        quote(CODE, safe=""),
        quote(CODE, safe="").replace("%2B", "%2b").replace("%2F", "%2f").replace("%3D", "%3d"),
        f"https://example.com/redeem?code={quote(CODE, safe='')}&from=chat",
        f"no code {CODE[:40]} the real one is {CODE}",
    ],
)
def test_the_code_is_found_in_what_is_around_it(text: str) -> None:
    assert find(text) == Found(code=CODE, is_strict=True)


def test_of_several_strict_codes_the_first_counts_as_mails_quote_older_ones_below() -> None:
    assert find(f"new: {CODE}\n> old: {OTHER}") == Found(code=CODE, is_strict=True)


def test_a_strict_code_wins_over_longer_random_words() -> None:
    assert find(f"Message-ID: {'aB3' * 40}\n{CODE}") == Found(code=CODE, is_strict=True)


@pytest.mark.parametrize(
    "text",
    [LOOSE_CODE, f"code: {LOOSE_CODE}, ok?", f"Message-ID: <{'aB3' * 40}@mail.example>\n\n{LOOSE_CODE}"],
)
def test_what_is_merely_like_a_code_is_found_too_but_not_called_strict(text: str) -> None:
    assert find(text) == Found(code=LOOSE_CODE, is_strict=False)


def test_a_code_glued_to_the_next_word_is_found_but_not_called_strict() -> None:
    assert find(f"{CODE}is my code") == Found(code=CODE, is_strict=False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   \n\t ",
        "sorry, I have no code yet",
        "#ad #sponsored #foryoupage #fyp",
        "7300000000000000001",
        "https://www.tiktok.com/@Mia.Makes/video/7300000000000000001?is_from_webapp=1&sender_device=pc",
        "https://www.tiktok.com/@MiaMakes/video/7300000000000000001",
        "www.example.com/Some/Long/Path/With/Words/And/Numbers/2026/11/22/Index",
        "https://docs.example.com/document/d/1aBcD3fGhIjKlMnOpQrStUvWxYz0123456789AbCd/edit",
        "d41d8cd98f00b204e9800998ecf8427ed41d8cd98f00b204e9800998ecf8427e",
        "-----------------------------------------------------------------",
        "=" * 65,
        "#" * 65,
        CODE[:25],
        quote(quote(CODE, safe=""), safe=""),
    ],
)
def test_what_is_no_code_is_not_taken_for_one(text: str) -> None:
    assert find(text) is None


def test_a_found_code_shows_only_its_last_characters() -> None:
    found = find(CODE)

    assert found is not None
    assert found.last == "xYp0"
    assert CODE[1:60] not in repr(found)
    assert "xYp0" in repr(found)


@settings(max_examples=150)
@given(codes(), st.text(st.characters(exclude_characters="#%=+/"), max_size=40), st.text(max_size=10))
def test_any_strict_code_is_found_after_a_word_and_before_a_break(code: str, before: str, after: str) -> None:
    assert find(f"{before} {code}\n{after.replace('%', '')}") == Found(code=code, is_strict=True)


@settings(max_examples=100)
@given(
    codes(),
    st.lists(st.tuples(st.integers(0, 65), st.sampled_from("\u200b\u200c\u200d\u2060\ufeff\u00ad")), max_size=8),
)
def test_invisible_characters_anywhere_do_not_matter(code: str, strays: list[tuple[int, str]]) -> None:
    text = code
    for place, stray in strays:
        text = text[:place] + stray + text[place:]

    assert find(text) == Found(code=code, is_strict=True)


@settings(max_examples=100)
@given(codes())
def test_an_encoded_code_is_decoded_once(code: str) -> None:
    assert find(quote(code, safe="")) == Found(code=code, is_strict=True)


@settings(max_examples=200)
@given(st.text(max_size=300) | st.text("#%=+/_-aB3 \n", max_size=300) | st.text("%23dDbBfF=# ", max_size=100))
def test_no_text_makes_it_raise(text: str) -> None:
    found = find(text)

    assert found is None or len(found.code) >= 30


@pytest.mark.parametrize(
    "text",
    [
        "#" * 200_000,
        "aB3" * 70_000,
        ("aB3" * 9 + " ") * 7_000,
        ("#" + "aB3" * 21) * 3_000,
        "=" * 200_000,
        "http://" * 30_000,
        "%23" * 70_000,
        "www." * 50_000,
    ],
)
def test_long_texts_take_no_longer_than_their_length_warrants(text: str) -> None:
    begun = time.perf_counter()

    find(text)

    # Linear work takes some tens of milliseconds here; backtracking over it would take minutes.
    assert time.perf_counter() - begun < 3


@pytest.mark.parametrize(
    "text",
    [
        CODE,
        CODE[1:],
        f"campaign {CODE}",
        quote(CODE, safe=""),
        quote(quote(CODE, safe=""), safe=""),
        CODE.replace("+", " "),
        f"{CODE[:40]} {CODE[40:]}",
        CODE[:20] + "\u200b" + CODE[20:],
        LOOSE_CODE,
    ],
)
def test_a_code_is_seen_where_none_may_stand(text: str) -> None:
    assert stands_in(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "US_Prospecting_Q4_2026_Holiday_VideoViews_Broad_18-34_Creator_Maya_Moves",
        "Summer Campaign 2026 for everybody who likes Long Names and Digits 12345",
        "#summerdancechallengewiththewholefamily",
        "/authorizations/7526925000000000003/7572136000000000032",
        "SSx=",
    ],
)
def test_names_and_addresses_are_no_codes(text: str) -> None:
    assert not stands_in(text)


def test_a_cursor_may_be_as_long_as_a_code() -> None:
    assert not stands_in(CODE[1:], is_cursor=True)
    assert stands_in(CODE, is_cursor=True)
