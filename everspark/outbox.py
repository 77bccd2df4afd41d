"""`everspark outbox`: what is owed to creators and to TikTok, another try for what failed, and a word on what may have arrived."""

from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from everspark.opened import AsJson, Data, actor, opened
from everspark.outcomes import NOT_FOUND, USAGE, WRONG, Stop, say
from everspark.printing import as_json, as_table
from infra import outbox_acts
from infra.database import hot
from infra.outbox_acts import MOST_RETRIED, RETRYABLE, NothingOwedError, OutboxError
from infra.reports import outbox
from infra.reports.outbox import KINDS, STATUSES, Wanted

app = typer.Typer(no_args_is_help=True, help="What is owed: list, retry, arrived.")
COLUMNS = ("id", "kind", "key", "status", "attempts", "due_at", "settled_at", "reason")

Numbers = Annotated[list[int] | None, typer.Argument(help="Their numbers.")]


@app.command("list")
def list_(
    status: Annotated[str, typer.Option(help=f"One of {', '.join(STATUSES)}.")] = "",
    kind: Annotated[str, typer.Option(help="One kind, as `ask.mail`.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest first.")] = 50,
    data: Data = None,
    json: AsJson = False,
) -> None:
    """What is or was owed, the newest first, and why it waits or failed.

    Example: everspark outbox list --status uncertain
    """
    wanted = _wanted(status, kind)
    with opened(data) as tools, hot(tools.engine) as connection:
        rows = outbox.page(connection, wanted, limit=limit)
    picked = [{name: row[name] for name in COLUMNS} for row in rows]
    if json:
        as_json(picked)
    else:
        as_table(COLUMNS, [list(row.values()) for row in picked], empty="Nothing such is or was owed.")


@app.command()
def retry(
    numbers: Numbers = None,
    failed: Annotated[
        bool, typer.Option("--failed", help=f"All that failed, the oldest first, at most {MOST_RETRIED:,}.")
    ] = False,
    kind: Annotated[str, typer.Option(help="With --failed: of one kind, as `ask.mail`.")] = "",
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Owes again what failed, or a message of which nobody knows whether it arrived: look first, or it comes twice.

    A worker takes it within seconds, and calls it off where it is no longer needed.

    Example: everspark outbox retry 12 13
    Example: everspark outbox retry --failed --kind ask.mail
    """
    if bool(numbers) == failed:
        raise Stop("Say what is tried again: numbers, or --failed for all that failed; not both.", USAGE)
    if kind and not failed:
        raise Stop("--kind goes with --failed; a number is of one kind already.", USAGE)
    if kind and kind not in RETRYABLE:
        raise Stop(f"--kind is one of {', '.join(RETRYABLE)}.", USAGE)
    if failed:
        _retry_failed(kind, data, json=json)
        return
    with opened(data) as tools, hot(tools.engine) as connection:
        for number in numbers or ():
            _explained(outbox_acts.retry, connection, number, tools.clock.now())
    _tell("retried", numbers or (), json=json)


@app.command()
def arrived(
    numbers: Annotated[list[int], typer.Argument(help="Their numbers.")], data: Data = None, json: AsJson = False
) -> None:
    """Says of messages in doubt that they arrived, as somebody found who looked: they are settled, and not sent again.

    Example: everspark outbox arrived 12
    """
    with opened(data) as tools, hot(tools.engine) as connection:
        for number in numbers:
            _explained(outbox_acts.arrived, connection, number, tools.clock.now())
    _tell("arrived", numbers, json=json)


def _retry_failed(kind: str, data: Data, *, json: bool) -> None:
    with opened(data) as tools, hot(tools.engine) as connection:
        numbers = outbox_acts.retry_failed(connection, kind, actor=actor(), now=tools.clock.now())
        left = outbox.failures(connection, kind)
    if json:
        as_json({"retried": numbers, "left": left})
    else:
        say(f"Owed again: {len(numbers)}." + (f" {left} more failed: say it once more." if left else ""))


def _wanted(status: str, kind: str) -> Wanted:
    for name, value, known in (("--status", status, STATUSES), ("--kind", kind, tuple(KINDS))):
        if value and value not in known:
            raise Stop(f"{name} is one of {', '.join(known)}.", USAGE)
    return Wanted(status=status, kind=kind)


def _explained(act: Callable[..., None], connection: object, number: int, now: object) -> None:
    """All or nothing: where one cannot be done, the transaction of all of them ends."""
    try:
        act(connection, number, actor=actor(), now=now)
    except OutboxError as error:
        raise Stop(f"{number}: {error}", NOT_FOUND if isinstance(error, NothingOwedError) else WRONG) from None


def _tell(word: str, numbers: Sequence[int], *, json: bool) -> None:
    if json:
        as_json({word: list(numbers)})
    elif word == "arrived":
        say("Noted; they are not sent again.")
    else:
        say(f"Owed again: {len(numbers)}.")
