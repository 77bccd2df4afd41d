from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine, text

from infra.clock import HandClock
from infra.metrics import Metrics
from infra.public_types import PUBLIC_TYPES
from infra.settings import Settings
from infra.vault import Vault
from tests.operator import COOKIE, session_of
from tests.serving import serving
from web.main import make_app

METRICS_PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
EVENTS_PAGE = METRICS_PAGE.with_name("events.md")


class Deaf:
    def mailboxes(self, numbers: Any) -> None:
        """Nobody is nudged."""

    def bulks(self) -> None:
        """Nor here."""

    def imports(self) -> None:
        """Nor here."""

    def looks(self) -> None:
        """Nor here."""


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def client(engine: Engine, vault: Vault, clock: HandClock, metrics: Metrics) -> Iterator[httpx.Client]:
    app = make_app(settings=Settings(), engine=engine, vault=vault, clock=clock, nudges=Deaf(), metrics=metrics)
    with serving(app) as client:
        client.cookies.set(COOKIE, session_of(engine, clock))
        yield client


def store(engine: Engine, clock: HandClock, *, handle: str = "maya") -> None:
    now = clock.now()
    ends = {"now": now, "ends": now + timedelta(days=5), "key": f"1/@{handle}", "handle": handle}
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO authorizations (key, advertiser_id, account_handle, route, state, state_reason,"
                " state_since, starts_at, expires_at, why, created_at, updated_at) VALUES (:key, '1', :handle, 'code', 'active',"
                " 'ad_started', :now, :now, :ends, 'waiting', :now, :now)"
            ),
            ends,
        )
        connection.execute(
            text(
                "WITH stored AS (INSERT INTO inbox"
                " (sender, event_id, type, key, mailbox, occurred_at, received_at, data)"
                " VALUES ('producer:crm', '1', 'ad.started', :key, 3, :now, :now, '{}') RETURNING seq, key, mailbox)"
                " INSERT INTO pending (seq, key, mailbox) SELECT seq, key, mailbox FROM stored"
            ),
            ends,
        )


def test_an_empty_page_teaches_and_a_full_one_shows(client: httpx.Client, engine: Engine, clock: HandClock) -> None:
    assert "everspark producer add" in client.get("/").text

    store(engine, clock, handle="<b>maya</b>")
    page = client.get("/").text

    assert "5 d 0 h" in page
    assert "ad.started" in page
    assert "<b>maya" not in page
    assert "&lt;b&gt;maya" in page


def test_a_requested_authorization_says_what_it_waits_for(
    client: httpx.Client, engine: Engine, clock: HandClock
) -> None:
    store(engine, clock)
    reason = "the advertiser's Business Center is not known"
    with engine.begin() as connection:
        connection.execute(text("UPDATE authorizations SET state = 'requested', starts_at = NULL, expires_at = NULL"))
        connection.execute(
            text(
                "INSERT INTO outbox (kind, key, authorization_id, idempotency_key, payload, due_at, created_at, last_error)"
                " SELECT 'account.access', key, id, 'once', '{}', :now, :now, :reason FROM authorizations"
            ),
            {"now": clock.now(), "reason": reason},
        )
    page = client.get("/").text

    assert "Requested, and waiting" in page
    assert "access to the creator&#39;s account" in page
    assert f"just now</time>: {reason.replace(chr(39), '&#39;')}" in page


def test_what_a_person_must_do_is_said_in_plain_words(client: httpx.Client, engine: Engine, clock: HandClock) -> None:
    store(engine, clock)
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE inbox SET outcome = 'stayed', reason = 'code_refused', handled_at = :now"),
            {"now": clock.now()},
        )
        connection.execute(text("UPDATE pending SET status = 'parked'"))
        connection.execute(
            text(
                "INSERT INTO history (authorization_id, seq, at, recorded_at, event, outcome, to_state, reason, note)"
                " SELECT authorizations.id, inbox.seq, :now, :now, 'code.refused', 'stayed', 'active', 'code_refused',"
                " 'The post was deleted.' FROM authorizations, inbox"
            ),
            {"now": clock.now()},
        )
    page = client.get("/").text

    assert 'href="/events?outcome=parked"' in page
    assert "TikTok refused a code; nothing else changed by it. The post was deleted." in page
    assert '<span class="outcome">noted</span>' in page


def test_pages_run_nothing_that_was_not_served(client: httpx.Client) -> None:
    for path in ("/", "/healthz", "/nowhere", "/static/room.css", "/openapi.json"):
        headers = client.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert headers["x-content-type-options"] == "nosniff"
    page = client.get("/").text
    assert "<style" not in page
    assert page.count("<script") == page.count('<script type="module" src="/static/room/')


def test_readiness_follows_the_sweeps_and_the_oldest_event(
    client: httpx.Client, engine: Engine, clock: HandClock
) -> None:
    assert client.get("/healthz").json() == {"alive": True}
    assert client.get("/readyz").status_code == 200

    store(engine, clock)
    clock.advance(timedelta(minutes=6))
    late = client.get("/readyz")
    assert (late.status_code, late.json()["checks"]["inbox"]["ok"]) == (503, False)
    assert late.json()["checks"]["sweeps"]["ok"] is False

    with engine.begin() as connection:
        connection.execute(text("DELETE FROM pending"))
        connection.execute(
            text("INSERT INTO sweeps (job, slot, fence, started_at, ended_at) VALUES ('expire', :now, 1, :now, :now)"),
            {"now": clock.now()},
        )
    assert client.get("/readyz").status_code == 200


def test_an_event_that_waits_for_its_next_try_is_no_missing_worker(
    client: httpx.Client, engine: Engine, clock: HandClock
) -> None:
    store(engine, clock)
    clock.advance(timedelta(minutes=6))
    with engine.begin() as connection:
        connection.execute(text("UPDATE pending SET attempts = 3, try_at = :at"), {"at": clock.now()})

    inbox = client.get("/readyz").json()["checks"]["inbox"]

    assert (inbox["ok"], inbox["oldest_unhandled_seconds"]) == (True, 0)
    assert "\neverspark_inbox_oldest_seconds 0.0\n" in client.get("/metrics").text


def test_metrics_show_what_was_counted_and_what_the_database_holds(
    client: httpx.Client, engine: Engine, clock: HandClock, metrics: Metrics
) -> None:
    store(engine, clock)
    metrics.drained(outcomes={"moved": 3, "stayed": 1}, seconds=0.02)
    clock.advance(timedelta(seconds=20))

    page = client.get("/metrics").text
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }

    assert found["everspark_events_handled_total", "moved"] == 3
    assert found["everspark_drain_events_count",] == 1
    assert found["everspark_authorizations", "active"] == 1
    assert found["everspark_authorizations", "revoked"] == 0
    assert found["everspark_authorizations_expiring", "7"] == 1
    assert found["everspark_inbox_pending", "ready"] == 1
    assert found["everspark_inbox_oldest_seconds",] == 20
    assert found["everspark_database_up",] == 1


def test_each_metric_is_documented(client: httpx.Client) -> None:
    page = METRICS_PAGE.read_text("utf-8")

    names = {family.name for family in text_string_to_metric_families(client.get("/metrics").text)}

    assert {name for name in names if f"`{name.removesuffix('_created')}" not in page} == set()


def test_each_type_has_a_schema_and_a_line_in_the_documentation(client: httpx.Client) -> None:
    page = EVENTS_PAGE.read_text("utf-8")

    assert set(client.get("/schemas/").json()["schemas"]) == set(PUBLIC_TYPES)
    for name in PUBLIC_TYPES:
        assert client.get(f"/schemas/{name}.json").json()["title"] == name
        assert f"`{name}`" in page
    assert client.get("/schemas/nonsense.json").status_code == 404
    assert client.post("/schemas/").json()["type"] == "urn:everspark:problem:wrong_method"
