"""`everspark endpoint …` on this run's database, against a receiver on this machine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from everspark.cli import main
from infra.database import hot
from tests.endpoint import Receiver, receiving

KEY = "7200000000000000001/7300000000000000001"


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """How a command ended."""

    code: object
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Ended]


@pytest.fixture
def endpoint(
    engine: Engine, data_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Command:
    """Runs `everspark endpoint …` where destinations on this machine are allowed."""
    monkeypatch.setenv("EVERSPARK_ALLOW_PRIVATE_DESTINATIONS", "true")

    def run(*arguments: str) -> Ended:
        with pytest.raises(SystemExit) as ended:
            main(["endpoint", *arguments, "--data", str(data_dir)])
        said = capsys.readouterr()
        return Ended(code=ended.value.code or 0, out=said.out, err=said.err)

    return run


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def test_an_endpoint_is_added_shown_without_its_secret_and_tried_out(endpoint: Command, receiver: Receiver) -> None:
    added = endpoint("add", "crm", f"{receiver.url}/in", "--json").json
    receiver.said = b"thanks"

    listed = endpoint("list")
    tried = endpoint("test", "crm", "--json")

    assert added["secret"].startswith("whsec_")
    assert added["secret"] not in listed.out
    assert "crm" in listed.out
    [taken] = receiver.taken
    assert taken.json["type"] == "endpoint.ping"
    assert taken.json["data"] == {"endpoint": "crm"}
    assert taken.is_signed_with(added["secret"])
    assert tried.json == {"webhook_id": taken.id, "status": 204, "answer": ""}


def test_a_ping_that_is_refused_or_lost_ends_with_one(endpoint: Command, receiver: Receiver) -> None:
    endpoint("add", "crm", receiver.url)
    receiver.status, receiver.said = 403, b"who are you?"

    refused = endpoint("test", "crm")

    assert (refused.code, refused.out) == (1, "403 who are you?\n")


def test_the_secret_is_rotated(endpoint: Command, receiver: Receiver) -> None:
    old = endpoint("add", "crm", receiver.url, "--json").json["secret"]

    new = endpoint("rotate", "crm", "--json").json["secret"]
    endpoint("test", "crm")

    assert old != new
    assert receiver.taken[0].is_signed_with(old)
    assert receiver.taken[0].is_signed_with(new)


def test_disabled_enabled_replayed_and_removed(endpoint: Command, engine: Engine, receiver: Receiver) -> None:
    endpoint("add", "crm", receiver.url)
    something_happened(engine)

    assert endpoint("disable", "crm", "--json").json == {"name": "crm", "disabled": True, "cancelled": 0}
    [listed] = endpoint("list", "--json").json
    assert (listed["disabled_at"] is not None, listed["disabled_because"]) == (True, "by a person")
    assert endpoint("replay", "crm", "--since", "5d").code == 2
    assert "replay crm" in endpoint("enable", "crm").out
    assert endpoint("replay", "crm", "--since", "2026-11-22", "--json").json["owed"] == 1
    assert endpoint("replay", "crm", "--since", "2099-01-01T00:00:00Z", "--json").json["owed"] == 0
    assert endpoint("remove", "crm", "--json").json["cancelled"] == 1
    assert endpoint("list", "--json").json == []


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["add", "CRM", "https://example.com/"], 2, "lower-case"),
        (["add", "crm", "ftp://example.com/"], 2, "https://host/path"),
        (["add", "crm", "https://user:hush@example.com/"], 2, "without user"),
        (["add", "crm", "https://169.254.169.254/latest"], 2, "metadata"),
        (["test", "crm"], 3, "There is no endpoint crm"),
        (["rotate", "crm"], 3, "There is no endpoint crm"),
        (["disable", "crm"], 3, "There is no endpoint crm"),
        (["enable", "crm"], 3, "There is no endpoint crm"),
        (["remove", "crm"], 3, "There is no endpoint crm"),
        (["replay", "crm", "--since", "yesterday"], 2, "neither an instant"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    endpoint: Command, arguments: list[str], code: int, sentence: str
) -> None:
    ended = endpoint(*arguments)

    assert ended.code == code
    assert sentence in ended.err
    assert "hush" not in ended.err


def test_a_name_is_taken_once(endpoint: Command, receiver: Receiver) -> None:
    assert endpoint("add", "crm", receiver.url).code == 0

    assert "already an endpoint crm" in endpoint("add", "crm", receiver.url).err


def something_happened(engine: Engine) -> None:
    now = datetime.now(UTC)
    with hot(engine) as connection:
        connection.execute(
            "INSERT INTO authorizations (key, advertiser_id, item_id, route, state, state_reason, state_since, why,"
            " created_at, updated_at) VALUES (%s, '1', '2', 'code', 'requested', 'requested', %s, 'why', %s, %s)",
            [KEY, now, now, now],
        )
        connection.execute(
            "INSERT INTO history (authorization_id, seq, at, recorded_at, event, outcome, to_state, reason)"
            " SELECT id, 1, %s, %s, 'authorization.requested', 'moved', 'requested', 'requested' FROM authorizations",
            [now, now],
        )
