"""What a call comes to: refused, later or lost, and how long TikTok is left alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from structlog.testing import capture_logs

from infra.clock import HandClock
from infra.tiktok.answers import Answered, Later, Lost, Refused
from tests.infra.tiktok.answering import ADVERTISER, APP_ID, CODE, ITEM, NOON, blocks, envelope, line

SENT = [
    httpx.ReadTimeout("slow"),
    httpx.WriteTimeout("slow"),
    httpx.ReadError("cut"),
    httpx.WriteError("cut"),
    httpx.RemoteProtocolError("no HTTP"),
    httpx.DecodingError("no gzip"),
]
NEVER_SENT = [
    httpx.ConnectError("refused"),
    httpx.ConnectTimeout("slow"),
    httpx.PoolTimeout("busy"),
    httpx.ProxyError("no"),
    httpx.LocalProtocolError("no header"),
]
UNREADABLE = [
    httpx.Response(200, text="<html>"),
    httpx.Response(200, content=b""),
    httpx.Response(200, content=b"\xff\xfe"),
    httpx.Response(200, json={"message": "no code"}),
    httpx.Response(200, json={"code": None}),
    httpx.Response(200, json=[1]),
    httpx.Response(200, content=b'{"code": 0, "data": {'),
    httpx.Response(502, text="bad gateway"),
    httpx.Response(500, json={"code": 0, "message": "OK"}),
    httpx.Response(302, headers={"location": "https://elsewhere.test"}),
]


class StoppedClock(HandClock):
    """A clock that does not go on while somebody pauses."""

    def advance(self, span: timedelta) -> datetime:
        return super().advance(span * 0)


@pytest.mark.parametrize("error", SENT, ids=lambda error: type(error).__name__)
def test_a_write_that_was_sent_and_not_answered_is_lost_and_a_read_is_tried_later(error: Exception) -> None:
    assert line(error).advertiser().authorize(CODE) == Lost(reason=type(error).__name__)
    assert isinstance(line(error).advertiser().info(CODE), Later)


@pytest.mark.parametrize("error", NEVER_SENT, ids=lambda error: type(error).__name__)
def test_what_never_left_is_tried_later(error: Exception) -> None:
    answer = line(error).advertiser().authorize(CODE)

    assert isinstance(answer, Later)
    assert answer.reason == type(error).__name__


@pytest.mark.parametrize(
    "response", UNREADABLE, ids=lambda response: f"{response.status_code}:{response.content[:9]!r}"
)
def test_an_unreadable_answer_to_a_write_is_lost(response: httpx.Response) -> None:
    assert isinstance(line(response).advertiser().authorize(CODE), Lost)
    assert isinstance(line(response).advertiser().posts(), Later)


@pytest.mark.parametrize("code", [50000, 50002, 51305, 60001])
def test_trouble_inside_tiktok_leaves_a_write_unknown(code: int) -> None:
    answer = line(envelope(code=code, message="system error")).advertiser().authorize(CODE)

    assert answer == Lost(reason=f"{code} system error", request_id="R1")
    assert isinstance(line(envelope(code=code)).advertiser().info(CODE), Later)


def test_a_duplicate_request_says_nothing_of_the_first_one() -> None:
    assert isinstance(line(envelope(code=40050, message="duplicate")).advertiser().authorize(CODE), Lost)
    assert isinstance(line(envelope(code=40050, message="duplicate")).advertiser().posts(), Refused)


def test_a_refusal_carries_tiktoks_words_and_ours() -> None:
    answer = line(envelope(code=40002, message="Post code is incorrect")).advertiser().authorize(CODE)

    assert isinstance(answer, Refused)
    assert (answer.code, answer.message, answer.request_id) == (40002, "Post code is incorrect", "R1")
    assert answer.refusal.symbol == "auth_code_format_error"


def test_a_refused_token_is_for_the_operator() -> None:
    answer = line(envelope(code=40105, message="Access token is incorrect")).advertiser().posts()

    assert isinstance(answer, Refused)
    assert answer.refusal.symbol == "token_invalid"


def test_an_envelope_counts_whatever_the_status_and_may_write_its_code_as_text() -> None:
    body = {"code": "40105", "message": "no", "request_id": 17, "data": None}

    answer = line(httpx.Response(401, json=body)).advertiser().posts()

    assert isinstance(answer, Refused)
    assert (answer.code, answer.request_id) == (40105, "17")


def test_a_bare_404_names_the_likely_cause() -> None:
    wired = line(httpx.Response(404, text="404 page not found"))

    answer = wired.advertiser().authorize(CODE)

    assert isinstance(answer, Refused)
    assert answer.message == "404 for tt_video/authorize/ at tiktok.test: is the base URL right?"
    assert answer.refusal.symbol == "not_offered"


def test_the_request_id_may_stand_in_a_header_only() -> None:
    response = httpx.Response(200, json={"code": 0, "data": {}}, headers={"X-TT-LOGID": "L1"})

    assert line(response).advertiser().unbind(ITEM) == Answered(value=None, request_id="L1")


@pytest.mark.parametrize(
    ("code", "message", "seconds"),
    [
        (40100, "App reaches the QPS limit", 2),
        (40016, "too many requests per second", 2),
        (40100, "App reaches the QPM limit 600", 300),
        (40133, f"Advertiser ({ADVERTISER})'s QPM (61) reaches QPM limit 60 for current path", 300),
        (40100, "QPD limit reached", 12 * 3600),
        (40132, "daily quota used up", 12 * 3600),
        (40100, "too frequent", 2),
        (40202, "write conflict", 2),
    ],
)
def test_a_limit_of_tiktok_is_waited_for_as_its_text_says(code: int, message: str, seconds: int) -> None:
    wired = line(envelope(code=code, message=message))
    advertiser = wired.advertiser()

    answer = advertiser.authorize(CODE)

    assert answer == Later(after=timedelta(seconds=seconds), reason=f"{code} {message}", request_id="R1")
    if seconds > 2:
        again = advertiser.authorize(CODE)
        assert isinstance(again, Later)
        assert again.after == timedelta(seconds=seconds)
        assert len(wired.asked) == 1, "nothing is sent while the bucket is closed"


def test_waits_of_no_known_length_grow_and_are_forgotten_by_an_answer() -> None:
    wired = line()
    advertiser = wired.advertiser()
    waits = []
    for _ in range(10):
        wired.answers.append(envelope(code=40100, message="slow down"))
        answer = advertiser.posts()
        assert isinstance(answer, Later)
        waits.append(answer.after.total_seconds())
        wired.clock.advance(answer.after)

    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]

    assert isinstance(advertiser.posts(), Answered)
    wired.answers.append(envelope(code=40100, message="slow down"))
    wired.clock.advance(timedelta(seconds=1))
    assert advertiser.posts() == Later(after=timedelta(seconds=2), reason="40100 slow down", request_id="R1")


def test_a_limit_of_one_advertiser_does_not_hold_up_another() -> None:
    wired = line(envelope(code=40133, message="Advertiser's QPM reaches QPM limit for current path"))
    tiktok = wired.tiktok()
    assert isinstance(tiktok.advertiser("1", "t1-token").posts(), Later)

    assert isinstance(tiktok.advertiser("2", "t2-token").posts(), Answered)
    assert isinstance(tiktok.advertiser("1", "t1-token").unbind(ITEM), Answered)
    assert isinstance(tiktok.advertiser("1", "t1-token").posts(), Later)


def test_a_limit_of_the_app_holds_up_everything() -> None:
    wired = line(envelope(code=40100, message="the app reaches its QPM limit"))
    tiktok = wired.tiktok()
    tiktok.advertiser("1", "t1-token").posts()

    answer = tiktok.advertiser("2", "t2-token").unbind(ITEM)

    assert isinstance(answer, Later)
    assert answer.after == timedelta(minutes=5)


def test_short_waits_are_paused_for_and_nothing_else_is_waited_for() -> None:
    wired = line(authorize_per_second=1)
    advertiser = wired.advertiser()

    assert isinstance(advertiser.authorize(CODE), Answered)
    assert isinstance(advertiser.authorize(CODE), Answered)
    assert wired.paused == [pytest.approx(1.11, abs=0.01)]


def test_a_clock_that_stands_still_does_not_make_a_caller_wait_for_ever() -> None:
    wired = line(authorize_per_second=1, clock=StoppedClock(NOON))
    advertiser = wired.advertiser()
    advertiser.authorize(CODE)

    with capture_logs() as logs:
        answer = advertiser.authorize(CODE)

    assert isinstance(answer, Later)
    assert len(wired.paused) == 1
    assert [entry["event"] for entry in logs] == ["tiktok_limited"]


def test_calls_as_fast_as_allowed_stay_within_the_lowest_level() -> None:
    wired = line()
    advertiser = wired.advertiser()
    made: list[datetime] = []
    for _ in range(120):
        assert isinstance(advertiser.posts(), Answered)
        made.append(wired.clock.now())

    seconds = [sum(1 for other in made if instant <= other < instant + timedelta(seconds=1)) for instant in made]
    assert max(seconds) <= 10
    assert wired.clock.now() - NOON < timedelta(seconds=16)


def test_each_call_leaves_one_line_with_its_request_id() -> None:
    wired = line(
        envelope(blocks()),
        envelope(code=40105, message="no", request_id="R2"),
        envelope(code=50000, message="system error", request_id="R3"),
        envelope(code=50000, message="system error", request_id="R4"),
        httpx.ReadTimeout("slow"),
        envelope(code=40100, message="QPM", request_id="R5"),
    )
    advertiser = wired.advertiser()

    with capture_logs() as logs:
        advertiser.info(CODE)
        advertiser.info(CODE)
        advertiser.info(CODE)
        advertiser.authorize(CODE)
        advertiser.authorize(CODE)
        advertiser.info(CODE)

    assert [(entry["event"], entry["log_level"], entry["tiktok_code"], entry["request_id"]) for entry in logs] == [
        ("tiktok_called", "debug", 0, "R1"),
        ("tiktok_refused", "warning", 40105, "R2"),
        ("tiktok_away", "info", 50000, "R3"),
        ("tiktok_lost", "warning", 50000, "R4"),
        ("tiktok_lost", "warning", None, None),
        ("tiktok_limited", "warning", 40100, "R5"),
    ]
    assert all(entry["advertiser_id"] == ADVERTISER and entry["milliseconds"] >= 0 for entry in logs)
    assert logs[0]["path"] == "tt_video/info"


def test_buckets_are_named_after_the_app_the_path_and_the_advertiser() -> None:
    wired = line()
    advertiser = wired.advertiser()
    for name in (f"app:{APP_ID}", f"app:{APP_ID}:tt_video/list", f"app:{APP_ID}:tt_video/list:{ADVERTISER}"):
        wired.limits.block(name, until=wired.clock.now() + timedelta(hours=1))
        assert isinstance(advertiser.posts(), Later)
        wired.clock.advance(timedelta(hours=1))
        assert isinstance(advertiser.posts(), Answered)


def test_the_day_of_a_limit_ends_at_midnight_utc() -> None:
    wired = line(envelope(code=40100, message="QPD"))
    wired.clock.set(datetime(2026, 5, 31, 23, 59, 58, tzinfo=UTC))

    assert wired.advertiser().posts() == Later(after=timedelta(seconds=2), reason="40100 QPD", request_id="R1")
