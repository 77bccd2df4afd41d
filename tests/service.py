"""The whole service as an object with verbs: it hears webhooks over HTTP, settles, and sleeps by a clock in hand."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import httpx
import httpx2
from sqlalchemy import Engine
from sqlmodel import col, select
from standardwebhooks import Webhook
from starlette.testclient import TestClient

from infra import producers
from infra.broker import make_broker, make_nudges
from infra.chosen import policy_of
from infra.clock import HandClock
from infra.database import hot, transaction
from infra.mail import Mailer, SmtpMailer, SmtpServer
from infra.owed import GATHERING
from infra.settings import Settings
from infra.tables import AuthorizationRow, History, Outbox
from infra.tiktok.api import Api
from infra.tiktok.client import Tiktok
from infra.tiktok.limits import MemoryLimits
from infra.vault import Vault
from scheduler.sweeps import JOBS, sweep_all
from simulator.main import make_app as make_simulator
from simulator.world import World
from tests.serving import serving
from web.main import make_app
from worker.chosen import writing_of
from worker.drain import drain
from worker.effects import perform
from worker.looking import look
from worker.looking_first import SOON
from worker.pay import Paid, pay

ADVERTISER, POST = "7200000000000000001", "7300000000000000001"
KEY = f"{ADVERTISER}/{POST}"
# The others nudge, which nobody here waits for, tidy up, or look whether all is well.
ANNOUNCING = ("expire", "lapse", "remind")
APP_ID, APP_SECRET = "7100000000000000001", "the app's secret"


class Service:
    """Web, worker, scheduler and mail, each the product's own code; only threads and the clock are the test's."""

    def __init__(
        self,
        *,
        engine: Engine,
        clock: HandClock,
        vault: Vault,
        http: TestClient,
        settings: Settings,
        tiktok: Tiktok | None = None,
    ) -> None:
        self.engine, self.clock, self.http, self.settings = engine, clock, http, settings
        self.vault, self.tiktok, self.does_look = vault, tiktok, True
        self.nudges = make_nudges(make_broker(""))
        self._mailer: Mailer | None = SmtpMailer(SmtpServer.parse(settings.smtp_url)) if settings.smtp_url else None
        self._numbers = count(1)
        with transaction(engine) as session:
            self.secret = producers.add(session, vault, name="crm", scheme="standard", now=clock.now())

    def hears(
        self,
        type_: str,
        *,
        at: datetime | None = None,
        event_id: str | None = None,
        also: Mapping[str, Any] | None = None,
        **data: Any,
    ) -> httpx2.Response:
        """A producer's event, signed with the public package, delivered over HTTP. `also`: data of a name taken here."""
        at, event_id = at or self.clock.now(), event_id or f"msg_{next(self._numbers)}"
        about = {"advertiser_id": ADVERTISER, "post": {"item_id": POST}}
        body = json.dumps({"type": type_, "timestamp": at.isoformat(), "data": about | data | dict(also or {})})
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
        self.applies()
        if self._gathers():
            self.clock.advance(GATHERING)
        while self.pays().looking:
            self.applies()
            self.clock.advance(SOON)

    def applies(self) -> None:
        """What was heard, and what TikTok shows on being asked."""
        policy = policy_of(self.settings)
        for _ in range(10):
            drained = [drain(self.engine, self.clock, policy, mailbox) for mailbox in self._mailboxes()]
            if not any(each.outcomes for each in drained) and not self._asks_tiktok():
                break

    def pays(self) -> Paid:
        return pay(
            self.engine,
            self.clock,
            self._mailer,
            mail_from=self.settings.mail_from,
            writing=writing_of(self.settings, self.vault),
        )

    def _mailboxes(self) -> list[int]:
        """Those with mail."""
        with hot(self.engine) as connection:
            query = "SELECT DISTINCT mailbox FROM pending WHERE status = 'ready' ORDER BY mailbox"
            return [mailbox for (mailbox,) in connection.execute(query).fetchall()]

    def _gathers(self) -> bool:
        """Whether a message waits for what else its creator will be asked in the same minute."""
        with hot(self.engine) as connection:
            values = [self.clock.now(), self.clock.now() + GATHERING]
            query = "SELECT FROM outbox WHERE kind = 'ask.mail' AND status = 'owed' AND due_at > %s AND due_at <= %s"
            return connection.execute(query, values).rowcount > 0

    def _asks_tiktok(self) -> bool:
        """What is owed to TikTok, and looks that are due; whether anything was done. Without a TikTok nothing is."""
        if self.tiktok is None:
            return False
        performed = perform(self.engine, self.clock, self.tiktok, self.vault)
        looked = look(self.engine, self.clock, self.tiktok, self.vault) if self.does_look else None
        return bool(performed.mailboxes or (looked and looked.mailboxes))

    def sleeps(self, span: timedelta, *, step: timedelta = timedelta(hours=6)) -> None:
        """Time passes; the sweeps that write letters run, and what they find settles. The others run at the end."""
        until = self.clock.now() + span
        while self.clock.now() < until:
            self.clock.advance(min(step, until - self.clock.now()))
            self._sweeps(*ANNOUNCING)
            self.settles()
        self._sweeps(*JOBS)

    def _sweeps(self, *jobs: str) -> None:
        sweep_all(engine=self.engine, clock=self.clock, nudges=self.nudges, settings=self.settings, jobs=jobs)

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
def service(
    *, engine: Engine, clock: HandClock, vault: Vault, world: World | None = None, **settings: Any
) -> Iterator[Service]:
    """A service that runs until the block ends; with a `world` it has a TikTok, which is called over HTTP."""
    chosen = Settings(**settings)
    app = make_app(settings=chosen, engine=engine, vault=vault, clock=clock, nudges=make_nudges(make_broker("")))
    with TestClient(app, base_url="http://127.0.0.1:8080") as http, calling(world, clock) as tiktok:
        yield Service(engine=engine, clock=clock, vault=vault, http=http, settings=chosen, tiktok=tiktok)


@contextmanager
def calling(world: World | None, clock: HandClock) -> Iterator[Tiktok | None]:
    """The product's own client, on the simulator behind a real server."""
    if world is None:
        yield None
        return
    world.add_app(APP_ID, APP_SECRET)
    with serving(make_simulator(world)) as http:
        tiktok = make_tiktok(str(http.base_url), clock)
        yield tiktok
        tiktok.close()


def make_tiktok(base_url: str, clock: HandClock, *, transport: httpx.BaseTransport | None = None) -> Tiktok:
    """The client of one process; waiting for its turn moves the clock."""

    def pause(seconds: float) -> None:
        clock.advance(timedelta(seconds=seconds))

    return Tiktok(
        Api(
            base_url=base_url,
            app_id=APP_ID,
            secret=APP_SECRET,
            limits=MemoryLimits(),
            clock=clock,
            authorize_per_second=1,
            timeout=timedelta(seconds=5),
            pause=pause,
            transport=transport or httpx.HTTPTransport(verify=False),  # loading certificates takes 25 ms
        )
    )
