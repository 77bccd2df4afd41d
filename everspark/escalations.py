"""`everspark escalations`: what waits for a person, why, what it costs, and a text to paste into a chat with the creator."""

from datetime import datetime
from typing import Annotated, Any

import psycopg
import typer

from domain.renewal import Policy
from everspark import address
from everspark.money import plain, told
from everspark.opened import AsJson, Data, Opened, actor, opened
from everspark.outcomes import say
from everspark.printing import as_json, as_table
from infra import creator_acts, escalated
from infra.channel_urls import Channels
from infra.database import hot
from infra.escalated import Item

COLUMNS = ("step", "authorization", "creator", "ends", "cause", "at risk", "not delivered")


def escalations(
    with_links: Annotated[
        bool, typer.Option("--links", help="With a fresh link to each creator's page in the texts.")
    ] = False,
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Open escalations, the most money first, each with a text to paste into a chat with the creator.

    Whoever has a link can answer for the creator, so links are made only when asked for.

    Example: everspark escalations --links
    """
    with opened(data) as tools, hot(tools.engine) as connection:
        items = found(connection, tools)
        made = {item.id: _link(connection, tools, item) for item in items} if with_links else {}
    rows = [row_of(item, made.get(item.id)) for item in items]
    if json:
        as_json(rows)
        return
    if not rows:
        say("Nothing waits for a person.")
        return
    as_table(COLUMNS, [_cells(item) for item in items])
    for row in rows:
        say(f"\nTo send to @{row['creator'] or '?'} about {row['authorization']}:\n{row['draft']}")


def found(connection: psycopg.Connection[Any], tools: Opened) -> list[Item]:
    """What is open, the most money first."""
    settings = tools.settings
    channels = Channels.parse(creator_url=settings.creator_channel_url.get_secret_value())
    policy = Policy(offered_days=settings.offered_days)
    items = escalated.listed(connection, now=tools.clock.now(), policy=policy, channels=channels)
    return sorted(items, key=lambda item: (-item.most, item.period_ends_at, item.id))


def _link(connection: psycopg.Connection[Any], tools: Opened, item: Item) -> str | None:
    if item.creator_id is None or not item.may_extend:
        return None
    now: datetime = tools.clock.now()
    handle = item.handle or ""
    token = creator_acts.make_link(connection, tools.vault, item.creator_id, handle, actor=actor(), now=now)
    return f"{address.of(tools.settings)}/c/{token}"


def row_of(item: Item, link: str | None = None) -> dict[str, Any]:
    """For machines."""
    return {
        "authorization": item.key,
        "step": item.step,
        "cause": item.cause,
        "sentence": item.cause_in_words,
        "creator": item.handle,
        "reference": item.reference,
        "period_ends_at": item.period_ends_at,
        "opened_at": item.opened_at,
        "days": item.subject.days,
        "at_risk": plain(item.at_risk),
        "minutes_down": item.lapse.minutes_down if item.lapse else None,
        "not_delivered": plain(item.lapse.not_delivered) if item.lapse else [],
        "draft": item.draft(link),
    }


def _cells(item: Item) -> list[object]:
    lost = told(item.lapse.not_delivered) if item.lapse else None
    creator = item.handle and f"@{item.handle}"
    return [item.step, item.key, creator, item.period_ends_at, item.cause_in_words, told(item.at_risk), lost]
