"""`everspark up` as a person runs it: it says where it listens, takes a first event, ends, and finds its data again."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from infra import embedded
from infra.filelocks import FileLock
from tests.waiting import until

EVERSPARK = [sys.executable, "-m", "everspark"]


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="everspark-"))
    yield folder
    with embedded.server(folder):
        pass  # whoever leaves last stops it, also after a kill
    shutil.rmtree(folder, ignore_errors=True)


class Up:
    """A running `everspark up`."""

    def __init__(self, home: Path, *arguments: str) -> None:
        self.log = (home / "up.log").open("a+")
        clean = {name: value for name, value in os.environ.items() if not name.startswith("EVERSPARK_")}
        self.process = subprocess.Popen(
            [*EVERSPARK, "up", "--data", str(home), "--port", "0", *arguments],
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            env=clean,
        )
        self.said: list[str] = []

    def line(self, pattern: str) -> str:
        """The first group of the first line that looks so."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)
            if found := re.search(pattern, line):
                return found[1]
        self.log.seek(0)
        raise AssertionError(f"it ended without saying {pattern!r}: {self.said} {self.log.read()}")

    def end(self) -> int:
        """Whatever it takes; returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=60)
        self.log.close()
        return self.process.returncode


@pytest.fixture
def up(home: Path) -> Iterator[Callable[..., Up]]:
    started: list[Up] = []

    def start(*arguments: str) -> Up:
        started.append(Up(home, *arguments))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.process.kill()
        each.end()


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def printed(line: str) -> list[str]:
    """The printed command, as this interpreter runs it."""
    return [*EVERSPARK, *shlex.split(line)[1:]]


def has_database(home: Path) -> bool:
    return (home / "postgres" / "postmaster.pid").exists()


def test_the_first_event_goes_in_and_is_found_after_a_restart(up: Callable[..., Up]) -> None:
    first = up()
    send, show = printed(first.line(r"^  (.* send .*)$")), printed(first.line(r"^  (.* show .*)$"))

    sent = run(send)
    assert sent.returncode == 0, sent.stderr
    assert sent.stdout.startswith("202")
    until(lambda: run(show).returncode == 0)
    first.process.send_signal(signal.SIGTERM)
    assert first.process.wait(30) == 0

    second = up()
    second.line(r"listens on (\S+)")
    shown = run([*show, "--json"])
    assert json.loads(shown.stdout)["state"] == "requested"
    second.process.send_signal(signal.SIGINT)
    assert second.process.wait(30) == 0


def test_a_producer_is_given_the_address_of_the_running_service(up: Callable[..., Up], home: Path) -> None:
    running = up()
    address = running.line(r"listens on (\S+)")

    added = run([*EVERSPARK, "producer", "add", "crm", "--data", str(home), "--json"])

    assert json.loads(added.stdout)["url"] == f"{address}/webhooks/crm"
    sent = run([*EVERSPARK, "send", "--example", "--producer", "crm", "--data", str(home)])
    assert sent.stdout.startswith("202"), sent.stderr
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(30) == 0
    assert not (home / "address").exists()


def test_a_second_signal_ends_it_at_once_and_its_database(up: Callable[..., Up], home: Path) -> None:
    running = up()
    running.line(r"listens on (\S+)")

    with FileLock(home / "postgres.lock"):  # what it has to wait for before it may stop its database
        running.process.send_signal(signal.SIGTERM)
        until(lambda: not (home / "address").exists())
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(10) == -signal.SIGTERM

    until(lambda: not has_database(home))


def test_a_second_signal_leaves_the_database_to_whoever_uses_it_too(up: Callable[..., Up], home: Path) -> None:
    running = up()
    running.line(r"listens on (\S+)")

    with embedded.server(home) as url:
        with FileLock(home / "postgres.lock"):
            running.process.send_signal(signal.SIGTERM)
            until(lambda: not (home / "address").exists())
            running.process.send_signal(signal.SIGTERM)
            running.process.wait(10)
        with psycopg.connect(url) as connection:
            assert connection.execute("select 1").fetchone() == (1,)

    assert not has_database(home)


def test_a_kill_loses_nothing(up: Callable[..., Up]) -> None:
    first = up()
    send, show = printed(first.line(r"^  (.* send .*)$")), printed(first.line(r"^  (.* show .*)$"))
    assert run(send).returncode == 0
    first.process.send_signal(signal.SIGKILL)
    first.process.wait(30)

    up().line(r"listens on (\S+)")

    until(lambda: run(show).returncode == 0)


def test_a_port_that_is_taken_is_named(up: Callable[..., Up]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        running = up("--port", str(port))
        assert running.process.wait(30) == 1

    running.log.seek(0)
    assert f"127.0.0.1:{port} cannot be listened on (Address already in use): choose another" in running.log.read()
