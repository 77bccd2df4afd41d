from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import hmac
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import structlog
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from standardwebhooks import Webhook

from infra import producers
from infra.clock import HandClock
from infra.database import make_engine, transaction
from infra.deliveries import Tally
from infra.envelopes import Envelope
from infra.inbox import Letter
from infra.incoming import Reader
from infra.metrics import Metrics
from infra.settings import Settings
from infra.signatures import key_of_standard
from infra.vault import Vault
from tests.operator import COOKIE, session_of
from tests.serving import serving
from web.flusher import Flusher
from web.ingress import Ingress
from web.main import make_app

CODE = "#" + "aB3/" * 15 + "xY9="
DATA = {
    "advertiser_id": "7200000000000000001",
    "post": {"item_id": "7300000000000000001"},
    "starts_at": "2026-11-22T09:58:00Z",
    "expires_at": "2026-12-22T09:58:00Z",
}
EVENT = {"type": "code.granted", "timestamp": "2026-11-22T10:00:00Z", "data": DATA}
CLOUD = {"specversion": "1.0", "id": "7", "source": "/crm", "type": "code.granted", "data": DATA}
PLAIN, STRUCTURED = "application/json", "application/cloudevents+json"
BATCH, LINES = "application/cloudevents-batch+json", "application/x-ndjson"
TIKTOK_SECRET = "a-client-secret-of-some-length"


@dataclass
class Heard:
    """Notes the nudges."""

    numbers: list[int] = field(default_factory=list)

    def mailboxes(self, numbers: Iterable[int]) -> None:
        self.numbers += numbers

    def bulks(self) -> None:
        """No form is sent here."""

    def imports(self) -> None:
        """Nor here."""

    def looks(self) -> None:
        """Nor here."""


@dataclass
class Service:
    """The web process as its senders see it."""

    client: httpx.Client
    engine: Engine
    clock: HandClock
    secret: str
    path_token: str
    heard: Heard
    sent: int = 0

    def hears(
        self,
        body: Any,
        kind: str = PLAIN,
        *,
        to: str = "crm",
        event_id: str | None = None,
        headers: Mapping[str, str] | None = None,
        secret: str | None = None,
    ) -> httpx.Response:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.sent += 1
        identity = event_id or f"msg_{self.sent}"
        seconds = int(self.clock.now().timestamp())
        key = key_of_standard(secret or self.secret)
        mark = hmac.digest(key, f"{identity}.{seconds}.".encode() + raw, "sha256")
        signed = {
            "content-type": kind,
            "webhook-id": identity,
            "webhook-timestamp": str(seconds),
            "webhook-signature": "v1," + base64.b64encode(mark).decode(),
        }
        return self.client.post(f"/webhooks/{to}", content=raw, headers=signed | dict(headers or {}))

    def kept(self) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(text("SELECT sender, event_id, type, key, data FROM inbox ORDER BY seq")))

    def count(self) -> int:
        return len(self.kept())

    def headers(self) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(text("SELECT headers FROM inbox ORDER BY seq")).scalars())


def make_service(engine: Engine, vault: Vault, clock: HandClock, **more: Any) -> Iterator[Service]:
    with transaction(engine) as session:
        now = clock.now()
        secret = producers.add(session, vault, name="crm", now=now)
        token = producers.add(session, vault, name="hooks", scheme="path", now=now)
        producers.add(session, vault, name="tiktok", scheme="tiktok-developer", secret=TIKTOK_SECRET, now=now)
    heard = Heard()
    app = make_app(settings=Settings(**more), engine=engine, vault=vault, clock=clock, nudges=heard)
    with serving(app) as client:
        yield Service(client, engine, clock, secret, token, heard)


@pytest.fixture
def service(engine: Engine, vault: Vault, clock: HandClock) -> Iterator[Service]:
    yield from make_service(engine, vault, clock, max_batch_events=3, max_body_bytes=20_000)


def test_a_signed_event_is_kept_once_and_nudged(service: Service) -> None:
    first, second = (service.hears(EVENT, event_id="msg_a") for _ in range(2))

    assert (first.status_code, first.json()) == (202, {"id": "msg_a", "new": True})
    assert (second.status_code, second.json()) == (202, {"id": "msg_a", "new": False})
    ((sender, event_id, type_, key, data),) = service.kept()
    assert (sender, event_id, type_) == ("producer:crm", "msg_a", "code.granted")
    assert key == "7200000000000000001/7300000000000000001"
    assert data == DATA


def test_every_kind_of_body_is_read(service: Service) -> None:
    lines = (
        b"\n".join(json.dumps(part).encode() for part in (EVENT, CLOUD | {"id": "8"}, EVENT | {"id": "own"})) + b"\n"
    )
    binary = {"ce-specversion": "1.0", "ce-id": "9", "ce-source": "/crm%2Fx", "ce-type": "code.granted"}

    answers = [
        service.hears(CLOUD, STRUCTURED),
        service.hears([CLOUD, CLOUD | {"id": "b"}], BATCH),
        service.hears(lines, LINES, event_id="bulk"),
        service.hears(DATA, headers=binary),
        service.hears(gzip.compress(json.dumps(EVENT).encode()), event_id="gz", headers={"content-encoding": "gzip"}),
        service.hears([], BATCH),
    ]

    assert [answer.status_code for answer in answers] == [202] * 6
    assert answers[1].json() == {"events": [{"id": "/crm 7", "new": False}, {"id": "/crm b", "new": True}]}
    assert [row.event_id for row in service.kept()] == ["/crm 7", "/crm b", "bulk/1", "/crm 8", "own", "/crm/x 9", "gz"]


def test_of_the_headers_those_are_kept_that_are_no_secret(service: Service) -> None:
    told = {"user-agent": "crm/1.2", "ce-subject": "post 7", "ce-dataschema": "https://crm.example/" + "x" * 256}
    untold = {"cookie": "a=b", "authorization": "Bearer abcdefgh", "x-more": "1", "ce-secret": "2"}

    service.hears([CLOUD, CLOUD | {"id": "8"}], BATCH, headers=told | untold, event_id="msg_a")

    first, second = service.headers()
    assert first == second
    assert first == {
        "content-type": BATCH,
        "user-agent": "crm/1.2",
        "webhook-id": "msg_a",
        "webhook-timestamp": str(int(service.clock.now().timestamp())),
        "ce-subject": "post 7",
        "ce-dataschema": "[longer than 256 characters]",
    }


def test_a_code_or_an_address_in_a_header_is_taken_out(service: Service) -> None:
    source = f"https://everspark.example/webhooks/hooks.{service.path_token}"
    pasted = {"ce-source": source, "ce-subject": f"here: {CODE}", "user-agent": quote(CODE, safe="")}

    service.hears(CLOUD, STRUCTURED, headers=pasted)
    service.hears(CLOUD, STRUCTURED, headers=pasted, to=f"hooks.{service.path_token}")

    by_key, by_path = service.headers()
    assert {name: by_key[name] for name in pasted} == {
        "ce-source": source,
        "ce-subject": "here: [Spark code removed]",
        "user-agent": "[Spark code removed]",
    }
    assert by_path["ce-source"] == "https://everspark.example/webhooks/hooks.[token removed]"


def test_a_body_signed_before_it_was_compressed_is_believed(service: Service) -> None:
    raw = json.dumps(EVENT).encode()
    seconds = int(service.clock.now().timestamp())
    headers = {
        "content-type": PLAIN,
        "content-encoding": "gzip",
        "webhook-id": "msg_g",
        "webhook-timestamp": str(seconds),
        "webhook-signature": Webhook(service.secret).sign("msg_g", service.clock.now(), raw.decode()),
    }

    answer = service.client.post("/webhooks/crm", content=gzip.compress(raw), headers=headers)

    assert answer.status_code == 202


BOMB = gzip.compress(b" " * 5_000_000)
TRUNCATED = gzip.compress(json.dumps(EVENT).encode())[:-9]
AHEAD = {
    "ce-specversion": "1.0",
    "ce-id": "1",
    "ce-source": "/crm",
    "ce-type": "code.granted",
    "ce-time": "2026-11-22T12:00:00Z",
}
REFUSALS: list[tuple[str, Any, dict[str, Any], int, str | None]] = [
    ("no json", b"{", {}, 400, "$"),
    ("no object", [], {}, 400, "$"),
    ("not utf-8", b'{"type":"\xff"}', {}, 400, "$"),
    ("deep", b'{"a":' + b"[" * 9000, {}, 400, "$"),
    ("no type", {"timestamp": "2026-11-22T10:00:00Z", "data": {}}, {}, 400, "$.type"),
    ("naive", EVENT | {"timestamp": "2026-11-22T10:00:00"}, {}, 400, "$.timestamp"),
    ("gzip", TRUNCATED, {"headers": {"content-encoding": "gzip"}}, 400, "content-encoding"),
    ("bad id", EVENT, {"event_id": "a b"}, 400, "webhook-id"),
    ("code as id", EVENT, {"event_id": CODE}, 400, "webhook-id"),
    ("bare code as id", EVENT, {"event_id": CODE[1:]}, 400, "webhook-id"),
    ("escaped code as id", EVENT, {"event_id": quote(CODE, safe="")}, 400, "webhook-id"),
    ("escaped bare code as id", EVENT, {"event_id": quote(CODE[1:], safe="")}, 400, "webhook-id"),
    ("twice escaped code as id", CLOUD | {"id": quote(quote(CODE))}, {"kind": STRUCTURED}, 400, "$.id"),
    ("ahead", EVENT | {"timestamp": "2026-11-22T10:05:01Z"}, {}, 422, "$.timestamp"),
    (
        "line ahead",
        json.dumps(EVENT | {"timestamp": "2044-01-01T00:00:00Z"}).encode(),
        {"kind": LINES},
        422,
        "$[1].timestamp",
    ),
    ("cloudevent ahead", CLOUD | {"time": "2027-01-01T00:00:00Z"}, {"kind": STRUCTURED}, 422, "$.time"),
    ("binary ahead", DATA, {"headers": AHEAD}, 422, "ce-time"),
    ("old cloudevent", CLOUD | {"specversion": "0.3"}, {"kind": STRUCTURED}, 400, "$.specversion"),
    ("no data", {k: v for k, v in CLOUD.items() if k != "data"}, {"kind": STRUCTURED}, 422, "$.data"),
    ("binary", DATA, {"headers": {"ce-specversion": "1.0", "ce-id": "1"}}, 400, "ce-source"),
    ("wrong secret", EVENT, {"secret": "whsec_" + "A" * 32}, 401, None),
    ("unsigned", EVENT, {"headers": {"webhook-signature": ""}}, 401, None),
    ("unknown", EVENT, {"to": "nobody"}, 404, None),
    ("with token", EVENT, {"to": "crm.token"}, 404, None),
    ("wrong token", EVENT, {"to": "hooks.token"}, 404, None),
    ("no token", EVENT, {"to": "hooks"}, 404, None),
    ("large", b" " * 20_001, {}, 413, "$"),
    ("bomb", BOMB, {"headers": {"content-encoding": "gzip"}}, 413, "$"),
    ("many", [CLOUD] * 4, {"kind": BATCH}, 413, "$"),
    ("media type", b"<xml/>", {"kind": "text/xml"}, 415, "content-type"),
    ("charset", EVENT, {"kind": "application/json; charset=latin-1"}, 415, "content-type"),
    ("encoding", zlib.compress(b"{}"), {"headers": {"content-encoding": "br"}}, 415, "content-encoding"),
    ("unknown type", EVENT | {"type": "code.lost"}, {}, 422, "$.type"),
    ("clock's type", EVENT | {"type": "period.ended"}, {}, 422, "$.type"),
    ("wrong field", EVENT | {"data": DATA | {"advertiser_id": 7}}, {}, 422, "$.data.advertiser_id"),
    ("one of a batch", [CLOUD, CLOUD | {"data": {}}], {"kind": BATCH}, 422, "$[1].data.advertiser_id"),
    ("one line", json.dumps(EVENT).encode() + b"\n\n{}", {"kind": LINES}, 400, "$[3].type"),
    ("nul", EVENT | {"data": DATA | {"more": "\x00"}}, {}, 422, "$.data"),
]


@pytest.mark.parametrize(("body", "how", "status", "field_"), [r[1:] for r in REFUSALS], ids=[r[0] for r in REFUSALS])
def test_a_refused_delivery_leaves_nothing_and_says_what_to_mend(
    service: Service, body: Any, how: dict[str, Any], status: int, field_: str | None
) -> None:
    answer = service.hears(body, **how)

    problem = answer.json()
    assert (answer.status_code, problem["status"], problem.get("field")) == (status, status, field_)
    assert answer.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "detail", "remedy"} <= set(problem)
    assert service.kept() == []
    assert service.heard.numbers == []


def test_only_post_delivers(service: Service) -> None:
    for method in ("GET", "PUT", "DELETE", "HEAD", "PATCH"):
        answer = service.client.request(method, "/webhooks/crm")
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_an_old_signature_is_refused_and_a_rotated_secret_lives_through_the_overlap(
    service: Service, vault: Vault
) -> None:
    with transaction(service.engine) as session:
        overlap = timedelta(hours=1)
        new = producers.rotate(session, vault, name="crm", overlap=overlap, now=service.clock.now())

    assert service.hears(EVENT, secret=new).status_code == 202
    assert service.hears(EVENT).status_code == 202
    service.clock.advance(overlap)
    assert service.hears(EVENT).status_code == 401
    late = {"webhook-timestamp": str(int(service.clock.now().timestamp()) - 301)}
    assert service.hears(EVENT, secret=new, headers=late).status_code == 401


def test_tiktok_s_own_webhooks_are_kept_as_hints(service: Service) -> None:
    content = {"client_key": "k", "event": "authorization.removed", "create_time": 1795341600, "user_openid": "act.x-1"}
    body = json.dumps(content | {"content": '{"reason": 1}'}).encode()
    seconds = int(service.clock.now().timestamp())
    mark = hmac.new(TIKTOK_SECRET.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    headers = {"content-type": PLAIN, "tiktok-signature": f"t={seconds},s={mark}"}
    entry = {"request_id": "r1", "object": 3, "time": 1795341600, "entry": [{"ad_id": "1"}]}
    path = f"/webhooks/hooks.{service.path_token}"

    answers = [
        service.client.post("/webhooks/tiktok", content=body, headers=headers),
        service.client.post("/webhooks/tiktok", content=body, headers=headers),
        service.client.post(path, json=entry),
        service.client.post(path, json=EVENT | {"id": "own"}),
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 202]
    assert [row.type for row in service.kept()] == [
        "tiktok.authorization.removed",
        "tiktok.subscription.3",
        "code.granted",
    ]
    assert service.kept()[0].key == "tiktok/act.x-1"
    assert [headers["content-type"] for headers in service.headers()] == [PLAIN] * 3


@pytest.mark.parametrize(
    ("change", "field_"),
    [({"time": 10**400}, "$.time"), ({"time": -(10**400)}, "$.time"), ({"object": 10**400}, "$.object")],
)
def test_a_hint_with_a_number_beyond_all_bounds_is_refused(
    service: Service, change: dict[str, int], field_: str
) -> None:
    hint = {"request_id": "r1", "object": 3, "time": 1795341600, "entry": []}

    answer = service.client.post(f"/webhooks/hooks.{service.path_token}", json=hint | change)

    assert answer.status_code in (400, 422)
    assert answer.json()["field"] == field_
    assert service.kept() == []


def test_the_clocks_of_producers_may_be_a_little_ahead(service: Service) -> None:
    assert service.hears(EVENT | {"timestamp": "2026-11-22T10:05:00Z"}).status_code == 202


class Broken(Reader):
    """A bug on the way of each delivery."""

    def letter(self, envelope: Envelope, *, sender: str, headers: bytes | None = None) -> Letter:
        raise LookupError(f"{sender}: {envelope.event_id}, {headers!r}")


def test_a_bug_is_logged_and_answered_as_a_problem(engine: Engine, vault: Vault, clock: HandClock) -> None:
    with transaction(engine) as session:
        token = producers.add(session, vault, name="hooks", scheme="path", now=clock.now())
    registry, metrics = producers.Registry(engine, vault), Metrics()
    registry.refresh()
    ingress = Ingress(
        settings=Settings(),
        registry=registry,
        reader=Broken(vault, offered_days=(30,)),
        flusher=Flusher(engine, clock=clock, nudges=Heard(), metrics=metrics, seen=set.clear),
        clock=clock,
        metrics=metrics,
        tally=Tally(),
    )
    sent: list[Mapping[str, Any]] = []
    body = json.dumps(EVENT | {"id": "1"}).encode()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(message)

    headers = [(b"content-type", PLAIN.encode()), (b"content-length", str(len(body)).encode())]
    scope = {"type": "http", "method": "POST", "path": f"/webhooks/hooks.{token}", "headers": headers}
    with structlog.testing.capture_logs() as logs:
        asyncio.run(ingress(scope, receive, send))

    assert sent[0]["status"] == 500
    assert (b"content-type", b"application/problem+json") in sent[0]["headers"]
    assert json.loads(sent[1]["body"])["status"] == 500
    assert [(line["event"], line["log_level"]) for line in logs] == [("ingress_crashed", "error")]
    assert token not in repr(logs)
    assert 'everspark_deliveries_refused_total{status="500"} 1.0\n' in metrics.page().decode()


def test_a_flood_is_told_to_slow_down(engine: Engine, vault: Vault, clock: HandClock) -> None:
    for service in make_service(engine, vault, clock, rate_per_second=2):
        answers = [service.hears(EVENT) for _ in range(3)]
        clock.advance(timedelta(seconds=1))
        after = service.hears(EVENT)

    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert answers[2].headers["retry-after"] == "1"
    assert after.status_code == 202


def test_a_database_that_is_away_is_503_and_a_readiness_that_says_so(vault: Vault, clock: HandClock) -> None:
    engine = make_engine("postgresql://nobody@127.0.0.1:1/nothing")
    app = make_app(settings=Settings(), engine=engine, vault=vault, clock=clock, nudges=Heard())

    with serving(app) as client:
        delivered, ready, page = (
            client.post("/webhooks/crm", json=EVENT),
            client.get("/readyz"),
            client.get("/", headers={"cookie": "everspark=any"}),
        )

    assert (delivered.status_code, delivered.headers["retry-after"]) == (503, "5")
    assert ready.status_code == 503
    assert ready.json()["checks"]["database"]["ok"] is False
    assert page.status_code == 503


def test_a_secret_is_in_no_answer_and_no_log_line(service: Service) -> None:
    hidden = {"code": CODE, "note": f"here: {CODE}", "more": [CODE]}
    with structlog.testing.capture_logs() as logs:
        answers = [
            service.hears(EVENT | {"data": DATA | hidden}),
            service.hears(EVENT | {"type": CODE, "data": hidden}),
            service.hears(EVENT | {"data": DATA | {"post": {"item_id": CODE}}}),
            service.hears(EVENT | {"data": DATA | {"starts_at": CODE}}),
            service.hears(CLOUD | {"specversion": CODE}, STRUCTURED),
            service.hears(EVENT, secret="whsec_" + "B" * 32),
            service.hears(EVENT, to=f"hooks.{service.path_token}x"),
            service.hears(EVENT, to=f"hooks.{service.path_token}", event_id="path-1"),
            service.client.get("/", headers={"cookie": f"{COOKIE}={session_of(service.engine, service.clock)}"}),
            service.client.get("/metrics"),
        ]

    everything = "\n".join([*(answer.text for answer in answers), json.dumps(logs, default=str), str(service.kept())])
    assert [answer.status_code for answer in answers] == [202, 422, 422, 422, 400, 401, 404, 202, 200, 200]
    for secret in (CODE, CODE[:40], service.secret, service.path_token, "B" * 32):
        assert secret not in everything


HEADERS = st.dictionaries(
    st.sampled_from(["content-type", "content-encoding", "webhook-id", "ce-id", "ce-specversion", "ce-time", "x"]),
    st.one_of(
        st.sampled_from([PLAIN, STRUCTURED, BATCH, LINES, "gzip", "1.0", "2026-11-22T10:00:00Z"]),
        st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=255), max_size=20),
    ),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(EVENT) | st.just(DATA),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "data", "timestamp", "id", "post", "code"]) | st.text(), inner, max_size=4
        )
    ),
    max_leaves=8,
)
SHAPED = st.builds(
    lambda data, more: EVENT | {"data": DATA | data} | more,
    st.dictionaries(st.sampled_from([*DATA, "code", "account", "more"]), JSON, max_size=2),
    st.dictionaries(st.sampled_from(["type", "timestamp", "data"]), JSON, max_size=1),
)


@given(
    body=st.binary(max_size=200) | (JSON | SHAPED).map(lambda value: json.dumps(value).encode()),
    kind=st.sampled_from([PLAIN, STRUCTURED, BATCH, LINES]),
    headers=HEADERS,
)
@example(body=b"[" * 5000, kind=BATCH, headers={})
@example(body=b'{"type":"request.declined","timestamp":"2026-11-22T10:00:00Z","data":1e999}', kind=PLAIN, headers={})
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_body_and_no_header_breaks_it_and_nothing_refused_is_kept(
    service: Service, body: bytes, kind: str, headers: dict[str, str]
) -> None:
    before = service.count()

    # httpx wants latin-1 bytes for what is not ASCII; DEL is no header, and never comes as far as our code.
    answer = service.hears(
        body,
        kind,
        headers={name: value.strip() for name, value in headers.items() if value.isascii() and value.isprintable()},
    )

    assert answer.status_code in (202, 400, 401, 413, 415, 422)
    answered = answer.json()
    new = sum(receipt["new"] for receipt in answered.get("events", [answered])) if answer.status_code == 202 else 0
    assert service.count() == before + new
