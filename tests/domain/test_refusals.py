"""What TikTok's answers mean, and what stays unknown."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.refusal_table import CALL_ROWS, CODE_ROWS, OUR_ROWS
from domain.refusals import (
    BY_SYMBOL,
    REFUSALS,
    TIKTOKS,
    UNKNOWN,
    Refusal,
    Who,
    classify,
    refusal_named,
    sentence_of,
)

PARAMETER_ERROR = 40002
SEEDS_FIVE = (
    "video_unavailable",
    "auth_code_expired",
    "not_public_video",
    "carousel_duet_not_supported",
    "auth_code_format_error",
)
NOISE = st.sampled_from(("", "Error: ", "[tt_video] ", "\n", "request failed; ", "«", "\u200b ", "log 20261122-0001: "))
BY_TEXT = [(row, text) for row in TIKTOKS for text in row.texts]
BY_NUMBER = [(row, number) for row in TIKTOKS for number in row.numbers]


def meant_by(message: str, code: int = PARAMETER_ERROR) -> str:
    return classify(code=code, message=message).symbol


def cased(data: st.DataObject, text: str) -> str:
    """`text` with each letter in either case."""
    upper = data.draw(st.lists(st.booleans(), min_size=len(text), max_size=len(text)))
    return "".join(letter.upper() if is_upper else letter for letter, is_upper in zip(text, upper, strict=True))


# The official page writes the numbers and symbols in one column and these sentences in the next.
@pytest.mark.parametrize(
    ("symbol", "said"),
    [
        ("video_unavailable", "The video is not available due to community guidelines violation."),
        ("video_deleted", "The video has been deleted and cannot be used to create ads."),
        ("auth_code_not_found", "The code has been deleted."),
        ("auth_code_format_error", "The post code is incorrect."),
        ("auth_code_format_error", "Post code is incorrect"),
        ("call_rpc_fail", "An error occurred processing the code."),
        ("call_db_fail", "call_db_fail: try again"),
        ("mention_multiple_videos", "This post can’t be used for ads because it tags multiple posts."),
        ("illegal_item_status_error", "The post is unavailable due to a community rule violation."),
        ("story_video_not_supported", "Story videos can't be used for Spark Ads."),
        ("carousel_duet_not_supported", "Duet carousels can’t be used for Spark Ads."),
        ("auth_code_expired", "Authorization expired."),
        ("multi_duet_stitch_refused", "multi_duet_stitch_refuse_error"),
        ("already_authorized", "This post has already been authorized."),
        ("used_by_another_advertiser", "The code is already authorized to another advertiser."),
        ("region_mismatch", "Region mismatch between the creator and the ad account"),
        ("not_public_video", "The video is private"),
        ("video_too_long", "Videos longer than 10 minutes are not supported"),
        ("parameter_error", "advertiser_id: Missing data for required field."),
        ("parameter_error", "json: cannot unmarshal number into Go struct field auth_code"),
    ],
)
def test_what_tiktok_says_is_understood(symbol: str, said: str) -> None:
    assert meant_by(said) == symbol


def test_the_five_errors_that_practitioners_meet_most_have_rows() -> None:
    assert set(SEEDS_FIVE) <= {row.symbol for row in CODE_ROWS}


@given(row=st.sampled_from(CODE_ROWS), before=NOISE, after=NOISE, data=st.data())
def test_a_symbol_is_known_in_any_case_and_with_anything_around_it(
    row: Refusal, before: str, after: str, data: st.DataObject
) -> None:
    assert meant_by(f"{before}{cased(data, row.symbol)}: {after}") == row.symbol


@given(known=st.sampled_from(BY_TEXT), before=NOISE, after=NOISE, data=st.data())
def test_a_text_is_known_in_any_case_and_with_anything_around_it(
    known: tuple[Refusal, str], before: str, after: str, data: st.DataObject
) -> None:
    row, text = known

    assert meant_by(f"{before}The {cased(data, text)}. {after}") == row.symbol


@pytest.mark.parametrize(("row", "number"), BY_NUMBER)
@pytest.mark.parametrize("said", ["{}", "{}: refused", "Refused ({})", "[{}] refused", "error code {}", "Error: {}"])
def test_a_number_is_known_where_an_errors_number_stands(row: Refusal, number: int, said: str) -> None:
    assert meant_by(said.format(number)) == row.symbol


@pytest.mark.parametrize(("row", "code"), [(row, code) for row in TIKTOKS for code in (*row.numbers, *row.codes)])
def test_an_envelopes_code_is_known_where_the_words_say_nothing(row: Refusal, code: int) -> None:
    assert meant_by("", code=code) == row.symbol


@given(number=st.sampled_from(BY_NUMBER).map(lambda each: abs(each[1])), digits=st.integers(0, 10**15), data=st.data())
def test_a_number_inside_another_is_not_mistaken(number: int, digits: int, data: st.DataObject) -> None:
    longer = data.draw(st.sampled_from((f"1{digits}{number}", f"{number}{digits}9", f"{number}.5", f"{number}-11-02")))

    assert meant_by(f"error {longer}") == UNKNOWN.symbol


@pytest.mark.parametrize(
    "said",
    [
        "the post 7300000000000004013 was not accepted",
        "the budget must be 4025 or more",
        "error 14002",
        "error code 40131",
        "code 4013abc",
        "error " + "4" * 5000,
        "#4013+/Zz9",
        "the code #4013+/Zz9 is bad",
        "nothing_known_here",
        "my_video_deleted_flag",
        "The post is fine",
        "The post has not been authorized to this advertiser",
        "this is not a valid answer",
        "",
        "\u017ftory_video_not_\u017fupported",
    ],
)
def test_what_no_row_knows_stays_unknown(said: str) -> None:
    assert meant_by(said) == UNKNOWN.symbol


@given(said=st.text(), code=st.integers(1, 10**6))
def test_any_answer_gets_a_row(said: str, code: int) -> None:
    assert classify(code=code, message=said) in REFUSALS


@given(said=st.text(alphabet="0123456789 -.,:;#/ÀÉ", max_size=40))
def test_an_answer_without_words_never_means_more_than_its_number(said: str) -> None:
    allowed = {row.symbol for row, number in BY_NUMBER if str(number) in said}

    assert meant_by(said) in {*allowed, UNKNOWN.symbol}


def test_two_symbols_share_a_number_so_the_number_alone_tells_neither_from_the_other() -> None:
    assert meant_by("4002 video_deleted") == "video_deleted"
    assert meant_by("4002 video_unavailable") == "video_unavailable"
    assert "deleted, or" in classify(code=PARAMETER_ERROR, message="4002").cause


def test_of_two_symbols_the_first_counts() -> None:
    assert meant_by("auth_code_expired, not auth_code_not_found") == "auth_code_expired"


def test_a_symbol_says_more_than_the_words_around_it() -> None:
    assert meant_by("auth_code_not_found: the authorization expired") == "auth_code_not_found"


@pytest.mark.parametrize(
    ("code", "said", "symbol"),
    [
        (40110, "Auth code expired", "oauth_code_used"),
        (40131, "Authorization code is expired.", "oauth_code_used"),
        (40133, "Advertiser (4013)'s QPS (4025) reaches QPS limit 4002 for current path", "too_often"),
        (40100, "Too frequent (4025)", "too_often"),
        (40105, "The access token was deleted: authorization expired", "token_invalid"),
        (40139, "auth_code_expired", "unknown"),
    ],
)
def test_what_is_said_of_tokens_and_haste_is_not_said_of_spark_codes(code: int, said: str, symbol: str) -> None:
    assert meant_by(said, code=code) == symbol


def test_no_two_rows_share_a_symbol_a_text_or_a_code() -> None:
    texts = [text for row in REFUSALS for text in row.texts]
    codes = [code for row in REFUSALS for code in (*row.numbers, *row.codes)]

    assert len(BY_SYMBOL) == len(REFUSALS)
    assert len(texts) == len(set(texts))
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("row", REFUSALS, ids=lambda row: row.symbol)
def test_each_row_speaks_in_one_sentence_each_for_cause_and_remedy(row: Refusal) -> None:
    for sentence in (row.cause, row.remedy):
        assert re.fullmatch(r"[A-Z][^.]*\.", sentence)
    assert row.symbol not in row.cause
    assert "{" not in sentence_of(row)


def test_rows_differ_in_what_they_say() -> None:
    assert len({row.cause for row in REFUSALS}) == len(REFUSALS)


def test_nobody_is_told_to_wait_for_what_is_hard() -> None:
    waiting = [row for row in REFUSALS if row.who is Who.NOBODY and "again" in row.remedy]

    assert waiting
    assert not any(row.is_hard for row in waiting)


def test_whatever_concerns_the_access_names_the_command_that_mends_it() -> None:
    access = [
        row for row in (*CALL_ROWS, *OUR_ROWS) if row.symbol.startswith(("token", "oauth", "not_connected", "app"))
    ]
    access += [refusal_named("permission_missing"), refusal_named("foreign_advertiser")]

    assert len(access) == 7
    assert all(row.who is Who.OPERATOR and "`everspark advertiser connect`" in row.remedy for row in access)


def test_an_unknown_reason_is_shown_as_tiktok_put_it() -> None:
    assert sentence_of(UNKNOWN, "no such\n luck").endswith(" TikTok said: “no such luck”.")


def test_a_known_reason_needs_no_quotation() -> None:
    expired = refusal_named("auth_code_expired")

    assert sentence_of(expired, "Authorization expired.") == f"{expired.cause} {expired.remedy}"


def test_a_long_answer_is_cut_and_an_empty_one_is_not_quoted() -> None:
    assert len(sentence_of(UNKNOWN, "x" * 10_000)) < 500
    assert sentence_of(UNKNOWN, " \n") == f"{UNKNOWN.cause} {UNKNOWN.remedy}"


def test_a_symbol_of_another_version_is_unknown() -> None:
    assert refusal_named("of_tomorrow") is UNKNOWN
