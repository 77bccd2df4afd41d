"""What was done and what is set: the audit log, and the settings as people may see them."""

from __future__ import annotations

import os
from datetime import datetime
from typing import Annotated, Any

from fastapi import Query
from pydantic import Field

from domain.people import Scope
from infra import settings_shown
from infra.database import snapshot
from infra.reports import audited
from web.api.calls import Asks, Operation
from web.api.paging import Page, Paged, page
from web.api.shapes import Shape, Word
from web.room.calls import cut


class Wanting(Paged):
    """The audit log's filter."""

    actor: Word | None = Field(None, description="With or without `user:`, `token:`, `cli:`.")
    act: Word | None = Field(None, description="A name such as `producer.rotated`, or its first word.")
    subject: Word | None = Field(None, description="A key, an address or a name.")


class Entry(Shape):
    """Who did what, on what (docs/access.md)."""

    id: int
    at: datetime
    actor: str
    act: str
    subject: str | None
    about: dict[str, Any]


class Setting(Shape):
    """One setting; of a secret only whether it is set. `origin`: `environment`, `start` or `default`."""

    variable: str
    value: str
    origin: str
    meaning: str


def entries(call: Asks, asked: Annotated[Wanting, Query()]) -> Page[Entry]:
    """The audit log, the newest first."""
    wanted = audited.wanted_of(dict(call.query))
    with snapshot(call.desk.engine) as connection:
        rows, last = cut(audited.page(connection, wanted, before=asked.number, limit=asked.limit + 1), asked.limit)
    return page(call, map(Entry.model_validate, rows), after=last and last["id"])


def settings(call: Asks) -> Page[Setting]:
    """Every setting."""
    return page(call, map(Setting.model_validate, settings_shown.all_of(call.desk.settings, os.environ)), after=None)


OPERATIONS = (
    # On the pages it is for operators, too: a token of this scope was made by one.
    Operation(path="/audit", handler=entries, scope=Scope.ACT),
    Operation(path="/settings", handler=settings, scope=Scope.ADMIN),
)
