"""`everspark show` and `everspark list`: where an authorization stands, what comes next, and why."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import psycopg
import typer
from psycopg.rows import dict_row

import infra.authorizations
from domain.authorization import State
from domain.eligibility import PostPolicy, judge
from domain.explaining import told_why
from domain.worth import Worth, worth
from everspark import endings as ended
from everspark.money import plain, plain_worth, told
from everspark.opened import AsJson, Data, opened
from everspark.outcomes import NOT_FOUND, Stop, say
from everspark.printing import as_facts, as_json, as_table
from everspark.standing import next_step, status_in_words
from infra import kpis, sightings, waiting
from infra.database import hot
from infra.sightings import CONFIRMED_AT

SHOW = f"""
SELECT id, key, advertiser_id, item_id, account_handle AS account, route, state, condition, expires_at,
       next_action, next_action_at, why, suggested_at, suggestion, decided_at, decided_why, withheld_at, withheld_why,
       {CONFIRMED_AT} AS confirmed
FROM authorizations WHERE key = %s
"""
HISTORY = """
SELECT at, recorded_at, event, outcome, from_state AS "from", to_state AS "to", reason, note
FROM history WHERE authorization_id = %s ORDER BY id
"""
# An ask that its message went without was withheld. The message itself is forgotten after a time, not when it was sent.
ASKS = """
SELECT asks.rung, asks.days, asks.asked_at, asks.sent_at,
       CASE WHEN asks.sent_at IS NOT NULL THEN 'done' WHEN outbox.status = 'done' THEN 'withheld' ELSE outbox.status END
       AS status, outbox.last_error AS reason, CASE WHEN outbox.status = 'owed' THEN outbox.due_at END AS looked_at_again
FROM asks LEFT JOIN outbox ON outbox.id = asks.outbox_id
WHERE asks.authorization_id = %(id)s ORDER BY asks.id
"""
WAITING = "SELECT status, count(*) FROM pending WHERE key = %s GROUP BY status ORDER BY status"
LIST = f"""
SELECT key, route, state, condition, expires_at, next_action, next_action_at, why, {CONFIRMED_AT} AS confirmed
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
    """State, dates, history, next action and why, what TikTok shows of the post, what it earns, and the messages.

    Example: everspark show 7200000000000000001/7300000000000000001 --json
    """
    with opened(data) as tools, hot(tools.engine) as connection:
        policy = PostPolicy(
            refuses_private=tools.settings.private_posts == "refuse",
            minimum_daily_budget=tools.settings.minimum_daily_budget,
        )
        found = read(connection, authorization, policy=policy, now=tools.clock.now())
        if found is None:
            raise Stop(unknown(connection, tidy(authorization)), NOT_FOUND)
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
    if money["last_7_days"]:
        as_table(
            list(money["last_7_days"][0]), [list(row.values()) for row in money["last_7_days"]], title="\nLast 7 days"
        )
    columns = ("at", "recorded_at", "event", "outcome", "from", "to", "reason", "note")
    as_table(columns, [[row[name] for name in columns] for row in history], title="\nHistory")
    if asks:
        as_table(list(asks[0]), [list(row.values()) for row in asks], title="\nAsks, and their messages")
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
    return {
        label: ", ".join(f"{each['amount']} {each['currency'] or ''}".strip() for each in money[name]) or None
        for name, label in names.items()
    }


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
        worths = worths_of(connection, [row["key"] for row in rows], now=tools.clock.now())
    if json:
        as_json(
            [
                row
                | {"spend_a_day": plain(worths[row["key"]].spend_a_day), "at_risk": plain(worths[row["key"]].at_risk)}
                for row in rows
            ]
        )
        return
    columns = ("key", "route", "state", "condition", "expires_at", "next_action", "next_action_at", "why", "confirmed")
    table = [
        [*(row[name] for name in columns), told(worths[row["key"]].spend_a_day), told(worths[row["key"]].at_risk)]
        for row in rows
    ]
    as_table((*columns, "spend a day", "at risk"), table)


def need_one(connection: psycopg.Connection[Any], key: str) -> None:
    """Raises Stop where there is no authorization of this key."""
    if connection.execute(SHOW, [key]).fetchone() is None:
        raise Stop(unknown(connection, key), NOT_FOUND)


def worths_of(connection: psycopg.Connection[Any], keys: list[str], *, now: datetime) -> dict[str, Worth]:
    """What each of these authorizations is worth."""
    days = kpis.days_of(connection, keys, now=now)
    found = infra.authorizations.load(connection, keys)
    return {key: worth(found[key], days[key], now=now) if key in found else Worth() for key in keys}


def post_of(
    connection: psycopg.Connection[Any], key: str, *, policy: PostPolicy, now: datetime
) -> dict[str, Any] | None:
    """What TikTok last showed, and what is to be said of it; None where it was never seen."""
    sighting = sightings.load(connection, [key]).get(key)
    if sighting is None:
        return None
    shown = {
        "authorization": sighting.auth_status,
        "starts_at": sighting.starts_at,
        "ends_at": sighting.ends_at,
        "status": sighting.status,
        "seen_at": sighting.seen_at,
        "missing_since": sighting.missing_since,
        **sighting.facts,
    }
    if sighting.is_account:
        return shown | {"refusals": [], "warnings": [], "advice": []}
    # Bound already, so the code of the post that it builds on was there.
    verdict = judge(sightings.post_of(sighting), policy=policy, now=now, has_original_code=True)
    return shown | {
        "refusals": [
            {"code": each.symbol, "sentence": each.cause, "next_step": each.remedy} for each in verdict.refusals
        ],
        "warnings": [asdict(each) for each in verdict.warnings],
        "advice": [asdict(each) for each in verdict.advice],
    }


def read(connection: psycopg.Connection[Any], key: str, *, policy: PostPolicy, now: datetime) -> dict[str, Any] | None:
    """One authorization with its history and its asks, as `show --json` prints it; None when there is none."""
    cursor = connection.cursor(row_factory=dict_row)
    found = cursor.execute(SHOW, [tidy(key)]).fetchone()
    if found is None:
        return None
    identity = found.pop("id")
    if found["account"] is None:
        del found["account"]
    found["post"] = post_of(connection, found["key"], policy=policy, now=now)
    found["money"] = plain_worth(worths_of(connection, [found["key"]], now=now)[found["key"]])
    found["history"] = cursor.execute(HISTORY, [identity]).fetchall()
    found["endings"] = ended.read(connection, now=now, key=found["key"])
    found["asks"] = cursor.execute(ASKS, {"id": identity}).fetchall()
    found["owed"] = waiting.owed_to(connection, identity, found["key"])
    found["next_step"] = next_step(found)
    return found


def unknown(connection: psycopg.Connection[Any], key: str) -> str:
    """What to say of a key without an authorization: its events may have come in and wait for an earlier one."""
    waiting = dict(connection.execute(WAITING, [key]).fetchall())
    if not waiting:
        return f"There is no authorization {key}; `everspark list` names those there are."
    kinds = ", ".join(f"{count} {status}" for status, count in waiting.items())
    return (
        f"There is no authorization {key} yet, but events for it wait: {kinds}; "
        f"`everspark events list --authorization {key}` names them."
    )


def tidy(key: str) -> str:
    advertiser, slash, subject = key.strip().partition("/")
    return advertiser + slash + (subject.lower() if subject.startswith("@") else subject)
