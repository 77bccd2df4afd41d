"""The stage: one PostgreSQL and one Redis for all contenders, a fresh database for each, their processes, and their CPU seconds."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import redis
from sqlalchemy.engine import make_url

from infra import embedded
from infra.database import migrate

TEMPLATE = "bench_template"
KEY = b"the bench's key, of 32 bytes ..."
TICKS = os.sysconf("SC_CLK_TCK")
PATIENCE = 180.0

Connection = psycopg.Connection[tuple[Any, ...]]


class BenchError(Exception):
    """A contender did not do what it should; the text says which and why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Act:
    """One contender's turn: a database of its own, an empty Redis, and what its processes find in their environment."""

    connection: Connection
    environment: dict[str, str]
    shared: list[int]  # the process trees that serve every contender: PostgreSQL and Redis
    running: list[subprocess.Popen[str]]

    @property
    def url(self) -> str:
        return self.environment["EVERSPARK_DATABASE_URL"]

    def value(self, query: str) -> Any:
        row = self.connection.execute(query.encode()).fetchone()
        return row[0] if row else None

    @contextmanager
    def process(self, *command: str, quiet: bool = True) -> Iterator[subprocess.Popen[str]]:
        """A process of this act, stopped at its end. Its errors go to a file that is shown if it fails."""
        with tempfile.TemporaryFile("w+") as said:
            running = subprocess.Popen(
                [sys.executable, *command], env=self.environment, stdin=subprocess.PIPE, text=True,
                stdout=said if quiet else subprocess.PIPE, stderr=said,
            )  # fmt: skip
            self.running.append(running)
            try:
                yield running
            except BenchError as error:
                said.seek(0)
                raise BenchError(f"{error}\n--- {' '.join(command)} said:\n{said.read()[-3000:]}") from error
            finally:
                self.running.remove(running)
                stop(running)

    def worker(self, *command: str) -> Any:
        return self.process("-m", *command)

    @contextmanager
    def player(self, *command: str) -> Iterator[Player]:
        """A process that waits for its cue (bench/cue.py)."""
        with self.process("-m", *command, quiet=False) as running:
            player = Player(running)
            player.is_ready()
            yield player

    def until(self, query: str, expected: Any, *, every: float = 0.02, patience: float = PATIENCE) -> None:
        """Waits until the query answers as expected, while every process of the act lives."""

        def is_so() -> bool:
            if any(process.poll() is not None for process in self.running):
                raise BenchError("a process ended before its time")
            return bool(self.value(query) == expected)

        until(is_so, every=every, patience=patience, what=query)


class Player:
    """The conductor's side of bench/cue.py."""

    def __init__(self, running: subprocess.Popen[str]) -> None:
        self.running = running

    @property
    def pid(self) -> int:
        return self.running.pid

    def is_ready(self) -> None:
        assert self.running.stdout is not None
        if self.running.stdout.readline().strip() != "ready":
            raise BenchError("did not get ready")

    def go(self) -> None:
        assert self.running.stdin is not None
        self.running.stdin.write("go\n")
        self.running.stdin.flush()

    def outcome(self) -> dict[str, Any]:
        assert self.running.stdout is not None
        line = self.running.stdout.readline()
        if not line:
            raise BenchError("ended without a report")
        return dict(json.loads(line))


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """What all contenders share."""

    server_url: str
    redis_url: str
    shared: list[int]

    @contextmanager
    def act(self, name: str) -> Iterator[Act]:
        redis.Redis.from_url(self.redis_url).flushall()
        url = _named(self.server_url, name)
        with psycopg.connect(self.server_url, autocommit=True) as admin:
            admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())
            admin.execute(f'CREATE DATABASE "{name}" TEMPLATE {TEMPLATE}'.encode())
            admin.execute("CHECKPOINT")
        environment = os.environ | {
            "EVERSPARK_DATABASE_URL": url,
            "EVERSPARK_REDIS_URL": self.redis_url,
            "EVERSPARK_SECRET_KEY": base64.b64encode(KEY).decode(),
            "EVERSPARK_LOG_LEVEL": "warning",
        }
        with psycopg.connect(url, autocommit=True) as connection:
            yield Act(connection=connection, environment=environment, shared=self.shared, running=[])


@contextmanager
def stage() -> Iterator[Stage]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="everspark-bench-")))
        with embedded.server(folder) as url, psycopg.connect(url, autocommit=True) as connection:
            # Latency is taken from commit to commit, by PostgreSQL's own stamps; this needs a start of the server.
            connection.execute("ALTER SYSTEM SET track_commit_timestamp = on")
            connection.execute(f"CREATE DATABASE {TEMPLATE}".encode())
            migrate(_named(url, TEMPLATE))
        url = stack.enter_context(embedded.server(folder))
        redis_url, redis_pid = stack.enter_context(_redis())
        postmaster = next(folder.rglob("postmaster.pid"))
        shared = [int(postmaster.read_text().split()[0]), redis_pid]
        yield Stage(server_url=url, redis_url=redis_url, shared=shared)


@contextmanager
def _redis() -> Iterator[tuple[str, int]]:
    program, port = shutil.which("redis-server"), free_port()
    if program is None:
        raise BenchError("redis-server is not installed, and the bench compares on a real Redis")
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        wait_for_port(port)
        yield f"redis://127.0.0.1:{port}/0", running.pid
    finally:
        stop(running)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int) -> None:
    def answers() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    until(answers, every=0.05, patience=PATIENCE, what=f"port {port}")


def until(condition: Callable[[], bool], *, every: float, patience: float, what: str) -> None:
    ends = time.monotonic() + patience
    while not condition():
        if time.monotonic() > ends:
            raise BenchError(f"waited {patience:.0f} s in vain: {what}")
        time.sleep(every)


def stop(running: subprocess.Popen[Any]) -> None:
    running.terminate()
    try:
        running.wait(20)
    except subprocess.TimeoutExpired:
        running.kill()
        running.wait()
    for pipe in (running.stdin, running.stdout):
        if pipe is not None:
            pipe.close()


def cpu_seconds(roots: list[int]) -> float:
    """User and system seconds of these processes, all they started, and all of those that have ended since."""
    lines = [line for line in map(_stat, Path("/proc").glob("[0-9]*")) if line]
    parents = {pid: parent for pid, parent, _ in lines}
    return sum(ticks for pid, _, ticks in lines if _descends(pid, parents, set(roots))) / TICKS


def _stat(process: Path) -> tuple[int, int, int] | None:
    try:
        fields = (process / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return int(process.name), int(fields[1]), sum(map(int, fields[11:15]))


def _descends(pid: int | None, parents: dict[int, int], roots: set[int]) -> bool:
    while pid:
        if pid in roots:
            return True
        pid = parents.get(pid)
    return False


def _named(url: str, database: str) -> str:
    return make_url(url).set(database=database).render_as_string(hide_password=False)
