"""No Spark code, token or secret in any log line, queue payload, page or answer, nor in the clear at rest, wherever a
producer puts it.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import StringIO
from typing import Any
from urllib.parse import quote

import pytest
import structlog
from dramatiq.brokers.stub import StubBroker
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import SQLModel
from standardwebhooks import Webhook
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from domain.people import Role
from domain.renewal import Policy
from infra import logs, producers
from infra.broker import Nudges, make_broker
from infra.clock import HandClock
from infra.database import hot, transaction
from infra.inbox import MAILBOXES
from infra.mail import SmtpMailer, SmtpServer
from infra.settings import load
from infra.signatures import new_secret
from infra.vault import Vault
from infra.wake_keys import MemoryWakeKeys
from scheduler.sweeps import sweep_all
from tests.deliveries import ADVERTISER, CREATOR, POST, day, instant
from tests.operator import COOKIE, session_of
from web.main import make_app
from worker.drain import drain
from worker.pay import pay

KEY = bytes(range(32))
PASSWORD = "Vt9-mail-password"
ROOM = ("/", "/people", "/tokens", "/settings", "/account")
PAGES = (*ROOM, "/sign-in", "/healthz", "/readyz", "/metrics", "/openapi.json", "/schemas/", "/no-such-page")
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

codes = st.text(ALPHABET, min_size=63, max_size=63).filter(lambda body: len(set(body)) > 20).map(lambda b: f"#{b}=")

# Where a code may turn up: in its own field, pasted into a message, percent-encoded, and wherever it does not belong.
Body = Callable[[str], object]


def event(type_: str, **data: Any) -> dict[str, Any]:
    about = {"advertiser_id": ADVERTISER, "post": {"item_id": POST}}
    return {"type": type_, "timestamp": day(0).isoformat(), "data": about | data}


def requested(**data: Any) -> dict[str, Any]:
    return event("authorization.requested", **{"route": "code", "days": 30, "creator": CREATOR} | data)


BODIES: dict[str, Body] = {
    "its field": lambda code: event("code.submitted", code=code),
    "a message": lambda code: event("code.submitted", code=f"hi! it is {code}, bye"),
    "percent-encoded": lambda code: event("code.submitted", code=quote(code, safe="")),
    "a link": lambda code: event("code.submitted", code=f"https://example.test/?code={quote(code, safe='')}&x=1"),
    "a grant": lambda code: event("code.granted", code=code, starts_at=day(0), expires_at=day(30)),
    "a grant without dates": lambda code: event("code.granted", code=code),
    "a list": lambda code: event("code.submitted", code=[code]),
    "the reference": lambda code: requested(reference=code),
    "the creator's name": lambda code: requested(creator=CREATOR | {"name": f"Ana {code}"}),
    "the creator's handle": lambda code: requested(creator=CREATOR | {"handle": code}),
    "the post's url": lambda code: requested(post={"item_id": POST, "url": f"https://example.test/{code}"}),
    "the reason": lambda code: event("request.declined", reason=f"wrong code {code}"),
    "an unknown field": lambda code: requested(note={"deep": [code, quote(code)]}),
    "an unknown field's name": lambda code: requested(**{code: 1}),
    "the type": event,
    "the timestamp": lambda code: event("code.submitted", code=code) | {"timestamp": code},
    "an id": lambda code: event("ad.started", ad={"ad_id": code}),
    "the days": lambda code: requested(days=code),
    "no object": lambda code: code,
    "a batch of batches": lambda code: [[code]],
}


class World:
    """The whole service in one process, whatever it says, and whatever nobody may ever see."""

    def __init__(self, engine: Engine, clock: HandClock) -> None:
        self.engine, self.clock = engine, clock
        self.settings = load(smtp_url=f"smtp://ana:{PASSWORD}@127.0.0.1:1", secret_key=base64.b64encode(KEY).decode())
        vault = Vault(KEY)
        with transaction(engine) as session:
            self.standard = producers.add(session, vault, name="crm", now=clock.now())
            self.token = producers.add(session, vault, name="feed", scheme="path", now=clock.now())
            self.tiktok = new_secret("standard")
            producers.add(session, vault, name="tiktok", scheme="tiktok-developer", secret=self.tiktok, now=clock.now())
        broker = make_broker(None)
        assert isinstance(broker, StubBroker)
        self._queue, self._nudges = broker, Nudges(broker, MemoryWakeKeys())
        self._vault = vault
        self._ids = 0

    @property
    def secrets(self) -> list[str]:
        """In every spelling in which they could leave."""
        key = base64.b64encode(KEY).decode()
        plain = [self.standard.removeprefix("whsec_"), self.token, self.tiktok.removeprefix("whsec_"), key, PASSWORD]
        return [*plain, KEY.hex()]

    def lives(self, bodies: list[object], text: str) -> list[str]:
        """Hears all of this, applies it, sweeps, tries to pay, shows its pages; everything that left it, as texts."""
        said: list[str] = []
        app = make_app(
            settings=self.settings, engine=self.engine, vault=self._vault, clock=self.clock, nudges=self._nudges
        )
        with TestClient(app, base_url="http://127.0.0.1:8080", raise_server_exceptions=False) as http:
            answers = [answer for body in bodies for answer in self._heard(http, body, text)]
            self._works()
            http.cookies.set(COOKIE, session_of(self.engine, self.clock, Role.ADMIN))
            answers += [http.get(page) for page in PAGES]
        for answer in answers:
            said += [answer.text, str(answer.headers)]
        for queue in self._queue.queues.values():
            while not queue.empty():
                said.append(queue.get_nowait().decode())
        return said

    def at_rest(self) -> list[str]:
        """Every row of every table."""
        with hot(self.engine) as connection:
            return [
                row[0]
                for table in SQLModel.metadata.sorted_tables
                for row in connection.execute(f"SELECT t::text FROM {table.name} t".encode())
            ]

    def _heard(self, http: TestClient, body: object, text: str) -> Iterator[Any]:
        self._ids += 1
        raw = json.dumps(body, default=instant)
        at = self.clock.now()
        signature = Webhook(self.standard).sign(f"msg_{self._ids}", at, raw)
        headers = {
            "content-type": "application/json",
            "webhook-id": f"msg_{self._ids}",
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": signature,
        }
        yield http.post("/webhooks/crm", content=raw, headers=headers)
        yield http.post("/webhooks/crm", content=raw[:-1], headers=headers)
        yield http.post("/webhooks/crm", content=raw, headers=headers | {"webhook-signature": self.standard})
        yield http.post("/webhooks/crm", content=raw, headers=headers | {"authorization": f"Bearer {text}"})
        yield http.post(f"/webhooks/feed.{self.token}", content=raw, headers=headers)
        for odd in self._odd(headers, text):
            yield http.post(f"/webhooks/feed.{self.token}", content=raw, headers=odd)
        yield http.post(f"/webhooks/feed.{self.token}x", content=raw, headers=headers)
        yield http.post("/webhooks/tiktok", content=raw, headers={"tiktok-signature": f"t=1,s={self.tiktok}"})
        yield http.post(f"/webhooks/{quote(text, safe='')}", content=raw, headers=headers)
        yield http.get(f"/{quote(text, safe='')}?code={quote(text, safe='')}")

    def _odd(self, headers: dict[str, str], text: str) -> Iterator[dict[str, str]]:
        """Secrets in the headers that are kept."""
        for n, part in enumerate((text, quote(text, safe=""), f"/webhooks/feed.{self.token}")):
            told = {"user-agent": f"a {part}", "ce-subject": part, "webhook-id": f"odd_{self._ids}_{n}"}
            yield headers | told | {"cookie": f"a={part}", "ce-secret": part}

    def _works(self) -> None:
        self.clock.advance(timedelta(minutes=6))
        for mailbox in range(MAILBOXES):
            drain(self.engine, self.clock, Policy(), mailbox)
        sweep_all(engine=self.engine, clock=self.clock, nudges=self._nudges, settings=self.settings)
        mailer = SmtpMailer(SmtpServer.parse(self.settings.smtp_url), timeout=1)
        pay(self.engine, self.clock, mailer, mail_from=self.settings.mail_from)


@pytest.fixture
def world(engine: Engine, clock: HandClock) -> World:
    return World(engine, clock)


@pytest.fixture
def stream() -> Iterator[StringIO]:
    """The log as a process writes it, at its most talkative; the libraries' own lines as well."""
    root, written = logging.getLogger(), StringIO()
    handlers, level = root.handlers[:], root.level
    logs.configure(log_format="json", level="debug", stream=written)
    yield written
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def spellings(code: str) -> list[str]:
    body = code.strip("#=")
    return [body, quote(body, safe=""), body.replace("/", "\\/"), body[:32], body[31:]]


def leaks(said: list[str], needles: list[str]) -> list[str]:
    return [text[:300] for text in said if any(needle in text for needle in needles)]


a_few = settings(
    max_examples=5,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@a_few
@given(code=codes)
def test_nothing_secret_leaves_the_service(world: World, stream: StringIO, code: str) -> None:
    said = world.lives([body(code) for body in BODIES.values()], code)

    needles = world.secrets + spellings(code)
    assert leaks(said, needles) == []
    # The test's own HTTP client notes the addresses that it asks for.
    lines = [line for line in stream.getvalue().splitlines() if '"HTTP Request: ' not in line]
    assert any("mailbox_drained" in line for line in lines)
    assert leaks(lines, needles) == []
    assert leaks(world.at_rest(), needles) == []


@a_few
@given(code=codes)
def test_not_even_redaction_has_anything_to_do(world: World, code: str) -> None:
    with capture_logs() as lines:
        world.lives([body(code) for body in BODIES.values()], code)

    assert {"events_accepted", "webhook_refused", "mailbox_drained"} <= {line["event"] for line in lines}
    assert leaks([repr(line) for line in lines], world.secrets + spellings(code)) == []


def test_the_search_itself_finds_what_it_looks_for(world: World) -> None:
    code = "#" + "aB3/" * 15 + "xY9="

    assert leaks(["a line", f"a line with {quote(code)}"], spellings(code)) != []
    assert leaks([f"the token is {world.token}"], world.secrets) != []
