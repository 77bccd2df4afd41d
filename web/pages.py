"""The read-only page at `/`: counts by state, what expires next, the last events. Rendered here, without scripts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy import Engine, text

from domain.authorization import State
from domain.reasons import sentence
from infra.clock import Clock

HERE = Path(__file__).parent
ROWS = 20

COUNTS = "SELECT state, count(*) FROM authorizations GROUP BY state"
NEXT = """
SELECT key, state, condition, expires_at, next_action, next_action_at, why FROM authorizations
WHERE state IN ('authorized', 'active') AND expires_at IS NOT NULL ORDER BY expires_at, id LIMIT :rows
"""
LAST = """
SELECT seq, received_at, type, key, sender, coalesce(inbox.outcome, pending.status, 'ready') AS outcome, reason
FROM inbox LEFT JOIN pending USING (seq, key) ORDER BY seq DESC LIMIT :rows
"""
FOR_PEOPLE = "SELECT status, count(*) FROM pending WHERE status IN ('parked', 'quarantined') GROUP BY status"


@dataclass(frozen=True, kw_only=True, slots=True)
class Overview:
    """What the page shows."""

    now: datetime
    counts: dict[str, int]
    expiring: list[dict[str, Any]]
    events: list[dict[str, Any]]
    for_people: dict[str, int]


class Pages:
    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine, self._clock = engine, clock
        self._templates = Environment(
            loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )
        self._templates.filters["instant"] = instant
        self._templates.filters["left"] = left
        self._templates.filters["sentence"] = sentence

    def home(self) -> str:
        return self._templates.get_template("home.html").render(page=self._overview(), states=list(State))

    def trouble(self) -> str:
        return self._templates.get_template("trouble.html").render()

    def _overview(self) -> Overview:
        with self._engine.connect() as connection:
            return Overview(
                now=self._clock.now(),
                counts={row[0]: row[1] for row in connection.execute(text(COUNTS))},
                expiring=[dict(row) for row in connection.execute(text(NEXT), {"rows": ROWS}).mappings()],
                events=[dict(row) for row in connection.execute(text(LAST), {"rows": ROWS}).mappings()],
                for_people={row[0]: row[1] for row in connection.execute(text(FOR_PEOPLE))},
            )


def instant(value: datetime | None) -> str:
    return value.strftime("%Y-%m-%d %H:%M") if value else "—"


def left(value: datetime, now: datetime) -> str:
    """How long until `value`, in the two largest units."""
    seconds = int((value - now).total_seconds())
    if seconds <= 0:
        return "over"
    days, rest = divmod(seconds, 86_400)
    hours, minutes = rest // 3600, rest % 3600 // 60
    return f"{days} d {hours} h" if days else f"{hours} h {minutes} min"
