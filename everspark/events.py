"""`everspark events`: what came in, what became of it, and another try for what waits."""

from datetime import datetime
from typing import Annotated, Any

import psycopg
import typer
from psycopg.rows import dict_row

from everspark.opened import AsJson, Data, actor, opened
from everspark.outcomes import NOT_FOUND, USAGE, Stop, say
from everspark.printing import as_facts, as_json, as_table
from infra import replays
from infra.broker import make_broker, make_nudges
from infra.database import hot
from infra.reports.events import Wanted, matching
from infra.tables import Handling

app = typer.Typer(no_args_is_help=True, help="Events: list, show, replay.")

# The code itself stays sealed; what is stored beside it says only its last characters.
LIST = """
SELECT seq, sender, event_id, type, inbox.key, occurred_at, received_at, outcome, reason,
       pending.status AS waiting, attempts
FROM inbox LEFT JOIN pending USING (seq)
WHERE (%(status)s::text IS NULL OR pending.status = %(status)s) AND (%(key)s::text IS NULL OR inbox.key = %(key)s)
ORDER BY seq DESC LIMIT %(limit)s
"""
SHOW = """
SELECT seq, sender, event_id, type, inbox.key, occurred_at, received_at, handled_at, outcome, reason,
       pending.status AS waiting, attempts, try_at, error, data
FROM inbox LEFT JOIN pending USING (seq) WHERE seq = %s
"""

STANDING = """
SELECT seq, outcome, pending.seq IS NOT NULL FROM inbox LEFT JOIN pending USING (seq)
WHERE seq = ANY(%s) ORDER BY seq LIMIT 1
"""


@app.command("list")
def list_(
    status: Annotated[Handling | None, typer.Option(help="Only those that wait like this.")] = None,
    authorization: Annotated[str | None, typer.Option(help="Only those of this authorization.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest first.")] = 50,
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Events, the newest first.

    Example: everspark events list --status quarantined
    """
    values = {"status": status, "key": authorization, "limit": limit}
    with opened(data) as tools, hot(tools.engine) as connection:
        rows = connection.cursor(row_factory=dict_row).execute(LIST, values).fetchall()
    if json:
        as_json(rows)
        return
    columns = ("seq", "received_at", "sender", "type", "key", "outcome", "reason", "waiting", "attempts")
    as_table(columns, [[row[name] for name in columns] for row in rows], empty="There are no such events.")


@app.command()
def show(seq: Annotated[int, typer.Argument(help="Its number.")], data: Data = None, json: AsJson = False) -> None:
    """One event, with its traceback when it raised.

    Example: everspark events show 42
    """
    with opened(data) as tools, hot(tools.engine) as connection:
        found = connection.cursor(row_factory=dict_row).execute(SHOW, [seq]).fetchone()
    if found is None:
        raise Stop(f"There is no event {seq}; `everspark events list` names the newest.", NOT_FOUND)
    if json:
        as_json(found)
    else:
        as_facts(found)


@app.command()
def replay(
    seqs: Annotated[list[int] | None, typer.Argument(help="Their numbers.")] = None,
    status: Annotated[Handling | None, typer.Option(help="All that wait like this, at most 10,000.")] = None,
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Tries parked, quarantined or early events again, as if new.

    Example: everspark events replay 42 43
    Example: everspark events replay --status quarantined
    """
    if not seqs and status is None:
        raise Stop("Say which events: their numbers, or --status quarantined.", USAGE)
    with opened(data) as tools:
        with hot(tools.engine) as connection:
            now = tools.clock.now()
            chosen = sorted({*(seqs or ()), *_waiting(connection, status, now)})
            done = replays.replay(connection, chosen, actor=actor(), now=now)
            if not done.seqs and chosen:
                raise _not_waiting(connection, chosen)
        if tools.settings.redis_url:
            make_nudges(make_broker(tools.settings.redis_url)).mailboxes(done.mailboxes)
    if json:
        as_json({"replayed": len(done.seqs), "mailboxes": sorted(done.mailboxes)})
    elif not done.seqs:
        raise Stop("None of these events waits for a replay.", NOT_FOUND)
    else:
        say("They are ready again; a worker takes them at once, or at the next sweep.")


def _not_waiting(connection: psycopg.Connection[Any], seqs: list[int]) -> Stop:
    """Why none of these was tried again, by the first that there is."""
    found = connection.execute(STANDING, [seqs]).fetchone()
    if found is None:
        return Stop("There is no such event; `everspark events list` names the newest.", NOT_FOUND)
    seq, outcome, is_ready = found
    if is_ready:
        return Stop(f"Event {seq} is ready already; a worker takes it at once, or at the next sweep.")
    return Stop(f"Event {seq} was handled ({outcome}), and nothing of it waits; see `everspark events show {seq}`.")


def _waiting(connection: psycopg.Connection[Any], status: Handling | None, now: datetime) -> list[int]:
    if status is None:
        return []
    return matching(connection, Wanted(outcome=status), now=now)
