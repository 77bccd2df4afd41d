"""How commands end: the exit codes, and sentences instead of tracebacks for what a person can mend."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import redis
import typer
from rich.console import Console
from sqlalchemy.exc import OperationalError, ProgrammingError

from infra.embedded import EmbeddedError
from infra.settings import BadSettings
from infra.vault import KeyUnusableError, UnsealError
from web.server import ServerError

OK, WRONG, USAGE, NOT_FOUND = 0, 1, 2, 3
errors = Console(stderr=True, highlight=False, soft_wrap=True)


class Stop(Exception):  # noqa: N818  it reads as what it is in `raise Stop`
    """Ends the command with a sentence and an exit code."""

    def __init__(self, sentence: str, code: int = WRONG) -> None:
        super().__init__(sentence)
        self.code = code


@contextmanager
def sentences() -> Iterator[None]:
    """Turns what a person can mend into one line on standard error and the right exit code."""
    try:
        yield
    except Stop as stop:
        _end(str(stop), stop.code)
    except (BadSettings, KeyUnusableError) as error:
        _end(str(error), USAGE)
    except (EmbeddedError, ServerError, UnsealError) as error:
        _end(str(error), WRONG)
    except OperationalError as error:
        _end(f"The database does not answer: {first_line(error.orig)}. Is EVERSPARK_DATABASE_URL right?", WRONG)
    except ProgrammingError as error:
        _end(f"The database refused: {first_line(error.orig)}. Try `everspark migrate`.", WRONG)
    except redis.RedisError as error:
        _end(f"Redis does not answer: {first_line(error)}. Is EVERSPARK_REDIS_URL right?", WRONG)


def first_line(error: object) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def _end(sentence: str, code: int) -> None:
    errors.print(sentence, style="red", markup=False)
    raise SystemExit(code)


def say(sentence: str) -> None:
    """One line for the person at the terminal."""
    typer.echo(sentence)
