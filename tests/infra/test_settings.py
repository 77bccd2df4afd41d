"""A bad setting stops the start with one sentence that names it and never repeats a secret."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from infra.settings import BadSettings, load, need_for_processes_apart, unknown

KEY = base64.b64encode(bytes(32)).decode()


def start(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("EVERSPARK_")}
    return subprocess.run(
        [sys.executable, "-m", "everspark", *arguments],
        env=clean | {f"EVERSPARK_{name}": value for name, value in variables.items()},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_defaults_need_nothing() -> None:
    settings = load()

    assert settings.is_embedded
    assert settings.public_url == "http://127.0.0.1:8080"


def test_what_the_command_line_gives_wins() -> None:
    settings = load(port=9000, data_dir=None, host="127.0.0.2")

    assert settings.public_url == "http://127.0.0.2:9000"
    assert settings.data_dir == Path("data")


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("port", "eighty", "integer"),
        ("port", "70000", "65535"),
        ("database_url", "mysql://root@host/db", "postgresql://"),
        ("redis_url", "host:6379", "redis://"),
        ("smtp_url", "localhost:25", "smtp://"),
        ("secret_key", "c2hvcnQ=", "openssl rand -base64 32"),
        ("mail_from", "nobody", "name@example.com"),
        ("mail_from", "Northwind, Inc <a@brand.test>", "in double quotes"),
        ("reply_to", "a@brand.test, c", "give one address"),
        ("log_format", "xml", "json"),
        ("lease_seconds", "0", "greater than or equal to 1"),
        ("alert_money_at_risk", "5000", "'5000' does not read like USD=5000"),
    ],
)
def test_a_bad_value_is_named_with_its_remedy(name: str, value: str, remedy: str) -> None:
    with pytest.raises(BadSettings) as raised:
        load(**{name: value})

    assert f"EVERSPARK_{name.upper()}" in str(raised.value)
    assert remedy in str(raised.value)
    assert str(raised.value).count("\n") == 0


def test_a_sentence_names_the_variable_once_and_ends_once() -> None:
    with pytest.raises(BadSettings) as raised:
        load(smtp_url="localhost:25")

    assert str(raised.value).startswith("EVERSPARK_SMTP_URL cannot be used: it must begin with")
    assert not str(raised.value).endswith("..")


@pytest.mark.parametrize("url", ["http://tiktok.example", "http://10.0.0.7:8090", "ftp://127.0.0.1", "tiktok"])
def test_tokens_do_not_travel_in_the_clear(url: str) -> None:
    with pytest.raises(BadSettings, match=r"EVERSPARK_TIKTOK_URL cannot be used: .*https://"):
        load(tiktok_url=url)


@pytest.mark.parametrize(
    "url", ["https://tiktok.example", "http://127.0.0.1:8090", "http://localhost:1", "http://[::1]:1"]
)
def test_on_this_machine_plain_http_will_do(url: str) -> None:
    assert load(tiktok_url=url).tiktok_url == url


@pytest.mark.parametrize(
    ("given", "missing"),
    [({"tiktok_app_id": "7"}, "EVERSPARK_TIKTOK_SECRET"), ({"tiktok_secret": "s"}, "EVERSPARK_TIKTOK_APP_ID")],
)
def test_half_an_app_is_none(given: dict[str, str], missing: str) -> None:
    with pytest.raises(BadSettings) as raised:
        load(**given)

    assert str(raised.value).startswith(f"{missing} is not set, and TikTok's app is known by its id and its secret")
    assert str(raised.value).count(".") == 1


def test_a_misspelt_variable_is_named_with_the_nearest() -> None:
    variables = ["EVERSPARK_SMPT_URL", "EVERSPARK_PORT", "everspark_host", "PATH", "EVERSPARK_QQQQQQQQQ"]

    assert unknown(variables) == {"EVERSPARK_QQQQQQQQQ": None, "EVERSPARK_SMPT_URL": "EVERSPARK_SMTP_URL"}


@pytest.mark.parametrize("missing", ["database_url", "redis_url", "secret_key"])
def test_processes_apart_say_what_they_lack(missing: str) -> None:
    given = {"database_url": "postgresql://db/x", "redis_url": "redis://r", "secret_key": KEY}

    with pytest.raises(BadSettings, match=f"EVERSPARK_{missing.upper()}"):
        need_for_processes_apart(load(**{name: value for name, value in given.items() if name != missing}))


def test_the_program_stops_with_one_sentence_and_exit_code_2() -> None:
    ended = start("up", PORT="eighty")

    assert ended.returncode == 2
    assert ended.stderr.startswith("EVERSPARK_PORT cannot be used")
    assert len(ended.stderr.splitlines()) == 1


@pytest.fixture
def empty_database(database_url: str) -> Iterator[str]:
    """The URL of a database that was never migrated."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("create database unmigrated")
        yield database_url.replace("/everspark?", "/unmigrated?").replace("@/everspark", "@/unmigrated")
        connection.execute("drop database unmigrated with (force)")


@pytest.mark.parametrize("process", ["web", "worker", "scheduler"])
def test_processes_apart_need_a_migrated_database_and_name_strange_variables(process: str, empty_database: str) -> None:
    ended = start(process, DATABASE_URL=empty_database, REDIS_URL="redis://127.0.0.1:9", SECRET_KEY=KEY, SMPT_URL="x")

    assert ended.returncode == 1
    warning, sentence = ended.stderr.splitlines()
    assert json.loads(warning)["nearest"] == "EVERSPARK_SMTP_URL"
    assert "everspark migrate" in sentence


def test_a_secret_is_not_repeated() -> None:
    ended = start("list", SECRET_KEY="hunter2hunter2", DATABASE_URL="mysql://root:hunter2@host/db")

    assert ended.returncode == 2
    assert "hunter2" not in ended.stderr + ended.stdout


def test_a_worker_apart_needs_a_database() -> None:
    ended = start("worker")

    assert ended.returncode == 2
    assert "EVERSPARK_DATABASE_URL" in ended.stderr


def test_too_few_threads_are_refused_with_the_remedy() -> None:
    with pytest.raises(BadSettings, match=r"EVERSPARK_WORKER_THREADS.*give 6 or more, or leave it out"):
        load(worker_threads=4)


def test_caps_that_contradict_each_other_are_named_as_they_are_set() -> None:
    with pytest.raises(BadSettings, match=r"EVERSPARK_EMERGENCY_CAP.*EVERSPARK_WEEKLY_CAP"):
        load(weekly_cap=3, emergency_cap=2)
