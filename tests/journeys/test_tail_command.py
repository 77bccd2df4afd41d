"""`everspark tail`: what is heard, decided and sent of one authorization, told once, in its order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from everspark.cli import main
from everspark.opened import Opened
from everspark.outcomes import NOT_FOUND, Stop
from everspark.tailing import as_line, follow
from infra.clock import HandClock
from infra.settings import Settings
from infra.vault import Vault
from tests.journeys.commands import Command, Ended
from tests.postbox import postbox
from tests.service import KEY, Service, service
from web.room.timeline import Kind, Line

CREATOR = {"handle": "maya.moves", "email": "maya@creators.test", "timezone": "UTC"}
DAY = timedelta(days=1)


@pytest.fixture
def spark(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[Service]:
    with postbox() as box, service(engine=engine, clock=clock, vault=vault, smtp_url=box.url) as spark:
        yield spark


@pytest.fixture
def tools(engine: Engine, clock: HandClock) -> Opened:
    return Opened(settings=Settings(), engine=engine, clock=clock)


@pytest.fixture
def everspark(engine: Engine, data_dir: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command on this run's database."""

    def run(*arguments: str) -> Ended:
        capsys.readouterr()  # the lines of the service's own log
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--data", str(data_dir)])
        said = capsys.readouterr()
        return Ended(code=ended.value.code or 0, out=said.out, err=said.err)

    return run


def grants(spark: Service) -> None:
    """A month from now on, and an ad that runs for two."""
    now = spark.clock.now()
    spark.hears("authorization.requested", route="code", creator=CREATOR, days=30)
    spark.hears("code.granted", starts_at=now.isoformat(), expires_at=(now + 30 * DAY).isoformat())
    spark.hears("ad.started", ad={"ad_id": "1", "flight_end": (now + 60 * DAY).isoformat()})
    spark.settles()


def test_the_past_comes_first_then_what_is_new_and_nothing_twice(spark: Service, tools: Opened) -> None:
    told: list[Line] = []

    def turns() -> Iterator[int]:
        grants(spark)
        yield 0
        assert [line.what for line in told] == ["Granted", "An ad started"]
        yield 1
        assert len(told) == 2
        spark.sleeps(29 * DAY)
        yield 2

    follow(tools, KEY, turns(), lines=2, tell=told.append)

    new = [(line.kind, line.what) for line in told[2:]]
    assert (Kind.DECIDED, "The creator is to be asked") in new
    assert (Kind.SENT, "Message to the creator") in new
    assert len(new) == len({(line.at, line.what) for line in told[2:]})
    assert [line.at for line in told] == sorted(line.at for line in told)


def test_the_command_prints_lines_for_people(everspark: Command, spark: Service) -> None:
    grants(spark)

    told = everspark("tail", KEY, "--once").out

    assert "2026-11-22 10:00:00Z  heard    Requested" in told
    assert "[new → requested]" in told
    assert "[authorized → active]" in told
    assert told.index("Requested") < told.index("Granted") < told.index("An ad started")


def test_machines_get_an_object_on_each_line(everspark: Command, spark: Service) -> None:
    grants(spark)

    told = [json.loads(line) for line in everspark("tail", KEY, "--once", "--json", "--lines", "1").out.splitlines()]

    assert [(line["kind"], line["what"], line["from"], line["to"]) for line in told] == [
        ("heard", "An ad started", "authorized", "active")
    ]
    assert told[0]["at"] == "2026-11-22T10:00:00Z"
    assert set(told[0]) == {"at", "kind", "what", "why", "from", "to", "event", "happened_at"}


def test_nothing_of_the_past_where_none_is_wanted(spark: Service, tools: Opened) -> None:
    told: list[Line] = []
    grants(spark)

    follow(tools, KEY, range(2), lines=0, tell=told.append)

    assert told == []


def test_who_is_not_there_is_said_so(everspark: Command, tools: Opened) -> None:
    with pytest.raises(Stop, match="There is no authorization 72/73"):
        follow(tools, "72/73", range(1), lines=1, tell=as_line)

    assert everspark("tail", "72/73", "--once").code == NOT_FOUND
