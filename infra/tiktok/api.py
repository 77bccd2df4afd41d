"""One call to TikTok's Business API: its limits, its wire, its envelope, and what its answer comes to. Never raises for TikTok.

Whether a write may be repeated is decided here: what never left is Later, what left and was not answered is Lost.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any, TypeVar

import httpx
import msgspec
import structlog

from domain.refusals import classify
from infra import tracing
from infra.clock import Clock
from infra.tiktok import pauses
from infra.tiktok.answers import Answer, Answered, Later, Lost, Refused
from infra.tiktok.calls import Call, Envelope, Trouble, opened, say
from infra.tiktok.limits import LEVELS, Limits, Rate
from infra.tiktok.pauses import Breaches, Scope
from infra.tiktok.words import in_query, without

log = structlog.get_logger()

PREFIX = "/open_api/v1.3"
AUTHORIZE = "tt_video/authorize"
PATIENCE = timedelta(seconds=2)
# Waiting for a connection longer than this is no use: the answer's own time comes on top.
CONNECT_SECONDS = 5.0
# After trouble that is nobody's limit: not at once, and the caller's own schedule grows from here.
AFTER_TROUBLE = timedelta(seconds=10)
LONGEST_MESSAGE = 500
# The request certainly never reached TikTok: no connection, none free, or it could not be written down.
NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
    httpx.InvalidURL,
)
NOT_FOUND, TOO_MANY_REQUESTS = 404, 429
# TikTok's own code for a call that is not offered at an address: what it means is what a bare 404 means.
NOT_OFFERED = 40008

T = TypeVar("T")
Parse = Callable[[msgspec.Raw], T]


class Api:
    """The connection of one developer app to TikTok, for all threads of a process."""

    def __init__(
        self,
        *,
        base_url: str,
        app_id: str,
        secret: str,
        limits: Limits,
        clock: Clock,
        authorize_per_second: int,
        timeout: timedelta,
        level: str = "basic",
        pause: Callable[[float], None] = time.sleep,
        patience: timedelta = PATIENCE,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.app_id, self.secret = app_id, secret
        self._root = base_url.rstrip("/").removesuffix(PREFIX) + PREFIX
        self._limits, self._clock, self._pause, self._patience = limits, clock, pause, patience
        self._rate = LEVELS[level.lower()]
        self._authorize_rate = Rate(per_second=authorize_per_second, per_minute=60 * authorize_per_second)
        self._breaches = Breaches()
        seconds = timeout.total_seconds()
        self._http = httpx.Client(
            timeout=httpx.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS)),
            headers={"User-Agent": "everspark", "Accept": "application/json"},
            transport=transport,
        )

    def get(
        self,
        path: str,
        given: Mapping[str, Any],
        *,
        parse: Parse[T],
        token: str | None = None,
        advertiser_id: str | None = None,
        hidden: Iterable[str | None] = (),
    ) -> Answer[T]:
        """Reads; never Lost. What is None in `given` is left out, lists and objects travel as JSON text."""
        return self._make(self._call(path, given, token, advertiser_id, hidden, is_write=False), parse)

    def post(
        self,
        path: str,
        given: Mapping[str, Any],
        *,
        parse: Parse[T],
        token: str | None = None,
        advertiser_id: str | None = None,
        hidden: Iterable[str | None] = (),
    ) -> Answer[T]:
        """Changes something at TikTok. What is None in `given` is left out."""
        return self._make(self._call(path, given, token, advertiser_id, hidden, is_write=True), parse)

    def close(self) -> None:
        self._http.close()

    def _call(
        self,
        path: str,
        given: Mapping[str, Any],
        token: str | None,
        advertiser_id: str | None,
        hidden: Iterable[str | None],
        *,
        is_write: bool,
    ) -> Call:
        return Call(
            path=path.strip("/"),
            is_write=is_write,
            given={name: value for name, value in given.items() if value is not None},
            token=token,
            advertiser_id=advertiser_id,
            hidden=tuple(secret for secret in (token, self.secret, *hidden) if secret),
        )

    def _make(self, call: Call, parse: Parse[T]) -> Answer[T]:
        wait = self._wait_for_turn(call)
        if wait:
            log.info("tiktok_limited", path=call.path, advertiser_id=call.advertiser_id, seconds=wait.total_seconds())
            return Later(after=wait, reason="the limit of calls is used up for now")
        began = time.monotonic()
        with tracing.child("tiktok", {"path": call.path, "advertiser_id": call.advertiser_id}, kind="client") as note:
            answer, code = self._ask(call, parse)
            note({"tiktok_code": code, "request_id": answer.request_id})
        self._say(call, answer, code=code, milliseconds=round((time.monotonic() - began) * 1000))
        return answer

    def _wait_for_turn(self, call: Call) -> timedelta:
        """Zero once a call may be made. Short waits are paused for; a longer one is answered at once."""
        paused = timedelta(0)
        while wait := self._limits.take(buckets=self._buckets(call), now=self._clock.now()):
            if paused + wait > self._patience:
                return wait
            self._pause(wait.total_seconds())
            paused += wait
        return timedelta(0)

    def _buckets(self, call: Call) -> dict[str, Rate]:
        rate = self._authorize_rate if call.path == AUTHORIZE else self._rate
        return {self._bucket(call, scope): self._rate if scope is Scope.APP else rate for scope in Scope}

    def _bucket(self, call: Call, scope: Scope) -> str:
        app = f"app:{self.app_id}"
        match scope:
            case Scope.APP:
                return app
            case Scope.PATH:
                return f"{app}:{call.path}"
            case Scope.ADVERTISER:
                return f"{app}:{call.path}:{call.advertiser_id or '-'}"

    def _ask(self, call: Call, parse: Parse[T]) -> tuple[Answer[T], int | None]:
        """The answer, and the code in TikTok's envelope if there was one."""
        try:
            response = self._send(call)
        except NEVER_SENT as error:
            return self._troubled(call, Trouble(reason=type(error).__name__, was_sent=False)), None
        except httpx.HTTPError as error:
            # Only the kind: the text of an error may hold the address, and with it the query.
            return self._troubled(call, Trouble(reason=type(error).__name__)), None
        envelope = opened(response)
        if envelope is None or (envelope.code == pauses.OK and not response.is_success):
            return self._unreadable(call, response), None
        request_id = str(envelope.request_id or response.headers.get("x-tt-logid", ""))
        return self._judged(call, parse, envelope, request_id), envelope.code

    def _send(self, call: Call) -> httpx.Response:
        url = f"{self._root}/{call.path}/"
        # As bytes: a token that is not ASCII would otherwise raise here instead of being refused by TikTok.
        headers = {b"Access-Token": call.token.strip().encode()} if call.token else {}
        if not call.is_write:
            return self._http.get(f"{url}?{in_query(call.given)}", headers=headers)
        body = msgspec.json.encode(call.given)
        return self._http.post(url, content=body, headers={**headers, b"Content-Type": b"application/json"})

    def _unreadable(self, call: Call, response: httpx.Response) -> Answer[T]:
        """An answer that is no envelope."""
        if response.status_code == NOT_FOUND:
            # Nothing was there to do anything. TikTok answers so to what is not in its API, as does any other server.
            message = f"404 for {call.path}/ at {response.url.host}: is the base URL right?"
            refusal = classify(code=NOT_OFFERED, message="")
            request_id = response.headers.get("x-tt-logid", "")
            return Refused(code=NOT_FOUND, message=message, request_id=request_id, refusal=refusal)
        logged_as = response.headers.get("x-tt-logid")
        if response.status_code == TOO_MANY_REQUESTS:
            return self._back_off(call, pauses.VALUE_TOO_OFTEN, "HTTP 429", logged_as)
        reason = f"unreadable answer, HTTP {response.status_code}"
        return self._troubled(call, Trouble(reason=reason, request_id=logged_as))

    def _judged(self, call: Call, parse: Parse[T], envelope: Envelope, request_id: str) -> Answer[T]:
        code, message = envelope.code, without(call.hidden, envelope.message or "")[:LONGEST_MESSAGE]
        if code in pauses.BUSY:
            return self._back_off(call, code, message, request_id)
        self._breaches.forget(*(self._bucket(call, scope) for scope in Scope))
        if code in pauses.TROUBLE or (call.is_write and code in {pauses.DUPLICATE, pauses.PARTLY}):
            return self._troubled(call, Trouble(reason=f"{code} {message}", request_id=request_id))
        if code not in {pauses.OK, pauses.PARTLY}:
            refusal = classify(code=code, message=message)
            return Refused(code=code, message=message, request_id=request_id, refusal=refusal)
        try:
            return Answered(value=parse(envelope.data), request_id=request_id)
        except (msgspec.MsgspecError, ValueError, ArithmeticError) as error:
            reason = f"answer of another shape: {without(call.hidden, str(error))}"
            return self._troubled(call, Trouble(reason=reason[:LONGEST_MESSAGE], request_id=request_id))

    def _back_off(self, call: Call, code: int, message: str, request_id: str | None) -> Later:
        bucket = self._bucket(call, pauses.scope_of(code, message))
        now = self._clock.now()
        span = pauses.span_of(message, times=self._breaches.count(bucket), now=now)
        self._limits.block(bucket, until=now + span)
        return Later(after=span, reason=f"{code} {message}", request_id=request_id)

    def _troubled(self, call: Call, trouble: Trouble) -> Later | Lost:
        if call.is_write and trouble.was_sent:
            return Lost(reason=trouble.reason, request_id=trouble.request_id)
        return Later(after=AFTER_TROUBLE, reason=trouble.reason, request_id=trouble.request_id, is_trouble=True)

    def _say(self, call: Call, answer: Answer[Any], *, code: int | None, milliseconds: int) -> None:
        """One line a call. TikTok's code is not named `code`: that name is hidden in all lines, for Spark codes."""
        line = log.bind(
            path=call.path,
            advertiser_id=call.advertiser_id,
            tiktok_code=code,
            request_id=answer.request_id,
            milliseconds=milliseconds,
        )
        say(line, answer, is_limited=code in pauses.BUSY)
