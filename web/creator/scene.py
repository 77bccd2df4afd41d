"""All that one creator's page tells, read in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import dict_row

from domain.renewal import Policy
from infra import advice
from infra.links import Visit
from web.creator.outcomes import Status, status_of
from web.creator.posts import Card, cards
from web.creator.speech import zone_named


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """All that one creator's page tells. `status`: what became of the answer that was just sent; `proposes_access`: as the mail."""

    visit: Visit
    cards: Sequence[Card]
    now: datetime
    snoozed_until: datetime | None = None
    has_opted_out: bool = False
    status: Status | None = None
    proposes_access: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """How the page was asked for: its own address, the language chosen, the one post to show, the answer to tell of."""

    base: str
    query: str = ""
    post: int | None = None
    mark: str = ""


def scene_of(connection: psycopg.Connection, visit: Visit, asked: Asked, *, policy: Policy, now: datetime) -> Scene:
    """All that the page tells, as of one instant: what is said of an answer fits what is said of its post."""
    connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    shown = cards(connection, visit.creator_id, visit.handle, policy=policy, now=now)
    query = "SELECT snoozed_until, opted_out_at FROM creators WHERE id = %s"
    (creator,) = connection.cursor(row_factory=dict_row).execute(query, [visit.creator_id]).fetchall()
    snoozed_until = creator["snoozed_until"]
    known, zone = {card.key: card for card in shown}, zone_named(visit.timezone)
    if asked.post is not None:
        shown = [card for card in shown if card.id == asked.post] or shown
    advised = advice.recommendation(connection, visit.creator_id, policy=policy, now=now)
    return Scene(
        visit=visit,
        cards=shown,
        now=now,
        snoozed_until=snoozed_until if snoozed_until and snoozed_until > now else None,
        has_opted_out=creator["opted_out_at"] is not None,
        status=status_of(connection, visit, asked.mark, known, zone),
        proposes_access=advised.proposes_access,
    )
