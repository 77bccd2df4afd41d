"""`everspark act`: does something to authorizations, to those that are named or to all that a filter matches."""

import secrets
import sys
from datetime import datetime
from typing import Annotated

import typer

from domain.acts import DEEDS, Act, ActError, Deed, term_of
from domain.filters import FilterError
from everspark.creators import FORMATS, aware
from everspark.opened import AsJson, Data, Opened, actor, opened
from everspark.outcomes import USAGE, WRONG, Stop, say
from everspark.printing import as_facts, as_json
from infra import bulks
from infra.broker import make_broker, make_nudges
from infra.database import hot
from infra.reports import concerned
from infra.reports.concerned import Chosen, Survey
from infra.reports.standing import tidy


def act(
    what: Annotated[Act, typer.Argument(metavar="ACT", help="ask, snooze, look, need, unbind or revoke.")],
    authorizations: Annotated[
        list[str] | None, typer.Argument(metavar="[AUTHORIZATION]...", help="ADVERTISER/POST, or ADVERTISER/@HANDLE.")
    ] = None,
    filter_: Annotated[
        list[str] | None, typer.Option("--filter", help="All that it matches, written as in the list's address.")
    ] = None,
    until: Annotated[datetime | None, typer.Option(formats=FORMATS, help="For snooze and need.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without it only what would happen is told.")] = False,
    count: Annotated[
        int | None, typer.Option(help="How many it concerns; unbind and revoke are done for that number only.")
    ] = None,
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Tells what an act would do to authorizations and, after a yes, does it: as an operator does in the room.

    Example: everspark act snooze --filter "state=active&left_to=7" --until 2026-12-24 --yes
    """
    chosen = _chosen(authorizations, filter_)
    deed = DEEDS[what]
    is_told_only = not yes and not sys.stdin.isatty()
    with opened(data) as tools:
        until = _term(what, until, now=tools.clock.now())
        with hot(tools.engine) as connection:
            found = concerned.survey(connection, what, chosen, now=tools.clock.now())
        if not json:
            _tell(deed, chosen, found)
        number = None
        if found.concerned and not is_told_only:
            number = _begin(tools, what, chosen, until, _agreed(deed, found, yes=yes, count=count))
    if json:
        facts = {"matched": found.matched, "concerned": found.concerned, "left_out": dict(found.left_out)}
        as_json({"act": number, **facts})
    elif number:
        say(f"Begun, as act {number}: how far it is and, where that is possible, its undoing stand at /acts/{number}.")
    elif found.concerned:
        say("Nothing was done. Add --yes to do it.")
    if not found.concerned:
        raise Stop("It concerns none of these, so there is nothing to do.", WRONG)


def _term(what: Act, until: datetime | None, *, now: datetime) -> datetime | None:
    """Until when, for what needs it; Stop is raised before anything is told of an act that could not be done so."""
    if until is not None and DEEDS[what].param is None:
        raise Stop(f"--until goes with snooze and need; {what} has no end.", USAGE)
    try:
        return term_of(what, aware(until) if until else None, now=now)
    except ActError as error:
        raise Stop(f"{error} Add --until, as 2026-12-24." if until is None else str(error), USAGE) from None


def _chosen(authorizations: list[str] | None, filters: list[str] | None) -> Chosen:
    if bool(authorizations) == bool(filters):
        raise Stop("Name authorizations, or a --filter (an empty one matches all of them): one of the two.", USAGE)
    if authorizations:
        return Chosen(keys=tuple(dict.fromkeys(map(tidy, authorizations))))
    try:
        return Chosen.by("&".join(filters or ()))
    except FilterError as error:
        raise Stop(f"The filter cannot be read: {error}.", USAGE) from None


def _tell(deed: Deed, chosen: Chosen, found: Survey) -> None:
    say(f"{deed.label}: {chosen.in_words}. {deed.sentence}")
    left_out = {f"left out: {concerned.sentence(word)}": number for word, number in found.left_out.items()}
    as_facts({"concerns": f"{found.concerned} of {found.matched}", **left_out})


def _agreed(deed: Deed, found: Survey, *, yes: bool, count: int | None) -> int | None:
    """How many a grave act is for. Raises Stop where nobody said yes."""
    if not deed.is_grave:
        if not yes and not typer.confirm("Do it?"):
            raise Stop("Nothing was done.", WRONG)
        return None
    if count is None and yes:
        raise Stop(f"This cannot be undone: add --count {found.concerned} to do it.", USAGE)
    return count if count is not None else typer.prompt("How many does it concern?", type=int)


def _begin(tools: Opened, what: Act, chosen: Chosen, until: datetime | None, expected: int | None) -> int:
    try:
        with hot(tools.engine) as connection:
            number = bulks.create(
                connection,
                what,
                chosen,
                until=until,
                actor=actor(),
                now=tools.clock.now(),
                nonce=secrets.token_hex(16),
                expected=expected,
            )
    except ActError as error:
        raise Stop(str(error), USAGE) from None
    if tools.settings.redis_url:
        make_nudges(make_broker(tools.settings.redis_url)).bulks()
    return number
