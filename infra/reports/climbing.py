"""All that climbed to a person and is open, a page at a time: what is at risk by its money, then what has lapsed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg

from infra.escalated import Item
from infra.reports.places import PlaceError
from infra.reports.today import climbed
from infra.settings import Settings

# Each authorization with its last step, by what the worker reckons to be at risk; what has lapsed comes after.
PAGE = """
SELECT last.id, coalesce(at_risk, 0) FROM (
    SELECT DISTINCT ON (authorization_id) id, authorization_id FROM escalations
    WHERE resolved_at IS NULL ORDER BY authorization_id, id DESC
) AS last JOIN authorizations ON authorizations.id = last.authorization_id
WHERE %(risk)s::numeric IS NULL OR (coalesce(at_risk, 0), last.id) < (%(risk)s, %(id)s)
ORDER BY coalesce(at_risk, 0) DESC, last.id DESC LIMIT %(limit)s
"""

# The money and the number of a row; as much as the column holds.
PLACE = re.compile(r"([0-9]{1,14}(?:\.[0-9]{1,4})?):([0-9]{1,18})")


@dataclass(frozen=True, kw_only=True, slots=True)
class Climbed:
    """One page. `more`: what the next one begins after, empty where there is none."""

    items: list[Item]
    more: str = ""


def page(
    connection: psycopg.Connection[Any], settings: Settings, *, after: str = "", limit: int, now: datetime
) -> Climbed:
    """Those after the place `after`; from the beginning without one. Raises PlaceError."""
    risk, number = _place(after)
    rows = connection.execute(PAGE, {"risk": risk, "id": number, "limit": limit + 1}).fetchall()
    risks: dict[int, Decimal] = dict(rows[:limit])
    # By the same measure as the pages follow each other; where that says nothing they stay as they come, by what was lost.
    items = sorted(climbed(connection, settings, list(risks), now=now), key=lambda item: risks[item.id], reverse=True)
    last = rows[limit - 1] if len(rows) > limit else None
    return Climbed(items=items, more=f"{last[1]}:{last[0]}" if last else "")


def _place(text: str) -> tuple[Decimal | None, int]:
    if not text:
        return None, 0
    found = PLACE.fullmatch(text)
    if found is None:
        raise PlaceError
    return Decimal(found[1]), int(found[2])
