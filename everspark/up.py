"""`everspark up`: everything in one process, with a database of its own unless one is given."""

import shlex
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer
import uvicorn

from everspark import sending
from everspark.opened import Data, database
from everspark.outcomes import Stop, say
from everspark.processes import Host, Port
from infra import logs, signals
from infra.broker import make_broker, make_nudges
from infra.clock import SystemClock
from infra.database import make_engine, migrate
from infra.metrics import Metrics
from infra.settings import Settings, load
from infra.vault import Vault, load_key

log = structlog.get_logger()
POOL_SIZE = 20
BACKLOG = 2048


def up(
    data: Data = None,
    port: Port = None,
    host: Host = None,
    smtp: Annotated[
        str | None, typer.Option(help="smtp://host:port for renewal mails.", show_default="EVERSPARK_SMTP_URL")
    ] = None,
) -> None:
    """Starts database, web, worker and scheduler in one process; Ctrl-C ends it cleanly, a second one at once.

    Example: everspark up --data ./data --port 8080 --smtp smtp://localhost:1025
    """
    run(load(data_dir=data, port=port, host=host, smtp_url=smtp))


def run(settings: Settings) -> None:
    """Works until a signal comes. Everything that was started is stopped, the last first."""
    logs.configure(log_format=settings.log_format, level=settings.log_level)
    vault, clock = Vault(load_key(settings)), SystemClock()
    asked_to_stop = signals.expected()
    with ExitStack() as stack:
        listening = stack.enter_context(_listening(settings))
        settings = _as_listening(settings, listening)
        url = stack.enter_context(database(settings))
        migrate(url)
        engine = make_engine(url, pool_size=POOL_SIZE)
        stack.callback(engine.dispose)
        broker = make_broker(settings.redis_url)
        nudges, metrics = make_nudges(broker), Metrics()

        from scheduler import main as scheduling
        from web import main as serving
        from worker import main as working

        working.declare(broker, engine=engine, clock=clock, settings=settings, nudges=nudges, metrics=metrics)
        worker = working.make_worker(broker, settings)
        scheduler = scheduling.make(settings=settings, engine=engine, clock=clock, nudges=nudges, metrics=metrics)
        app = serving.make_app(
            settings=settings, engine=engine, vault=vault, clock=clock, nudges=nudges, metrics=metrics
        )

        # Stopped in the reverse order: nothing new comes in, nothing new falls due, then what is in hand is finished.
        stack.callback(_started(worker.start, worker.stop))
        stack.callback(_started(scheduler.start, scheduler.stop))
        server = Web(app, listening)
        stack.callback(_started(server.start, server.stop))
        say(_welcome(settings))
        log.info("everspark_started", address=settings.public_url)
        if not signals.wait(asked_to_stop, while_=lambda: server.is_alive):
            raise Stop("The web server ended; the log says why.")
        log.info("everspark_stopping")
    log.info("everspark_stopped")


class Web:
    """uvicorn on a thread of its own, so that signals stay with the main thread and end the parts in order."""

    def __init__(self, app: Any, listening: socket.socket) -> None:
        config = uvicorn.Config(
            app,
            # psycopg cannot wait on Windows' default loop, nor does uvloop exist there.
            loop="asyncio:SelectorEventLoop" if sys.platform == "win32" else "uvloop",
            http="httptools",
            access_log=False,
            log_config=None,
            lifespan="on",
            server_header=False,
            proxy_headers=False,
            backlog=BACKLOG,
            timeout_graceful_shutdown=10,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([listening],), name="web")

    def start(self) -> None:
        self._thread.start()
        while not self._server.started:
            self._thread.join(0.02)
            if not self.is_alive:
                raise Stop("The web server did not start; the log says why.")

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()


def _started(start: Callable[[], object], stop: Callable[[], object]) -> Callable[[], object]:
    start()
    return stop


def _listening(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise Stop(
            f"{settings.host}:{settings.port} cannot be listened on ({error.strerror}): "
            "choose another with --port or EVERSPARK_PORT."
        ) from error


def _as_listening(settings: Settings, listening: socket.socket) -> Settings:
    """The settings with the port that the system chose for port 0."""
    port = int(listening.getsockname()[1])
    return settings if settings.port else load(**(settings.model_dump() | {"port": port, "public_url": ""}))


def _welcome(settings: Settings) -> str:
    options = ["--data", str(settings.data_dir), "--port", str(settings.port)]
    program = _near(Path(sys.argv[0]))
    first = shlex.join([program, "send", *options, _near(sending.EXAMPLE), "--producer", "first"])
    look = shlex.join([program, "show", *options[:2], sending.EXAMPLE_KEY])
    return (
        f"\nEverspark listens on {settings.public_url}\n\n"
        f"Send a first signed event:\n  {first}\n\nSee what became of it:\n  {look}\n"
    )


def _near(path: Path) -> str:
    """The path as one would type it here."""
    absolute = path.absolute()
    return str(absolute.relative_to(Path.cwd())) if absolute.is_relative_to(Path.cwd()) else str(absolute)
