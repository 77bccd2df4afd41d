"""One request to the API as its operations see it, and what an operation is: a path, a scope, and a function of the call.

Who reads opens a snapshot; who writes is given the one transaction in which the write and its answer are kept together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Annotated, Any

import psycopg
from fastapi import Depends, Header, Request, Response
from sqlalchemy import Engine
from sqlmodel import Session
from starlette.datastructures import MutableHeaders

from domain.people import Scope
from infra.allowances import Allowances
from infra.api_answers import Key
from infra.api_tokens import ApiToken
from infra.clock import Clock
from infra.database import bare
from infra.settings import Settings
from infra.vault import Vault
from web.api.spelling import Spelled
from web.forecast import Foresight
from web.room.calls import Nudging

PREFIX = "/api/v1"
JSON, CSV = "application/json", "text/csv"
# What a key may hold: what HTTP lets through in a header without quoting.
IDEMPOTENCY = Spelled(pattern=r"^[\x21-\x7e]{1,255}$", words="1 to 255 visible ASCII characters, without spaces")


@dataclass(frozen=True, kw_only=True, slots=True)
class Desk:
    """What an operation may use. `wall` is the machine's clock, which in a simulation is another than `clock`."""

    settings: Settings
    engine: Engine
    vault: Vault
    clock: Clock
    wall: Clock
    nudges: Nudging
    foresight: Foresight
    allowances: Allowances


@dataclass(frozen=True, kw_only=True, slots=True)
class Admitted:
    """What the guard knows of a request that it let in, and its body; `request` is the fingerprint of the whole of it."""

    desk: Desk
    token: ApiToken
    now: datetime
    body: IO[bytes]
    request: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A request that was let in. `path` and `query` as they stand in its address; `headers` are those of the answer."""

    desk: Desk
    token: ApiToken
    now: datetime
    path: str
    query: tuple[tuple[str, str], ...]
    headers: MutableHeaders

    @property
    def actor(self) -> str:
        """What the audit log calls who calls."""
        return self.token.actor


@dataclass(frozen=True, kw_only=True, slots=True)
class Write(Call):
    """A request that changes something, in the transaction of `session`; what stands in `after` is called once that is
    committed. `body` is for what is no JSON.
    """

    key: Key | None
    body: IO[bytes]
    session: Session
    after: list[Callable[[], None]] = field(default_factory=list)

    @property
    def connection(self) -> psycopg.Connection[Any]:
        """The connection of the session's own transaction."""
        return bare(self.session)


async def call_of(request: Request, response: Response) -> Call:
    return Call(**_facts(request, response))


async def write_of(
    request: Request,
    response: Response,
    key: Annotated[
        Annotated[str, IDEMPOTENCY] | None,
        Header(
            alias="Idempotency-Key",
            description="The same request with the same key is done once, and answered the same for 24 hours.",
        ),
    ] = None,
) -> Write:
    admitted: Admitted = request.state.admitted
    # By its number: another token may get the name of one that was revoked, and not what that one was told.
    caller = f"token:{admitted.token.id}"
    kept = Key(actor=caller, text=key, request=admitted.request) if key else None
    # It takes no connection before it is used.
    session = Session(admitted.desk.engine, expire_on_commit=False)
    return Write(**_facts(request, response), key=kept, body=admitted.body, session=session)


Asks = Annotated[Call, Depends(call_of)]
Writes = Annotated[Write, Depends(write_of)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """One route of the API. The guard lets in tokens that have `scope`; `most_bytes` bounds what a body may carry.

    With `only_tells` it changes nothing, though it is posted for the sake of its body. `accepts` is the type of that, and
    `media_type` that of the answer.
    """

    path: str
    handler: Callable[..., Any]
    scope: Scope = Scope.READ
    method: str = "GET"
    status: int = 200
    most_bytes: int = 1_000_000
    only_tells: bool = False
    accepts: str = JSON
    media_type: str = JSON

    @property
    def name(self) -> str:
        """As the documentation and the tests call it."""
        return f"{self.method} {self.path}"

    @property
    def subject(self) -> str:
        """The module that it stands in."""
        return self.handler.__module__.rpartition(".")[2]

    @property
    def has_body(self) -> bool:
        return self.method != "GET"

    @property
    def is_write(self) -> bool:
        return self.has_body and not self.only_tells


def _facts(request: Request, response: Response) -> dict[str, Any]:
    admitted: Admitted = request.state.admitted
    return {
        "desk": admitted.desk,
        "token": admitted.token,
        "now": admitted.now,
        "path": request.url.path,
        "query": tuple(request.query_params.multi_items()),
        "headers": response.headers,
    }
