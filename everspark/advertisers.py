"""`everspark advertiser`: whose posts and ads are looked at. Tokens come from a file, standard input or a prompt."""

import sys
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from everspark.calling import calling
from everspark.opened import AsJson, Data, Opened, actor, opened
from everspark.outcomes import NOT_FOUND, USAGE, WRONG, Stop, say
from everspark.printing import as_json, as_table
from infra import advertisers, audit
from infra.broker import make_broker, make_nudges
from infra.database import hot
from infra.tiktok.answers import Answer, Answered, Later, Lost, Refused
from infra.tiktok.client import Tiktok
from infra.tiktok.connection import NOT_CONFIGURED

app = typer.Typer(no_args_is_help=True, help="Advertisers that TikTok is called for: connect, list, disconnect.")
T = TypeVar("T")
COLUMNS = ("advertiser_id", "name", "bc_id", "is_connected", "looked_at", "next_look_at", "spent_at", "trouble")


@app.command()
def connect(
    advertiser: Annotated[
        str | None, typer.Argument(help="TikTok's id of the ad account; without it, every one that a consent names.")
    ] = None,
    bc: Annotated[str | None, typer.Option("--bc", help="Its Business Center, for access to whole accounts.")] = None,
    name: Annotated[str | None, typer.Option(help="What to call it, where TikTok does not say.")] = None,
    token_file: Annotated[Path | None, typer.Option(help="File that holds the access token.")] = None,
    auth_code_file: Annotated[
        Path | None, typer.Option(help="File that holds the auth_code of TikTok's redirect, for an hour.")
    ] = None,
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Connects an advertiser by its access token, or all of a consent by its auth_code. What is in no file is asked for.

    Example: everspark advertiser connect 7200000000000000001 --bc 7100000000000000001 --token-file token.txt
    Example: everspark advertiser connect --auth-code-file code.txt
    """
    if advertiser is not None and auth_code_file is not None:
        raise Stop("An auth_code connects every advertiser of its consent: name none, or give a token.", USAGE)
    need_digits("The id of an advertiser", advertiser)
    need_digits("The id of a Business Center", bc)
    with opened(data, may_make=True) as tools:
        if advertiser is not None:
            names = by_token(tools, advertiser, token := secret(token_file, "Access token"), name)
        else:
            names, token = by_auth_code(tools, secret(auth_code_file, "auth_code"))
        names = names if advertiser is not None and name is not None else with_kept_names(tools, names)
        keep(tools, names, token, bc)
        is_called = bool(tools.settings.tiktok_app_id)
    if json:
        as_json([{"advertiser_id": each, "name": names[each]} for each in names])
    elif is_called:
        say(f"Connected: {', '.join(names)}. They are looked at next.")
    else:
        say(f"The token of {', '.join(names)} is kept. {NOT_CONFIGURED}; until then nothing is read.")


@app.command("list")
def list_(data: Data = None, json: AsJson = False) -> None:
    """All advertisers, when they were and will be looked at, and what is wrong; without tokens.

    Example: everspark advertiser list
    """
    with opened(data) as tools, hot(tools.engine) as connection:
        rows = [{column: getattr(row, column) for column in COLUMNS} for row in advertisers.every(connection)]
    if json:
        as_json(rows)
    else:
        as_table(COLUMNS, [list(row.values()) for row in rows], empty="There are no advertisers yet.")


@app.command()
def disconnect(
    advertiser: Annotated[str, typer.Argument(help="TikTok's id of the ad account.")],
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Forgets the advertiser's token: it is called for no more. What is known of it stays.

    Example: everspark advertiser disconnect 7200000000000000001
    """
    with opened(data) as tools, hot(tools.engine) as connection:
        if not advertisers.disconnect(connection, advertiser):
            raise Stop(f"No advertiser {advertiser} is connected: see `everspark advertiser list`.", NOT_FOUND)
        now = tools.clock.now()
        audit.note(connection, at=now, actor=actor(), act="advertiser.disconnected", subject=advertiser)
    if json:
        as_json({"advertiser_id": advertiser, "disconnected": True})
    else:
        say(f"{advertiser} is disconnected. The token stays valid at TikTok until its consent is withdrawn there.")


def need_digits(what: str, text: str | None) -> None:
    """Raises Stop for what can be no id of TikTok's."""
    if text is not None and not (text.isascii() and text.isdigit()):
        raise Stop(f"{what} is digits alone, as 7200000000000000001; {text!r} is none.", USAGE)


def secret(path: Path | None, what: str) -> str:
    """From the file, else asked for on a terminal, else the first line of standard input. Never an argument: others can
    read those. Raises Stop where there is none.
    """
    if path is not None:
        try:
            text = path.read_text()
        except (OSError, UnicodeError):
            raise Stop(f"{path} cannot be read.", USAGE) from None
    else:
        text = typer.prompt(what, hide_input=True) if sys.stdin.isatty() else sys.stdin.readline()
    if not (found := text.strip()):
        raise Stop(f"No {what} was given: put it in a file, or send it on standard input.", USAGE)
    return found


def by_token(tools: Opened, advertiser: str, token: str, name: str | None) -> dict[str, str | None]:
    """The advertiser with its name. TikTok is asked whether the token opens it, where TikTok can be asked."""
    with calling(tools.settings) as tiktok:
        answer = tiktok.advertisers_of(token) if tiktok is not None else None
    if not isinstance(answer, Answered | Refused):
        return {advertiser: name}
    opens = value(answer)
    names = dict(opens)
    if advertiser not in names:
        raise Stop(f"This token does not open the advertiser {advertiser}; it opens {', '.join(names) or 'none'}.")
    return {advertiser: name or names[advertiser]}


def by_auth_code(tools: Opened, auth_code: str) -> tuple[dict[str, str | None], str]:
    """Every advertiser of the consent with its name, and the token."""
    with calling(tools.settings) as tiktok:
        if tiktok is None:
            raise Stop(f"{NOT_CONFIGURED}.", USAGE)
        granted = value(tiktok.exchange(auth_code))
        return dict.fromkeys(granted.advertiser_ids) | names_of(tiktok, granted.access_token), granted.access_token


def names_of(tiktok: Tiktok, token: str) -> dict[str, str | None]:
    """Names are a convenience: without them the token serves as well."""
    answer = tiktok.advertisers_of(token)
    return dict(answer.value) if isinstance(answer, Answered) else {}


def with_kept_names(tools: Opened, names: dict[str, str | None]) -> dict[str, str | None]:
    """The names that people gave before, which TikTok's do not replace."""
    with hot(tools.engine) as connection:
        known = {row.advertiser_id: row.name for row in advertisers.every(connection)}
    return {advertiser_id: known.get(advertiser_id) or name for advertiser_id, name in names.items()}


def value(answer: Answer[T]) -> T:
    """What TikTok answered. Raises Stop with what it said instead."""
    match answer:
        case Answered():
            return answer.value
        case Refused():
            raise Stop(f"TikTok refused: {answer.refusal.cause} {answer.refusal.remedy} ({answer.message})", WRONG)
        case Later() | Lost():
            raise Stop(f"TikTok did not answer: {answer.reason}. Try again later.", WRONG)


def keep(tools: Opened, names: dict[str, str | None], token: str, bc_id: str | None) -> None:
    """The token for each of them; whoever works is told at once."""
    vault, now = tools.vault, tools.clock.now()
    with hot(tools.engine) as connection:
        for advertiser_id, name in names.items():
            advertisers.connect(
                connection, vault, advertiser_id=advertiser_id, token=token, now=now, name=name, bc_id=bc_id
            )
            audit.note(connection, at=now, actor=actor(), act="advertiser.connected", subject=advertiser_id)
    if tools.settings.redis_url:
        make_nudges(make_broker(tools.settings.redis_url)).looks()
