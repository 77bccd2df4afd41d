"""What no request may hold, whatever its operation takes: a Spark code where none is asked for, or one thing said twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from fastapi import Request

from domain import spark_code
from domain.filter_texts import REPEATED
from web.api import problems
from web.reading import NO_CODE, holds_code

KEY = "Idempotency-Key"
# Members that hold what nobody shows again, in whatever shape a producer signs with.
SECRET = "secret"  # noqa: S105 - a name
NOT_HERE = "Leave it out; nothing of it was kept."
ONCE = "Say it once."


def check_address(request: Request) -> None:
    """Raises Refusal."""
    pairs = request.query_params.multi_items()
    if holds_code(request.url.path, pairs, cursor="after"):
        raise problems.invalid(NO_CODE, field="address", remedy=NOT_HERE)
    names = [name for name, _ in pairs if name not in REPEATED]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise problems.invalid(f"{twice[:100]} is to be said once.", field=twice[:100], remedy=ONCE)
    if len(request.headers.getlist(KEY)) > 1:
        raise problems.invalid(f"{KEY} is to be said once.", field=KEY, remedy=ONCE)


def check_json(body: bytes) -> None:
    """Raises Refusal. What is no JSON is left to who reads it next."""
    try:
        json.loads(body, object_pairs_hook=_members)
    except (ValueError, RecursionError):
        return


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    texts = [text for name, value in pairs for text in (name, *(_texts(value) if name != SECRET else ()))]
    if any(map(spark_code.stands_in, texts)):
        raise problems.invalid(NO_CODE, field="body", remedy=NOT_HERE)
    read = dict(pairs)
    if len(read) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)[:100]
        raise problems.invalid(f"{twice} is to be said once.", field=twice, remedy=ONCE)
    return read


def _texts(value: Any) -> Iterator[str]:
    """Those of a member; an object within it was looked at before."""
    match value:
        case str():
            yield value
        case list():
            for each in value:
                yield from _texts(each)
