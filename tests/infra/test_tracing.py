"""Traces begin only where somebody says where to; then they arrive there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from infra import tracing
from infra.settings import BadSettings, load
from tests.endpoint import receiving

ROOT = Path(__file__).parents[2]


def run(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A process of its own: what it configures ends with it."""
    command = [sys.executable, "-c", program]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_nothing_is_traced_unless_somebody_says_where_to() -> None:
    ended = run("from infra import tracing; tracing.configure(''); print(tracing.is_on(), tracing.traceparent())")

    assert ended.stdout.split() == ["False", "None"]
    with tracing.span("webhook", {}) as note, tracing.child("commit", {}):
        note({"status": 202})


@pytest.mark.parametrize("is_ours", [True, False], ids=["EVERSPARK_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"])
def test_spans_arrive_at_the_collector_before_the_process_ends(*, is_ours: bool) -> None:
    with receiving() as collector:
        given, environment = (collector.url, {}) if is_ours else ("", {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})
        program = f"from infra import tracing; tracing.configure({given!r})\nwith tracing.span('a webhook', {{}}): pass"
        ended = run(program, **environment)

    assert (ended.returncode, ended.stderr) == (0, "")
    (taken,) = collector.taken
    assert taken.path == "/v1/traces"
    assert b"a webhook" in taken.body
    assert b"everspark" in taken.body


def test_without_the_libraries_it_says_what_to_install() -> None:
    ended = run(
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from infra import tracing\n"
        "tracing.configure('http://127.0.0.1:4318')"
    )

    assert "EVERSPARK_OTLP_ENDPOINT needs OpenTelemetry: install everspark[tracing]" in ended.stderr


def test_an_address_of_a_collector_is_read_and_a_wrong_one_is_named() -> None:
    assert load(otlp_endpoint="http://127.0.0.1:4318/").otlp_endpoint == "http://127.0.0.1:4318"
    with pytest.raises(BadSettings, match="EVERSPARK_OTLP_ENDPOINT cannot be used: it must begin with https://"):
        load(otlp_endpoint="127.0.0.1:4318")
