"""Reads what a request carries, and never more of it than allowed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any

from domain import spark_code
from infra.envelopes import too_large

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
LONGEST_NUMBER = 18
NO_CODE = "A whole Spark code must not stand here: it would be kept, and shown. Its last four characters are enough."


class ClientLeft(Exception):  # noqa: N818  it reads as what it is in `except ClientLeft`
    """The connection was closed before the body was whole: nobody is left to answer."""


def headers_of(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def number_of(text: str) -> int | None:
    """A number that a row can have; None for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= LONGEST_NUMBER else None


def holds_code(path: str, pairs: Iterable[tuple[str, str]], *, cursor: str = "") -> bool:
    """Whether a Spark code stands in an address: its path, or what is asked there, of which one word may be a cursor."""
    return spark_code.stands_in(path) or any(
        spark_code.stands_in(name) or spark_code.stands_in(text, is_cursor=name == cursor) for name, text in pairs
    )


async def body_of(receive: Receive, headers: Mapping[str, str], *, limit: int) -> bytes:
    """The raw body. Raises Unreadable (413) as soon as it is known to be too long, ClientLeft when it breaks off."""
    claimed = headers.get("content-length", "")
    if claimed.isascii() and claimed.isdigit() and int(claimed[:19]) > limit:
        raise too_large(limit)
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise too_large(limit)
        parts.append(part)
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)
