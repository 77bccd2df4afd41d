"""`everspark show` and `everspark list`: where an authorization stands, what comes next, and why."""

import re
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import psycopg
import typer

from domain.authorization import State
from domain.eligibility import PostPolicy
from domain.explaining import told_why
from domain.filters import Filter, Sort
from domain.next_steps import status_in_words
from everspark import endings as ended
from everspark.money import plain, plain_worth, told, told_again
from everspark.opened import AsJson, Data, opened
from everspark.outcomes import NOT_FOUND, Stop, say
from everspark.printing import as_facts, as_json, as_table
from infra.chosen import posts_of
from infra.database import hot
from infra.reports import listing, standing

# What `show` prints of the row, in this order.
SHOWN = (
    "key",
    "advertiser_id",
    "item_id",
    "account",
    "route",
    "state",
    "condition",
    "expires_at",
    "next_action",
    "next_action_at",
    "why",
    "suggested_at",
    "suggestion",
    "decided_at",
    "decided_why",
    "withheld_at",
    "withheld_why",
    "confirmed",
)
HISTORY = ("at", "recorded_at", "event", "outcome", "from", "to", "reason", "note")
KEY = re.compile(r"[^/\s]+/[^/\s]+")
ASKS = ("rung", "days", "asked_at", "sent_at", "status", "reason", "looked_at_again")
WAITING = "SELECT status, count(*) FROM pending WHERE key = %s GROUP BY status ORDER BY status"
LISTED = ("key", "route", "state", "condition", "expires_at", "next_action", "next_action_at", "why", "confirmed")


def show(
    authorization: Annotated[str, typer.Argument(help="ADVERTISER/POST, or ADVERTISER/@HANDLE for account access.")],
    data: Data = None,
    json: AsJson = False,
) -> None:
    """State, dates, history, next action and why, what TikTok shows of the post, what it earns, and the messages.

    Example: everspark show 7200000000000000001/7300000000000000001 --json
    """
    with opened(data) as tools, hot(tools.engine) as connection:
        found = read(connection, authorization, policy=posts_of(tools.settings), now=tools.clock.now())
        if found is None:
            raise Stop(unknown(connection, standing.tidy(authorization)), NOT_FOUND)
    if json:
        as_json(found)
        return
    names = ("history", "asks", "endings", "owed", "post", "money")
    history, asks, endings, owed, post, money = (found.pop(name) for name in names)
    step = found.pop("next_step")
    as_facts(found | _whys(found) | _money_facts(money))
    if step is not None:
        say(f"\nNext step: {step}")
    _print_owed(owed)
    _print_post(post)
    _print_week(money["last_7_days"])
    as_table(HISTORY, [list(row.values()) for row in history], title="\nHistory")
    _print_asks(asks)
    if endings:
        ended.as_rows(endings, ended.COLUMNS[1:], title="\nHow its periods ended")


def _whys(found: dict[str, Any]) -> dict[str, str | None]:
    """Each reason code with its sentence: of the plan, of the last decision to ask, and of the last one not to."""
    names = ("why", "decided_why", "withheld_why")
    return {name: found[name] and f"{told_why(found[name])} ({found[name]})" for name in names}


def _print_owed(owed: list[dict[str, Any]]) -> None:
    """What is not paid yet, and why; a link beneath, where it is copied in one piece."""
    if not owed:
        return
    columns = ("what", "status", "since", "due", "reason")
    as_table(columns, [[row[name] for name in columns] for row in owed], title="\nOwed")
    for row in owed:
        if row["link"] is not None:
            say(f"The link, to be handed to the creator by hand meanwhile:\n  {row['link']}")


def _money_facts(money: dict[str, Any]) -> dict[str, object]:
    names = {"spend_a_day": "spend a day", "at_risk": "at risk"}
    return {label: told_again(money[name]) for name, label in names.items()}


def _print_week(week: list[dict[str, Any]]) -> None:
    """The sums of the last week by currency."""
    if not week:
        return
    told_rows = [row | {"spend": f"{Decimal(row['spend']):,}"} for row in week]
    as_table(list(week[0]), [list(row.values()) for row in told_rows], title="\nLast 7 days")


def _print_asks(asks: list[dict[str, Any]]) -> None:
    """Numbered as the history and the pages do: the first rung is ask 1."""
    if asks:
        rows = [{"ask": ask["rung"] + 1} | {name: ask[name] for name in ASKS[1:]} for ask in asks]
        as_table(list(rows[0]), [list(row.values()) for row in rows], title="\nAsks, and their messages")


def _print_post(post: dict[str, Any] | None) -> None:
    """What TikTok shows, and what is to be said of it."""
    if post is None:
        return
    remarks = [(kind, row) for kind in ("refusals", "warnings", "advice") for row in post.pop(kind)]
    say("\nAt TikTok")
    as_facts(post | {"status": status_in_words(post["status"])})
    if remarks:
        rows = [(kind, row["sentence"], row["next_step"]) for kind, row in remarks]
        as_table(("", "what", "next step"), rows, title="\nOf the post")


def list_(
    state: Annotated[State | None, typer.Option(help="Only those in this state.")] = None,
    advertiser: Annotated[str | None, typer.Option(help="Only those of this advertiser.")] = None,
    sort: Annotated[
        Sort, typer.Option(help="What stands first: the end, money at risk, newest, last changed.")
    ] = Sort.NEWEST,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, in that order.")] = 50,
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Authorizations, the newest first unless sorted otherwise.

    Example: everspark list --state active --sort end --limit 20
    """
    wanted = Filter(state=(state,) if state else (), advertiser=advertiser or "")
    with opened(data) as tools, hot(tools.engine) as connection:
        now = tools.clock.now()
        found = listing.page(connection, wanted, sort, limit=limit, now=now).rows
        worths = standing.worths(connection, [row["key"] for row in found], now=now)
    rows = [{name: row["confirmed_at" if name == "confirmed" else name] for name in LISTED} for row in found]
    if json:
        as_json(
            [
                row
                | {"spend_a_day": plain(worths[row["key"]].spend_a_day), "at_risk": plain(worths[row["key"]].at_risk)}
                for row in rows
            ]
        )
        return
    table = [[*row.values(), told(worths[row["key"]].spend_a_day), told(worths[row["key"]].at_risk)] for row in rows]
    as_table((*LISTED, "spend a day", "at risk"), table, empty="There are no such authorizations.")


def need_one(connection: psycopg.Connection[Any], key: str) -> None:
    """Raises Stop where there is no authorization of this key."""
    if standing.find(connection, key=key) is None:
        raise Stop(unknown(connection, key), NOT_FOUND)


def read(connection: psycopg.Connection[Any], key: str, *, policy: PostPolicy, now: datetime) -> dict[str, Any] | None:
    """One authorization with its history and its asks, as `show --json` prints it; None when there is none."""
    row = standing.find(connection, key=key)
    if row is None:
        return None
    known = standing.read(connection, row, policy=policy, now=now)
    found = {name: row[name] for name in SHOWN}
    if found["account"] is None:
        del found["account"]
    return found | {
        "post": known.post,
        "money": plain_worth(known.worth),
        "history": [{name: line[name] for name in HISTORY} for line in reversed(known.history)],
        "endings": [ended.row_of(each) for each in known.endings],
        "asks": [{name: ask[name] for name in ASKS} for ask in known.asks],
        "owed": known.owed,
        "next_step": known.next_step,
    }


def unknown(connection: psycopg.Connection[Any], key: str) -> str:
    """What to say of a key without an authorization: its events may have come in and wait for an earlier one."""
    if KEY.fullmatch(key) is None:
        return f"{key} names no authorization: those are called ADVERTISER/POST, or ADVERTISER/@HANDLE; see `everspark list`."
    waiting = dict(connection.execute(WAITING, [key]).fetchall())
    if not waiting:
        return f"There is no authorization {key}; `everspark list` names those there are."
    kinds = ", ".join(f"{count} {status}" for status, count in waiting.items())
    return (
        f"There is no authorization {key} yet, but events for it wait: {kinds}; "
        f"`everspark events list --authorization {key}` names them."
    )
