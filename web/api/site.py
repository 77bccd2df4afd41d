"""The API over HTTP: the table of operations as routes of a FastAPI application, each behind the guard."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from sqlalchemy import Engine
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from infra.allowances import Allowances
from infra.broker import redis_client
from infra.clock import Clock
from infra.settings import Settings
from infra.vault import Vault
from web.api import document, problems
from web.api.calls import JSON, Desk, Operation
from web.api.guard import Guard, Handler
from web.api.operations import OPERATIONS
from web.api.writing import once
from web.forecast import Foresight
from web.room.calls import Nudging


class Api:
    """`app` is to be mounted at calls.PREFIX. `table`: the operations, for tests with one of their own."""

    def __init__(
        self,
        *,
        settings: Settings,
        engine: Engine,
        vault: Vault,
        clock: Clock,
        wall: Clock,
        nudges: Nudging,
        foresight: Foresight,
        table: Sequence[Operation] = OPERATIONS,
    ) -> None:
        client = redis_client(settings.redis_url) if settings.redis_url else None
        desk = Desk(
            settings=settings,
            engine=engine,
            vault=vault,
            clock=clock,
            wall=wall,
            nudges=nudges,
            foresight=foresight,
            allowances=Allowances(settings.api_per_minute, client=client),
        )
        self._base, self._guard = settings.public_url, Guard(desk)
        self.app = FastAPI(
            openapi_url=None,
            docs_url=None,
            redoc_url=None,
            redirect_slashes=False,
            exception_handlers={HTTPException: _problem},
            # Traces are this service's own (infra/tracing.py): addresses may hold what is nobody else's.
            telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        )
        for operation in table:
            self._add(operation)
        self.app.add_route("/openapi.json", self._document, include_in_schema=False)

    @cached_property
    def document(self) -> dict[str, Any]:
        """Made when somebody first asks: a start does not wait for it."""
        return document.document(self.app, base=self._base)

    def _add(self, operation: Operation) -> None:
        handler = operation.handler
        self.app.router.add_api_route(
            operation.path,
            once(handler, status=operation.status) if operation.is_write else handler,
            methods=[operation.method],
            status_code=operation.status,
            name=f"{operation.subject}_{handler.__name__}",
            operation_id=f"{operation.subject}_{handler.__name__}",
            tags=[operation.subject],
            summary=(handler.__doc__ or "").partition(".")[0],
            responses=document.answers(operation),
            openapi_extra=document.beside(operation),
            # One without a type of its own documents the text alone.
            response_class=JSONResponse if operation.media_type == JSON else Response,
            route_class_override=_behind(self._guard, operation),
        )

    def _document(self, _request: Request) -> Response:
        return Response(msgspec.json.encode(self.document), media_type="application/json")


def _behind(guard: Guard, operation: Operation) -> type[APIRoute]:
    """What the framework makes a route of; every request meets the guard before anything of it is read."""

    class Guarded(APIRoute):
        def get_route_handler(self) -> Handler:
            has_query = bool(self.dependant.query_params)
            return guard.before(operation, super().get_route_handler(), has_query=has_query)

    return Guarded


async def _problem(request: Request, error: Exception) -> Response:
    """Of an address that is none."""
    return problems.answer(error, path=request.url.path)
