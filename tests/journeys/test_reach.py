"""What doctor finds of the ways out: endpoints, creators' links, channels."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from everspark import reach
from everspark.debts import Finding
from infra.clock import HandClock
from infra.database import hot
from infra.metrics import Metrics
from infra.settings import Settings

NOW = datetime(2026, 12, 1, 10, tzinfo=UTC)
SECRET = "T0ken/B4r/s3cr3t"


def an_endpoint(engine: Engine, name: str, *, failing: timedelta | None = None, disabled: bool = False) -> None:
    with hot(engine) as connection:
        connection.execute(
            "INSERT INTO endpoints (name, url, secret, created_at, failing_since, disabled_at)"
            " VALUES (%s, 'https://crm.test', '', %s, %s, %s)",
            [name, NOW, NOW - failing if failing else None, NOW if disabled else None],
        )


def found_of(engine: Engine) -> Finding:
    with hot(engine) as connection:
        return reach.endpoints(connection, NOW)


def channels_of(engine: Engine, settings: Settings) -> Finding:
    with hot(engine) as connection:
        return reach.channels(connection, settings, NOW)


def a_settings(folder: Path, **chosen: Any) -> Settings:
    return Settings(data_dir=folder, **chosen)


def test_an_endpoint_that_was_given_up_is_named_with_its_remedy(engine: Engine) -> None:
    assert found_of(engine) == Finding(name="endpoints", ok=True, detail="none registered")
    an_endpoint(engine, "well")
    an_endpoint(engine, "switched-off", disabled=True)
    an_endpoint(engine, "hiccup", failing=timedelta(minutes=5))
    assert found_of(engine) == Finding(name="endpoints", ok=True, detail="3 registered")

    an_endpoint(engine, "crm", failing=timedelta(days=5), disabled=True)
    an_endpoint(engine, "slow", failing=timedelta(hours=2))

    an_endpoint(engine, "gone", failing=timedelta(hours=2), disabled=True)

    found = found_of(engine)
    assert not found.ok
    assert found.detail == (
        "6 registered; crm is disabled, since it took nothing; gone is disabled, since it answered 410; slow fails"
    )
    assert "`everspark endpoint enable crm`" in found.remedy
    assert "`everspark endpoint test slow`" in found.remedy


@pytest.mark.parametrize(
    ("chosen", "ok"),
    [
        ({}, True),
        ({"smtp_url": "smtp://mail.test"}, False),
        ({"creator_channel_url": "twilio://sid:token@1555/{phone}"}, False),
        ({"smtp_url": "smtp://mail.test", "public_url": "https://everspark.test"}, True),
    ],
)
def test_links_that_only_this_machine_can_open_are_wrong_once_messages_carry_them(
    tmp_path: Path, chosen: dict[str, Any], *, ok: bool
) -> None:
    found = reach.links(a_settings(tmp_path, **chosen))

    assert found.ok is ok
    assert ("EVERSPARK_PUBLIC_URL" in found.remedy) is not ok


def test_channels_that_are_unset_unreadable_or_away(engine: Engine, tmp_path: Path) -> None:
    unset = channels_of(engine, a_settings(tmp_path))
    assert (unset.ok, unset.remedy) == (True, "")
    assert "EVERSPARK_ALERT_URLS" in unset.detail
    known = a_settings(tmp_path, alert_urls=f"json://127.0.0.1/{SECRET}")
    assert channels_of(engine, known) == Finding(name="channels", ok=True, detail="1 configured")

    with hot(engine) as connection:
        for number, (status, attempts) in enumerate((("failed", 1), ("owed", 2), ("owed", 0))):
            connection.execute(
                "INSERT INTO outbox (kind, key, idempotency_key, payload, status, attempts, due_at, created_at, settled_at)"
                " VALUES ('alert', '', %s, '{}', %s, %s, %s, %s, CASE WHEN %s = 'failed' THEN %s END)",
                [f"a-{number}", status, attempts, NOW, NOW, status, NOW],
            )
    away = channels_of(engine, a_settings(tmp_path, alert_urls=f"nonesuch://{SECRET} json://127.0.0.1/{SECRET}"))

    assert not away.ok
    assert away.detail == (
        "2 configured; 1 cannot be read; 1 failed, 0 uncertain in the last 7 days;"
        " 1 wait for a channel that does not answer"
    )
    assert SECRET not in str(away)


def test_metrics_tell_of_the_ways_out(engine: Engine, clock: HandClock) -> None:
    an_endpoint(engine, "crm", failing=timedelta(days=5), disabled=True)
    metrics = Metrics()
    metrics.watch(engine, clock)
    metrics.hooked("done", 3)

    page = metrics.page().decode()

    for line in (
        'everspark_hooks_total{status="done"} 3.0',
        'everspark_endpoints{standing="disabled"} 1.0',
        'everspark_endpoints{standing="well"} 0.0',
        'everspark_escalations_open{step="owner"} 0.0',
        "# TYPE everspark_requests_withheld gauge",
    ):
        assert line in page
