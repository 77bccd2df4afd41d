"""Escalations: all that climbed to a person, why, what it costs, and a text to paste into a chat with the creator."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from infra.database import snapshot
from infra.reports import climbing
from web.api.calls import Asks, Operation
from web.api.paging import Page, Paged, page
from web.api.today import Climbed, climbed_of


class OpenEscalation(Climbed):
    """One of them. `text` is what a person pastes into a chat; it has no link (`POST /creators/{number}/links` makes one)."""

    text: str


def listed(call: Asks, asked: Annotated[Paged, Query()]) -> Page[OpenEscalation]:
    """All that climbed to a person and is open: what is at risk by its money, then what has lapsed."""
    with snapshot(call.desk.engine) as connection:
        found = climbing.page(connection, call.desk.settings, after=asked.place, limit=asked.limit, now=call.now)
    items = [OpenEscalation(**dict(climbed_of(each)), text=each.draft()) for each in found.items]
    return page(call, items, after=found.more or None)


OPERATIONS = (Operation(path="/escalations", handler=listed),)
