"""`everspark suggest`: when to ask for the next renewal, and why, as somebody knows it."""

from datetime import datetime
from typing import Annotated

import typer

from domain.authorization import Action, Plan
from domain.explaining import told_why
from domain.reasons import Reason
from domain.suggesting import is_too_late, plan_with
from everspark.authorizations import need_one
from everspark.creators import FORMATS, aware
from everspark.opened import AsJson, Data, Opened, opened
from everspark.outcomes import USAGE, Stop, say
from everspark.printing import as_json, shown
from everspark.telling import tell
from infra import authorizations
from infra.chosen import policy_of
from infra.database import hot
from infra.reports.standing import tidy

LONGEST_REASON = 500


def suggest(
    authorization: Annotated[str, typer.Argument(help="ADVERTISER/POST, or ADVERTISER/@HANDLE.")],
    at: Annotated[datetime, typer.Option(formats=FORMATS, help="Around when to ask for the renewal.")],
    reason: Annotated[str, typer.Option(help="Why then, for people.")] = "",
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Suggests when to ask for the next renewal, and why; the plan follows where a renewal is needed.

    Example: everspark suggest 7200000000000000001/7300000000000000001 --at 2026-12-01 --reason "she films again then"
    """
    key = tidy(authorization)
    if len(reason) > LONGEST_REASON:
        raise Stop(f"A reason has at most {LONGEST_REASON} characters.", USAGE)
    with opened(data) as tools:
        upcoming = _plan_of(tools, key, aware(at))
        letter = tell(tools, key, "renewal.suggested", {"at": aware(at), "reason": reason or None})
    if json:
        planned = {"next_action": upcoming.action, "next_action_at": upcoming.at, "why": upcoming.why}
        as_json({"key": key, "event_id": letter.event_id} | planned)
    else:
        say(f"Suggested. {_told(upcoming)} What became of it is in `everspark show {key}`.")


def _plan_of(tools: Opened, key: str, at: datetime) -> Plan:
    """What comes next by what is known now. Raises Stop where the suggestion could not be followed."""
    now = tools.clock.now()
    with hot(tools.engine) as connection:
        need_one(connection, key)
        known = authorizations.load(connection, [key])[key]
    if at <= now:
        raise Stop(f"--at must lie ahead; {shown(at)} is past.", USAGE)
    if is_too_late(known, at):
        raise Stop(f"{key} is {known.state}; {told_why(Reason.SUGGESTED_TOO_LATE)}.")
    return plan_with(known, at, now=now, policy=policy_of(tools.settings))


def _told(upcoming: Plan) -> str:
    if upcoming.action is Action.ASK:
        return f"The next ask: {shown(upcoming.at)}, since {told_why(upcoming.why)}."
    return f"As things stand nobody is asked: {told_why(upcoming.why)}."
