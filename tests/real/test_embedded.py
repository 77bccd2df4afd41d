"""The embedded PostgreSQL: joined by many, stopped by the last, and back after any kill."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from infra.embedded import EmbeddedError, server

# Says "ready" when it has joined, and leaves when its input ends.
USER = """
import sys
from pathlib import Path
from infra.embedded import server
with server(Path(sys.argv[1])) as url:
    print(url, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="everspark-"))
    yield folder
    with server(folder):
        pass  # whoever leaves last stops it, also after a kill
    shutil.rmtree(folder, ignore_errors=True)


def other_process(home: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", USER, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("postgresql://")
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.communicate("", timeout=60)


def is_running(home: Path) -> bool:
    return (home / "postgres" / "postmaster.pid").exists()


def test_it_keeps_its_data_from_one_start_to_the_next(home: Path) -> None:
    with server(home) as url, psycopg.connect(url) as connection:
        connection.execute("create table kept (id int)")
    assert not is_running(home)

    with server(home) as url, psycopg.connect(url) as connection:
        assert connection.execute("select count(*) from kept").fetchone() == (0,)


def test_the_last_one_to_leave_stops_it(home: Path) -> None:
    other = other_process(home)
    with server(home):
        end(other)
        assert is_running(home)

    assert not is_running(home)


def test_it_survives_the_kill_of_its_starter(home: Path) -> None:
    starter = other_process(home)
    starter.send_signal(signal.SIGKILL)
    end(starter)

    with server(home) as url, psycopg.connect(url) as connection:
        assert connection.execute("select 1").fetchone() == (1,)

    assert not is_running(home)


def test_it_starts_again_when_everything_was_killed(home: Path) -> None:
    starter = other_process(home)
    postmaster = int((home / "postgres" / "postmaster.pid").read_text().splitlines()[0])
    starter.send_signal(signal.SIGKILL)
    os.kill(postmaster, signal.SIGKILL)
    end(starter)

    with server(home) as url, psycopg.connect(url) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_a_folder_with_a_long_name_is_no_obstacle(home: Path) -> None:
    with server(home / ("long" * 20) / ("name" * 10)) as url, psycopg.connect(url) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_only_its_owner_may_enter(home: Path) -> None:
    with server(home):
        assert (home / "postgres").stat().st_mode & 0o077 == 0


def test_a_half_made_cluster_is_made_again(home: Path) -> None:
    (home / "postgres.new").mkdir()
    (home / "postgres.new" / "PG_VERSION").write_text("18")

    with server(home) as url, psycopg.connect(url) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_data_of_another_version_is_left_alone(home: Path) -> None:
    with server(home):
        pass
    version = home / "postgres" / "PG_VERSION"
    version.write_text("17\n")

    with pytest.raises(EmbeddedError, match="written by PostgreSQL 17"), server(home):
        pass

    version.write_text("18\n")
