"""Whether a post can run as a Spark Ad: what refuses it, what to be warned of, and advice that never refuses.

Judged from what TikTok shows of the post, before anybody is asked and before a code is bound.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from domain.events import Condition
from domain.posts import CAROUSEL, VIDEO, Post
from domain.refusal_table import CODE_ENDED
from domain.refusals import Refusal, refusal_named
from domain.renewal import FOREVER

LONGEST = timedelta(minutes=10)
BEST_LENGTHS = timedelta(seconds=9), timedelta(seconds=15)
# No reading has shown how TikTok calls a story here, so any type with that word counts.
STORY = "STORY"
EXPIRED = "EXPIRED"


@dataclass(frozen=True, kw_only=True, slots=True)
class PostPolicy:
    """What operators may set. `refuses_private`: TikTok's own pages differ on whether a private post may be used."""

    refuses_private: bool = True
    minimum_daily_budget: int = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Remark:
    """A warning or a piece of advice: what is so, and the next step."""

    code: str
    sentence: str
    next_step: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What is to be said of a post; only `refusals` stand in its way."""

    refusals: tuple[Refusal, ...] = ()
    warnings: tuple[Remark, ...] = ()
    advice: tuple[Remark, ...] = ()

    @property
    def is_eligible(self) -> bool:
        """Whether nothing stands in the way of asking and binding."""
        return not self.refusals


TURNS_PUBLIC = Remark(
    code="turns_public",
    sentence="The post is private; in a campaign it turns public and stays so while ads use it.",
    next_step="Agree on it with the creator, or publish the post in ads-only mode.",
)
UNDER_REVIEW = Remark(
    code="under_review",
    sentence="TikTok is still reviewing the post, and no ad can use it before that is over.",
    next_step="Wait for the end of the review before the ads are planned.",
)
UNKNOWN_STATUS = Remark(
    code="unknown_status",
    sentence="TikTok gives the post a status that is not known here.",
    next_step="Look at the post in TikTok.",
)
UNKNOWN_TYPE = Remark(
    code="unknown_type",
    sentence="The post is of a kind that is not known here.",
    next_step="Look at the post in TikTok; videos and photo posts can be used.",
)
CAPTION_LOCKED = Remark(
    code="caption_locked",
    sentence="The caption cannot be edited after the authorization.",
    next_step="Have the creator check the caption before the code is created.",
)
WARNINGS = (TURNS_PUBLIC, UNDER_REVIEW, UNKNOWN_STATUS, UNKNOWN_TYPE, CAPTION_LOCKED)

SHORT_WORKS_BEST = Remark(
    code="short_works_best",
    sentence="Videos of 9 to 15 seconds work best in ads.",
    next_step="Ask the creator for a shorter cut if there is one.",
)
CALL_TO_ENGAGE = Remark(
    code="call_to_engage",
    sentence="Likes, comments and shares of the ad count for the post itself, and carry it further.",
    next_step="Have the post ask its viewers for something: a comment, an answer, a duet.",
)
ADS_ONLY_MODE = Remark(
    code="ads_only_mode",
    sentence="A post that should not appear on the creator's profile can be published for ads only.",
    next_step="Choose ads-only mode when such a post is published.",
)
DAILY_MINIMUM = Remark(
    code="daily_minimum",
    sentence="TikTok takes no campaign with less than {minimum_daily_budget} a day.",
    next_step="Plan the campaign with at least that much.",
)
ADVICE = (SHORT_WORKS_BEST, CALL_TO_ENGAGE, ADS_ONLY_MODE, DAILY_MINIMUM)


def judge(
    post: Post, *, policy: PostPolicy, now: datetime, has_original_code: bool = False, was_authorized: bool = False
) -> Verdict:
    """What stands in the way of `post` as an ad, what to know, and what would help.

    `has_original_code`: the code of the post that this one builds on is at hand; `was_authorized`: it was given once, so what
    is to be done before that is not said any more.
    """
    return Verdict(
        refusals=tuple(refusals_of(post, policy, now, has_original_code=has_original_code)),
        warnings=tuple(warnings_of(post, policy, was_authorized=was_authorized)),
        advice=tuple(advice_on(post, policy)),
    )


def refusals_of(post: Post, policy: PostPolicy, now: datetime, *, has_original_code: bool) -> Iterator[Refusal]:
    """Each reason why TikTok would not take the post, under TikTok's own symbols where it has one."""
    yield from refusals_of_condition(post, policy)
    yield from refusals_of_format(post, has_original_code=has_original_code)
    if post.duration is not None and post.duration > LONGEST:
        yield refusal_named("video_too_long")
    if post.auth_status == EXPIRED or (post.ends_at is not None and post.ends_at <= now):
        yield CODE_ENDED


def refusals_of_condition(post: Post, policy: PostPolicy) -> Iterator[Refusal]:
    """Deleted, taken down, or private where the policy refuses that."""
    if post.is_deleted:
        yield refusal_named("video_deleted")
    elif post.condition is Condition.REMOVED:
        yield refusal_named("illegal_item_status_error")
    elif post.condition is Condition.PRIVATE and policy.refuses_private:
        yield refusal_named("not_public_video")


def refusals_of_format(post: Post, *, has_original_code: bool) -> Iterator[Refusal]:
    """What the post is made of: stories and what builds on several posts cannot be used, nor photo duets."""
    if STORY in post.item_type.upper():
        yield refusal_named("story_video_not_supported")
    if post.item_type == CAROUSEL and post.duet_of:
        yield refusal_named("carousel_duet_not_supported")
    if post.is_chain:
        yield refusal_named("multi_duet_stitch_refused")
    if len(post.mentions) > 1:
        yield refusal_named("mention_multiple_videos")
    elif needs_original_code(post) and not has_original_code:
        yield refusal_named("original_code_needed")


def needs_original_code(post: Post) -> bool:
    """Whether the post builds on one other post, whose code TikTok then wants beside its own."""
    is_duet_that_can_be_used = bool(post.duet_of) and post.item_type != CAROUSEL
    return not post.is_chain and (is_duet_that_can_be_used or bool(post.stitch_of) or len(post.mentions) == 1)


def warnings_of(post: Post, policy: PostPolicy, *, was_authorized: bool) -> Iterator[Remark]:
    """What does not stand in the way but surprises who does not know it."""
    if post.condition is Condition.PRIVATE and not policy.refuses_private:
        yield TURNS_PUBLIC
    if post.condition is Condition.UNDER_REVIEW:
        yield UNDER_REVIEW
    if post.condition is None:
        yield UNKNOWN_STATUS
    if post.item_type not in (VIDEO, CAROUSEL) and STORY not in post.item_type.upper():
        yield UNKNOWN_TYPE
    if not was_authorized:
        yield CAPTION_LOCKED


def advice_on(post: Post, policy: PostPolicy) -> Iterator[Remark]:
    """What makes a post work better; never a reason to refuse one."""
    shortest, longest = BEST_LENGTHS
    if post.duration is not None and not shortest <= post.duration <= longest:
        yield SHORT_WORKS_BEST
    yield CALL_TO_ENGAGE
    yield ADS_ONLY_MODE
    if policy.minimum_daily_budget:
        yield figured(DAILY_MINIMUM, policy)


def figured(remark: Remark, policy: PostPolicy) -> Remark:
    """`remark` with the policy's figures in its sentence."""
    return replace(remark, sentence=remark.sentence.format(minimum_daily_budget=policy.minimum_daily_budget))


def judge_window(*, ends_at: datetime | None, flight_end: datetime | None) -> timedelta:
    """By how long an authorization to `ends_at` is short of `flight_end`; nothing if it lasts.

    Nothing is short of an ad without an end (None, or FOREVER): no period reaches it, so it is renewed as long as it runs.
    """
    if ends_at is None or flight_end is None or flight_end == FOREVER:
        return timedelta()
    return max(timedelta(), flight_end - ends_at)
