"""Which posts can run as Spark Ads, and what is said beside them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.eligibility import ADVICE, CAPTION_LOCKED, WARNINGS, PostPolicy, Remark, Verdict, judge, judge_window
from domain.posts import CAROUSEL, CONDITIONS, VIDEO, Post
from domain.renewal import FOREVER
from tests.domain.story import day

LENIENT = PostPolicy(refuses_private=False)
NOW = day(5)


def post(**facts: Any) -> Post:
    """A public video of twelve seconds, authorized for the month."""
    return Post(
        **{
            "item_id": "7300000000000000001",
            "auth_status": "AUTHORIZED",
            "starts_at": day(0),
            "ends_at": day(30),
            "duration": timedelta(seconds=12),
            **facts,
        }
    )


def verdict(policy: PostPolicy = PostPolicy(), *, has_original_code: bool = False, **facts: Any) -> Verdict:  # noqa: B008
    return judge(post(**facts), policy=policy, now=NOW, has_original_code=has_original_code)


def refused(**facts: Any) -> list[str]:
    return [refusal.symbol for refusal in verdict(**facts).refusals]


def codes(remarks: tuple[Remark, ...]) -> list[str]:
    return [remark.code for remark in remarks]


@pytest.mark.parametrize(
    ("symbol", "facts"),
    [
        ("story_video_not_supported", {"item_type": "STORY"}),
        ("story_video_not_supported", {"item_type": "Video_Story"}),
        ("carousel_duet_not_supported", {"item_type": CAROUSEL, "duet_of": "7", "duration": None}),
        ("multi_duet_stitch_refused", {"is_chain": True, "duet_of": "7"}),
        ("mention_multiple_videos", {"mentions": ("7", "8")}),
        ("original_code_needed", {"duet_of": "7"}),
        ("original_code_needed", {"stitch_of": "7"}),
        ("original_code_needed", {"mentions": ("7",)}),
        ("not_public_video", {"status": "ONLY_AUTHOR_SEE"}),
        ("not_public_video", {"status": "STATUS_ONLY_FRIEND_SEE"}),
        ("video_deleted", {"status": "USER_DELETE"}),
        ("illegal_item_status_error", {"status": "AUDIT_DELETE"}),
        ("illegal_item_status_error", {"status": "ITEM_STATUS_ONLY_USER_PASS"}),
        ("video_too_long", {"duration": timedelta(minutes=10, seconds=1)}),
        ("code_ended", {"ends_at": day(5)}),
        ("code_ended", {"auth_status": "EXPIRED"}),
    ],
)
def test_what_cannot_run_is_refused_with_a_next_step(symbol: str, facts: dict[str, Any]) -> None:
    assert refused(**facts) == [symbol]
    assert not verdict(**facts).is_eligible
    assert verdict(**facts).refusals[0].remedy


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"item_type": CAROUSEL, "duration": None},
        {"duration": timedelta(minutes=10)},
        {"ends_at": None, "auth_status": None},
        {"status": "REVIEW_PENDING"},
        {"status": "OF_TOMORROW", "item_type": "LIVE"},
    ],
)
def test_what_can_run_is_not_refused(facts: dict[str, Any]) -> None:
    assert verdict(**facts).is_eligible


@pytest.mark.parametrize("facts", [{"duet_of": "7"}, {"stitch_of": "7"}, {"mentions": ("7",)}])
def test_a_post_that_builds_on_another_is_taken_with_that_ones_code(facts: dict[str, Any]) -> None:
    assert verdict(has_original_code=True, **facts).is_eligible


def test_the_code_of_another_post_does_not_help_a_chain() -> None:
    assert [row.symbol for row in verdict(has_original_code=True, is_chain=True, stitch_of="7").refusals] == [
        "multi_duet_stitch_refused"
    ]


def test_several_reasons_are_all_said() -> None:
    assert refused(status="ONLY_AUTHOR_SEE", mentions=("7", "8"), ends_at=day(1)) == [
        "not_public_video",
        "mention_multiple_videos",
        "code_ended",
    ]


def test_a_private_post_is_refused_or_warned_of_as_the_policy_says() -> None:
    lenient = verdict(LENIENT, status="ONLY_AUTHOR_SEE")

    assert lenient.is_eligible
    assert codes(lenient.warnings) == ["turns_public", "caption_locked"]
    assert codes(verdict(status="ONLY_AUTHOR_SEE").warnings) == ["caption_locked"]


@pytest.mark.parametrize(
    ("code", "facts"),
    [
        ("under_review", {"status": "REVIEW_PENDING"}),
        ("unknown_status", {"status": "OF_TOMORROW"}),
        ("unknown_type", {"item_type": "LIVE"}),
    ],
)
def test_what_is_not_sure_is_warned_of(code: str, facts: dict[str, Any]) -> None:
    assert codes(verdict(**facts).warnings) == [code, "caption_locked"]


def test_the_caption_is_warned_of_as_long_as_nothing_was_authorized() -> None:
    assert verdict().warnings == (CAPTION_LOCKED,)
    assert judge(post(), policy=PostPolicy(), now=NOW, was_authorized=True).warnings == ()


@pytest.mark.parametrize(("seconds", "is_advised"), [(8, True), (9, False), (15, False), (15.5, True)])
def test_nine_to_fifteen_seconds_work_best(seconds: float, *, is_advised: bool) -> None:
    assert ("short_works_best" in codes(verdict(duration=timedelta(seconds=seconds)).advice)) is is_advised


def test_a_photo_post_has_no_length_to_advise_on() -> None:
    assert "short_works_best" not in codes(verdict(item_type=CAROUSEL, duration=None).advice)


def test_the_daily_minimum_is_that_of_the_policy() -> None:
    assert "less than 75 a day" in verdict(PostPolicy(minimum_daily_budget=75)).advice[-1].sentence
    assert codes(verdict(PostPolicy(minimum_daily_budget=0)).advice) == ["call_to_engage", "ads_only_mode"]


@given(
    item_type=st.sampled_from((VIDEO, CAROUSEL, "STORY", "OTHER")),
    status=st.sampled_from((*CONDITIONS, "OTHER")),
    duet_of=st.none() | st.just("7"),
    stitch_of=st.none() | st.just("7"),
    is_chain=st.booleans(),
    mentions=st.sampled_from(((), ("7",), ("7", "8"))),
    duration=st.none() | st.timedeltas(timedelta(), timedelta(hours=1)),
)
def test_no_post_gets_a_word_twice_and_all_words_are_known(**facts: Any) -> None:
    given_verdict = verdict(**facts)
    words = [row.symbol for row in given_verdict.refusals] + codes(given_verdict.warnings + given_verdict.advice)

    assert len(words) == len(set(words))
    assert set(codes(given_verdict.warnings)) <= set(codes(WARNINGS))
    assert set(codes(given_verdict.advice)) <= set(codes(ADVICE))
    assert "CAROUSEL" not in str(given_verdict)


@pytest.mark.parametrize("remark", [*WARNINGS, *ADVICE], ids=lambda remark: remark.code)
def test_each_remark_says_what_is_so_and_the_next_step(remark: Remark) -> None:
    for sentence in (remark.sentence, remark.next_step):
        assert re.fullmatch(r"[A-Z0-9][^.]*\.", sentence)


@pytest.mark.parametrize(
    ("end", "flight_end", "short"), [(30, 30, 0), (30, 29, 0), (30, 30.25, 0.25), (30, 37.5, 7.5), (None, 90, 0)]
)
def test_a_window_is_short_by_what_is_left_of_the_flight(end: float | None, flight_end: float, short: float) -> None:
    found = judge_window(ends_at=None if end is None else day(end), flight_end=day(flight_end))

    assert found == timedelta(days=short)


def test_no_window_is_short_of_an_ad_without_an_end() -> None:
    assert judge_window(ends_at=day(30), flight_end=None) == timedelta()
    assert judge_window(ends_at=day(30), flight_end=FOREVER) == timedelta()
