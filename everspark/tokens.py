"""`everspark token`: programs' way into the API. A token is shown once, when it is made."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from domain.people import Scope
from everspark.opened import AsJson, Data, actor, opened
from everspark.outcomes import NOT_FOUND, USAGE, Stop, errors, say
from everspark.printing import as_json, as_table
from infra import api_tokens
from infra.api_tokens import MOST_DAYS, ApiToken
from infra.database import hot
from infra.people import PeopleError

app = typer.Typer(no_args_is_help=True, help="Tokens of the API: make, list, revoke.")

Name = Annotated[str, typer.Argument(help="What uses it: one works under each name.")]
Scopes = Annotated[list[Scope], typer.Option("--scope", help="What it may do; several times for several.")]
Days = Annotated[int | None, typer.Option(min=1, max=MOST_DAYS, help="It ends after so many.", show_default="never")]


@app.command()
def make(name: Name, scope: Scopes, days: Days = None, data: Data = None, json: AsJson = False) -> None:
    """Makes a token and prints it, once, alone on standard output.

    Example: everspark token make crm --scope read --scope act --days 90
    """
    with opened(data, may_make=True) as tools, _explained(), hot(tools.engine) as connection:
        now = tools.clock.now()
        secret = api_tokens.make(connection, name=name, scopes=set(scope), days=days, actor=actor(), now=now)
    if json:
        as_json({"name": name, "scopes": sorted(map(str, set(scope))), "days": days, "token": secret})
    else:
        say(secret)
        errors.print("It is not shown again: keep it where its program finds it.")


@app.command("list")
def list_(data: Data = None, json: AsJson = False) -> None:
    """All tokens, those that work first; without the tokens themselves.

    Example: everspark token list
    """
    with opened(data) as tools, hot(tools.engine) as connection:
        rows = [_row(token) for token in api_tokens.listed(connection)]
    if json:
        as_json(rows)
    else:
        columns = ("name", "last", "scopes", "made_by", "created_at", "used_at", "expires_at", "revoked_at")
        as_table(columns, [[_cell(value) for value in row.values()] for row in rows], empty="There are no tokens yet.")


@app.command()
def revoke(name: Name, data: Data = None, json: AsJson = False) -> None:
    """Ends a token at once, and for ever.

    Example: everspark token revoke crm
    """
    name = " ".join(name.split())
    with opened(data) as tools, hot(tools.engine) as connection:
        found = [each for each in api_tokens.listed(connection) if each.name == name and each.revoked_at is None]
        if not found:
            raise Stop(f"There is no token called {name} to revoke: see `everspark token list`.", NOT_FOUND)
        api_tokens.revoke(connection, found[0].id, actor=actor(), now=tools.clock.now())
    if json:
        as_json({"name": name, "revoked": True})
    else:
        say(f"{name} is revoked.")


def _row(token: ApiToken) -> dict[str, object]:
    return {
        "name": token.name,
        "last": token.last,
        "scopes": sorted(map(str, token.scopes)),
        "made_by": token.made_by,
        "created_at": token.created_at,
        "used_at": token.used_at,
        "expires_at": token.expires_at,
        "revoked_at": token.revoked_at,
    }


def _cell(value: object) -> object:
    return ", ".join(value) if isinstance(value, list) else value


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except PeopleError as error:
        raise Stop(str(error), USAGE) from None
