"""What people do on the command line is in the audit log, as what they do in the pages is."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from everspark.cli import main
from infra.clock import SystemClock
from infra.database import hot
from tests.journeys.commands import Command, Ended
from tests.portfolio import Post, holds

POST = Post(number=1, ends=20)
HANDLE = "maya.moves"


@pytest.fixture
def everspark(engine: Engine, data_dir: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command on this run's database, with one authorization in force."""
    holds(engine, [POST], now=SystemClock().now())

    def run(*arguments: str) -> Ended:
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--data", str(data_dir)])
        said = capsys.readouterr()
        return Ended(code=ended.value.code or 0, out=said.out, err=said.err)

    return run


def acts(engine: Engine) -> list[tuple[str, str]]:
    with hot(engine) as connection:
        rows = connection.execute("SELECT actor, act, subject FROM audit ORDER BY id").fetchall()
    assert all(actor.startswith("cli:") for actor, _, _ in rows)
    return [(act, subject) for _, act, subject in rows]


def well(ended: Ended) -> None:
    assert ended.code == 0, ended.err


def test_endpoints(everspark: Command, engine: Engine) -> None:
    well(everspark("endpoint", "add", "crm", "https://192.0.78.9/hooks"))
    well(everspark("endpoint", "rotate", "crm"))
    well(everspark("endpoint", "replay", "crm", "--since", "2d"))
    for verb in ("disable", "enable", "remove"):
        well(everspark("endpoint", verb, "crm"))

    verbs = ("added", "rotated", "replayed", "disabled", "enabled", "removed")
    assert acts(engine) == [(f"endpoint.{verb}", "crm") for verb in verbs]


def test_advertisers(everspark: Command, engine: Engine, tmp_path: Path) -> None:
    token = tmp_path / "token.txt"
    token.write_text("a token")
    well(everspark("advertiser", "connect", POST.advertiser, "--name", "Alba", "--token-file", str(token)))
    well(everspark("advertiser", "disconnect", POST.advertiser))

    verbs = ("connected", "disconnected")
    assert acts(engine) == [(f"advertiser.{verb}", POST.advertiser) for verb in verbs]


def test_creators_and_their_renewals(everspark: Command, engine: Engine) -> None:
    for said in (["snooze", HANDLE, "--until", "2099-01-01"], ["opt-out", HANDLE], ["opt-in", HANDLE]):
        well(everspark("creator", *said))
    well(everspark("creator", "away", HANDLE, "--from", "2099-01-01", "--until", "2099-02-01"))
    well(everspark("creator", "payment-due", HANDLE))
    well(everspark("creator", "revoke-links", HANDLE))
    soon = SystemClock().now() + timedelta(days=5)
    well(everspark("suggest", POST.key, "--at", f"{soon:%Y-%m-%d}"))

    words = ("snoozed", "opted_out", "opted_in", "away", "payment_due", "links_revoked")
    creator = f"creator/{HANDLE}"
    assert [act for act, _ in acts(engine)] == [*(f"creator.{word}" for word in words), "renewal.suggested"]
    assert {subject for _, subject in acts(engine)[:-1]} == {creator}


def test_the_outbox(everspark: Command, engine: Engine) -> None:
    numbers = []
    with hot(engine) as connection:
        for name, status in (("a", "failed"), ("b", "uncertain"), ("c", "failed")):
            query = """INSERT INTO outbox (kind, key, idempotency_key, payload, status, due_at, settled_at, created_at)
                VALUES ('ask.mail', 'a/1', %s, '{}', %s, now(), now(), now()) RETURNING id"""
            numbers += [connection.execute(query, [name, status]).fetchall()[0][0]]

    listed = everspark("outbox", "list", "--status", "failed", "--json").json
    assert [row["id"] for row in listed] == [numbers[2], numbers[0]]
    assert everspark("outbox", "list", "--status", "lost").code == 2
    for unclear in (
        [],
        [str(numbers[0]), "--failed"],
        [str(numbers[0]), "--kind", "ask.mail"],
        ["--failed", "--kind", "alert"],
    ):
        assert everspark("outbox", "retry", *unclear).code == 2, unclear
    assert everspark("outbox", "arrived", str(numbers[0])).code == 1
    assert everspark("outbox", "retry", str(numbers[0]), "987654").code == 3
    assert everspark("outbox", "arrived", "987654").code == 3
    assert acts(engine) == []
    well(everspark("outbox", "arrived", str(numbers[1])))
    assert everspark("outbox", "retry", "--failed", "--json").json == {"retried": [numbers[0], numbers[2]], "left": 0}
    assert everspark("outbox", "retry", "--failed").out == "Owed again: 0.\n"

    with hot(engine) as connection:
        statuses = connection.execute("SELECT status FROM outbox ORDER BY id").fetchall()
    assert [status for (status,) in statuses] == ["owed", "done", "owed"]
    assert acts(engine) == [
        ("outbox.arrived", f"outbox/{numbers[1]}"),
        ("outbox.retry", "outbox"),
    ]
