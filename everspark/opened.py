"""What a command works with: settings, a database that is there (the program's own or a given one) and the vault."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Engine

from everspark import address
from everspark.outcomes import Stop
from infra import embedded
from infra.clock import Clock
from infra.database import is_current, make_engine, migrate
from infra.settings import Settings, load
from infra.vault import Vault, load_key

Data = Annotated[
    Path | None,
    typer.Option("--data", help="Folder of the embedded database.", show_default="EVERSPARK_DATA_DIR or data"),
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON for machines instead of tables.")]


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """One command's tools."""

    settings: Settings
    engine: Engine
    clock: Clock

    @property
    def vault(self) -> Vault:
        return Vault(load_key(self.settings))


def actor() -> str:
    """What the audit log calls whoever runs a command here."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):
        return "cli:unknown"


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    """The URL of the configured database, or of the embedded one, which is started or joined."""
    if settings.database_url:
        yield settings.database_url
    else:
        with embedded.server(settings.data_dir) as url:
            yield url


def need_a_database(settings: Settings) -> None:
    """Looking makes nothing: a folder that was misspelt stays as it was. Raises Stop."""
    if settings.is_embedded and not embedded.is_there(settings.data_dir):
        raise Stop(f"There is no database in {settings.data_dir} yet; `everspark up` or `everspark migrate` makes one.")


@contextmanager
def opened(data: Path | None, *, may_make: bool = False) -> Iterator[Opened]:
    """Settings and a migrated database. A database of our own is migrated on the way; a given one is only looked at."""
    settings = load(data_dir=data)
    if not may_make:
        need_a_database(settings)
    with database(settings) as url:
        if settings.is_embedded:
            migrate(url)
        engine = make_engine(url, pool_size=2)
        try:
            if not is_current(engine):
                raise Stop("The database is not at this version's schema: run `everspark migrate`.")
            yield Opened(settings=settings, engine=engine, clock=address.clock_of(settings))
        finally:
            engine.dispose()
