"""The refusals of the simulated TikTok: envelope codes, and the rows of the help page on Spark codes with their own numbers."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.switches import Switches

PARAMETER, ABSENT, NO_PERMISSION = 40002, 40007, 40001


class Refused(Exception):  # noqa: N818 - what TikTok answers, not what went wrong here
    """TikTok says no: the envelope's `code` and `message`. Raised by the world, written by the transport."""

    def __init__(self, code: int, message: str, *, symbol: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.symbol = code, message, symbol


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One row of the table: the number (None where the page shows none) and the notification's text."""

    symbol: str
    number: int | None
    text: str


ROWS = (
    Row(
        symbol="video_unavailable",
        number=4002,
        text="This video is unavailable because it violates Community Guidelines",
    ),
    Row(symbol="video_deleted", number=4002, text="This video has been deleted"),
    Row(symbol="auth_code_not_found", number=None, text="The authorization code was deleted"),
    Row(symbol="auth_code_format_error", number=4013, text="Post code is incorrect"),
    Row(symbol="call_rpc_fail", number=-500, text="call_rpc_fail: something went wrong, refresh and try again later"),
    Row(symbol="call_db_fail", number=-500, text="call_db_fail: something went wrong, refresh and try again later"),
    Row(symbol="mention_multiple_videos", number=930002, text="Posts that mention multiple posts are not supported"),
    Row(
        symbol="illegal_item_status_error",
        number=900012,
        text="The post can't be used: it goes against community rules",
    ),
    Row(symbol="story_video_not_supported", number=4027, text="Story videos are not supported"),
    Row(symbol="carousel_duet_not_supported", number=4042, text="Duet carousel posts are not supported"),
    Row(symbol="auth_code_expired", number=4025, text="The authorization code has expired"),
    Row(symbol="multi_duet_stitch_refused", number=900003, text="Multi-level duet or stitch posts are not supported"),
    # The number and the official text of the next one are unknown; the last four are told by third parties only.
    Row(symbol="not_public_video", number=None, text="This video is not public"),
    Row(symbol="already_authorized", number=None, text="This post has already been authorized to this ad account"),
    Row(symbol="used_by_another_advertiser", number=None, text="The post code is already used by another advertiser"),
    Row(symbol="region_mismatch", number=None, text="The creator's region does not match the ad account's region"),
    Row(
        symbol="original_code_needed",
        number=None,
        text="original_post_auth_code is required for this duet or stitch post",
    ),
    Row(symbol="video_too_long", number=None, text="Videos longer than 10 minutes are not supported"),
)
TEXTS = {row.symbol: row for row in ROWS}


def spark(symbol: str, switches: Switches) -> Refused:
    """The refusal of a Spark code; a symbol that is not in the table is told as it is."""
    row = TEXTS.get(symbol) or Row(symbol=symbol, number=None, text=symbol)
    symbol = switches.unknown_symbol or symbol
    text = f"Unknown trouble with the post: {symbol}" if switches.unknown_symbol else row.text
    if switches.is_symbol_in_message and symbol not in text:
        text = f"{symbol}: {text}"
    if switches.is_number_in_message and row.number is not None:
        text = f"[{row.number}] {text}"
    return Refused(switches.spark_error_code, text, symbol=symbol)


def parameter(text: str) -> Refused:
    """A parameter error: 40002, whose message says which."""
    return Refused(PARAMETER, text)
