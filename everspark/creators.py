"""`everspark creator`: who is asked, what they said of being asked, and what the period advisor proposes."""

from datetime import UTC, datetime
from typing import Annotated, Any

import psycopg
import typer
from psycopg.rows import dict_row

from domain.renewal import Policy
from everspark.opened import AsJson, Data, opened
from everspark.outcomes import NOT_FOUND, USAGE, Stop, say
from everspark.printing import as_facts, as_json, as_table, shown
from everspark.telling import tell
from infra import advice, creators
from infra.contract import key_of_creator
from infra.database import hot
from infra.settings import Settings

app = typer.Typer(
    no_args_is_help=True, help="Creators: list, show, snooze, away, opt-out, opt-in, payment-due, links, revoke-links."
)
Handle = Annotated[str, typer.Argument(help="The TikTok handle, with or without @.")]
FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]

LIST = """
SELECT handle, name, locale, timezone, email IS NOT NULL AS has_email, opted_out_at, snoozed_until, away_from, away_until,
       payment_due_since, (SELECT count(*) FROM authorizations WHERE creator_id = creators.id) AS authorizations
FROM creators ORDER BY id DESC LIMIT %s
"""
SHOW = """
SELECT id, handle, name, email, phone, locale, timezone, opted_out_at, snoozed_until, away_from, away_until,
       payment_due_since FROM creators WHERE handle = %s
"""
THEIRS = """
SELECT key, state, expires_at, next_action, next_action_at, why FROM authorizations WHERE creator_id = %s ORDER BY id
"""


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest first.")] = 50,
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Creators, and what they said of being asked.

    Example: everspark creator list
    """
    with opened(data) as tools, hot(tools.engine) as connection:
        rows = connection.cursor(row_factory=dict_row).execute(LIST, [limit]).fetchall()
    if json:
        as_json(rows)
    elif rows:
        as_table(list(rows[0]), [list(row.values()) for row in rows])
    else:
        say("There are no creators yet.")


@app.command()
def show(creator: Handle, data: Data = None, json: AsJson = False) -> None:
    """One creator: contact facts, what was said, messages of the last week, and what the period advisor proposes.

    Example: everspark creator show ana.dances
    """
    with opened(data) as tools, hot(tools.engine) as connection:
        found = read(connection, creator, settings=tools.settings, now=tools.clock.now())
    if json:
        as_json(found)
        return
    theirs = found.pop("authorizations")
    as_facts(
        found
        | {"written_to_at": ", ".join(map(shown, found["written_to_at"])) or None}
        | {"requests_a_year": "; ".join(found["requests_a_year"]) or None}
    )
    if theirs:
        as_table(list(theirs[0]), [list(row.values()) for row in theirs], title="\nAuthorizations")


def read(connection: psycopg.Connection[Any], creator: str, *, settings: Settings, now: datetime) -> dict[str, Any]:
    """One creator, as `creator show --json` prints it. Raises Stop where there is none."""
    cursor = connection.cursor(row_factory=dict_row)
    found = cursor.execute(SHOW, [tidy(creator)]).fetchone()
    if found is None:
        raise Stop(f"There is no creator {tidy(creator)}; `everspark creator list` names those there are.", NOT_FOUND)
    number = found.pop("id")
    policy = Policy(offered_days=settings.offered_days)
    reckoned = advice.reckoning(connection, number, policy=policy, now=now)
    return found | {
        "written_to_at": creators.written_to_at(connection, number, now=now),
        "advice": reckoned.recommendation.advice,
        "advice_in_words": reckoned.recommendation.sentence,
        "requests_a_year": [each.sentence for each in reckoned.estimates] if reckoned.needed else [],
        "authorizations": cursor.execute(THEIRS, [number]).fetchall(),
    }


@app.command()
def snooze(
    creator: Handle,
    until: Annotated[datetime, typer.Option(formats=FORMATS, help="Not to be asked before.")],
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Asks nothing of a creator before an instant.

    Example: everspark creator snooze ana.dances --until 2026-12-24
    """
    _tell(creator, "creator.snoozed", {"until": aware(until)}, data, json, until=aware(until))


@app.command()
def away(
    creator: Handle,
    begins_at: Annotated[datetime, typer.Option("--from", formats=FORMATS, help="The first instant away.")],
    until: Annotated[datetime, typer.Option(formats=FORMATS, help="Back from then on.")],
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Asks nothing of a creator during a holiday.

    Example: everspark creator away ana.dances --from 2026-12-24 --until 2027-01-04
    """
    if aware(until) <= aware(begins_at):
        raise Stop("--until must lie after --from.", USAGE)
    _tell(creator, "creator.away", {"from": aware(begins_at), "until": aware(until)}, data, json, until=aware(until))


@app.command("opt-out")
def opt_out(creator: Handle, data: Data = None, json: AsJson = False) -> None:
    """Asks nothing of a creator any more.

    Example: everspark creator opt-out ana.dances
    """
    _tell(creator, "creator.opted_out", {}, data, json)


@app.command("opt-in")
def opt_in(creator: Handle, data: Data = None, json: AsJson = False) -> None:
    """Asks a creator again, from the next ask on.

    Example: everspark creator opt-in ana.dances
    """
    _tell(creator, "creator.opted_in", {}, data, json)


@app.command("payment-due")
def payment_due(
    creator: Handle,
    is_due: Annotated[bool, typer.Option("--due/--paid", help="A payment is due, or was made.")] = True,
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Asks nothing of a creator to whom a payment is due, until it was made.

    Example: everspark creator payment-due ana.dances --paid
    """
    _tell(creator, "creator.payment_due", {"is_due": is_due}, data, json)


def _tell(
    creator: str, type_: str, said: dict[str, Any], data: Any, json: bool, *, until: datetime | None = None
) -> None:
    with opened(data) as tools:
        with hot(tools.engine) as connection:
            number_of(connection, creator)
        if until is not None and until <= tools.clock.now():
            raise Stop(f"--until must lie ahead; {shown(until)} is past.", USAGE)
        letter = tell(tools, key_of_creator(creator), type_, said)
    if json:
        as_json({"key": letter.key, "event_id": letter.event_id})
    else:
        say(f"Noted; what holds is in `everspark creator show {tidy(creator)}`.")


def number_of(connection: psycopg.Connection[Any], creator: str) -> int:
    """The number of the creator's row. Raises Stop where there is none."""
    row = connection.execute(SHOW, [tidy(creator)]).fetchone()
    if row is None:
        raise Stop(f"There is no creator {tidy(creator)}; `everspark creator list` names those there are.", NOT_FOUND)
    return int(row[0])


def tidy(creator: str) -> str:
    return creator.strip().removeprefix("@").lower()


def aware(instant: datetime) -> datetime:
    """UTC where no zone was given."""
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
