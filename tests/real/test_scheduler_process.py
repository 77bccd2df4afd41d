"""The scheduler as a process of its own: it leads, and gives the lead back when it is told to stop."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys

import httpx
import pytest
from sqlalchemy import Engine

from infra import leases
from infra.database import hot
from scheduler.leadership import OFFICE
from tests.serving import free_port
from tests.waiting import until

RUN = "from infra.settings import load; from scheduler.main import run; run(load())"


def run_with(database_url: str, **more: str) -> subprocess.Popen[str]:
    environment = os.environ | {
        "EVERSPARK_DATABASE_URL": database_url,
        "EVERSPARK_REDIS_URL": "redis://127.0.0.1:1/0",
        "EVERSPARK_SECRET_KEY": base64.b64encode(bytes(32)).decode(),
        "EVERSPARK_LOG_FORMAT": "json",
    }
    return subprocess.Popen([sys.executable, "-c", RUN], env=environment | more, stderr=subprocess.PIPE, text=True)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of this kind do not exist there")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_cleanly_when_it_is_told_to(engine: Engine, database_url: str, number: signal.Signals) -> None:
    with run_with(database_url) as process:
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")
        started = [line for _, line in zip(range(2), lines, strict=False)]
        process.send_signal(number)
        try:
            _, rest = process.communicate(timeout=20)
        finally:
            process.kill()

    assert process.returncode == 0, rest
    assert sorted(event for line in started for event in ("scheduler_started", "leader_elected") if event in line) == [
        "leader_elected",
        "scheduler_started",
    ]
    assert "leader_resigned" in rest
    with hot(engine) as connection:
        lease = leases.held(connection, name=OFFICE)
    assert lease is not None
    assert not lease.is_running


def test_what_it_swept_is_shown_on_its_port_of_metrics(engine: Engine, database_url: str) -> None:
    port = free_port()

    def has_swept() -> bool:
        try:
            page = httpx.get(f"http://127.0.0.1:{port}/metrics").text
        except httpx.TransportError:
            return False
        return 'everspark_sweep_seconds_count{job="expire"}' in page

    with run_with(database_url, EVERSPARK_METRICS_PORT=str(port)) as process:
        try:
            until(has_swept)
        finally:
            process.terminate()
            process.communicate(timeout=20)
