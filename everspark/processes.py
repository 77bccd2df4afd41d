"""`everspark web`, `worker`, `scheduler` and `migrate`: the parts as processes of their own."""

import sys
from contextlib import suppress
from typing import Annotated

import typer

from everspark import users
from everspark.opened import Data, database
from everspark.outcomes import Stop, say
from infra import logs
from infra.database import OUTAGES, is_current, make_engine
from infra.database import migrate as migrate_to_head
from infra.settings import (
    Settings,
    load,
    need_for_processes_apart,
    need_tls_beyond_loopback,
    warn_of_plain_cookies,
    warn_of_unknown,
)

Host = Annotated[str | None, typer.Option(help="Address to listen on.", show_default="EVERSPARK_HOST or 127.0.0.1")]
Port = Annotated[int | None, typer.Option(help="Port to listen on.", show_default="EVERSPARK_PORT or 8080")]


def web(host: Host = None, port: Port = None, data: Data = None) -> None:
    """Takes webhooks in and shows the pages. Needs EVERSPARK_DATABASE_URL, EVERSPARK_REDIS_URL, EVERSPARK_SECRET_KEY.

    Beyond loopback it listens only where EVERSPARK_BEHIND_TLS says that something before it ends TLS.

    Example: everspark web --port 8080
    """
    settings = _apart(load(host=host, port=port, data_dir=data))

    from web import main

    need_tls_beyond_loopback(settings)
    warn_of_plain_cookies(settings)
    with suppress(*OUTAGES):
        users.tell_how_to_come_in(settings, settings.database_url, is_terminal=sys.stdout.isatty())
    main.run(settings)


def worker(data: Data = None) -> None:
    """Applies events and pays what is owed; also as `dramatiq worker.main:start`.

    Example: everspark worker
    """
    settings = _apart(load(data_dir=data))

    from worker import main

    main.run(settings)


def scheduler(data: Data = None) -> None:
    """Notices what time has changed. Run two: one leads, the other takes over.

    Example: everspark scheduler
    """
    settings = _apart(load(data_dir=data))

    from scheduler import main

    main.run(settings)


def migrate(data: Data = None) -> None:
    """Brings the database to this version's schema; before the other processes of a new version start.

    Example: everspark migrate
    """
    with database(load(data_dir=data)) as url:
        migrate_to_head(url)
    say("The database is at this version's schema.")


def _apart(settings: Settings) -> Settings:
    need_for_processes_apart(settings)
    logs.configure(log_format=settings.log_format, level=settings.log_level)
    warn_of_unknown()
    _need_schema(settings)
    return settings


def _need_schema(settings: Settings) -> None:
    """A database that is away is waited for, as at any other time; one that was never migrated never gets better."""
    engine = make_engine(settings.database_url, pool_size=1)
    try:
        with suppress(*OUTAGES):
            if not is_current(engine):
                raise Stop("The database is not at this version's schema: run `everspark migrate`.")
    finally:
        engine.dispose()
