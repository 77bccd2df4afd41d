"""`everspark look`: reads TikTok now, in this process, instead of when its time comes."""

from typing import Annotated

import typer

from everspark.calling import calling
from everspark.opened import AsJson, Data, Opened, opened
from everspark.outcomes import NOT_FOUND, USAGE, WRONG, Stop, say
from everspark.printing import as_facts, as_json
from infra import advertisers
from infra.broker import make_broker, make_nudges
from infra.database import hot
from infra.tiktok.client import Tiktok
from infra.tiktok.connection import NOT_CONFIGURED
from worker.glimpsing import look_at
from worker.looking import Looked
from worker.looking import look as look_around


def look(
    what: Annotated[
        str | None, typer.Argument(help="An authorization (ADVERTISER/POST) or an advertiser; else all of them.")
    ] = None,
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Looks at TikTok: at one authorization by a call or two, or at all posts, ads and figures of an advertiser.

    Example: everspark look 7200000000000000001/7300000000000000001
    Example: everspark look 7200000000000000001
    """
    with opened(data) as tools:
        with calling(tools.settings) as tiktok:
            if tiktok is None:
                raise Stop(f"{NOT_CONFIGURED}.", USAGE)
            found, mailboxes = at_one(tools, tiktok, what) if what and "/" in what else at_all(tools, tiktok, what)
        if mailboxes and tools.settings.redis_url:
            make_nudges(make_broker(tools.settings.redis_url)).mailboxes(mailboxes)
    if json:
        as_json(found)
        return
    as_facts(found)
    if mailboxes:
        say("What was found is applied by a worker at once, or at the next sweep.")


def at_one(tools: Opened, tiktok: Tiktok, key: str) -> tuple[dict[str, object], set[int]]:
    """One authorization; which ads use it is not asked."""
    glimpse = look_at(tools.engine, tools.clock, tiktok, tools.vault, key.strip().lower())
    if glimpse.trouble is not None:
        raise Stop(f"TikTok did not tell: {glimpse.trouble}.", WRONG)
    found = {"key": glimpse.key, "looked_at": glimpse.at, "is_there": glimpse.is_there, "found": glimpse.letters}
    return found, set(glimpse.mailboxes)


def at_all(tools: Opened, tiktok: Tiktok, advertiser: str | None) -> tuple[dict[str, object], set[int]]:
    """One connected advertiser, or each of them."""
    with hot(tools.engine) as connection:
        chosen = [
            row.advertiser_id
            for row in advertisers.every(connection)
            if row.is_connected and advertiser in (None, row.advertiser_id)
        ]
        if not chosen:
            wanted = f"advertiser {advertiser}" if advertiser else "advertiser"
            raise Stop(f"No {wanted} is connected: see `everspark advertiser connect`.", NOT_FOUND)
        advertisers.look_soon(connection, chosen, now=tools.clock.now())
    looked, mailboxes = Looked(more=True), set[int]()
    sums = {"advertisers": 0, "calls": 0, "found": 0, "kpis": 0}
    while looked.more:
        looked = look_around(tools.engine, tools.clock, tiktok, tools.vault, only=advertiser)
        counted = {"advertisers": looked.advertisers, "calls": looked.calls, "found": looked.letters}
        sums = {name: sums[name] + count for name, count in (counted | {"kpis": looked.kpis}).items()}
        mailboxes |= looked.mailboxes
    note = {} if sums["advertisers"] else {"note": "looked at less than a minute ago, or by a worker at this moment"}
    return {**sums, **note}, mailboxes
