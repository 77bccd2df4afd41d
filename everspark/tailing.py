"""`everspark tail`: the story of one authorization, line by line as it goes on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import islice
from json import dumps
from typing import Annotated, Any

import psycopg
import typer
from rich.text import Text

from domain.explaining import told_why
from everspark.authorizations import unknown
from everspark.following import Once, Seconds, rounds
from everspark.opened import AsJson, Data, Opened, opened
from everspark.outcomes import NOT_FOUND, Stop
from everspark.printing import console, instant, shown
from infra.database import snapshot
from infra.reports import lapses, standing
from infra.reports.standing import Row
from web.room.timeline import Kind, Line, Told, timeline

# Of an authorization with a long life the newest are read; more at once than happens between two looks.
MOST = 500
STYLES = {Kind.HEARD: "", Kind.DECIDED: "cyan", Kind.SENT: "green"}


def tail(
    authorization: Annotated[str, typer.Argument(help="ADVERTISER/POST, or ADVERTISER/@HANDLE for account access.")],
    lines: Annotated[int, typer.Option(min=0, max=MOST, help="How many of the past to begin with.")] = 10,
    once: Once = False,
    seconds: Seconds = 2.0,
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Follows what is heard, decided and sent of one authorization, with the why, until Ctrl-C.

    With --json each line is an object of its own.

    Example: everspark tail 7200000000000000001/7300000000000000001
    Example: everspark tail 7200000000000000001/@maya.moves --lines 50 --json
    """
    with opened(data) as tools:
        follow(tools, authorization, rounds(seconds, once=once), lines=lines, tell=as_object if json else as_line)


def follow(tools: Opened, key: str, turns: Iterable[int], *, lines: int, tell: Callable[[Line], None]) -> None:
    """Tells the last `lines`, and in each turn what is new. Raises Stop where there is no such authorization."""
    told: set[object] = set()
    past: int | None = lines
    for _ in turns:
        fresh = [line for line in story(tools, key) if mark(line) not in told]
        told.update(map(mark, fresh))
        for line in fresh if past is None else deque(fresh, maxlen=past):
            tell(line)
        past = None


def story(tools: Opened, key: str) -> list[Line]:
    """What is known of it, the oldest first."""
    now = tools.clock.now()
    with snapshot(tools.engine) as connection:
        row = standing.find(connection, key=key)
        if row is None:
            raise Stop(unknown(connection, standing.tidy(key)), NOT_FOUND)
        return _lines(connection, row, now)


def _lines(connection: psycopg.Connection[Any], row: Row, now: datetime) -> list[Line]:
    history = standing.history(connection, row["id"], limit=MOST)
    around = standing.details(connection, row["id"], now=now)
    beside = Told(
        asks=standing.asks(connection, row["id"]),
        endings=lapses.ended(connection, now=now, key=row["key"]),
        escalations=around.escalations,
        effects=around.effects,
    )
    newest_first = [*islice(timeline(history, beside), MOST), *_withheld(row)]
    newest_first.reverse()
    return sorted(newest_first, key=lambda line: line.at)


def _withheld(row: Row) -> Iterator[Line]:
    """The last decision not to ask, which is in no history."""
    if row["withheld_at"] is not None:
        why = told_why(row["withheld_why"])
        yield Line(at=row["withheld_at"], kind=Kind.DECIDED, what="The creator is not asked yet", why=why)


def mark(line: Line) -> object:
    """What makes a line the same: how long a lapse has gone on by now does not."""
    return line.at, line.kind, line.what, line.seq


def as_line(line: Line) -> None:
    """`2026-11-22 10:00:00Z  heard    Granted: why [requested → authorized]`, what is grave in bold."""
    text = Text(f"{shown(line.at)}  {line.kind:<7}  ", style="dim")
    text.append(line.what, style=f"not dim {'bold ' if line.is_loud else ''}{STYLES[line.kind]}")
    if line.why:
        text.append(f": {line.why}", style="not dim")
    if line.moved:
        text.append(f"  [{line.moved[0] or 'new'} → {line.moved[1]}]", style="not dim")
    console.print(text)


def as_object(line: Line) -> None:
    """JSON on one line."""
    moved = {"from": line.moved[0], "to": line.moved[1]} if line.moved else {"from": None, "to": None}
    told = {"at": instant(line.at), "kind": line.kind, "what": line.what, "why": line.why, **moved, "event": line.seq}
    print(dumps(told | {"happened_at": instant(line.happened_at)}, ensure_ascii=False), flush=True)
