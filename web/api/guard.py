"""Who is let in where: a bearer token that works, may ask at this moment, and has the scope of the operation.

Cookies mean nothing here, so that no page of somebody else's can make a browser call.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Coroutine
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Message

from infra import api_tokens
from infra.allowances import WINDOW, Allowance
from infra.api_answers import fingerprint
from infra.api_tokens import ApiToken
from infra.database import hot
from web.api import asked, problems
from web.api.calls import JSON, Admitted, Desk, Operation
from web.problems import Refusal

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
SCHEME = "bearer"
# Longer bodies wait on the disk.
IN_MEMORY = 1_000_000


class Guard:
    """Stands before every operation: nothing of a body is read before its sender is known."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def before(self, operation: Operation, answer: Handler, *, has_query: bool) -> Handler:
        """`answer` behind the guard; whatever goes wrong there becomes a problem here. Without `has_query` it would not look at
        what is asked for in its address.
        """

        async def guarded(request: Request) -> Response:
            request.state.allowance = None
            try:
                response = await self._answered(operation, answer, request, has_query=has_query)
            except Exception as error:  # noqa: BLE001  every trouble becomes a problem, and is logged there
                response = problems.answer(error, path=operation.path)
            response.headers.update(told(request.state.allowance))
            return response

        return guarded

    async def _answered(self, operation: Operation, answer: Handler, request: Request, *, has_query: bool) -> Response:
        token = await run_in_threadpool(self._token, request)
        allowance = request.state.allowance = await run_in_threadpool(self._allowance, token)
        if allowance is not None and allowance.is_spent:
            raise too_many(allowance)
        if operation.scope not in token.scopes:
            raise not_allowed(operation)
        asked.check_address(request)
        if not has_query and (word := next(iter(request.query_params), None)):
            raise problems.unasked(word)
        address = f"{request.url.path}?{request.url.query}"
        with SpooledTemporaryFile(max_size=IN_MEMORY) as body:
            digest = await taken(request, operation, into=body) if operation.has_body else b""
            request.state.admitted = Admitted(
                desk=self._desk,
                token=token,
                now=self._desk.clock.now(),
                body=body,
                request=fingerprint(request.method.encode(), address.encode(), digest),
            )
            if operation.accepts != JSON:
                return await answer(request)
            text = body.read()
            asked.check_json(text)
            return await answer(_with_body(request, text))

    def _token(self, request: Request) -> ApiToken:
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != SCHEME or not secret:
            raise unknown("No token was sent.", challenge="Bearer")
        with hot(self._desk.engine) as connection:
            token = api_tokens.find(connection, secret.strip(), now=self._desk.clock.now())
        if token is None:
            raise unknown("This token does not work, or works no more.", challenge='Bearer error="invalid_token"')
        return token

    def _allowance(self, token: ApiToken) -> Allowance | None:
        return self._desk.allowances.take(str(token.id), now=self._desk.wall.now())


async def taken(request: Request, operation: Operation, *, into: IO[bytes]) -> bytes:
    """Takes the body off the wire, to be read from its beginning; its digest. Raises Refusal where it is too much, or of
    another type.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    digest, size = hashlib.sha256(), 0
    try:
        async for part in request.stream():
            if part and kind != operation.accepts:
                raise of_another_type(operation)
            size += len(part)
            if size > operation.most_bytes:
                detail = f"The body is longer than {operation.most_bytes:,} bytes."
                raise Refusal(413, problems.REASONS[413], detail, "Send less at once.")
            digest.update(part)
            # A sheet may go to the disk, for which nobody else waits.
            await run_in_threadpool(into.write, part)
    except ClientDisconnect:
        raise Refusal(400, problems.REASONS[400], "The body broke off.", "Send the same request again.") from None
    into.seek(0)
    return digest.digest()


def told(allowance: Allowance | None) -> dict[str, str]:
    """The allowance as headers: how much there is in all, how much is left, and when it is whole again."""
    if allowance is None:
        return {}
    return {
        "ratelimit-policy": f'"token";q={allowance.most};w={WINDOW}',
        "ratelimit": f'"token";r={allowance.left};t={allowance.seconds}',
    }


def unknown(detail: str, *, challenge: str) -> Refusal:
    remedy = "Send `Authorization: Bearer esp_…` with a token that an admin made at /tokens."
    return Refusal(401, problems.REASONS[401], detail, remedy, headers=[(b"www-authenticate", challenge.encode())])


def not_allowed(operation: Operation) -> Refusal:
    challenge = f'Bearer error="insufficient_scope", scope="{operation.scope}"'
    return Refusal(
        403,
        problems.REASONS[403],
        f"This needs the scope {operation.scope}, which the token does not have.",
        "Use a token with this scope; who made it must still have the role for it.",
        headers=[(b"www-authenticate", challenge.encode())],
    )


def of_another_type(operation: Operation) -> Refusal:
    remedy = f"Send it so, with the header `Content-Type: {operation.accepts}`."
    return Refusal(415, problems.REASONS[415], f"The body is no {operation.accepts}.", remedy, field="content-type")


def too_many(allowance: Allowance) -> Refusal:
    detail = f"This token has asked {allowance.most:,} times in this minute, which is the most."
    remedy = "Wait as long as Retry-After says (seconds), then send the same request again."
    return Refusal(429, problems.REASONS[429], detail, remedy, retry_after=allowance.seconds)


def _with_body(request: Request, body: bytes) -> Request:
    """The request for whoever reads it next, as its body was taken off the wire."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request(request.scope, receive)
