"""`everspark producer`: who may send webhooks. A secret is shown once, when it is made."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Annotated

import typer

from everspark import address
from everspark.opened import AsJson, Data, opened
from everspark.outcomes import NOT_FOUND, USAGE, Stop, say
from everspark.printing import as_facts, as_json, as_table
from infra import producers
from infra.database import transaction
from infra.producers import ProducerError
from infra.settings import Settings
from infra.tables import Producer, Scheme

app = typer.Typer(no_args_is_help=True, help="Producers of webhooks: add, list, rotate, disable.")

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
    with opened(data, may_make=True) as tools, _explained(), transaction(tools.engine) as session:
        now = tools.clock.now()
        secret = producers.add(session, tools.vault, name=name, scheme=scheme, secret=given, now=now)
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
        as_table(("name", "scheme", "created_at", "last_seen_at", "disabled_at"), [list(row.values()) for row in rows])


@app.command()
def rotate(
    name: Name,
    overlap_hours: Annotated[float, typer.Option(min=0, help="How long the old secret stays valid.")] = 24,
    secret_stdin: FromInput = False,
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Makes a new secret and prints it, once; the old one stays valid for a while.

    Example: everspark producer rotate crm --overlap-hours 48
    """
    given, overlap = _given(from_input=secret_stdin), timedelta(hours=overlap_hours)
    with opened(data) as tools, _explained(), transaction(tools.engine) as session:
        scheme = _of(producers.listed(session), name).scheme
        secret = producers.rotate(session, tools.vault, name=name, overlap=overlap, secret=given, now=tools.clock.now())
    _print(tools.settings, name, scheme, secret, json=json)


@app.command()
def disable(name: Name, data: Data = None, json: AsJson = False) -> None:
    """Refuses the producer's deliveries from now on; its events stay.

    Example: everspark producer disable crm
    """
    with opened(data) as tools, transaction(tools.engine) as session:
        _of(producers.listed(session), name)
        producers.disable(session, name=name, now=tools.clock.now())
    if json:
        as_json({"name": name, "disabled": True})
    else:
        say(f"{name} is disabled.")


def _of(registered: list[Producer], name: str) -> Producer:
    for producer in registered:
        if producer.name == name:
            return producer
    raise Stop(f"There is no producer {name}: see `everspark producer list`.", NOT_FOUND)


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
def _explained() -> Iterator[None]:
    try:
        yield
    except ProducerError as error:
        raise Stop(str(error), USAGE) from None
