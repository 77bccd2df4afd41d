"""How the machinery does at this moment: what waits in the inbox, what is owed, and when each sweep ran last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from infra.ledger import Sweep
from infra.reports.chores import RECENT
from infra.reports.sweeps import beat
from infra.tables import Handling, Payment

INBOX = "SELECT status, count(*) FROM pending GROUP BY status"
# What raised and waits for its next try is being looked after: one poisonous event is no missing worker.
OLDEST = """
SELECT received_at FROM inbox WHERE seq = (SELECT min(seq) FROM pending WHERE status = 'ready' AND try_at IS NULL)
"""
OUTBOX = """
SELECT status, count(*) FROM outbox WHERE status IN ('owed', 'paying', 'uncertain') GROUP BY status
UNION ALL SELECT status, count(*) FROM outbox WHERE status = 'failed' AND settled_at > %(since)s GROUP BY status
"""
OPEN = (Payment.OWED, Payment.PAYING, Payment.UNCERTAIN, Payment.FAILED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pulse:
    """`inbox` and `outbox`: how many, by status, of the failed those of the last week; `oldest`: what came first of all that
    nobody has tried; `late`: jobs that are, as the page of sweeps judges it.
    """

    inbox: Mapping[str, int]
    oldest: datetime | None
    outbox: Mapping[str, int]
    sweeps: Sequence[Sweep]
    late: frozenset[str]


def pulse(connection: psycopg.Connection[Any], *, now: datetime) -> Pulse:
    """Few rows and the ends of indexes."""
    inbox = dict(connection.execute(INBOX).fetchall())
    outbox = dict(connection.execute(OUTBOX, {"since": now - RECENT}).fetchall())
    oldest = connection.execute(OLDEST).fetchone()
    sweeps = beat(connection)
    return Pulse(
        inbox={status: inbox.get(status, 0) for status in Handling},
        oldest=oldest[0] if oldest else None,
        outbox={status: outbox.get(status, 0) for status in OPEN},
        sweeps=tuple(sweeps.last.values()),
        late=frozenset(sweeps.late(now)),
    )
