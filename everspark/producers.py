"""`everspark producer`: who may send webhooks. A secret is shown once, when it is made."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Annotated

import typer
from sqlmodel import Session

from everspark import address
from everspark.opened import AsJson, Data, Opened, actor, opened
from everspark.outcomes import NOT_FOUND, USAGE, Stop, say
from everspark.printing import as_facts, as_json, as_table
from infra import producer_acts, producers
from infra.database import transaction
from infra.producers import ProducerError, UnknownProducerError
from infra.settings import Settings
from infra.tables import Producer, Scheme

app = typer.Typer(no_args_is_help=True, help="Producers of webhooks: add, list, rotate, disable, enable.")

Name = Annotated[str, typer.Argument(help="Lower-case letters, digits and dashes.")]
FromInput = Annotated[
    bool, typer.Option("--secret-stdin", help="Read the secret from standard input, do not make one.")
]


@app.command()
def add(
    name: Name,
    scheme: Annotated[Scheme, typer.Option(help="How it proves that an event is its own.")] = Scheme.STANDARD,
    secret_stdin: FromInput = False,
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Registers a producer and prints its address and its secret, once.

    Example: everspark producer add crm --scheme standard --json
    """
    given = _given(from_input=secret_stdin)
    with opened(data, may_make=True) as tools, _acting(tools) as session:
        secret = producer_acts.register(
            session, tools.vault, name=name, scheme=scheme, secret=given, actor=actor(), now=tools.clock.now()
        )
    _print(tools.settings, name, scheme, secret, json=json)


@app.command("list")
def list_(data: Data = None, json: AsJson = False) -> None:
    """All producers, without secrets.

    Example: everspark producer list
    """
    with opened(data) as tools, transaction(tools.engine) as session:
        rows = [_row(producer) for producer in producers.listed(session)]
    if json:
        as_json(rows)
    else:
        columns = ("name", "scheme", "created_at", "last_seen_at", "disabled_at")
        as_table(columns, [list(row.values()) for row in rows], empty="There are no producers yet.")


@app.command()
def rotate(
    name: Name,
    overlap_hours: Annotated[float, typer.Option(min=0, help="How long the old secret stays valid.")] = 24,
    stop_older: Annotated[
        bool, typer.Option("--stop-older", help="Stop the secret before the old one now, where it is still valid.")
    ] = False,
    secret_stdin: FromInput = False,
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Makes a new secret and prints it, once; the old one stays valid for a while.

    Example: everspark producer rotate crm --overlap-hours 48
    """
    given, overlap = _given(from_input=secret_stdin), timedelta(hours=overlap_hours)
    with opened(data) as tools, _acting(tools) as session:
        scheme = producers.need(session, name).scheme
        secret = producer_acts.rotate(
            session,
            tools.vault,
            name=name,
            overlap=overlap,
            secret=given,
            stops_older=stop_older,
            actor=actor(),
            now=tools.clock.now(),
        )
    _print(tools.settings, name, scheme, secret, json=json)


@app.command()
def disable(name: Name, data: Data = None, json: AsJson = False) -> None:
    """Refuses the producer's deliveries from now on; its events stay.

    Example: everspark producer disable crm
    """
    with opened(data) as tools, _acting(tools) as session:
        producer_acts.disable(session, name=name, actor=actor(), now=tools.clock.now())
    if json:
        as_json({"name": name, "disabled": True})
    else:
        say(f"{name} is disabled.")


@app.command()
def enable(name: Name, data: Data = None, json: AsJson = False) -> None:
    """Takes the producer's deliveries again, by the secret that it had.

    Example: everspark producer enable crm
    """
    with opened(data) as tools, _acting(tools) as session:
        producer_acts.enable(session, name=name, actor=actor(), now=tools.clock.now())
    if json:
        as_json({"name": name, "disabled": False})
    else:
        say(f"{name} may send again.")


def _row(producer: Producer) -> dict[str, object]:
    return {
        "name": producer.name,
        "scheme": producer.scheme,
        "created_at": producer.created_at,
        "last_seen_at": producer.last_seen_at,
        "disabled_at": producer.disabled_at,
    }


def _print(settings: Settings, name: str, scheme: str, secret: str, *, json: bool) -> None:
    url = address.of(settings) + producers.path_of(name, scheme, secret)
    facts = {"name": name, "scheme": str(scheme), "url": url, "secret": secret}
    if json:
        as_json(facts)
    else:
        as_facts(facts)
        say("The secret is not shown again.")


def _given(*, from_input: bool) -> str | None:
    return sys.stdin.readline().strip() if from_input else None


@contextmanager
def _acting(tools: Opened) -> Iterator[Session]:
    """One transaction. Raises Stop for what cannot be done."""
    try:
        with transaction(tools.engine) as session:
            yield session
    except UnknownProducerError as error:
        raise Stop(str(error), NOT_FOUND) from None
    except ProducerError as error:
        raise Stop(str(error), USAGE) from None
