"""The web process: the ingress as a bare callable, everything calmer through Starlette."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import psycopg
import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from infra import logs, schemas, signals
from infra.broker import make_broker, make_nudges, redis_client
from infra.clock import Clock, SystemClock
from infra.database import make_engine
from infra.incoming import Reader
from infra.metrics import Metrics
from infra.producers import Registry
from infra.public_types import PUBLIC_TYPES
from infra.settings import Settings
from infra.vault import Vault, load_key
from web import openapi
from web.creator.requests import PREFIX as CREATORS
from web.creator.site import Site
from web.flusher import Flusher, Nudging
from web.forecast import Foresight
from web.health import Readiness
from web.ingress import PREFIX, Ingress
from web.pages import HERE, Pages, Simulation
from web.problems import Refusal
from web.reading import Receive, Scope, Send
from web.server import Server, ServerError, listen

log = structlog.get_logger()

REGISTRY_SECONDS = 2.0
PRODUCER = "producer:"
SECURITY_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}

ASGI = Callable[[Scope, Receive, Send], Awaitable[None]]


def make_app(
    *,
    settings: Settings,
    engine: Engine,
    vault: Vault,
    clock: Clock,
    nudges: Nudging,
    metrics: Metrics | None = None,
    simulation: Simulation | None = None,
) -> ASGI:
    """The ASGI application. Its lifespan starts and stops the flusher; give it the worker's `metrics` to show both.

    In a `simulation` every page says so.
    """
    metrics = metrics or Metrics()
    metrics.watch(engine, clock)
    offered = settings.offered_days
    registry = Registry(engine, vault)
    flusher = Flusher(
        engine, clock=clock, nudges=nudges, metrics=metrics, seen=lambda names: _note_seen(registry, names, clock)
    )
    reader = Reader(vault, offered_days=offered)
    ingress = Ingress(
        settings=settings,
        registry=registry,
        reader=reader,
        flusher=flusher,
        clock=clock,
        metrics=metrics,
    )
    readiness = Readiness(engine, clock, settings, _ping(settings))
    pages = Pages(engine, clock, Foresight(engine, settings, clock), simulation)
    calm = _calm(settings, pages, readiness, metrics, offered)
    creators = Site(
        settings=settings,
        engine=engine,
        vault=vault,
        clock=clock,
        flusher=flusher,
        reader=reader,
        is_simulation=simulation is not None,
    )
    return Application(ingress, creators, calm, flusher, registry)


class Application:
    """Sends webhooks to the ingress, creators to their pages, and everything else to Starlette."""

    def __init__(self, ingress: Ingress, creators: Site, calm: Starlette, flusher: Flusher, registry: Registry) -> None:
        self._ingress, self._creators, self._calm = ingress, creators, calm
        self._flusher, self._registry = flusher, registry
        calm.router.lifespan_context = self._lifespan

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(PREFIX):
            await self._ingress(scope, receive, send)
        elif scope["type"] == "http" and scope["path"].startswith(CREATORS):
            await self._creators(scope, receive, send)
        else:
            await self._calm(scope, receive, send)

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        await _refresh(self._registry)
        self._flusher.start()
        refreshing = asyncio.create_task(_keep_fresh(self._registry), name="registry")
        try:
            yield
        finally:
            refreshing.cancel()
            await self._flusher.stop()


def run(settings: Settings) -> None:
    """The web process in the foreground, until SIGTERM or Ctrl-C; what is in hand is answered first."""
    logs.configure(log_format=settings.log_format, level=settings.log_level)
    asked_to_stop = signals.expected()
    with listen(settings.host, settings.port) as listening:
        engine = make_engine(settings.database_url)
        nudges = make_nudges(make_broker(settings.redis_url))
        vault, clock = Vault(load_key(settings)), SystemClock()
        server = Server(make_app(settings=settings, engine=engine, vault=vault, clock=clock, nudges=nudges), listening)
        server.start()
        log.info("web_started", address=settings.public_url)
        if not signals.wait(asked_to_stop, while_=server.is_alive):
            raise ServerError("The web server ended; the log says why.")
        server.stop()
        engine.dispose()
    log.info("web_stopped")


def _calm(
    settings: Settings, pages: Pages, readiness: Readiness, metrics: Metrics, offered: tuple[int, ...]
) -> Starlette:
    base = settings.public_url

    def shown(page: Callable[[], str]) -> Response:
        try:
            return HTMLResponse(page())
        except (SQLAlchemyError, psycopg.Error) as error:
            log.warning("page_not_shown", error=type(error).__name__)
            return HTMLResponse(pages.trouble(), status_code=503, headers={"retry-after": "5"})

    def home(request: Request) -> Response:
        return shown(lambda: pages.home(is_still="still" in request.query_params))

    def forecast(_request: Request) -> Response:
        return shown(pages.forecast)

    def ready(_request: Request) -> Response:
        checks = readiness.checks()
        is_ready = all(check["ok"] for check in checks.values())
        return JSONResponse({"ready": is_ready, "checks": checks}, status_code=200 if is_ready else 503)

    def schema(request: Request) -> Response:
        name = request.path_params["type"]
        if name not in PUBLIC_TYPES:
            raise HTTPException(404)
        return JSONResponse(schemas.schema_of(name, offered_days=offered))

    async def lives(_request: Request) -> Response:
        return JSONResponse({"alive": True})

    async def page(_request: Request) -> Response:
        body = await run_in_threadpool(metrics.page)
        return Response(body, media_type="text/plain; version=0.0.4; charset=utf-8")

    routes = [
        Route("/", home),
        Route("/forecast", forecast),
        Route("/healthz", lives),
        Route("/readyz", ready),
        Route("/metrics", page),
        Route("/openapi.json", partial(_json, openapi.document(base, offered_days=offered))),
        Route("/schemas/", partial(_json, schemas.index(base))),
        Route("/schemas/{type}.json", schema),
        Mount("/static", StaticFiles(directory=HERE / "static")),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _problem, Exception: _crash})
    app.add_middleware(SecurityHeaders)
    return app


class SecurityHeaders:
    """Adds the headers to every calm answer."""

    def __init__(self, app: ASGI) -> None:
        self._app = app
        self._headers = [(name.encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def secured(message: dict[str, object]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *self._headers]  # type: ignore[misc]
            await send(message)

        await self._app(scope, receive, secured if scope["type"] == "http" else send)  # type: ignore[arg-type]


async def _json(content: object, _request: Request) -> Response:
    return JSONResponse(content)


async def _problem(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    reason, remedy = REMEDIES.get(status, ("failed", "Try again; if it stays, look into the log."))
    body = Refusal(status, reason, "This cannot be answered.", remedy).body()
    return Response(body, status_code=status, headers=headers, media_type="application/problem+json")


REMEDIES = {
    404: ("not_found", "See /openapi.json for what is here."),
    405: ("wrong_method", "Send GET."),
}


async def _crash(request: Request, error: Exception) -> Response:
    log.error("page_crashed", path=request.url.path, exc_info=error)
    return await _problem(request, error)


def _ping(settings: Settings) -> Callable[[], None] | None:
    if not settings.redis_url:
        return None
    client = redis_client(settings.redis_url)

    def ping() -> None:
        client.ping()

    return ping


def _note_seen(registry: Registry, senders: set[str], clock: Clock) -> None:
    names = [sender.removeprefix(PRODUCER) for sender in senders if sender.startswith(PRODUCER)]
    registry.note_seen(names, now=clock.now())


async def _keep_fresh(registry: Registry) -> None:
    while True:
        await asyncio.sleep(REGISTRY_SECONDS)
        await _refresh(registry)


async def _refresh(registry: Registry) -> None:
    try:
        await asyncio.to_thread(registry.refresh)
    except SQLAlchemyError as error:
        log.warning("producers_not_read", error=type(error).__name__)
