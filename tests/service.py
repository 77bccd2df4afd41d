"""The whole service as an object with verbs: it hears webhooks over HTTP, settles, and sleeps by a clock in hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import httpx2
from sqlalchemy import Engine
from sqlmodel import col, select
from standardwebhooks import Webhook
from starlette.testclient import TestClient

from infra import producers
from infra.broker import make_broker, make_nudges
from infra.clock import HandClock
from infra.database import transaction
from infra.inbox import MAILBOXES
from infra.mail import Mailer, SmtpMailer, SmtpServer
from infra.settings import Settings
from infra.tables import AuthorizationRow, History, Outbox
from infra.vault import Vault
from scheduler.sweeps import sweep_all
from web.main import make_app
from worker.drain import drain
from worker.main import policy_of
from worker.pay import pay

ADVERTISER, POST = "7200000000000000001", "7300000000000000001"
KEY = f"{ADVERTISER}/{POST}"


class Service:
    """Web, worker, scheduler and mail, each the product's own code; only threads and the clock are the test's."""

    def __init__(self, *, engine: Engine, clock: HandClock, vault: Vault, http: TestClient, settings: Settings) -> None:
        self.engine, self.clock, self.http, self.settings = engine, clock, http, settings
        self.nudges = make_nudges(make_broker(""))
        self._mailer: Mailer | None = SmtpMailer(SmtpServer.parse(settings.smtp_url)) if settings.smtp_url else None
        self._numbers = count(1)
        with transaction(engine) as session:
            self.secret = producers.add(session, vault, name="crm", scheme="standard", now=clock.now())

    def hears(
        self, type_: str, *, at: datetime | None = None, event_id: str | None = None, **data: Any
    ) -> httpx2.Response:
        """A producer's event, signed with the public package, delivered over HTTP."""
        at, event_id = at or self.clock.now(), event_id or f"msg_{next(self._numbers)}"
        about = {"advertiser_id": ADVERTISER, "post": {"item_id": POST}}
        body = json.dumps({"type": type_, "timestamp": at.isoformat(), "data": about | data})
        signature = Webhook(self.secret).sign(event_id, self.clock.now(), body)
        headers = {
            "content-type": "application/json",
            "webhook-id": event_id,
            "webhook-timestamp": str(int(self.clock.now().timestamp())),
            "webhook-signature": signature,
        }
        return self.http.post("/webhooks/crm", content=body, headers=headers)

    def settles(self) -> None:
        """Everything that is ready is applied, and everything that is owed is paid."""
        for _ in range(10):
            policy = policy_of(self.settings)
            drained = [drain(self.engine, self.clock, policy, mailbox) for mailbox in range(MAILBOXES)]
            if not any(each.outcomes for each in drained):
                break
        pay(self.engine, self.clock, self._mailer, mail_from=self.settings.mail_from)

    def sleeps(self, span: timedelta, *, step: timedelta = timedelta(hours=6)) -> None:
        """Time passes; the sweeps run, and what they find settles."""
        until = self.clock.now() + span
        while self.clock.now() < until:
            self.clock.advance(min(step, until - self.clock.now()))
            sweep_all(engine=self.engine, clock=self.clock, nudges=self.nudges, settings=self.settings)
            self.settles()

    @property
    def authorization(self) -> AuthorizationRow:
        """The one authorization of the story, as it stands."""
        with transaction(self.engine) as session:
            return session.exec(select(AuthorizationRow).where(AuthorizationRow.key == KEY)).one()

    @property
    def story(self) -> list[tuple[str, str, str]]:
        """Its history: (event, outcome, state after)."""
        with transaction(self.engine) as session:
            rows = session.exec(select(History).order_by(col(History.id))).all()
        return [(row.event, row.outcome, row.to_state) for row in rows]

    @property
    def owed(self) -> list[Outbox]:
        """All that was ever owed."""
        with transaction(self.engine) as session:
            return list(session.exec(select(Outbox).order_by(col(Outbox.id))).all())


@contextmanager
def service(*, engine: Engine, clock: HandClock, vault: Vault, **settings: Any) -> Iterator[Service]:
    """A service that runs until the block ends."""
    chosen = Settings(**settings)
    app = make_app(settings=chosen, engine=engine, vault=vault, clock=clock, nudges=make_nudges(make_broker("")))
    with TestClient(app, base_url="http://127.0.0.1:8080") as http:
        yield Service(engine=engine, clock=clock, vault=vault, http=http, settings=chosen)
