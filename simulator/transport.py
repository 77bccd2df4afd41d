"""HTTP as TikTok speaks it: 200 for nearly everything, an envelope whose code decides, a slash at the end of each path."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from simulator.accounts import Token
from simulator.asked import Asked, body, query
from simulator.catalogue import NO_PERMISSION, Refused, spark
from simulator.faults import Fault, Kind
from simulator.world import World

PREFIX = "open_api/v1.3/"
NOT_FOUND = "404 page not found"
RPC_FAILED = -500


class Auth(StrEnum):
    """Whose token a path needs."""

    ADVERTISER = "advertiser"
    CREATOR = "creator"
    NONE = "none"


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """One path and method. `scope` is the permission its token must have; `handler` gives the envelope's data."""

    path: str
    method: str
    handler: Callable[[World, Asked], object]
    scope: int | str | None = None
    auth: Auth = Auth.ADVERTISER
    is_slash_optional: bool = False


Endpoints = Mapping[str, Mapping[str, Endpoint]]


def by_path(endpoints: list[Endpoint]) -> Endpoints:
    """Path → method → endpoint."""
    found: dict[str, dict[str, Endpoint]] = {}
    for each in endpoints:
        found.setdefault(each.path, {})[each.method] = each
    return found


class Gate:
    """The ASGI application of everything under the API's prefix; the prefix itself may be left out."""

    def __init__(self, world: World, endpoints: Endpoints) -> None:
        self._world, self._endpoints = world, endpoints
        self._answered = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        path = request.url.path.removeprefix("/").removeprefix(PREFIX)
        if not path.endswith("/") and not self._is_slash_optional(path):
            await PlainTextResponse(NOT_FOUND, status_code=404)(scope, receive, send)
            return
        content = await request.body()
        fault = self._world.faults.take(path)
        if fault and fault.kind is Kind.LOST_BEFORE:
            self._world.note(path, method=request.method, advertiser_id=None, code=None)
            await _cut(send)
            return
        response = self._answer(request, path.strip("/"), content, fault)
        await _sent(response, fault, scope, receive, send)

    def _is_slash_optional(self, path: str) -> bool:
        return any(each.is_slash_optional for each in self._endpoints.get(path, {}).values())

    def _answer(self, request: Request, path: str, content: bytes, fault: Fault | None) -> Response:
        """The whole call under the lock: what it changes, its code written down, its envelope."""
        world = self._world
        asked = Asked(path=path, method=request.method, values={})
        with world.lock:
            try:
                endpoint = self._endpoint(path, request.method)
                asked = replace(asked, values=_parameters(request, content))
                code, message, data = 0, "OK", self._handled(endpoint, asked, request, fault)
            except WrongMethod:
                return PlainTextResponse("405 method not allowed", status_code=HTTPStatus.METHOD_NOT_ALLOWED)
            except Refused as refused:
                code, message, data = refused.code, refused.message, {}
            advertiser_id = asked.values.get("advertiser_id")
            is_lost = fault is not None and fault.kind in (Kind.LOST_AFTER, Kind.SILENT_AFTER)
            world.note(
                path,
                method=request.method,
                advertiser_id=advertiser_id if isinstance(advertiser_id, str) else None,
                code=None if is_lost else code,
            )
            return self._envelope(code, message, data)

    def _handled(self, endpoint: Endpoint, asked: Asked, request: Request, fault: Fault | None) -> object:
        asked = self._admitted(endpoint, asked, request.headers.get("access-token", ""))
        if fault and fault.kind is Kind.CODE:
            raise _trouble(fault, self._world)
        data = endpoint.handler(self._world, asked)
        if fault and fault.kind is Kind.CODE_AFTER:
            raise _trouble(fault, self._world)
        return data

    def _admitted(self, endpoint: Endpoint, asked: Asked, access_token: str) -> Asked:
        """Token, rate, permission and advertiser, in this order."""
        world = self._world
        if endpoint.auth is Auth.NONE:
            self._limit(endpoint, asked, str(asked.values.get("app_id") or asked.values.get("client_id") or ""))
            return asked
        token = world.token(access_token)
        self._limit(endpoint, asked, token.app_id)
        check_scope(world, token, endpoint)
        if endpoint.auth is Auth.ADVERTISER and asked.has("advertiser_id"):
            check_advertiser(world, token, asked.text("advertiser_id"))
        return replace(asked, token=token)

    def _limit(self, endpoint: Endpoint, asked: Asked, app_id: str) -> None:
        world, now = self._world, self._world.wall.now()
        if world.switches.is_sandbox:
            if endpoint.path.startswith("tt_video/"):
                raise Refused(40014, "The endpoint is not supported in the sandbox")
            world.limits.check_sandbox(app_id=app_id, path=endpoint.path, now=now)
            return
        if app_id in world.apps:
            world.limits.check(
                app_id=app_id,
                level=world.apps[app_id].level,
                path=endpoint.path,
                advertiser_id=str(asked.values.get("advertiser_id") or ""),
                now=now,
            )

    def _endpoint(self, path: str, method: str) -> Endpoint:
        methods = self._endpoints.get(path)
        if methods is None:
            raise Refused(
                self._world.switches.unknown_path_code, f"The path {path} doesn't exist or is not implemented"
            )
        if method not in methods:
            if self._world.switches.wrong_method_as_405:
                raise WrongMethod
            raise Refused(40117, f"The method {method} can't be used on this path")
        return methods[method]

    def _envelope(self, code: int, message: str, data: object) -> Response:
        self._answered += 1
        stamp = self._world.wall.now().strftime("%Y%m%d%H%M%S")
        request_id = f"{stamp}{self._world.seed % 2**32:08X}{self._answered:010X}"
        content = msgspec.json.encode({"code": code, "message": message, "request_id": request_id, "data": data})
        headers = {"x-tt-logid": request_id, "x-tt-trace-id": f"00-{request_id}-01", "x-tt-trace-host": "simulator"}
        return Response(content, headers=headers, media_type="application/json")


class WrongMethod(Exception):  # noqa: N818 - a way out of the envelope, not an error
    """The method is answered with HTTP 405 instead of an envelope."""


def check_scope(world: World, token: Token, endpoint: Endpoint) -> None:
    """Raises when the token lacks the permission, or is of the other kind."""
    is_creators = token.business_id is not None
    if is_creators != (endpoint.auth is Auth.CREATOR):
        raise Refused(40105, "Access token is incorrect or has been revoked.")
    if endpoint.scope is not None and endpoint.scope not in token.scopes:
        raise Refused(world.switches.missing_scope_code, f"No permission: the scope {endpoint.scope} is not granted")


def check_advertiser(world: World, token: Token, advertiser_id: str) -> None:
    """Raises when there is no such advertiser, or the token was not given for it."""
    world.advertiser(advertiser_id)
    if advertiser_id not in token.advertiser_ids:
        code = world.switches.foreign_advertiser_code
        raise Refused(code, f"No permission to operate the advertiser {advertiser_id}")


def check_center(world: World, token: Token | None, bc_id: str) -> None:
    """Raises when there is no such center, or the token's owner does not administer it."""
    world.center(bc_id)
    if token is None or bc_id not in token.bc_ids:
        raise Refused(NO_PERMISSION, f"No permission to operate the Business Center {bc_id}")


def _parameters(request: Request, content: bytes) -> dict[str, Any]:
    if request.method == "GET":
        return query(request.url.query)
    return body(content, request.headers.get("content-type", ""))


def _trouble(fault: Fault, world: World) -> Refused:
    """-500 is a number of the help page: it comes inside the message, the envelope's code is that of Spark refusals."""
    if fault.code == RPC_FAILED:
        return spark(fault.message or "call_rpc_fail", world.switches)
    return Refused(fault.code, fault.text)


async def _sent(response: Response, fault: Fault | None, scope: Scope, receive: Receive, send: Send) -> None:
    match fault.kind if fault else None:
        case Kind.LOST_AFTER:
            await _cut(send)
            return
        case Kind.SLOW | Kind.SILENT_AFTER:
            await _wait(fault.seconds if fault else 0.0, receive)
        case Kind.MALFORMED:
            response = Response(bytes(response.body)[:-7] + b"<html>", media_type="application/json")
        case _:
            pass
    await response(scope, receive, send)


async def _wait(seconds: float, receive: Receive) -> None:
    """Until the time is over, or nobody waits for the answer any more."""

    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    try:
        await asyncio.wait_for(gone(), seconds)
    except TimeoutError:
        return


async def _cut(send: Send) -> None:
    """Promises a body and ends without it: the server then closes the connection, and the client sees it break."""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"1000"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"", "more_body": True})
