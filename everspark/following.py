"""How commands that go on looking take their turns."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from queue import Empty
from typing import Annotated

import typer

from infra import signals

Seconds = Annotated[float, typer.Option("--seconds", min=0.2, help="Seconds between two looks.")]
Once = Annotated[bool, typer.Option("--once", help="Look once, and end.")]


def rounds(seconds: float, *, once: bool = False) -> Iterator[int]:
    """The first round at once, then one after so many seconds, until Ctrl-C or SIGTERM."""
    if once:
        yield 0
        return
    received = signals.expected()
    for number in count():
        yield number
        try:
            received.get(timeout=seconds)
        except Empty:
            continue
        return
