"""Codes, tokens and the app's secret reach no log line, no answer's text and no repr, however the call ends."""

from __future__ import annotations

import io
import logging
import socket
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Thread
from urllib.parse import quote, unquote

import httpx
import pytest
import structlog

from infra.clock import SystemClock
from infra.logs import configure
from infra.tiktok.answers import Account, Answered, CodeStatus, Connection, Lost, Refused
from infra.tiktok.api import Api
from infra.tiktok.calls import Call
from infra.tiktok.client import Tiktok
from infra.tiktok.limits import MemoryLimits
from tests.infra.tiktok.answering import (
    ADVERTISER,
    APP_ID,
    CODE,
    ITEM,
    SECRET,
    TOKEN,
    Answering,
    blocks,
    envelope,
    line,
)

OAUTH_CODE = "oauth-code-77aa88bb99cc"
SECRETS = [CODE, CODE[1:], CODE[1:].replace("+", " "), quote(CODE, safe=""), TOKEN, SECRET, OAUTH_CODE]


@contextmanager
def loudest_logs() -> Iterator[io.StringIO]:
    """Everything that any library says at debug, as a process with EVERSPARK_LOG_LEVEL=debug writes it."""
    stream, root = io.StringIO(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure(log_format="json", level="debug", stream=stream)
    try:
        yield stream
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.reset_defaults()
        logging.captureWarnings(capture=False)


def everything(tiktok: Tiktok) -> list[object]:
    """The answers to a call of each kind that carries a secret."""
    advertiser, creator = tiktok.advertiser(ADVERTISER, TOKEN), tiktok.creator("open-id", TOKEN)
    return [
        advertiser.info(CODE),
        advertiser.authorize(CODE, original_code=CODE),
        advertiser.posts(),
        tiktok.exchange(OAUTH_CODE),
        tiktok.advertisers_of(TOKEN),
        creator.status(ITEM),
    ]


def echo(request: httpx.Request) -> str:
    """All that the request held, in every form in which TikTok may repeat it."""
    held = [str(request.url), request.url.query.decode(), request.content.decode(), request.headers.get("access-token")]
    held += [CODE[1:].replace("+", " ") if CODE[1:] in unquote(str(held)) else ""]
    return f"{held} {[secret for secret in SECRETS if secret in unquote(str(held))]}"


def dated(request: httpx.Request) -> httpx.Response:
    return envelope({"item_info": {"item_id": ITEM}, "auth_info": {"auth_end_time": echo(request)}})


def timed_out(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout(echo(request), request=request)


def cut_off(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError(echo(request), request=request)


ENDINGS: dict[str, Answering] = {
    "answered": lambda _request: envelope(blocks()),
    "refused": lambda request: envelope(code=40002, message=echo(request)),
    "trouble": lambda request: envelope(code=50000, message=echo(request)),
    "too often": lambda request: envelope(code=40100, message=echo(request)),
    "absent": lambda request: httpx.Response(404, text=echo(request)),
    "no envelope": lambda request: httpx.Response(200, text=echo(request)),
    "no date": dated,
    "timed out": timed_out,
    "cut off": cut_off,
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_no_ending_of_a_call_tells_a_secret(ending: str) -> None:
    answers = [ENDINGS[ending]] * 6
    with loudest_logs() as stream:
        found = everything(line(*answers).tiktok())

    told = stream.getvalue() + repr(found)
    assert '"tiktok_' in told
    assert not [secret for secret in SECRETS if secret in told]


def test_no_library_tells_a_secret_over_real_http() -> None:
    with silent_server() as address, loudest_logs() as stream:
        api = Api(
            base_url=address,
            app_id=APP_ID,
            secret=SECRET,
            limits=MemoryLimits(),
            clock=SystemClock(),
            authorize_per_second=10,
            timeout=timedelta(seconds=10),
        )
        found = everything(Tiktok(api))
        api.close()

    told = stream.getvalue() + repr(found)
    assert isinstance(found[1], Lost)
    assert "tiktok_lost" in told
    assert not [secret for secret in SECRETS if secret in told]


@contextmanager
def silent_server() -> Iterator[str]:
    """A server that hears a request and hangs up."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                connection.recv(65_536)

    thread = Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(10)


def test_values_hide_what_they_hold() -> None:
    call = Call(path="p", is_write=True, given={"auth_code": CODE, "secret": SECRET}, token=TOKEN, hidden=(CODE,))
    values = [
        call,
        Connection(access_token=TOKEN, advertiser_ids=("1",), scope=()),
        CodeStatus(item_id=ITEM, status="IN_USE", code=CODE),
        Account(asset_id="1", name="n", roles=()),
        line(envelope(blocks())).advertiser().info(CODE),
        line().tiktok(),
        line().api(),
        line().advertiser(),
    ]

    assert not [secret for secret in SECRETS for value in values if secret in repr(value)]


def test_what_is_redacted_is_still_understood() -> None:
    answer = line(envelope(code=40002, message=f"Post code is incorrect: {CODE}")).advertiser().info(CODE)

    assert isinstance(answer, Refused)
    assert answer.message == "Post code is incorrect: [redacted]"
    assert answer.refusal.symbol == "auth_code_format_error"


def test_a_bug_in_a_reader_raises_without_the_request() -> None:
    def broken(_data: object) -> None:
        raise KeyError("a bug")

    api = line(envelope()).api()
    try:
        api.get("p", {"secret": SECRET}, parse=broken, token=TOKEN)
    except KeyError:
        text = traceback.format_exc()

    assert SECRET not in text
    assert TOKEN not in text
    assert isinstance(line(envelope()).api().get("p", {}, parse=lambda _data: 1), Answered)
