"""`everspark up --demo` as a person runs it: alive at once, labelled everywhere, apart from real data, and cleanly ended."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from domain.authorization import State
from infra import embedded
from tests.waiting import until

EVERSPARK = [sys.executable, "-m", "everspark"]
# A simulated day takes a second here, so that a creator is asked, answers, and is seen to have extended within this.
SOON, LIFE = 30, 90


class Demo:
    """A running `everspark up --demo`."""

    def __init__(self, home: Path) -> None:
        self.home, self.data = home, home / "demo"
        self.log = home / "demo.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*EVERSPARK, "up", "--demo", "--data", str(home), "--port", "0", "--day-seconds", "1"],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=clean(),
            )
        self.said: list[str] = []
        self.address = self.line(r"listens on (\S+)")
        self.line("(SIMULATION)")

    def page(self) -> str:
        return httpx.get(self.address, timeout=30).text

    def asks(self, *arguments: str) -> Any:
        """What a command beside it answers."""
        command = [*EVERSPARK, *arguments, "--data", str(self.data), "--json"]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=clean())
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def line(self, pattern: str) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)
            if found := re.search(pattern, line):
                return found[1]
        raise AssertionError(f"it ended: {self.said} {self.log.read_text()}")


def clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("EVERSPARK_")}


@contextmanager
def running() -> Iterator[Demo]:
    home = Path(tempfile.mkdtemp(prefix="everspark-"))
    started = Demo(home)
    try:
        yield started
    finally:
        if started.process.poll() is None:
            started.process.kill()
        started.process.communicate(timeout=60)
        with embedded.server(started.data):
            pass  # whoever leaves last stops it, also after a kill
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """One for all tests that only look."""
    with running() as started:
        yield started


def counts(page: str) -> dict[str, int]:
    found = re.findall(r'<strong>(\d+)</strong> <span class="state (\w+)"', page)
    return {state: int(count) for count, state in found}


def test_every_state_is_there_at_once(demo: Demo) -> None:
    until(lambda: all(counts(demo.page()).get(state, 0) > 0 for state in State), seconds=SOON, every=0.5)


def test_every_page_and_every_log_line_says_that_it_is_a_simulation(demo: Demo) -> None:
    assert "Simulation" in demo.page()
    assert "SIMULATION" in "".join(demo.said)
    assert demo.lines()
    assert all(line["simulation"] is True for line in demo.lines())


def test_an_ask_is_answered_by_an_extension_that_tiktok_showed(demo: Demo) -> None:
    def is_extended() -> bool:
        return any(was_asked_before(demo, event) for event in demo.asks("events", "list", "--limit", "500"))

    until(is_extended, seconds=LIFE, every=1)


def was_asked_before(demo: Demo, event: dict[str, Any]) -> bool:
    """Whether it is an extension that TikTok showed, applied, of an authorization that Everspark had asked for."""
    if (event["sender"], event["type"]) != ("tiktok", "authorization.extended") or event["outcome"] is None:
        return False
    shown = demo.asks("show", event["key"])
    assert "authorization.extended" in {row["event"] for row in shown["history"]}
    return any(ask["status"] == "done" and ask["asked_at"] < event["received_at"] for ask in shown["asks"])


def test_a_first_event_of_ones_own_is_taken(demo: Demo) -> None:
    """The signature is by the simulated clock, which is days ahead of the machine's."""
    event = Path(__file__).parents[2] / "everspark" / "examples" / "authorization.requested.json"

    assert demo.asks("send", str(event), "--producer", "mine")["status"] == 202


def test_a_second_demo_on_the_same_data_is_refused(demo: Demo) -> None:
    command = [*EVERSPARK, "up", "--demo", "--data", str(demo.home), "--port", "0"]
    second = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=clean())

    assert second.returncode == 1
    assert f"runs on {demo.data} already, at {demo.address}: end it" in second.stderr
    assert demo.asks("list") != []


def test_it_ends_cleanly_and_real_data_were_never_there() -> None:
    with running() as demo:
        until(lambda: sum(counts(demo.page()).values()) > 0, seconds=SOON, every=0.5)

        demo.process.send_signal(signal.SIGTERM)

        assert demo.process.wait(30) == 0
        assert not (demo.data / "address").exists()
        assert sorted(each.name for each in demo.home.iterdir()) == ["demo", "demo.log"]
        assert [line for line in demo.lines() if line["level"] in ("error", "critical")] == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--day-seconds", "5"], "add --demo"),
        (["--demo", "--smtp", "smtp://127.0.0.1:1025"], "leave out --smtp"),
    ],
)
def test_what_does_not_go_together_is_said(arguments: list[str], sentence: str, tmp_path: Path) -> None:
    command = [*EVERSPARK, "up", "--data", str(tmp_path), *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=clean())

    assert ran.returncode == 2
    assert sentence in ran.stderr
    assert list(tmp_path.iterdir()) == []
