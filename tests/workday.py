"""A day at work on the whole service: web on a real port, the product's own actors on their own threads, TikTok and its
creators simulated, mail carried to them. Only the clock is the story's: what it sets off is done before it goes on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from email.message import EmailMessage
from itertools import count
from typing import Any

import httpx
from psycopg.rows import dict_row
from sqlalchemy import Engine
from standardwebhooks import Webhook

from infra import advertisers, invitations, producers
from infra.broker import make_broker, make_nudges
from infra.bulk_tables import OPEN
from infra.clock import HandClock, SystemClock
from infra.database import hot, transaction
from infra.mail import Outcome, Sent
from infra.settings import Settings, load
from infra.tiktok.connection import make_tiktok
from infra.vault import Vault
from scheduler.sweeps import sweep_all
from simulator.accounts import Advertiser, Creator
from simulator.characters import Character
from simulator.main import make_app as make_simulator
from simulator.people import People
from simulator.world import World
from tests.operator import quick_passwords
from tests.serving import free_port, serving
from tests.waiting import until
from web.main import make_app
from worker.actors import declare
from worker.main import make_worker

ADVERTISER = "7200000000000000001"
APP_ID, APP_SECRET = "7100000000000000001", "the app's secret"
NOTHING, MINUTE, HOUR, DAY = timedelta(), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
# What a look round the house does besides; the rest tidies up.
SWEEPS = ("climb", "expire", "lapse", "remind", "look", "rescue", "summarize")
# What was answered a moment ago may not have been nudged for yet.
IN_HAND = f"""
SELECT FROM pending WHERE status = 'ready' AND (try_at IS NULL OR try_at <= %s) UNION ALL SELECT FROM bulks WHERE {OPEN} LIMIT 1
"""


class Carrier:
    """Hands every mail to the creators, and keeps it."""

    def __init__(self, people: People) -> None:
        self._people, self.taken = people, list[EmailMessage]()

    def send(self, message: EmailMessage) -> Outcome:
        self.taken.append(message)
        self._people.receives(message)
        return Sent()


class Workday:
    """The verbs of these stories. `url`: where the pages are; `http`: a program that sends what it likes there."""

    def __init__(self, *, engine: Engine, clock: HandClock, vault: Vault, world: World, settings: Settings) -> None:
        self.engine, self.clock, self.vault, self.world, self.settings = engine, clock, vault, world, settings
        self.url = settings.public_url
        self.people = People(world, 7, answers=lambda _answer: None)
        self.mail = Carrier(self.people)
        self.broker = make_broker("")
        self.nudges = make_nudges(self.broker)
        self._numbers, self._web = count(1), ExitStack()
        self.http = httpx.Client(base_url=self.url, verify=False, timeout=30)  # loading certificates takes 25 ms
        with transaction(engine) as session:
            self._secret = producers.add(session, vault, name="crm", scheme="standard", now=clock.now())

    def first_link(self) -> str:
        """What the first start prints while nobody can sign in."""
        with hot(self.engine) as connection:
            return f"{self.url}/welcome/{invitations.make_first(connection, now=self.clock.now())}"

    def connects(self, name: str) -> Advertiser:
        """An advertiser of TikTok's, connected by its token."""
        advertiser = self.world.add_advertiser(name, advertiser_id=ADVERTISER)
        token = self.world.issue(APP_ID, [ADVERTISER]).value
        with hot(self.engine) as connection:
            named = {"advertiser_id": ADVERTISER, "name": name}
            advertisers.connect(connection, self.vault, token=token, now=self.clock.now(), **named)
        return advertiser

    def knows(self, handle: str, character: Character) -> Creator:
        """A creator at TikTok who behaves like a person, and reads mail."""
        creator = self.world.add_creator(handle)
        self.people.add(creator, character, zone="UTC", email=email_of(handle))
        return creator

    def holds(self, creator: Creator, *, days: int, flight: int, daily: int) -> str:
        """A post that was asked for, whose code was handed in and which an ad uses; its item id. `flight`: days from now."""
        post = self.world.add_post(creator.creator_id, text="Winter coats, three ways")
        handle = creator.handle.removeprefix("@")
        person = {"handle": handle, "email": email_of(handle), "timezone": "UTC", "locale": "en"}
        self.hears("authorization.requested", post.item_id, route="code", days=days, creator=person)
        self.hears("code.submitted", post.item_id, code=self.world.mint(post.item_id, days=days).value)
        self.rests()
        ends_at = self.clock.now() + flight * DAY
        ad = self.world.launch(ADVERTISER, post.item_id, daily=daily, ends_at=ends_at)
        spend = {"amount": str(daily), "currency": "EUR"}
        said = {"ad_id": ad.ad_id, "flight_end": ends_at.isoformat(), "daily_spend": spend}
        self.hears("ad.started", post.item_id, ad=said)
        self.rests()
        return post.item_id

    def hears(self, type_: str, item_id: str, **data: Any) -> None:
        """A producer's signed event over HTTP."""
        about = {"advertiser_id": ADVERTISER, "post": {"item_id": item_id}}
        body = json.dumps({"type": type_, "timestamp": self.clock.now().isoformat(), "data": about | data})
        event_id = f"msg_{next(self._numbers)}"
        headers = {
            "content-type": "application/json",
            "webhook-id": event_id,
            "webhook-timestamp": str(int(self.clock.now().timestamp())),
            "webhook-signature": Webhook(self._secret).sign(event_id, self.clock.now(), body),
        }
        answer = self.http.post("/webhooks/crm", content=body, headers=headers)
        assert answer.status_code == 202, answer.text

    def sleeps(self, span: timedelta, *, step: timedelta = MINUTE) -> None:
        """Time passes. A longer step ends with a minute of its own: then what was put off for some seconds is done."""
        end = self.clock.now() + span
        while (left := end - self.clock.now()) > NOTHING:
            if (jump := min(step, left) - MINUTE) > NOTHING:
                self._passes(jump)
            self._passes(min(MINUTE, end - self.clock.now()))

    def _passes(self, span: timedelta) -> None:
        """The creators do what they planned, the sweeps run, and what they set off is done."""
        self.clock.advance(span)
        self.people.act_due()
        sweep_all(engine=self.engine, clock=self.clock, nudges=self.nudges, settings=self.settings, jobs=SWEEPS)
        self.rests()

    def rests(self) -> None:
        """Until the workers have nothing in hand. What was put off for some seconds is not waited for."""
        until(
            lambda: not self._is_busy() and not self.asks(IN_HAND, self.clock.now()) and not self._is_busy(), every=0.01
        )

    def _is_busy(self) -> bool:
        queues = [queue for name, queue in self.broker.queues.items() if name not in self.broker.delay_queues]
        return any(queue.unfinished_tasks for queue in queues)

    def asks(self, query: str, *values: Any) -> list[dict[str, Any]]:
        with hot(self.engine) as connection:
            return connection.cursor(row_factory=dict_row).execute(query.encode(), values).fetchall()

    def does(self, statement: str, *values: Any) -> None:
        """What only the world outside can do to the database."""
        with hot(self.engine) as connection:
            connection.execute(statement.encode(), values)

    @contextmanager
    def works(self) -> Iterator[None]:
        """The workers are there until the block ends."""
        tiktok = make_tiktok(self.settings, SystemClock())
        assert tiktok is not None
        declare(
            self.broker,
            engine=self.engine,
            clock=self.clock,
            settings=self.settings,
            nudges=self.nudges,
            vault=self.vault,
            tiktok=tiktok,
            mailer=self.mail,
        )
        worker = make_worker(self.broker, self.settings)
        worker.start()
        try:
            yield
        finally:
            worker.stop()
            tiktok.close()

    def starts(self) -> None:
        """The pages are there, always at the same address; those that were there before are gone."""
        self._web.close()
        app = make_app(
            settings=self.settings,
            engine=self.engine,
            vault=self.vault,
            clock=self.clock,
            nudges=self.nudges,
            passwords=quick_passwords(),
        )
        self._web.enter_context(serving(app, port=int(self.url.rpartition(":")[2])))

    def closes(self) -> None:
        self.http.close()
        self._web.close()


def email_of(handle: str) -> str:
    return f"{handle.removeprefix('@')}@creators.test"


@contextmanager
def workday(*, engine: Engine, clock: HandClock, vault: Vault) -> Iterator[Workday]:
    """Until the block ends."""
    world, port = World(clock, seed=7), free_port()
    world.add_app(APP_ID, APP_SECRET, level="ultimate")
    with ExitStack() as stack:
        tiktok = {"tiktok_app_id": APP_ID, "tiktok_secret": APP_SECRET, "tiktok_level": "ultimate"}
        tiktok_url = str(stack.enter_context(serving(make_simulator(world))).base_url)
        settings = load(public_url=f"http://127.0.0.1:{port}", tiktok_url=tiktok_url, **tiktok)
        day = Workday(engine=engine, clock=clock, vault=vault, world=world, settings=settings)
        stack.callback(day.closes)
        stack.enter_context(day.works())
        day.starts()
        yield day
