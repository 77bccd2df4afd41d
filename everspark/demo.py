"""`everspark up --demo`: a simulated TikTok, brands and creators around the real program, with a past and a fast clock.

Everything comes in through the real doors: signed webhooks over HTTP, the look, mail. The database is the demo's own.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from email.message import EmailMessage

import httpx
import msgspec
import psycopg
import structlog
from sqlalchemy import Engine
from standardwebhooks import Webhook
from starlette.types import ASGIApp, Receive, Scope, Send

from infra import advertisers, producers
from infra.clock import HandClock, RunningClock, SystemClock
from infra.database import hot, transaction
from infra.mail import Outcome, Sent
from infra.settings import Settings, load
from infra.vault import Vault
from simulator.accounts import Center
from simulator.brand import Brand, Event
from simulator.main import LOOPBACK, make_app
from simulator.people import Answer, People
from simulator.seeding import Past, live_through, populate
from simulator.switches import Switches
from simulator.world import World
from web.server import Server, listen
from web.simulation import Simulation

FOLDER = "demo"
APP_ID, PRODUCER = "7000000000000000001", "campaigns"
SEED = 2026
# Each sweep, and each look round of the people, is a small part of a simulated day.
SWEEPS_A_DAY, TURNS_A_DAY = 10, 40
# A real call takes about that long. Were there no wait, looks at a fast clock would follow each other without a pause.
ANSWER_SECONDS, CALLS_A_DAY = 0.08, 125
KEPT_CALLS = 1_000
MOST_EVENTS = 500
log = structlog.get_logger()


def settings_of(settings: Settings, *, day_seconds: float) -> Settings:
    """The demo's own settings: its own folder below the given one, its own database, nothing outside this machine."""
    is_calm = sys.stderr.isatty() and "log_level" not in settings.model_fields_set
    own = {
        # A fast clock writes several lines a second, under which the address would be gone from the screen at once.
        "log_level": "warning" if is_calm else settings.log_level,
        "data_dir": settings.data_dir / FOLDER,
        "database_url": "",
        "redis_url": "",
        "secret_key": "",
        "public_url": "",
        "smtp_url": "",
        # Nobody real is told of what only seems to lapse.
        "alert_urls": "",
        "creator_channel_url": "",
        "mail_from": "Everspark demo <everspark@demo.example>",
        "tiktok_app_id": APP_ID,
        "tiktok_secret": secrets.token_hex(16),
        "tiktok_level": "ultimate",
        "tiktok_authorizes_per_second": 5,
        "offer_180_days": False,
        "unbind_after_days": 30,
        "sweep_seconds": max(0.2, day_seconds / SWEEPS_A_DAY),
        "climb_seconds": 10,
        "summary_seconds": 1,
        # The vows speak of minutes of the machine, which are weeks here.
        "vows_seconds": 1e9,
    }
    return load(**(settings.model_dump() | own))


def ingress_of(settings: Settings) -> str:
    """Where the demo's campaign tool posts to, on this machine even when everybody may connect."""
    host = {"0.0.0.0": LOOPBACK, "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 - not listened on here
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def empty(url: str) -> None:
    """Takes everything out of the demo's database."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")


class Unhurried:
    """An ASGI application behind a network: every answer takes `seconds`, as those of a service far away do."""

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app, self._seconds = app, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await asyncio.sleep(self._seconds)
        await self._app(scope, receive, send)


class MailToPeople:
    """Hands every message to the simulated creators; there is no mail server."""

    def __init__(self, people: People) -> None:
        self._people = people

    def send(self, message: EmailMessage) -> Outcome:
        self._people.receives(message)
        return Sent()


class Demo:
    """The world around the program. Made by `playing`; `begin` tells its past, and from then on it lives by itself."""

    def __init__(self, settings: Settings, day_seconds: float, tiktok_port: int) -> None:
        self.clock = RunningClock(SystemClock().now(), timedelta(days=1).total_seconds() / day_seconds)
        self.simulation = Simulation(day_seconds=day_seconds)
        self.settings = settings.model_copy(update={"tiktok_url": f"http://{LOOPBACK}:{tiktok_port}"})
        self._told: list[Event] = []
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._live, name="demo")
        self._turn_seconds = min(0.5, day_seconds / TURNS_A_DAY)
        self.world, self.people, self._brand, self._center = self._peopled(self.clock.now())
        self.mailer = MailToPeople(self.people)

    @property
    def web_settings(self) -> Settings:
        """What the web process measures by the simulated clock, in simulated seconds."""
        given, speed = self.settings, self.clock.speed
        update = {
            "webhook_tolerance_seconds": round(given.webhook_tolerance_seconds * speed),
            "lease_seconds": given.lease_seconds * speed,
            "sweep_seconds": given.sweep_seconds * speed,
        }
        return given.model_copy(update=update)

    def connect(self, engine: Engine, vault: Vault) -> None:
        """The brand's tool becomes a producer, and the advertisers are connected with their tokens."""
        now = self.clock.now()
        with transaction(engine) as session:
            self._secret = producers.add(session, vault, name=PRODUCER, now=now)
        with hot(engine) as connection:
            for each in self.world.advertisers.values():
                token = self.world.issue(APP_ID, [each.advertiser_id], bc_ids=[self._center.bc_id])
                advertisers.connect(
                    connection,
                    vault,
                    advertiser_id=each.advertiser_id,
                    token=token.value,
                    now=now,
                    name=each.name,
                    bc_id=self._center.bc_id,
                )

    def begin(self) -> None:
        """The past is told, with its own dates, and life begins."""
        self._http = httpx.Client(base_url=ingress_of(self.settings), timeout=30)
        self._deliver()
        self._thread.start()

    def end(self) -> None:
        self._stopping.set()
        self._thread.join()
        self._http.close()

    def _peopled(self, start: datetime) -> tuple[World, People, Brand, Center]:
        """A world that has had its past, and runs by the demo's clock from now on."""
        past = HandClock(start)
        world = World(past, Switches(qr_minutes=7 * 24 * 60), SEED)
        world.add_app(APP_ID, self.settings.tiktok_secret.get_secret_value(), level=self.settings.tiktok_level)
        people = People(world, SEED, answers=self._hear)
        brand = Brand(world=world, people=people, tells=self._tell, seed=SEED)
        center = populate(world, people)
        live_through(Past(world=world, people=people, brand=brand, center=center, clock=past, now=start))
        world.clock, world.wall = self.clock, SystemClock()
        return world, people, brand, center

    def _hear(self, answer: Answer) -> None:
        self._brand.hears(answer)

    def _tell(self, event: Event) -> None:
        with self._lock:
            self._told.append(event)

    def _live(self) -> None:
        while not self._stopping.wait(self._turn_seconds):
            try:
                self.people.act_due()
                with self.world.lock:
                    self._brand.act_due()
                self._deliver()
                del self.world.calls[:-KEPT_CALLS]
            except Exception:
                # A demo that stops for one mishap says less than one that goes on and tells of it.
                log.exception("demo_stumbled")

    def _deliver(self) -> None:
        """What was told since the last time, as signed deliveries; what is not taken is sent again next time."""
        while batch := self._told[:MOST_EVENTS]:
            try:
                answer = self._post(batch)
            except httpx.HTTPError as error:
                log.warning("demo_not_heard", error=type(error).__name__)
                return
            if answer.is_server_error:
                log.warning("demo_not_heard", status=answer.status_code)
                return
            if answer.is_error:
                log.error("demo_refused", status=answer.status_code, answer=answer.text[:500])
            with self._lock:
                del self._told[: len(batch)]

    def _post(self, batch: Sequence[Event]) -> httpx.Response:
        body = b"\n".join(msgspec.json.encode(event.plain()) for event in batch)
        now, identity = self.clock.now(), f"delivery-{secrets.token_hex(8)}"
        headers = {
            "content-type": "application/x-ndjson",
            "webhook-id": identity,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(self._secret).sign(identity, now, body.decode()),
        }
        return self._http.post(f"/webhooks/{PRODUCER}", content=body, headers=headers)


@contextmanager
def playing(settings: Settings, day_seconds: float) -> Iterator[Demo]:
    """A simulated TikTok that answers on a free port of this machine as long as the block lasts."""
    listening = listen(LOOPBACK, 0)
    demo = Demo(settings, day_seconds, int(listening.getsockname()[1]))
    server = Server(Unhurried(make_app(demo.world), min(ANSWER_SECONDS, day_seconds / CALLS_A_DAY)), listening)
    server.start()
    try:
        yield demo
    finally:
        server.stop()
