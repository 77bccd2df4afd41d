"""`everspark show` and `everspark list`: where an authorization stands, what comes next, and why."""

from typing import Annotated, Any

import psycopg
import typer
from psycopg.rows import dict_row

from domain.authorization import State
from domain.reasons import sentence
from everspark.opened import AsJson, Data, opened
from everspark.outcomes import NOT_FOUND, Stop
from everspark.printing import as_facts, as_json, as_table
from infra.database import hot
from infra.outbox import ASK_MAIL

SHOW = """
SELECT id, key, advertiser_id, item_id, account_handle AS account, route, state, condition, expires_at,
       next_action, next_action_at, why
FROM authorizations WHERE key = %s
"""
HISTORY = """
SELECT at, recorded_at, event, outcome, from_state AS "from", to_state AS "to", reason, note
FROM history WHERE authorization_id = %s ORDER BY id
"""
ASKS = """
SELECT asks.rung, asks.asked_at, outbox.status, outbox.last_error AS reason, outbox.settled_at
FROM asks LEFT JOIN outbox
  ON outbox.authorization_id = asks.authorization_id AND outbox.ask_id = asks.id AND outbox.kind = %(mail)s
WHERE asks.authorization_id = %(id)s ORDER BY asks.id, outbox.id
"""
WAITING = "SELECT status, count(*) FROM pending WHERE key = %s GROUP BY status ORDER BY status"
LIST = """
SELECT key, route, state, condition, expires_at, next_action, next_action_at, why
FROM authorizations
WHERE (%(state)s::text IS NULL OR state = %(state)s)
  AND (%(advertiser)s::text IS NULL OR advertiser_id = %(advertiser)s)
ORDER BY id DESC LIMIT %(limit)s
"""


def show(
    authorization: Annotated[str, typer.Argument(help="ADVERTISER/POST, or ADVERTISER/@HANDLE for account access.")],
    data: Data = None,
    json: AsJson = False,
) -> None:
    """State, dates, history, next action and why, and what became of the messages to the creator.

    Example: everspark show 7200000000000000001/7300000000000000001 --json
    """
    with opened(data) as tools, hot(tools.engine) as connection:
        found = read(connection, authorization)
        if found is None:
            raise Stop(_unknown(connection, _tidy(authorization)), NOT_FOUND)
    if json:
        as_json(found)
        return
    history: list[dict[str, Any]] = found.pop("history")
    asks: list[dict[str, Any]] = found.pop("asks")
    as_facts(found | {"why": f"{sentence(found['why'])} ({found['why']})"})
    columns = ("at", "recorded_at", "event", "outcome", "from", "to", "reason", "note")
    as_table(columns, [[row[name] for name in columns] for row in history], title="\nHistory")
    if asks:
        as_table(list(asks[0]), [list(row.values()) for row in asks], title="\nAsks, and their messages")


def list_(
    state: Annotated[State | None, typer.Option(help="Only those in this state.")] = None,
    advertiser: Annotated[str | None, typer.Option(help="Only those of this advertiser.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest first.")] = 50,
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Authorizations, the newest first.

    Example: everspark list --state active --limit 20
    """
    values = {"state": state, "advertiser": advertiser, "limit": limit}
    with opened(data) as tools, hot(tools.engine) as connection:
        rows = connection.cursor(row_factory=dict_row).execute(LIST, values).fetchall()
    if json:
        as_json(rows)
        return
    columns = ("key", "route", "state", "condition", "expires_at", "next_action", "next_action_at", "why")
    as_table(columns, [[row[name] for name in columns] for row in rows])


def read(connection: psycopg.Connection[Any], key: str) -> dict[str, Any] | None:
    """One authorization with its history and its asks, as `show --json` prints it; None when there is none."""
    cursor = connection.cursor(row_factory=dict_row)
    found = cursor.execute(SHOW, [_tidy(key)]).fetchone()
    if found is None:
        return None
    identity = found.pop("id")
    if found["account"] is None:
        del found["account"]
    found["history"] = cursor.execute(HISTORY, [identity]).fetchall()
    found["asks"] = cursor.execute(ASKS, {"id": identity, "mail": ASK_MAIL}).fetchall()
    return found


def _unknown(connection: psycopg.Connection[Any], key: str) -> str:
    """What to say of a key without an authorization: its events may have come in and wait for an earlier one."""
    waiting = dict(connection.execute(WAITING, [key]).fetchall())
    if not waiting:
        return f"There is no authorization {key}; `everspark list` names those there are."
    kinds = ", ".join(f"{count} {status}" for status, count in waiting.items())
    return (
        f"There is no authorization {key} yet, but events for it wait: {kinds}; "
        f"`everspark events list --authorization {key}` names them."
    )


def _tidy(key: str) -> str:
    advertiser, slash, subject = key.strip().partition("/")
    return advertiser + slash + (subject.lower() if subject.startswith("@") else subject)
