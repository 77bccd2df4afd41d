"""The one table of refusals: TikTok's symbols, texts and numbers, and our own answers, with words for who must act.

Symbols, numbers and texts of the first part follow TikTok's help page on Spark code errors (July 2025); what is said
to be known from practice only has no symbol of TikTok's and got one here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Who(StrEnum):
    """Who must act; `nobody`: it passes, or there is nothing to do."""

    CREATOR = "creator"
    OPERATOR = "operator"
    NOBODY = "nobody"


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """A known answer: `cause` and `remedy` are a sentence each for the person in `who`.

    `is_hard`: neither asking nor trying again can help. `is_quoted`: what TikTok said is shown beside it. It is known by
    its symbol, by `texts` (lower case, words only), by `numbers` (those that TikTok shows to people) or by the `codes`
    of the API's envelope.
    """

    symbol: str
    who: Who
    cause: str
    remedy: str
    is_hard: bool = False
    is_quoted: bool = False
    texts: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()
    codes: tuple[int, ...] = ()


ANOTHER_POST = "Choose another post."
WAIT = "Nothing needs to be done: it is tried again by itself."
CONNECT = "Run `everspark advertiser connect` for this advertiser."

# Of several rows whose texts a message holds the first counts: the narrower one stands higher.
CODE_ROWS = (
    Refusal(
        symbol="video_deleted",
        who=Who.OPERATOR,
        cause="The post was deleted.",
        remedy="Choose another post, or ask the creator to publish it again.",
        is_hard=True,
        texts=("video has been deleted", "video was deleted", "post has been deleted", "post was deleted"),
    ),
    # TikTok gives 4002 for deleted posts too, so the number alone must not say which of the two it is.
    Refusal(
        symbol="video_unavailable",
        who=Who.OPERATOR,
        cause="The post is not available: it was deleted, or it breaks TikTok's rules.",
        remedy="Choose another post, or ask the creator what became of it.",
        is_hard=True,
        texts=(
            "video is not available due to community guidelines",
            "video is unavailable",
            "video is not available",
            "video unavailable",
        ),
        numbers=(4002,),
    ),
    Refusal(
        symbol="illegal_item_status_error",
        who=Who.OPERATOR,
        cause="The post was taken down or limited because it breaks TikTok's rules.",
        remedy="Choose another post, or ask the creator to settle it with TikTok.",
        is_hard=True,
        texts=("unavailable due to a community rule", "against community rules", "illegal item status"),
        numbers=(900012,),
    ),
    Refusal(
        symbol="auth_code_not_found",
        who=Who.CREATOR,
        cause="The code no longer exists: it was deleted in TikTok.",
        remedy="Create a new code in the post's ad settings, and send that one.",
        texts=("code has been deleted", "code was deleted", "code does not exist", "code is not found"),
    ),
    Refusal(
        symbol="auth_code_format_error",
        who=Who.CREATOR,
        cause="The code is not right: it was copied incompletely, or changed on the way.",
        remedy="Copy the code again in the post's ad settings, or create a new one, and send it alone.",
        texts=("post code is incorrect", "post code is invalid", "post code incorrect", "invalid post code"),
        numbers=(4013,),
    ),
    Refusal(
        symbol="auth_code_expired",
        who=Who.CREATOR,
        cause="The time of the code is over.",
        remedy="Extend the code in the post's ad settings; it stays the same.",
        texts=(
            "authorization expired",
            "authorization has expired",
            "code expired",
            "code has expired",
            "code is expired",
        ),
        numbers=(4025,),
    ),
    Refusal(
        symbol="not_public_video",
        who=Who.CREATOR,
        cause="The post is not public.",
        remedy="Set who can watch the post to everyone, and send the code again.",
        texts=(
            "video is not public",
            "post is not public",
            "not a public video",
            "video is private",
            "post is private",
        ),
    ),
    Refusal(
        symbol="story_video_not_supported",
        who=Who.OPERATOR,
        cause="Stories cannot be used in Spark Ads.",
        remedy=ANOTHER_POST,
        is_hard=True,
        texts=("story videos can t be used", "story videos cannot be used", "story videos are not supported"),
        numbers=(4027,),
    ),
    Refusal(
        symbol="carousel_duet_not_supported",
        who=Who.OPERATOR,
        cause="Duets with a photo post cannot be used in Spark Ads.",
        remedy=ANOTHER_POST,
        is_hard=True,
        texts=(
            "duet carousels can t be used",
            "duet carousels cannot be used",
            "duet carousel posts are not supported",
        ),
        numbers=(4042,),
    ),
    Refusal(
        symbol="mention_multiple_videos",
        who=Who.OPERATOR,
        cause="The post tags several other posts, and TikTok takes one at most.",
        remedy="Choose a post that tags no more than one other post.",
        is_hard=True,
        texts=("tags multiple posts", "mention multiple posts", "mentions multiple posts", "mentions multiple videos"),
        numbers=(930002,),
    ),
    # Every stored copy of the official page ends within this symbol, so it is known by its beginning too.
    Refusal(
        symbol="multi_duet_stitch_refused",
        who=Who.OPERATOR,
        cause="The post is a duet or stitch of a post that is itself one.",
        remedy=ANOTHER_POST,
        is_hard=True,
        texts=("multi duet stitch", "multi level duet", "multi level stitch"),
        numbers=(900003,),
    ),
    Refusal(
        symbol="video_too_long",
        who=Who.OPERATOR,
        cause="The video is longer than ten minutes, and TikTok takes none in ads that is.",
        remedy="Choose a shorter post.",
        is_hard=True,
        texts=("longer than 10 minutes", "longer than ten minutes", "exceeds 10 minutes"),
    ),
    Refusal(
        symbol="call_rpc_fail",
        who=Who.NOBODY,
        cause="TikTok could not process the code at that moment.",
        remedy=WAIT,
        texts=("an error occurred processing the code",),
        numbers=(-500,),
    ),
    Refusal(
        symbol="call_db_fail",
        who=Who.NOBODY,
        cause="TikTok could not look the code up at that moment.",
        remedy=WAIT,
    ),
    Refusal(
        symbol="used_by_another_advertiser",
        who=Who.CREATOR,
        cause="The code is used by another advertiser already.",
        remedy="Create a new code in the post's ad settings, and send that one.",
        texts=(
            "used by another advertiser",
            "bound to another advertiser",
            "authorized to another advertiser",
            "used by another ad account",
            "bound to another ad account",
            "authorized to another ad account",
        ),
    ),
    Refusal(
        symbol="already_authorized",
        who=Who.NOBODY,
        cause="The post is authorized for this advertiser already.",
        remedy="Nothing needs to be done: the authorization is read from TikTok.",
        is_hard=True,
        texts=(
            "already authorized",
            "already been authorized",
            "already bound",
            "already been bound",
            "already been added",
        ),
    ),
    Refusal(
        symbol="region_mismatch",
        who=Who.OPERATOR,
        cause="The creator's account and the ad account belong to regions that TikTok does not join.",
        remedy="Use an ad account of the creator's region, or choose another creator.",
        is_hard=True,
        texts=("region mismatch", "region does not match", "regions do not match", "not in the same region"),
    ),
    Refusal(
        symbol="original_code_needed",
        who=Who.OPERATOR,
        cause="The post is a duet or stitch, or tags another post, and TikTok wants the other post's code too.",
        remedy="Ask for the original post's code and bind both in Ads Manager; Everspark sees it at its next look.",
        texts=(
            "original post auth code is required",
            "original post auth code required",
            "missing original post auth code",
        ),
    ),
)

# An access token's state, haste and TikTok's own troubles come in the envelope's code; the text is for developers.
CALL_ROWS = (
    Refusal(
        symbol="token_missing",
        who=Who.OPERATOR,
        cause="TikTok was asked without an access token.",
        remedy=CONNECT,
        is_hard=True,
        codes=(40104,),
    ),
    Refusal(
        symbol="token_invalid",
        who=Who.OPERATOR,
        cause="The access token is no longer valid: access was taken back, or it ended.",
        remedy=CONNECT,
        is_hard=True,
        codes=(40102, 40103, 40105, 40106, 40107),
    ),
    Refusal(
        symbol="permission_missing",
        who=Who.OPERATOR,
        cause="The access that TikTok gave does not cover this.",
        remedy="Grant the app every Spark Ads permission, and run `everspark advertiser connect` again.",
        is_hard=True,
        is_quoted=True,
        codes=(40001, 40125),
    ),
    Refusal(
        symbol="foreign_advertiser",
        who=Who.OPERATOR,
        cause="TikTok does not know this advertiser, or the access token belongs to another one.",
        remedy="Check the advertiser's number, and run `everspark advertiser connect` with an account that may use it.",
        is_hard=True,
        codes=(40119, 40300, 40301),
    ),
    Refusal(
        symbol="oauth_code_used",
        who=Who.OPERATOR,
        cause="The confirmation from TikTok's consent page was used before, or is older than an hour.",
        remedy="Run `everspark advertiser connect` again, and follow the new link.",
        is_hard=True,
        codes=(40110, 40131),
    ),
    Refusal(
        symbol="app_refused",
        who=Who.OPERATOR,
        cause="TikTok does not accept the app's id and secret, or has not cleared the app for this.",
        remedy="Check the app in the settings and in TikTok's developer portal, then run `everspark advertiser connect`.",
        is_hard=True,
        is_quoted=True,
        codes=(40101, 40108, 40109, 40112, 40113, 40115, 40116, 40118, 40124, 41000),
    ),
    Refusal(
        symbol="too_often",
        who=Who.NOBODY,
        cause="TikTok was asked too often.",
        remedy=WAIT,
        codes=(40016, 40100, 40132, 40133),
    ),
    Refusal(
        symbol="tiktok_trouble",
        who=Who.NOBODY,
        cause="TikTok has a trouble of its own.",
        remedy=WAIT,
        codes=(40201, 40202, 50000, 50002, 51305, 60001),
    ),
    Refusal(
        symbol="duplicate_request",
        who=Who.NOBODY,
        cause="TikTok took this for a request that it had got a moment before.",
        remedy="Nothing needs to be done: what became of it is read from TikTok.",
        codes=(40050,),
    ),
    Refusal(
        symbol="absent",
        who=Who.OPERATOR,
        cause="What was asked for does not exist at TikTok, or no longer.",
        remedy="Check the numbers of the post and the account.",
        is_hard=True,
        is_quoted=True,
        codes=(40007,),
    ),
    # TikTok is thought to send Spark errors as 40002 too, so that code alone proves no mistake in the request.
    Refusal(
        symbol="parameter_error",
        who=Who.OPERATOR,
        cause="TikTok found a mistake in the request itself.",
        remedy="Look at what TikTok said, and report it if the values are right.",
        is_hard=True,
        is_quoted=True,
        texts=(
            "invalid parameter",
            "invalid param",
            "invalid params",
            "parameter error",
            "unmarshal",
            "required field",
            "not a valid string",
            "not a valid integer",
            "not a valid number",
            "must be one of",
        ),
        codes=(40000, 40006, 40011, 40051, 40053),
    ),
    Refusal(
        symbol="not_offered",
        who=Who.OPERATOR,
        cause="TikTok does not offer this call here; its sandbox has no Spark codes.",
        remedy="Check the base address of TikTok in the settings.",
        is_hard=True,
        is_quoted=True,
        codes=(40008, 40009, 40010, 40013, 40014, 40117, 41001, 41002),
    ),
    Refusal(
        symbol="too_many_ads",
        who=Who.OPERATOR,
        cause="The advertiser has as many ads as TikTok allows.",
        remedy="Delete ads that are no longer needed.",
        is_hard=True,
        codes=(40502,),
    ),
)

WRONG_POST = Refusal(
    symbol="wrong_post",
    who=Who.CREATOR,
    cause="The code belongs to another post than the one that was asked for.",
    remedy="Open the post that was asked for, copy the code in its ad settings, and send that one.",
)
CODE_ENDED = Refusal(
    symbol="code_ended",
    who=Who.CREATOR,
    cause="The code is right, but its time is over.",
    remedy="Extend the code in the post's ad settings; it stays the same.",
)
CODE_NOT_STARTED = Refusal(
    symbol="code_not_started",
    who=Who.NOBODY,
    cause="The time of the code has not begun yet.",
    remedy="Nothing needs to be done: it is tried again when the time begins.",
)
NOT_CONNECTED = Refusal(
    symbol="not_connected",
    who=Who.OPERATOR,
    cause="Nobody has connected this advertiser with TikTok yet.",
    remedy=CONNECT,
    is_hard=True,
)
NOT_CONFIRMED = Refusal(
    symbol="not_confirmed",
    who=Who.NOBODY,
    cause="TikTok took the code but does not show the post among those of the advertiser yet.",
    remedy="Nothing needs to be done: it is looked up again.",
)
OUR_ROWS = (
    WRONG_POST,
    CODE_ENDED,
    CODE_NOT_STARTED,
    NOT_CONNECTED,
    NOT_CONFIRMED,
)

UNKNOWN = Refusal(
    symbol="unknown",
    who=Who.OPERATOR,
    cause="TikTok gave a reason that is not known here.",
    remedy="Read what TikTok said; often a new code from the creator is the way on.",
    is_quoted=True,
)
