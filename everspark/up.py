"""`everspark up`: everything in one process, with a database of its own unless one is given."""

import shlex
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import structlog
import typer

from everspark import address, sending
from everspark.opened import Data, database
from everspark.outcomes import say
from everspark.processes import Host, Port
from infra import logs, signals
from infra.broker import make_broker, make_nudges
from infra.clock import SystemClock
from infra.database import make_engine, migrate
from infra.metrics import Metrics
from infra.settings import Settings, load, warn_of_unknown
from infra.vault import Vault, load_key
from web.server import Server, ServerError, listen

log = structlog.get_logger()
POOL_SIZE = 20


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
    warn_of_unknown()
    vault, clock = Vault(load_key(settings)), SystemClock()
    asked_to_stop = signals.expected()
    with ExitStack() as stack:
        listening = stack.enter_context(listen(settings.host, settings.port))
        settings = _as_listening(settings, listening)
        url = stack.enter_context(database(settings))
        migrate(url)
        stack.enter_context(address.announced(settings))
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
        server = Server(app, listening)
        stack.callback(_started(server.start, server.stop))
        say(_welcome(settings))
        log.info("everspark_started", address=settings.public_url)
        if not signals.wait(asked_to_stop, while_=server.is_alive):
            raise ServerError("The web server ended; the log says why.")
        log.info("everspark_stopping")
    log.info("everspark_stopped")


def _started(start: Callable[[], object], stop: Callable[[], object]) -> Callable[[], object]:
    start()
    return stop


def _as_listening(settings: Settings, listening: socket.socket) -> Settings:
    """The settings with the port that the system chose for port 0."""
    port = int(listening.getsockname()[1])
    if settings.port:
        return settings
    public_url = settings.public_url if settings.has_public_url else ""
    return load(**(settings.model_dump() | {"port": port, "public_url": public_url}))


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
