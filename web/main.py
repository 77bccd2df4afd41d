"""The web process: the ingress as a bare callable, everything calmer through Starlette."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from hmac import compare_digest
from pathlib import Path

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from infra import logs, memory, schemas, signals, tracing
from infra.broker import make_broker, make_nudges, redis_client
from infra.clock import Clock, SystemClock
from infra.database import make_engine, reason_of
from infra.deliveries import Tally
from infra.incoming import Reader
from infra.metrics import Metrics
from infra.passwords import Passwords
from infra.producers import Registry
from infra.public_types import PUBLIC_TYPES
from infra.settings import Settings, need_tls_beyond_loopback
from infra.vault import Vault, load_key
from web import openapi
from web.api.calls import PREFIX as PROGRAMS
from web.api.site import Api
from web.counting import Counting
from web.creator.requests import PREFIX as CREATORS
from web.creator.site import Site
from web.flusher import Flusher
from web.headers import SecurityHeaders
from web.health import Readiness
from web.ingress import PREFIX, Ingress
from web.problems import Refusal
from web.reading import Receive, Scope, Send
from web.room.calls import Nudging
from web.room.site import Room
from web.server import Server, ServerError, listen
from web.simulation import Simulation

log = structlog.get_logger()

REGISTRY_SECONDS = 2.0
PRODUCER = "producer:"


def make_app(
    *,
    settings: Settings,
    engine: Engine,
    vault: Vault,
    clock: Clock,
    nudges: Nudging,
    metrics: Metrics | None = None,
    simulation: Simulation | None = None,
    passwords: Passwords | None = None,
) -> Application:
    """The ASGI application. Its lifespan starts and stops the flusher; give it the worker's `metrics` to show both.

    In a `simulation` every page says so. `passwords`: with smaller parameters than the default ones, for tests.
    """
    metrics = metrics or Metrics()
    metrics.watch(engine, clock)
    offered = settings.offered_days
    registry = Registry(engine, vault)
    flusher = Flusher(
        engine, clock=clock, nudges=nudges, metrics=metrics, seen=lambda names: _note_seen(registry, names, clock)
    )
    reader, tally = Reader(vault, offered_days=offered), Tally()
    ingress = Ingress(
        settings=settings,
        registry=registry,
        reader=reader,
        flusher=flusher,
        clock=clock,
        metrics=metrics,
        tally=tally,
    )
    readiness = Readiness(engine, clock, settings, _ping(settings))
    room = Room(
        settings=settings,
        engine=engine,
        vault=vault,
        clock=clock,
        nudges=nudges,
        simulation=simulation,
        passwords=passwords,
    )
    api = Api(
        settings=settings,
        engine=engine,
        vault=vault,
        clock=clock,
        wall=room.wall,
        nudges=nudges,
        foresight=room.foresight,
    )
    calm = _calm(settings, room, api, readiness, metrics, offered)
    creators = Site(
        settings=settings,
        engine=engine,
        vault=vault,
        clock=clock,
        flusher=flusher,
        reader=reader,
        is_simulation=simulation is not None,
    )
    return Application(
        ingress,
        creators,
        calm,
        flusher,
        registry,
        counting=Counting(tally, engine, clock),
        hang_up=room.live.hang_up,
        is_https=settings.is_https,
    )


class Application:
    """Sends webhooks to the ingress, creators to their pages, and everything else to Starlette.

    `hang_up`, from any thread, ends the streams to pages that are open, which would go on for ever.
    """

    def __init__(
        self,
        ingress: Ingress,
        creators: Site,
        calm: Starlette,
        flusher: Flusher,
        registry: Registry,
        *,
        counting: Counting,
        hang_up: Callable[[], None],
        is_https: bool,
    ) -> None:
        self.hang_up = hang_up
        self._ingress, self._creators = ingress, creators
        # Around Starlette, whose own middleware does not see the answer to a crash.
        self._calm = SecurityHeaders(calm, is_https=is_https)
        self._flusher, self._registry, self._counting = flusher, registry, counting
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
        counting = asyncio.create_task(self._counting.keep(), name="counting")
        try:
            yield
        finally:
            refreshing.cancel()
            counting.cancel()
            await self._flusher.stop()
            await self._counting.write()


def run(settings: Settings) -> None:
    """The web process in the foreground, until SIGTERM or Ctrl-C; what is in hand is answered first."""
    logs.configure(log_format=settings.log_format, level=settings.log_level)
    tracing.configure(settings.otlp_endpoint)
    need_tls_beyond_loopback(settings)
    asked_to_stop = signals.expected()
    with listen(settings.host, settings.port) as listening:
        engine = make_engine(settings.database_url)
        nudges = make_nudges(make_broker(settings.redis_url))
        vault, clock = Vault(load_key(settings)), SystemClock()
        app = make_app(settings=settings, engine=engine, vault=vault, clock=clock, nudges=nudges)
        server = Server(app, listening, hang_up=app.hang_up)
        memory.settle()
        server.start()
        log.info("web_started", address=settings.public_url)
        if not signals.wait(asked_to_stop, while_=server.is_alive):
            raise ServerError("The web server ended; the log says why.")
        server.stop()
        engine.dispose()
    log.info("web_stopped")


def _calm(
    settings: Settings, room: Room, api: Api, readiness: Readiness, metrics: Metrics, offered: tuple[int, ...]
) -> Starlette:
    base = settings.public_url

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

    async def page(request: Request) -> Response:
        if not _may_measure(settings, request):
            remedy = "Send `Authorization: Bearer` with the value of EVERSPARK_METRICS_TOKEN."
            refusal = Refusal(401, "not_signed_in", "The metrics ask for a token.", remedy)
            headers = {"www-authenticate": "Bearer"}
            return Response(refusal.body(), 401, headers, media_type="application/problem+json")
        body = await run_in_threadpool(metrics.page)
        return Response(body, media_type="text/plain; version=0.0.4; charset=utf-8")

    routes = [
        *room.routes(),
        Route("/healthz", lives),
        Route("/readyz", ready),
        Route("/metrics", page),
        Route("/openapi.json", partial(_json, openapi.document(base, offered_days=offered))),
        Route("/schemas/", partial(_json, schemas.index(base))),
        Route("/schemas/{type}.json", schema),
        # Nothing of it is a secret, so its size tells nothing; pages have secrets, and are sent as they are.
        Mount("/static", GZipMiddleware(StaticFiles(directory=Path(__file__).parent / "static"))),
        Mount(PROGRAMS, api.app),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: room.trouble, Exception: room.trouble})
    # Where it would lead to is made of the request's Host and of http: a page has one address, without a slash.
    app.router.redirect_slashes = False
    return app


def _may_measure(settings: Settings, request: Request) -> bool:
    """Whether the request carries the token of the metrics, where there is one."""
    given, wanted = request.headers.get("authorization", ""), settings.metrics_token.get_secret_value()
    return not wanted or compare_digest(given.encode(), f"Bearer {wanted}".encode())


async def _json(content: object, _request: Request) -> Response:
    return JSONResponse(content)


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
        log.warning("producers_not_read", reason=reason_of(error))
