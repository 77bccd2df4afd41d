"""A database, a clock in hand and a queue that remembers: what the stories of the scheduler begin with."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from psycopg.rows import dict_row
from sqlalchemy import Engine

from infra import inbox
from infra.clock import HandClock
from infra.database import hot
from infra.settings import load
from scheduler.leadership import Leadership
from scheduler.sweeps import sweep

SETTINGS = load(prune_after_days=90)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
NEXT_SLOT = timedelta(seconds=SETTINGS.sweep_seconds)

AUTHORIZATIONS = """
INSERT INTO authorizations (key, advertiser_id, item_id, route, state, state_reason, state_since, starts_at, expires_at,
                            revoked_at, next_action, next_action_at, rung, why, version, created_at, updated_at)
SELECT 'a/' || number, 'a', number::text, 'code', %(state)s, 'granted', %(since)s, %(since)s, %(expires_at)s, %(since)s,
       %(next_action)s, %(next_action_at)s, 2, 'renewal_needed', 7, %(since)s, %(since)s
FROM generate_series(%(first)s::int, %(last)s::int) AS number
"""


class Nudged:
    """Stands where the queue stands and remembers who was nudged."""

    def __init__(self) -> None:
        self.boxes: list[int] = []
        self.payers = 0
        self.callers = 0
        self.climbers = 0
        self.lookers = 0
        self.bulkers = 0
        self.importers = 0
        self.summers = 0

    def mailboxes(self, numbers: Iterable[int]) -> None:
        self.boxes += sorted(numbers)

    def outbox(self) -> None:
        self.payers += 1

    def calls(self) -> None:
        self.callers += 1

    def hooks(self) -> None:
        self.callers += 1

    def bulks(self) -> None:
        self.bulkers += 1

    def imports(self) -> None:
        self.importers += 1

    def climbs(self) -> None:
        self.climbers += 1

    def looks(self) -> None:
        self.lookers += 1

    def summaries(self) -> None:
        self.summers += 1


class World:
    """A database, a clock and a queue, with the verbs of these stories."""

    def __init__(self, engine: Engine, clock: HandClock) -> None:
        self.engine = engine
        self.clock = clock
        self.nudges = Nudged()
        self.settings = SETTINGS
        self.now = clock.now()

    def has(
        self,
        state: str,
        *,
        first: int = 1,
        last: int = 1,
        expires_at: datetime | None = None,
        action: tuple[str, datetime] | None = None,
    ) -> None:
        """Authorizations `a/<first>` to `a/<last>`, all alike."""
        next_action, next_action_at = action or (None, None)
        with hot(self.engine) as connection:
            connection.execute(
                AUTHORIZATIONS,
                {
                    "state": state,
                    "since": self.now - 30 * DAY,
                    "expires_at": expires_at or self.now + 30 * DAY,
                    "next_action": next_action,
                    "next_action_at": next_action_at,
                    "first": first,
                    "last": last,
                },
            )

    def elects(self, holder: str, *, seconds: float = 30) -> int:
        leadership = Leadership(self.engine, seconds=seconds, holder=holder)
        leadership.campaign()
        assert leadership.fence is not None
        return leadership.fence

    def sweeps(self, job: str, *, fence: int | None = None) -> int:
        return sweep(
            job,
            engine=self.engine,
            clock=self.clock,
            nudges=self.nudges,
            settings=self.settings,
            fence=self.elects("the leader") if fence is None else fence,
        )

    def asks(self, query: str, **values: Any) -> list[dict[str, Any]]:
        with hot(self.engine) as connection, connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query.encode(), values).fetchall()

    def does(self, statement: str, **values: Any) -> None:
        with hot(self.engine) as connection:
            connection.execute(statement.encode(), values)

    def letters(self) -> list[dict[str, Any]]:
        return self.asks("SELECT * FROM inbox ORDER BY seq")

    def hears(self, event_id: str, *, at: datetime, key: str = "a/1") -> int:
        """An event from a producer, accepted at `at`; its number."""
        letter = inbox.Letter(
            sender="producer:crm", event_id=event_id, type="ad.started", key=key, occurred_at=at, data=b"{}"
        )
        with hot(self.engine) as connection:
            inbox.accept(connection, [letter], now=at)
        (row,) = self.asks("SELECT seq FROM inbox WHERE event_id = %(id)s", id=event_id)
        return int(row["seq"])

    def applies(self, seq: int, *, at: datetime, outcome: str = "moved") -> None:
        self.does(
            "UPDATE inbox SET outcome = %(o)s, handled_at = %(at)s WHERE seq = %(seq)s", o=outcome, at=at, seq=seq
        )
        self.does("DELETE FROM pending WHERE seq = %(seq)s", seq=seq)

    def owes(
        self, name: str, *, kind: str = "ask.mail", status: str = "owed", due_at: datetime, **more: datetime
    ) -> None:
        values = {"claimed_at": None, "settled_at": None, **more}
        self.does(
            """
            INSERT INTO outbox (kind, key, payload, created_at, due_at, idempotency_key, status, claimed_at, settled_at)
            VALUES (%(kind)s, 'a/1', '{}', %(due_at)s, %(due_at)s, %(name)s, %(status)s, %(claimed_at)s,
                    %(settled_at)s)
            """,
            name=name,
            kind=kind,
            status=status,
            due_at=due_at,
            **values,
        )

    def ledger(self, job: str) -> list[dict[str, Any]]:
        return self.asks("SELECT * FROM sweeps WHERE job = %(job)s ORDER BY slot", job=job)
