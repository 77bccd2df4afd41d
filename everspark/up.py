"""`everspark up`: everything in one process, with a database of its own unless one is given."""

import shlex
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Annotated

import structlog
import typer

from everspark import address, sending, users
from everspark.opened import Data, database
from everspark.outcomes import USAGE, Stop, say
from everspark.processes import Host, Port
from infra import embedded, logs, memory, signals, tracing
from infra.broker import make_broker, make_nudges
from infra.clock import Clock, SystemClock
from infra.database import make_engine, migrate
from infra.metrics import Metrics
from infra.settings import Settings, is_loopback, load, need_tls_beyond_loopback, warn_of_plain_cookies, warn_of_unknown
from infra.tiktok.connection import make_tiktok
from infra.vault import Vault, load_key
from web.server import Server, ServerError, listen

if TYPE_CHECKING:
    from everspark.demo import Demo

log = structlog.get_logger()
POOL_SIZE = 20
DAY_SECONDS = 10.0


def up(
    data: Data = None,
    port: Port = None,
    host: Host = None,
    smtp: Annotated[
        str | None, typer.Option(help="smtp://host:port for renewal mails.", show_default="EVERSPARK_SMTP_URL")
    ] = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="A simulation with data of its own in DATA/demo, emptied at each start.")
    ] = False,
    day_seconds: Annotated[
        float | None, typer.Option(help="Real seconds of a simulated day, with --demo.", show_default="10", min=0.2)
    ] = None,
) -> None:
    """Starts database, web, worker and scheduler in one process; Ctrl-C ends it cleanly, a second one at once.

    Example: everspark up --data ./data --port 8080 --smtp smtp://localhost:1025
    Example: everspark up --demo --day-seconds 5
    """
    if demo and smtp:
        raise Stop("The creators of the demo read their mail themselves: leave out --smtp.", USAGE)
    if day_seconds is not None and not demo:
        raise Stop("Only the demo has days of another length: add --demo.", USAGE)
    settings = load(data_dir=data, port=port, host=host, smtp_url=smtp)
    need_tls_beyond_loopback(settings)
    if demo:
        play(settings, day_seconds=day_seconds or DAY_SECONDS)
    else:
        run(settings)


def run(settings: Settings) -> None:
    """Works until a signal comes. Everything that was started is stopped, the last first."""
    logs.configure(log_format=settings.log_format, level=settings.log_level)
    tracing.configure(settings.otlp_endpoint)
    warn_of_unknown()
    warn_of_plain_cookies(settings)
    vault, asked_to_stop = Vault(load_key(settings)), _signals(settings)
    with ExitStack() as stack:
        stack.enter_context(address.alone(settings))
        listening = stack.enter_context(listen(settings.host, settings.port))
        settings = _as_listening(settings, listening)
        url = stack.enter_context(database(settings))
        migrate(url)
        stack.enter_context(address.announced(settings))
        server = stack.enter_context(_working(settings, url, vault, listening, clock=SystemClock()))
        say(_welcome(settings))
        users.tell_how_to_come_in(settings, url, is_terminal=sys.stdout.isatty())
        _until_told(asked_to_stop, server, settings)
    log.info("everspark_stopped")


def play(settings: Settings, *, day_seconds: float) -> None:
    """The same, as a demo: on data of its own that are emptied first, among simulated people, by a fast clock."""
    # Imported here: no other command needs a simulated world.
    from everspark.demo import empty, playing, settings_of

    settings = settings_of(settings, day_seconds=day_seconds)
    logs.configure(log_format=settings.log_format, level=settings.log_level, simulation=True)
    warn_of_unknown()
    warn_of_plain_cookies(settings)
    vault, asked_to_stop = Vault(load_key(settings)), _signals(settings)
    with ExitStack() as stack:
        stack.enter_context(address.alone(settings))
        listening = stack.enter_context(listen(settings.host, settings.port))
        settings = _as_listening(settings, listening)
        url = stack.enter_context(database(settings))
        empty(url)
        migrate(url)
        played = stack.enter_context(playing(settings, day_seconds))
        stack.enter_context(address.announced(settings, played.clock))
        server = stack.enter_context(_working(played.settings, url, vault, listening, clock=played.clock, demo=played))
        say(_welcome_to_the_demo(settings, day_seconds))
        if not is_loopback(settings.host):
            users.tell_how_to_come_in(settings, url, is_terminal=sys.stdout.isatty())
        _until_told(asked_to_stop, server, settings)
    log.info("everspark_stopped")


@contextmanager
def _working(
    settings: Settings,
    url: str,
    vault: Vault,
    listening: socket.socket,
    *,
    clock: Clock,
    demo: "Demo | None" = None,
) -> Iterator[Server]:
    """Worker, scheduler and web, and in a demo the life around them."""
    from scheduler import main as scheduling
    from web import main as serving
    from worker import actors
    from worker import main as working

    with ExitStack() as stack:
        engine = make_engine(url, pool_size=POOL_SIZE)
        stack.callback(engine.dispose)
        broker = make_broker(settings.redis_url)
        nudges, metrics = make_nudges(broker), Metrics()
        actors.declare(
            broker,
            engine=engine,
            clock=clock,
            settings=settings,
            nudges=nudges,
            vault=vault,
            # TikTok's limits and time-outs are the machine's, also where the rest lives by a faster clock.
            tiktok=make_tiktok(settings, SystemClock()),
            metrics=metrics,
            mailer=demo.mailer if demo else None,
        )
        if demo is None:
            # In a simulation ages count its own seconds: everything would be late.
            broker.add_middleware(working.make_watchman(engine, clock, settings, vault))
        worker = working.make_worker(broker, settings)
        working.take_up(nudges)
        scheduler = scheduling.make(settings=settings, engine=engine, clock=clock, nudges=nudges, metrics=metrics)
        app = serving.make_app(
            settings=demo.web_settings if demo else settings,
            engine=engine,
            vault=vault,
            clock=clock,
            nudges=nudges,
            metrics=metrics,
            simulation=demo.simulation if demo else None,
        )
        server = Server(app, listening, hang_up=app.hang_up)
        if demo:
            demo.connect(engine, vault)

        memory.settle()
        # Stopped in the reverse order: nothing new comes in, nothing new falls due, then what is in hand is finished.
        stack.callback(_started(worker.start, worker.stop))
        stack.callback(_started(scheduler.start, scheduler.stop))
        stack.callback(_started(server.start, server.stop))
        if demo:
            stack.callback(_started(demo.begin, demo.end))
        yield server


def _signals(settings: Settings) -> SimpleQueue[int]:
    """A second one ends the database of our own as well: it would go on without anybody to stop it."""
    return signals.expected(partial(embedded.end_at_once, settings.data_dir) if settings.is_embedded else None)


def _until_told(asked_to_stop: SimpleQueue[int], server: Server, settings: Settings) -> None:
    log.info("everspark_started", address=settings.public_url)
    if not signals.wait(asked_to_stop, while_=server.is_alive):
        raise ServerError("The web server ended; the log says why.")
    log.info("everspark_stopping")


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
    first = _command("send", *options, _near(sending.EXAMPLE), "--producer", "first")
    look = _command("show", *options[:2], sending.EXAMPLE_KEY)
    return (
        f"\nEverspark listens on {settings.public_url}\n\n"
        f"Send a first signed event:\n  {first}\n\nSee what became of it:\n  {look}\n"
    )


def _welcome_to_the_demo(settings: Settings, day_seconds: float) -> str:
    data = ["--data", str(settings.data_dir)]
    return (
        f"\nEverspark listens on {settings.public_url}\n\n"
        f"This is a SIMULATION: TikTok, brands and creators live in this process, and a day takes {day_seconds:g} s.\n\n"
        f"What is running, beside it:\n  {_command('list', *data, '--state', 'active')}\n\n"
        f"Whether all is well:\n  {_command('doctor', *data)}\n\n"
        f"On a terminal only warnings are logged; EVERSPARK_LOG_LEVEL=info shows every deed.\n\n"
        f"Start empty and real:\n  {_command('up')}\n"
    )


def _command(*arguments: str) -> str:
    return shlex.join([_near(Path(sys.argv[0])), *arguments])


def _near(path: Path) -> str:
    """The path as one would type it here."""
    absolute = path.absolute()
    return str(absolute.relative_to(Path.cwd())) if absolute.is_relative_to(Path.cwd()) else str(absolute)
