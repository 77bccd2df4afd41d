"""Authorizations to which things happen, and endpoints that are told of it, with verbs for the tests."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine
from sqlmodel import select

from infra import endpoints, hooks
from infra.authorizations import Entry
from infra.clock import Clock, HandClock
from infra.database import hot, transaction
from infra.hooks import owe_hooks
from infra.posting import Courier
from infra.tables import Endpoint, Outbox
from infra.vault import Vault
from tests.endpoint import Receiver
from worker.hooks import Delivered, deliver

KEY, OTHER = "7200000000000000001/7300000000000000001", "7200000000000000001/@ana"
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


class Desk:
    """Authorizations to which things happen, and endpoints that are told of it."""

    def __init__(self, engine: Engine, clock: Clock, vault: Vault, receiver: Receiver) -> None:
        self.engine, self.clock, self.vault, self.receiver = engine, clock, vault, receiver
        self.courier = Courier(allow_private=True, timeout=5 * SECOND)
        self._seq = 0

    def knows(self, *keys: str) -> None:
        with hot(self.engine) as connection:
            for key in keys:
                advertiser, _, subject = key.partition("/")
                item, handle = (None, subject[1:]) if subject.startswith("@") else (subject, None)
                connection.execute(
                    "INSERT INTO authorizations (key, advertiser_id, item_id, account_handle, route, state, state_reason,"
                    " state_since, starts_at, expires_at, next_action, next_action_at, why, created_at, updated_at)"
                    " VALUES (%s, %s, %s, %s, 'code', 'active', 'granted', %s, %s, %s, 'ask', %s, 'renewal_needed', %s, %s)",
                    [key, advertiser, item, handle, *[self.now] * 2, *[self.now + 30 * DAY] * 2, *[self.now] * 2],
                )

    def has(self, name: str, path: str = "/in") -> str:
        """An endpoint of the receiver; its secret."""
        with transaction(self.engine) as session:
            return endpoints.add(session, self.vault, name=name, url=self.receiver.url + path, now=self.now)

    def happens(self, *told: tuple[str, str, str], key: str = KEY) -> int:
        """One batch of the worker: (event, outcome, reason) each. How many webhooks it owed."""
        entries = [self.entry(key, *each) for each in told]
        with hot(self.engine) as connection:
            for entry in entries:
                connection.execute(
                    "INSERT INTO history (authorization_id, seq, at, recorded_at, event, outcome, from_state, to_state,"
                    " reason, note) SELECT id, %s, %s, %s, %s, %s, 'authorized', 'active', %s, 'ana@example.com said no'"
                    " FROM authorizations WHERE key = %s",
                    [entry.seq, entry.at, self.now, entry.event, entry.outcome, entry.reason, key],
                )
            with connection.pipeline():
                owed = owe_hooks(connection, entries, now=self.now)
            return owed.rowcount if owed is not None else 0

    def entry(self, key: str, event: str, outcome: str, reason: str) -> Entry:
        self._seq += 1
        return Entry(
            key=key,
            seq=self._seq,
            at=self.now,
            event=event,
            outcome=outcome,
            from_state="authorized",
            to_state="active",
            reason=reason,
        )

    def extends(self, times: int = 1) -> None:
        for _ in range(times):
            self.happens(("authorization.extended", "stayed", "extended"))

    def delivers(self, courier: Courier | None = None, **more: Any) -> Delivered:
        return deliver(self.engine, self.clock, self.vault, courier or self.courier, **more)

    def sleeps(self, span: timedelta) -> None:
        assert isinstance(self.clock, HandClock)
        self.clock.advance(span)

    def replays(self, name: str, since: datetime) -> int:
        with hot(self.engine) as connection:
            endpoint_id = self.endpoint(name).id
            assert endpoint_id is not None
            return hooks.owe_again(connection, endpoint_id, since=since, after=0, now=self.now)[1]

    def endpoint(self, name: str = "crm") -> Endpoint:
        with transaction(self.engine) as session:
            return endpoints.found(session, name)

    @property
    def now(self) -> datetime:
        return self.clock.now()

    @property
    def statuses(self) -> list[str]:
        return [row.status for row in self.rows]

    @property
    def rows(self) -> list[Outbox]:
        with transaction(self.engine) as session:
            return sorted(session.exec(select(Outbox)).all(), key=lambda row: row.id or 0)
