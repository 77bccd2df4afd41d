"""`everspark user`: who may sign in to the pages. A link is shown once, when it is made."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated

import psycopg
import structlog
import typer

from domain.people import Role
from everspark import address
from everspark.opened import AsJson, Data, actor, opened
from everspark.outcomes import NOT_FOUND, USAGE, WRONG, Stop, say
from everspark.printing import as_facts, as_json, as_table
from infra import invitations, people
from infra.clock import SystemClock
from infra.database import hot, make_engine
from infra.people import PeopleError, Person
from infra.settings import Settings

log = structlog.get_logger()
app = typer.Typer(no_args_is_help=True, help="Who may sign in to the pages: invite, list, role, disable, enable.")

Email = Annotated[str, typer.Argument(help="Their e-mail address.")]


@app.command()
def invite(
    email: Email,
    role: Annotated[Role, typer.Option(help="What they may do.")] = Role.VIEWER,
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Prints a one-time link, good for a day, for somebody new, or for the new password of somebody who is there.

    Example: everspark user invite ada@example.com --role admin
    """
    with opened(data, may_make=True) as tools, _explained(), hot(tools.engine) as connection:
        # The machine's: by it people sign in, also to a demo, where a day takes seconds.
        now = SystemClock().now()
        secret = invitations.make(connection, role=role, email=email, actor=actor(), now=now)
        there = people.by_email(connection, email)
        role = there.role if there else role
        facts = {"email": people.address(email), "role": str(role), "link": _link(address.of(tools.settings), secret)}
    if json:
        as_json(facts)
    else:
        as_facts(facts)
        say("It works once, for a day, and is not shown again.")


@app.command("list")
def list_(data: Data = None, json: AsJson = False) -> None:
    """Everybody who may sign in, or could.

    Example: everspark user list
    """
    with opened(data) as tools, hot(tools.engine) as connection:
        rows = [_row(person) for person in people.listed(connection)]
    if json:
        as_json(rows)
    else:
        columns = ("email", "name", "role", "created_at", "signed_in_at", "disabled_at")
        as_table(columns, [list(row.values()) for row in rows], empty="There is nobody yet.")


@app.command()
def role(
    email: Email,
    new: Annotated[Role, typer.Argument(metavar="ROLE", help="viewer, operator or admin.")],
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Gives somebody another role, from their next click on. The last admin stays one.

    Example: everspark user role ada@example.com operator
    """
    with _found(data, email) as (connection, person, now):
        people.change_role(connection, user_id=person.id, role=new, actor=actor(), now=now)
    _tell({"email": person.email, "role": str(new)}, f"{person.email} is {new}.", json=json)


@app.command()
def disable(email: Email, data: Data = None, json: AsJson = False) -> None:
    """Signs somebody out everywhere, and lets them in no more; their API tokens stop too.

    Example: everspark user disable ada@example.com
    """
    with _found(data, email) as (connection, person, now):
        people.disable(connection, user_id=person.id, actor=actor(), now=now)
    _tell({"email": person.email, "disabled": True}, f"{person.email} is disabled.", json=json)


@app.command()
def enable(email: Email, data: Data = None, json: AsJson = False) -> None:
    """Lets somebody who was disabled sign in again.

    Example: everspark user enable ada@example.com
    """
    with _found(data, email) as (connection, person, now):
        people.enable(connection, user_id=person.id, actor=actor(), now=now)
    _tell({"email": person.email, "disabled": False}, f"{person.email} may sign in again.", json=json)


def tell_how_to_come_in(settings: Settings, url: str, *, is_terminal: bool) -> None:
    """While there is no admin, a person at a terminal gets a link for the first one; a log gets no link, only the remedy."""
    engine = make_engine(url, pool_size=1)
    try:
        with hot(engine) as connection:
            if people.admins(connection):
                return
            if not is_terminal:
                log.warning("nobody_can_sign_in", remedy=_how_to_invite(settings))
                return
            secret = invitations.make_first(connection, now=SystemClock().now()) or ""
        link = _link(settings.public_url, secret)
        say(f"\nThere is no admin yet. This link makes the first admin, once, within a day:\n{link}\n")
    finally:
        engine.dispose()


def _how_to_invite(settings: Settings) -> str:
    """The command that works wherever it is typed: on the data of this service, with a link that leads to it."""
    command = "everspark user invite you@example.com --role admin"
    if settings.is_embedded:
        return f"{command} --data {shlex.quote(str(settings.data_dir.expanduser().absolute()))}"
    # A database is given to all, but not the port of a single process.
    return command if settings.has_public_url else f"EVERSPARK_PUBLIC_URL={settings.public_url} {command}"


def _link(base: str, secret: str) -> str:
    return f"{base}/welcome/{secret}"


def _row(person: Person) -> dict[str, object]:
    return {
        "email": person.email,
        "name": person.name,
        "role": str(person.role),
        "created_at": person.created_at,
        "signed_in_at": person.signed_in_at,
        "disabled_at": person.disabled_at,
    }


@contextmanager
def _found(data: Path | None, email: str) -> Iterator[tuple[psycopg.Connection, Person, datetime]]:
    """Whom a command is about, and when it is."""
    with opened(data) as tools, _explained(WRONG), hot(tools.engine) as connection:
        person = people.by_email(connection, email)
        if person is None:
            raise Stop(f"There is nobody with the address {email}: see `everspark user list`.", NOT_FOUND)
        yield connection, person, tools.clock.now()


@contextmanager
def _explained(code: int = USAGE) -> Iterator[None]:
    try:
        yield
    except PeopleError as error:
        raise Stop(str(error), code) from None


def _tell(facts: dict[str, object], sentence: str, *, json: bool) -> None:
    if json:
        as_json(facts)
    else:
        say(sentence)
