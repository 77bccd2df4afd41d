"""`everspark user`, the link of the first start, and where the service may listen."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs

from domain.people import Role, Scope
from everspark import address, users
from everspark.cli import main
from infra import api_tokens, invitations, people
from infra.clock import HandClock, RunningClock, SystemClock
from infra.database import hot
from infra.people import PeopleError
from infra.settings import BadSettings, load, need_tls_beyond_loopback
from tests.journeys.commands import Command, Ended
from tests.operator import person


@pytest.fixture
def everspark(engine: Engine, data_dir: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command on this run's database."""

    def run(*arguments: str) -> Ended:
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--data", str(data_dir)])
        said = capsys.readouterr()
        return Ended(code=ended.value.code or 0, out=said.out, err=said.err)

    return run


def test_people_are_invited_listed_changed_and_disabled(everspark: Command, engine: Engine) -> None:
    invited = everspark("user", "invite", "Ada@example.com", "--role", "admin", "--json").json
    assert (invited["email"], invited["role"]) == ("ada@example.com", "admin")
    secret = invited["link"].rpartition("/welcome/")[2]
    now = SystemClock().now()
    with hot(engine) as connection:
        invitation = invitations.find(connection, secret, now=now)
        assert invitation
        invitations.accept(connection, invitation, email="", name="Ada", password="a hash", now=now)

    assert everspark("user", "role", "ada@example.com", "viewer").code == 1
    assert everspark("user", "disable", "ada@example.com").code == 1
    assert everspark("user", "disable", "nobody@example.com").code == 3
    assert everspark("user", "invite", "no address").code == 2
    person(engine, HandClock(now), Role.ADMIN, email="grace@example.com")
    assert "ada@example.com is viewer" in everspark("user", "role", "ada@example.com", "viewer").out
    assert everspark("user", "disable", "ada@example.com").code == 0

    listed = {row["email"]: row for row in everspark("user", "list", "--json").json}
    assert listed["ada@example.com"]["disabled_at"]
    assert listed["ada@example.com"]["role"] == "viewer"
    assert "password" not in listed["ada@example.com"]
    assert everspark("user", "invite", "ada@example.com").code == 2
    assert everspark("user", "enable", "ada@example.com").code == 0
    with hot(engine) as connection:
        acts = connection.execute("SELECT actor, act, subject FROM audit ORDER BY id").fetchall()
    assert [row[1] for row in acts] == [
        "person.invited",
        "person.joined",
        "person.role",
        "person.disabled",
        "person.enabled",
    ]
    assert acts[0][0].startswith("cli:")


def test_a_token_is_made_once_listed_without_it_and_revoked(everspark: Command, engine: Engine) -> None:
    made = everspark("token", "make", "crm", "--scope", "read", "--scope", "act", "--days", "90")
    assert made.code == 0, made.err
    (secret,), now = made.out.split(), SystemClock().now()
    with hot(engine) as connection:
        token = api_tokens.find(connection, secret, now=now)
    assert token
    assert token.scopes == {Scope.READ, Scope.ACT}
    assert token.user_id is None
    assert everspark("token", "make", "crm", "--scope", "read").code == 2
    assert everspark("token", "make", "bi").code == 2
    assert everspark("token", "make", "bi", "--scope", "everything").code == 2
    assert everspark("token", "make", "bi", "--scope", "read", "--json").json["token"].startswith("esp_")

    said = everspark("token", "list")
    assert "act, read" in said.out
    assert secret not in said.out
    listed = everspark("token", "list", "--json")
    assert [row["name"] for row in listed.json] == ["bi", "crm"]
    assert secret not in listed.out

    assert everspark("token", "revoke", "nothing").code == 3
    assert everspark("token", "revoke", "crm").code == 0
    assert everspark("token", "revoke", "crm").code == 3
    with hot(engine) as connection:
        assert api_tokens.find(connection, secret, now=now) is None
        acts = connection.execute("SELECT actor, act, subject FROM audit ORDER BY id").fetchall()
    assert [row[1:] for row in acts] == [("token.made", "crm"), ("token.made", "bi"), ("token.revoked", "crm")]
    assert all(actor.startswith("cli:") for actor, _, _ in acts)


def test_beside_a_demo_a_token_lives_by_the_demos_clock_and_an_invitation_by_the_machines(
    everspark: Command, engine: Engine, data_dir: Path
) -> None:
    real = SystemClock().now()
    simulated = real + timedelta(days=900)
    with address.announced(load(data_dir=data_dir), RunningClock(simulated, 60)):
        token = everspark("token", "make", "crm", "--scope", "read", "--days", "1").out.strip()
        link = everspark("user", "invite", "ada@example.com", "--json").json["link"]
        everspark("token", "revoke", "crm")
    (data_dir / address.DEMO).unlink()

    with hot(engine) as connection:
        [revoked] = api_tokens.listed(connection)
        assert revoked.last == token[-4:]
        assert revoked.revoked_at
        assert simulated < revoked.created_at < revoked.revoked_at
        assert revoked.expires_at == revoked.created_at + timedelta(days=1)
        secret = link.rpartition("/welcome/")[2]
        assert invitations.find(connection, secret, now=real + timedelta(hours=23))
        assert not invitations.find(connection, secret, now=real + timedelta(hours=25))


def test_a_person_at_a_terminal_gets_a_fresh_link_while_there_is_no_admin(
    engine: Engine, database_url: str, capsys: pytest.CaptureFixture[str], clock: HandClock
) -> None:
    with capture_logs() as lines:
        users.tell_how_to_come_in(load(), database_url, is_terminal=True)
        person(engine, clock)
        users.tell_how_to_come_in(load(), database_url, is_terminal=True)
    links = re.findall(r"^http://127.0.0.1:8080/welcome/(\S+)$", capsys.readouterr().out, re.MULTILINE)

    now = SystemClock().now()
    with hot(engine) as connection:
        assert [bool(invitations.find(connection, link, now=now)) for link in links] == [False, True]
    assert lines == []

    person(engine, clock, Role.ADMIN)
    users.tell_how_to_come_in(load(), database_url, is_terminal=True)
    assert capsys.readouterr().out == ""


def test_a_log_gets_no_link(engine: Engine, database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    with capture_logs() as lines:
        users.tell_how_to_come_in(load(), database_url, is_terminal=False)

    assert capsys.readouterr().out == ""
    (line,) = lines
    assert line["event"] == "nobody_can_sign_in"
    assert "everspark user invite" in line["remedy"]
    assert "welcome" not in str(line)


def test_its_remedy_makes_a_link_to_this_very_service(
    everspark: Command, engine: Engine, database_url: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EVERSPARK_DATABASE_URL", raising=False)
    here, given = load(data_dir=data_dir, port=18390), {"database_url": database_url, "port": 18390}

    with capture_logs() as lines:
        users.tell_how_to_come_in(here, database_url, is_terminal=False)
        users.tell_how_to_come_in(load(**given), database_url, is_terminal=False)
        public = load(**given, public_url="https://spark.example.com")
        users.tell_how_to_come_in(public, database_url, is_terminal=False)

    command = "everspark user invite you@example.com --role admin"
    assert [line["remedy"] for line in lines] == [
        f"{command} --data {data_dir}",
        f"EVERSPARK_PUBLIC_URL=http://127.0.0.1:18390 {command}",
        command,
    ]
    with address.announced(here):
        assert "http://127.0.0.1:18390/welcome/" in everspark(*command.split()[1:]).out


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_this_machine_alone_may_always_be_listened_on(host: str) -> None:
    need_tls_beyond_loopback(load(host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.7", "spark.example.com"])
def test_beyond_it_something_has_to_end_tls(host: str, everspark: Command) -> None:
    with pytest.raises(BadSettings, match="EVERSPARK_BEHIND_TLS=true"):
        need_tls_beyond_loopback(load(host=host))
    need_tls_beyond_loopback(load(host=host, behind_tls=True))

    ended = everspark("up", "--host", host)
    assert ended.code == 2
    assert "ends TLS" in ended.err


def test_a_token_may_no_more_than_who_made_it(engine: Engine, clock: HandClock) -> None:
    ada = person(engine, clock, Role.ADMIN)
    grace = person(engine, clock, Role.ADMIN, email="grace@example.com")
    now = clock.now()
    with hot(engine) as connection:
        scopes = list(api_tokens.NEEDED)
        secret = api_tokens.make(
            connection, name="crm", scopes=scopes, user_id=ada.id, days=30, actor="cli:test", now=now
        )
        found = api_tokens.find(connection, secret, now=now)
        assert found
        assert found.scopes == set(scopes)
        assert found.actor == "token:crm"
        with pytest.raises(PeopleError, match="revoke it"):
            api_tokens.make(connection, name="crm", scopes=scopes, actor="cli:test", now=now)

        people.change_role(connection, user_id=ada.id, role=Role.VIEWER, actor="cli:test", now=now)
        found = api_tokens.find(connection, secret, now=now)
        assert found
        assert found.scopes == {"read"}
        people.disable(connection, user_id=ada.id, actor="cli:test", now=now)
        assert api_tokens.find(connection, secret, now=now) is None
        assert api_tokens.find(connection, secret.removeprefix("esp_"), now=now) is None
    assert grace.role is Role.ADMIN
