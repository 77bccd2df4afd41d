"""`everspark forecast` and the page at `/forecast`: what they say, and that they only look."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain, repeat
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlmodel import SQLModel
from starlette.testclient import TestClient

from everspark.cli import main
from infra.broker import make_broker, make_nudges
from infra.clock import HandClock
from infra.database import hot, snapshot
from infra.reports.exporting import MARK
from infra.settings import load
from infra.vault import Vault
from tests.journeys.commands import Command, Ended
from tests.operator import COOKIE, session_of
from tests.portfolio import DAY, Post, holds
from web.forecast import Foresight
from web.main import make_app

MAYA, OWED = Post(number=1), Post(number=2, currency="USD", spend="30", creator="no.mail", has_email=False)
COVERED = Post(number=3, flight=5)
OTHER = Post(number=4, advertiser="7200000000000000002", spend="900")


@pytest.fixture
def everspark(engine: Engine, data_dir: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command on this run's database."""

    def run(*arguments: str) -> Ended:
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--data", str(data_dir)])
        said = capsys.readouterr()
        return Ended(code=ended.value.code or 0, out=said.out, err=said.err)

    return run


@pytest.fixture
def client(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[TestClient]:
    app = make_app(settings=load(), engine=engine, vault=vault, clock=clock, nudges=make_nudges(make_broker("")))
    signed_in = {"cookie": f"{COOKIE}={session_of(engine, clock)}", "accept": "text/html"}
    with TestClient(app, base_url="http://127.0.0.1:8080", headers=signed_in) as http:
        yield http


def test_totals_come_first_then_the_days_then_the_largest_lapses(everspark: Command, engine: Engine) -> None:
    holds(engine, [MAYA, OWED, COVERED, OTHER], now=datetime.now(UTC))

    told = everspark("forecast", "--days", "20").out

    order = ["If nobody answers", "stops a day", "Day by day", "The largest lapses", "The next messages"]
    assert sorted(order, key=told.index) == order
    assert "3 codes end while they are still needed" in told
    assert "1,000.00 EUR, 30.00 USD" in told
    assert "the creator has no e-mail address" in told
    assert "09:00 Europe/Paris" in told or "Europe/Paris" in told


def test_machines_get_all_of_it_and_one_advertiser_its_own_part(everspark: Command, engine: Engine) -> None:
    holds(engine, [MAYA, OWED, COVERED, OTHER], now=datetime.now(UTC))

    whole = everspark("forecast", "--json").json
    part = everspark("forecast", "--json", "--advertiser", OTHER.advertiser).json

    assert {lapse["key"] for lapse in whole["lapses"]} == {MAYA.key, OWED.key, OTHER.key}
    assert whole["stops_a_day"] == [{"amount": "1000.00", "currency": "EUR"}, {"amount": "30.00", "currency": "USD"}]
    assert (whole["lapses_count"], len(whole["days"])) == (3, 31)
    assert {message["creator"] for message in whole["messages"]} == {"maya.moves"}
    assert {lapse["key"] for lapse in part["lapses"]} == {OTHER.key}
    assert {ask["key"] for message in part["messages"] for ask in message["asks"]} == {OTHER.key}
    assert part["stops_a_day"] == [{"amount": "900.00", "currency": "EUR"}]


def test_an_advertiser_that_nobody_knows_is_not_told_that_all_is_well(everspark: Command, engine: Engine) -> None:
    holds(engine, [MAYA], now=datetime.now(UTC))

    told = everspark("forecast", "--advertiser", "999")

    assert (told.code, told.err.startswith("There is no advertiser 999;")) == (3, True)


def test_without_anything_in_force_the_days_are_quiet(everspark: Command, client: TestClient) -> None:
    told = everspark("forecast", "--days", "3")

    assert (told.code, "0 to 0 creators" in told.out) == (0, True)
    assert "Quiet days" in client.get("/forecast").text


def test_looking_ahead_writes_nothing(client: TestClient, engine: Engine, clock: HandClock) -> None:
    holds(engine, [MAYA, OTHER], now=clock.now())
    before = contents(engine)

    assert client.get("/forecast").status_code == 200

    assert contents(engine) == before
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction), snapshot(engine) as connection:
        connection.execute("UPDATE creators SET name = 'x'")
    with hot(engine) as connection:
        connection.execute("UPDATE creators SET name = 'y'")


def contents(engine: Engine) -> dict[str, list[object]]:
    with engine.connect() as connection:
        tables = [table.name for table in SQLModel.metadata.sorted_tables]
        return {name: list(connection.execute(text(f"SELECT * FROM {name}"))) for name in tables}


def test_the_page_says_when_it_was_computed_and_what_is_at_stake(
    client: TestClient, engine: Engine, clock: HandClock
) -> None:
    holds(engine, [MAYA, OWED, COVERED, OTHER], now=clock.now())

    answer = client.get("/forecast")

    page = answer.text
    assert "2026-11-22 10:00</time> UTC" in page
    assert "1,000 EUR + 30 USD" in page
    assert "the creator has no e-mail address" in page
    assert page.count('<tr><th scope="row">') == 31
    assert len(answer.content) < 100_000
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "<script>" not in page
    assert " style=" not in page
    assert 'href="/forecast"' in client.get("/").text


def test_the_largest_page_is_small_all_the_same(client: TestClient, engine: Engine, clock: HandClock) -> None:
    posts = [Post(number=number, creator=f"creator.{number % 40}", ends=number % 35 + 0.5) for number in range(400)]
    holds(engine, posts, now=clock.now())

    page = client.get("/forecast")

    assert len(page.content) < 100_000
    assert "The largest 50 of 345." in page.text
    assert '<a href="/forecast/lapses.csv" download>Download all 345 as CSV</a>' in page.text
    assert "The next 50 of 392." in page.text
    assert "everspark forecast" not in page.text


def test_all_of_it_is_taken_away_as_sheets_that_no_spreadsheet_runs(
    client: TestClient, engine: Engine, clock: HandClock
) -> None:
    holds(engine, [MAYA, OWED, COVERED, OTHER], now=clock.now())
    with hot(engine) as connection:
        connection.execute("UPDATE creators SET handle = '=cmd' WHERE handle = 'maya.moves'")

    answer = client.get("/forecast/lapses.csv")
    lapses = list(csv.DictReader(io.StringIO(answer.text.removeprefix(MARK))))
    messages = list(csv.DictReader(io.StringIO(client.get("/forecast/messages.csv").text.removeprefix(MARK))))

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert 'filename="forecast-lapses-2026-11-22.csv"' in answer.headers["content-disposition"]
    # The most of each currency first
    assert [row["authorization"] for row in lapses] == [OWED.key, OTHER.key, MAYA.key]
    (owed,) = (row for row in lapses if row["authorization"] == OWED.key)
    assert (owed["stops a day EUR"], owed["stops a day USD"]) == ("", "30.00")
    assert owed["not asked, because"] == "the creator has no e-mail address"
    assert {row["creator"] for row in messages} == {"'=cmd"}
    assert {key for row in messages for key in row["about"].split()} == {MAYA.key, OTHER.key}
    assert messages[0]["zone"] == "Europe/Paris"


@pytest.mark.parametrize("days", ["9999", "7", "x", "-1", "", "30&days=31"])
def test_days_that_the_page_does_not_show_are_refused(client: TestClient, days: str) -> None:
    answer = client.get(f"/forecast?days={days}")

    assert answer.status_code == 422
    assert "This page looks 30 days ahead: leave `days` out." in answer.text
    assert client.get("/forecast?days=30").status_code == 200


@pytest.mark.parametrize(
    "address", ["/forecast?advertiser=7200000000000000001", "/forecast?days=30&foo", "/calendar?foo"]
)
def test_a_word_that_a_page_does_not_know_is_refused_and_never_left_unread(client: TestClient, address: str) -> None:
    answer = client.get(address)

    assert answer.status_code == 422
    assert f"This page knows no `{'advertiser' if 'advertiser' in address else 'foo'}` in its address" in answer.text


def test_a_forecast_is_kept_for_a_minute_and_for_ten_times_as_long_as_it_took(engine: Engine, clock: HandClock) -> None:
    # Begun, made, looked at again, and later
    seconds = chain([0.0, 30.0, 100.0], repeat(331.0))
    foresight = Foresight(engine, load(), clock, monotonic=lambda: next(seconds))

    first = foresight.latest()
    clock.advance(timedelta(seconds=59))
    assert foresight.latest() is first
    clock.advance(timedelta(seconds=2))
    # It took 30 seconds: the machine has other things to do for five minutes
    assert foresight.latest() is first
    assert foresight.latest().now == clock.now()


def test_a_month_ahead_is_a_month(engine: Engine, clock: HandClock) -> None:
    foreseen = Foresight(engine, load(), clock).latest()

    assert foreseen.until - foreseen.now == 30 * DAY
