"""`everspark endpoint`: where signed webhooks go out to. A secret is shown once, when it is made."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from sqlmodel import Session

from everspark.opened import AsJson, Data, Opened, actor, opened
from everspark.outcomes import NOT_FOUND, USAGE, WRONG, Stop, say
from everspark.printing import as_facts, as_json, as_table
from infra import audit, endpoints, hooks
from infra.database import bare, hot, transaction
from infra.endpoints import EndpointError, UnknownEndpointError
from infra.hook_bodies import ping_of
from infra.posting import Answered, Courier
from infra.tables import Endpoint
from worker.hooks import OK

app = typer.Typer(no_args_is_help=True, help="Endpoints that signed webhooks go out to: add, list, test, replay …")

Name = Annotated[str, typer.Argument(help="Lower-case letters, digits and dashes.")]
COLUMNS = ("name", "url", "created_at", "failing_since", "disabled_at", "disabled_because")
SPAN = re.compile(r"([0-9]{1,5})([hd])")


@app.command()
def add(
    name: Name,
    url: Annotated[str, typer.Argument(help="Where it listens: https://…")],
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Registers an endpoint and prints its secret, once. It is told what happens from now on.

    Example: everspark endpoint add crm https://crm.example.com/hooks/everspark
    """
    with opened(data, may_make=True) as tools, _explained():
        endpoints.check_new(name, url, courier_of(tools))
        with transaction(tools.engine) as session:
            secret = endpoints.add(session, tools.vault, name=name, url=url, now=tools.clock.now())
            _note(session, tools, "endpoint.added", name)
    _print_secret({"name": name, "url": url, "secret": secret}, json=json)


@app.command("list")
def list_(data: Data = None, json: AsJson = False) -> None:
    """All endpoints, without secrets: since when one fails, since when it is disabled, and why.

    Example: everspark endpoint list
    """
    with opened(data) as tools, transaction(tools.engine) as session:
        rows = [_row(endpoint) for endpoint in endpoints.listed(session)]
    if json:
        as_json(rows)
    else:
        as_table(COLUMNS, [list(row.values()) for row in rows], empty="There are no endpoints yet.")


@app.command()
def disable(name: Name, data: Data = None, json: AsJson = False) -> None:
    """Ends all deliveries to it; what is open is cancelled.

    Example: everspark endpoint disable crm
    """
    with opened(data) as tools, _explained(), transaction(tools.engine) as session:
        cancelled = endpoints.disable(session, name=name, now=tools.clock.now())
        _note(session, tools, "endpoint.disabled", name)
    _say({"name": name, "disabled": True, "cancelled": cancelled}, f"{name} is disabled.", json=json)


@app.command()
def enable(name: Name, data: Data = None, json: AsJson = False) -> None:
    """Delivers to it again, from now on. What it missed is brought by a replay.

    Example: everspark endpoint enable crm
    """
    with opened(data) as tools, _explained(), transaction(tools.engine) as session:
        endpoints.enable(session, name=name)
        _note(session, tools, "endpoint.enabled", name)
    sentence = f"{name} is enabled. What it missed: everspark endpoint replay {name} --since …"
    _say({"name": name, "disabled": False}, sentence, json=json)


@app.command()
def rotate(
    name: Name,
    overlap_hours: Annotated[float, typer.Option(min=0, max=8760, help="How long both secrets sign.")] = 24,
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Makes a new secret and prints it, once; for a while deliveries carry the signatures of both.

    Example: everspark endpoint rotate crm --overlap-hours 48
    """
    with opened(data) as tools, _explained(), transaction(tools.engine) as session:
        overlap, now = timedelta(hours=overlap_hours), tools.clock.now()
        secret = endpoints.rotate(session, tools.vault, name=name, overlap=overlap, now=now)
        _note(session, tools, "endpoint.rotated", name)
    _print_secret({"name": name, "secret": secret}, json=json)


@app.command()
def remove(name: Name, data: Data = None, json: AsJson = False) -> None:
    """Forgets the endpoint and its secret; what is open is cancelled.

    Example: everspark endpoint remove crm
    """
    with opened(data) as tools, _explained(), transaction(tools.engine) as session:
        cancelled = endpoints.remove(session, name=name, now=tools.clock.now())
        _note(session, tools, "endpoint.removed", name)
    _say({"name": name, "removed": True, "cancelled": cancelled}, f"{name} is removed.", json=json)


@app.command("test")
def ping(name: Name, data: Data = None, json: AsJson = False) -> None:
    """Sends a signed `endpoint.ping` and tells the answer; also to a disabled endpoint.

    Example: everspark endpoint test crm
    """
    with opened(data) as tools, _explained():
        with transaction(tools.engine) as session:
            endpoint = endpoints.found(session, name)
        now = tools.clock.now()
        body, webhook_id = ping_of(name, now), f"ping-{endpoint.id}-{int(now.timestamp() * 1000)}"
        headers = endpoints.unseal(tools.vault, name, endpoint.secret).headers(webhook_id, body, now=now)
        answer = courier_of(tools).post(endpoint.url, headers, body)
    if not isinstance(answer, Answered):
        raise Stop(f"{name}: {answer.reason}")
    facts = {"webhook_id": webhook_id, "status": answer.status, "answer": answer.said}
    _say(facts, f"{answer.status} {answer.said}".rstrip(), json=json)
    if answer.status not in OK:
        raise typer.Exit(WRONG)


@app.command()
def replay(
    name: Name,
    since: Annotated[str, typer.Option(help="2026-11-22T10:00:00Z, or how long ago: 36h, 5d.")],
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Owes it again what happened since then, under the same ids: a receiver drops what it has.

    Example: everspark endpoint replay crm --since 5d
    """
    with opened(data) as tools, _explained():
        now = tools.clock.now()
        begin = _instant(since, now)
        with transaction(tools.engine) as session:
            endpoint = endpoints.found(session, name)
        if endpoint.id is None or endpoint.disabled_at is not None:
            raise Stop(f"{name} is disabled: everspark endpoint enable {name}", USAGE)
        with transaction(tools.engine) as session:
            _note(session, tools, "endpoint.replayed", name, since=begin.isoformat())
        owed = _owe_all(tools, endpoint.id, begin, now)
    sentence = f"{owed} webhooks since {begin.isoformat()} are owed to {name} again."
    _say({"name": name, "since": begin, "owed": owed}, sentence, json=json)


def courier_of(tools: Opened) -> Courier:
    """Under the settings' rule for destinations."""
    return Courier(allow_private=tools.settings.allow_private_destinations)


def _owe_all(tools: Opened, endpoint_id: int, since: datetime, now: datetime) -> int:
    total, after = 0, 0
    while True:
        with hot(tools.engine) as connection:
            last, owed = hooks.owe_again(connection, endpoint_id, since=since, after=after, now=now)
        if last is None:
            return total
        total, after = total + owed, last


def _instant(text: str, now: datetime) -> datetime:
    if span := SPAN.fullmatch(text):
        return now - timedelta(**{"hours" if span[2] == "h" else "days": int(span[1])})
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise Stop(
            f"--since {text} is neither an instant (2026-11-22T10:00:00Z) nor a span (36h, 5d).", USAGE
        ) from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _note(session: Session, tools: Opened, act: str, name: str, **about: str) -> None:
    """What somebody did to an endpoint, in the same transaction."""
    audit.note(bare(session), at=tools.clock.now(), actor=actor(), act=act, subject=name, about=about)


def _row(endpoint: Endpoint) -> dict[str, object]:
    because = endpoints.why_disabled(endpoint.failing_since, endpoint.disabled_at) if endpoint.disabled_at else None
    return {
        "name": endpoint.name,
        "url": endpoint.url,
        "created_at": endpoint.created_at,
        "failing_since": endpoint.failing_since,
        "disabled_at": endpoint.disabled_at,
        "disabled_because": because,
    }


def _print_secret(facts: dict[str, object], *, json: bool) -> None:
    if json:
        as_json(facts)
    else:
        as_facts(facts)
        say("The secret is not shown again.")


def _say(facts: dict[str, object], sentence: str, *, json: bool) -> None:
    if json:
        as_json(facts)
    else:
        say(sentence)


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except UnknownEndpointError as error:
        raise Stop(str(error), NOT_FOUND) from None
    except EndpointError as error:
        raise Stop(str(error), USAGE) from None
