"""Everspark as processes of their own, on a real PostgreSQL and a real Redis: started, killed, started again."""

from __future__ import annotations

import base64
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
import redis

from infra import embedded, producers
from infra.clock import SystemClock
from infra.database import make_engine, migrate, transaction
from infra.vault import Vault

ROOT = Path(__file__).parents[2]
EVERSPARK = (sys.executable, "-m", "everspark")
KEY = bytes(range(32))
PATIENCE = 60.0

COMMANDS: dict[str, Sequence[str]] = {
    "web": (*EVERSPARK, "web"),
    "worker 1": (*EVERSPARK, "worker"),
    "worker 2": (sys.executable, "-m", "dramatiq", "worker.main:start", "--processes", "1", "--threads", "4"),
    "scheduler 1": (*EVERSPARK, "scheduler"),
    "scheduler 2": (*EVERSPARK, "scheduler"),
}
WORKERS = ("worker 1", "worker 2")


def wait_until(is_so: Callable[[], bool], what: str, *, seconds: float = PATIENCE) -> None:
    """Asks again and again, at most for `seconds`; then fails with what was waited for."""
    end, pause = time.monotonic() + seconds, threading.Event()
    while not is_so():
        assert time.monotonic() < end, f"not within {seconds:.0f} s: {what}"
        pause.wait(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Fleet:
    """Every process by its name. Each has a process group of its own, so that only what was started here is ended."""

    def __init__(self, folder: Path, redis_server: str) -> None:
        self.folder = folder
        self._redis_server = redis_server
        self._web_port, self._redis_port = free_port(), free_port()
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._silent_at: dict[str, int] = {}
        self._opened = ExitStack()
        self.url = self._opened.enter_context(embedded.server(folder))
        migrate(self.url)
        self.secret = self._registered("crm")

    def starts(self, *names: str) -> None:
        for name in names:
            log = self._opened.enter_context(self._log(name).open("ab"))
            self._silent_at[name] = log.tell()
            self._running[name] = subprocess.Popen(
                COMMANDS.get(name) or self._redis_command(),
                cwd=ROOT,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def starts_all(self) -> None:
        self.starts("redis")
        wait_until(self._redis_answers, "Redis answers")
        self.starts(*COMMANDS)
        wait_until(self._is_ready, "the service is ready")

    def has_begun(self, name: str) -> bool:
        """Whether it has written to its log: by then it listens to signals."""
        return self._log(name).stat().st_size > self._silent_at[name]

    def kills(self, *names: str) -> None:
        """As `kill -9` does: nobody is told."""
        for name in names:
            process = self._running.pop(name)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def stops(self, *names: str) -> dict[str, int]:
        """As an init system does; the exit codes by name."""
        processes = {name: self._running.pop(name) for name in names}
        for process in processes.values():
            process.terminate()
        return {name: process.wait(timeout=PATIENCE) for name, process in processes.items()}

    def ends(self) -> None:
        self.kills(*self._running)
        self._opened.close()

    def flushes_redis(self) -> None:
        with self._redis() as client:
            client.flushall()

    def restarts_redis(self) -> None:
        self.kills("redis")
        self.starts("redis")

    def restarts_postgresql(self) -> None:
        """An immediate shutdown, which is a crash to PostgreSQL, and a start with its recovery."""
        postmaster = int((self.folder / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0])
        os.kill(postmaster, signal.SIGQUIT)
        wait_until(lambda: not self.answers("SELECT true"), "PostgreSQL is down")
        self._opened.enter_context(embedded.server(self.folder))

    def asks(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, options="-c timezone=UTC", connect_timeout=5) as connection:
            return connection.execute(query.encode(), values).fetchall()

    def answers(self, query: str, *values: Any) -> bool:
        """Whether the database says yes; one that is away says no."""
        try:
            return self.asks(query, *values) == [(True,)]
        except psycopg.OperationalError:
            return False

    def leader(self) -> tuple[str, int]:
        """The scheduler that leads, by its process id in the lease, and its fence."""
        wait_until(lambda: self.answers("SELECT expires_at > clock_timestamp() FROM leases"), "a scheduler leads")
        [(holder, fence)] = self.asks("SELECT holder, fence FROM leases")
        pid = int(holder.split(":")[1])
        return next(name for name, process in self._running.items() if process.pid == pid), fence

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._web_port}"

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _environment(self) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith("EVERSPARK_")}
        return ours | {
            "EVERSPARK_DATABASE_URL": self.url,
            "EVERSPARK_REDIS_URL": f"redis://127.0.0.1:{self._redis_port}/0",
            "EVERSPARK_SECRET_KEY": base64.b64encode(KEY).decode(),
            "EVERSPARK_PORT": str(self._web_port),
            "EVERSPARK_SWEEP_SECONDS": "1",
            "EVERSPARK_LEASE_SECONDS": "2",
            "EVERSPARK_LOG_FORMAT": "json",
        }

    def _redis_command(self) -> Sequence[str]:
        # Nothing on disk: a Redis that is killed has forgotten everything.
        options = ("--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(self.folder))
        return (self._redis_server, "--port", str(self._redis_port), *options)

    def _redis(self) -> redis.Redis:
        return redis.Redis(host="127.0.0.1", port=self._redis_port, socket_timeout=5)

    def _redis_answers(self) -> bool:
        try:
            with self._redis() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def _is_ready(self) -> bool:
        ended = {name: process.poll() for name, process in self._running.items() if process.poll() is not None}
        assert ended == {}, self._log(next(iter(ended))).read_text()[-2000:]
        if not self.answers("SELECT EXISTS (SELECT FROM leases)"):
            return False
        try:
            return httpx.get(f"{self.address}/readyz", trust_env=False, timeout=5).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def _registered(self, name: str) -> str:
        engine = make_engine(self.url, pool_size=1)
        with transaction(engine) as session:
            secret = producers.add(session, Vault(KEY), name=name, now=SystemClock().now())
        engine.dispose()
        return secret


def now() -> datetime:
    return datetime.now(UTC)
