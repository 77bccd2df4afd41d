"""`everspark look`: reads TikTok now, in this process, instead of when its time comes."""

from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from everspark import address
from everspark.calling import calling
from everspark.opened import AsJson, Data, Opened, actor, opened
from everspark.outcomes import NOT_FOUND, USAGE, WRONG, Stop, say
from everspark.printing import as_facts, as_json
from infra import advertisers, audit, waiting
from infra.broker import make_broker, make_nudges
from infra.database import hot
from infra.tiktok.client import Tiktok
from infra.tiktok.connection import NOT_CONFIGURED
from worker.glimpsing import NO_ID, NOT_CONNECTED, look_at
from worker.looking import Looked
from worker.looking import look as look_around

BESIDE_A_DEMO = (
    "This is a demo's data, and its TikTok lives in the demo's own process: it cannot be looked at from beside it. The demo "
    "looks by itself; `everspark show KEY` says when TikTok confirmed last."
)
FAILED = """
SELECT advertiser_id, trouble, next_look_at FROM advertisers
WHERE advertiser_id = ANY(%(chosen)s) AND (trouble IS NOT NULL
    OR (tried_at >= %(began)s AND (looked_at IS NULL OR looked_at < tried_at)))
ORDER BY advertiser_id
"""
NO_ANSWER = "TikTok is away, or asks to be asked less often: nothing is known of the rest yet. A worker tries again at"


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
        if address.is_demo(tools.settings):
            raise Stop(BESIDE_A_DEMO, USAGE)
        with calling(tools.settings) as tiktok:
            if tiktok is None:
                raise Stop(f"{NOT_CONFIGURED}.", USAGE)
            found, mailboxes = at_one(tools, tiktok, what) if what and "/" in what else at_all(tools, tiktok, what)
        if mailboxes and tools.settings.redis_url:
            make_nudges(make_broker(tools.settings.redis_url)).mailboxes(mailboxes)
    failed = found.pop("failed")
    if json:
        as_json(found | {"failed": failed})
    else:
        as_facts(found)
        if mailboxes:
            say("What was found is applied by a worker at once, or at the next sweep.")
    if failed:
        raise Stop("\n".join(failed), WRONG)


def at_one(tools: Opened, tiktok: Tiktok, key: str) -> tuple[dict[str, Any], set[int]]:
    """One authorization; which ads use it is not asked."""
    words = tools.settings.withdrawn_words
    with hot(tools.engine) as connection:
        audit.note(connection, at=tools.clock.now(), actor=actor(), act="act.look", subject=key.strip().lower())
    glimpse = look_at(tools.engine, tools.clock, tiktok, tools.vault, key.strip().lower(), withdrawn_words=words)
    if glimpse.trouble in (NOT_CONNECTED, NO_ID):
        raise Stop(f"TikTok was not asked: {glimpse.trouble}.", WRONG)
    if glimpse.trouble is not None:
        raise Stop(f"TikTok did not tell: {waiting.in_words(glimpse.trouble).rstrip('.')}.", WRONG)
    found = {"key": glimpse.key, "looked_at": glimpse.at, "is_there": glimpse.is_there, "found": glimpse.letters}
    return found | {"failed": []}, set(glimpse.mailboxes)


def at_all(tools: Opened, tiktok: Tiktok, advertiser: str | None) -> tuple[dict[str, Any], set[int]]:
    """One connected advertiser, or each of them; `failed` has a sentence for each that was not read to its end."""
    began = tools.clock.now()
    with hot(tools.engine) as connection:
        chosen = [
            row.advertiser_id
            for row in advertisers.every(connection)
            if row.is_connected and advertiser in (None, row.advertiser_id)
        ]
        if not chosen:
            wanted = f"advertiser {advertiser}" if advertiser else "advertiser"
            raise Stop(f"No {wanted} is connected: see `everspark advertiser connect`.", NOT_FOUND)
        advertisers.want_look(connection, chosen, actor=actor(), now=began, apart=timedelta(0))
    looked, mailboxes = Looked(more=True), set[int]()
    sums = {"advertisers": 0, "calls": 0, "found": 0, "kpis": 0}
    while looked.more:
        words = tools.settings.withdrawn_words
        looked = look_around(tools.engine, tools.clock, tiktok, tools.vault, only=advertiser, withdrawn_words=words)
        counted = {"advertisers": looked.advertisers, "calls": looked.calls, "found": looked.letters}
        sums = {name: sums[name] + count for name, count in (counted | {"kpis": looked.kpis}).items()}
        mailboxes |= looked.mailboxes
    note = {} if sums["advertisers"] else {"note": "looked at less than a minute ago, or by a worker at this moment"}
    return {**sums, **note, "failed": failed_of(tools, chosen, began)}, mailboxes


def failed_of(tools: Opened, chosen: list[str], began: datetime) -> list[str]:
    """A sentence for each of these advertisers that is in trouble, or whose look since `began` has no end."""
    with hot(tools.engine) as connection:
        rows = connection.execute(FAILED, {"chosen": chosen, "began": began}).fetchall()
    return [
        f"{advertiser_id}: {trouble or f'{NO_ANSWER} {again_at:%H:%M} UTC.'}"
        for advertiser_id, trouble, again_at in rows
    ]
