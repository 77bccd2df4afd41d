"""The audit log as people read it: who did what, on what, the newest first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import dict_row

from infra.reports.wanting import WantedError

Connection = psycopg.Connection[Any]
Row = dict[str, Any]
HIGHEST = 2**63 - 1
LONGEST = 320

# All that is ever noted, by the first word of its name.
KNOWN: Mapping[str, tuple[str, ...]] = {
    "act": ("ask", "snooze", "look", "need", "unbind", "revoke", "paused", "resumed", "ended", "undone"),
    "advertiser": ("connected", "disconnected", "look_wanted"),
    "authorizations": ("exported",),
    "creator": ("snoozed", "away", "opted_out", "opted_in", "payment_due", "link_made", "links_revoked"),
    "endpoint": ("added", "rotated", "disabled", "enabled", "removed", "replayed"),
    "events": ("replayed",),
    "forecast": ("exported",),
    "import": ("uploaded", "applied", "exported", "paused", "resumed", "ended"),
    "outbox": ("retry", "arrived"),
    "person": (
        *("invited", "joined", "uninvited", "signed_in", "signed_out", "refused", "password_set", "password_changed"),
        *("bound", "role", "disabled", "enabled"),
    ),
    "producer": ("added", "rotated", "disabled", "enabled"),
    "renewal": ("suggested",),
    "token": ("made", "revoked"),
    "view": ("saved", "deleted"),
}
ACTS = tuple(f"{first}.{second}" for first, seconds in KNOWN.items() for second in seconds)

# Each condition stands only where it is asked for: the indexes by actor and by subject are used, and the order is theirs.
# What was done to several that were chosen has an index of its own, and is read beside it.
CONDITIONS = {
    "actor": "actor IN (%(actor)s, 'user:' || %(actor)s, 'token:' || %(actor)s, 'cli:' || %(actor)s)",
    "subject": "subject = %(subject)s",
    "act": "(act = %(act)s OR starts_with(act, %(act)s || '.'))",
}

CHOSEN = "subject IS DISTINCT FROM %(subject)s AND about ? 'keys' AND (about -> 'keys') ? %(subject)s"
SELECT = "SELECT id, at, actor, act, subject, about FROM audit WHERE {} ORDER BY id DESC LIMIT %(limit)s"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """A filter. `actor` with or without `user:`, `token:`, `cli:`; `act` a name or its first word. Empty: any.

    `subject` also finds acts on several, by the key of each that was chosen.
    """

    actor: str = ""
    subject: str = ""
    act: str = ""

    @property
    def parts(self) -> dict[str, str]:
        """Those that are asked for."""
        told = {"actor": self.actor, "subject": self.subject, "act": self.act}
        return {name: value for name, value in told.items() if value}


def wanted_of(told: Mapping[str, str]) -> Wanted:
    """Texts that are too long are cut: they match nothing. Raises WantedError for an act that there is not."""
    words = {name: told.get(name, "").strip().replace("\x00", "")[:LONGEST] for name in CONDITIONS}
    wanted = Wanted(**words)
    first = wanted.act.partition(".")[0]
    if wanted.act not in ("", *KNOWN, *ACTS):
        there_are = [each for each in ACTS if first in KNOWN and each.startswith(f"{first}.")] or KNOWN
        raise WantedError(f"No act is called like that; there are {', '.join(there_are)}.")
    return wanted


def page(connection: Connection, wanted: Wanted, *, before: int | None = None, limit: int) -> list[Row]:
    """The newest first, those below the number `before`."""
    query = _select(wanted, CONDITIONS)
    if wanted.subject:
        beside = _select(wanted, CONDITIONS | {"subject": CHOSEN})
        query = f"({query}) UNION ALL ({beside}) ORDER BY id DESC LIMIT %(limit)s"
    values = wanted.parts | {"before": HIGHEST if before is None else before, "limit": limit}
    return connection.cursor(row_factory=dict_row).execute(query.encode(), values).fetchall()


def _select(wanted: Wanted, conditions: Mapping[str, str]) -> str:
    return SELECT.format(" AND ".join(["id < %(before)s", *(conditions[name] for name in wanted.parts)]))
