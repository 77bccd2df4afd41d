"""The room with a hostile eye: headers of every answer, tries that are slowed down and noted, links and sessions that end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from queue import Queue
from typing import Any

import pytest
from argon2 import PasswordHasher
from prometheus_client.registry import Collector
from sqlalchemy import Engine
from starlette.testclient import TestClient

from domain.people import Role
from infra import invitations, people
from infra.broker import make_broker, make_nudges
from infra.clock import HandClock
from infra.database import hot
from infra.metrics import Metrics
from infra.passwords import MOST_IN_HAND, Passwords, TooManyAtOnce
from infra.settings import load
from infra.vault import Vault
from tests.operator import COOKIE, PASSWORD, Operator, person, quick_passwords, session_of
from web.headers import SECURITY
from web.main import make_app

BASE = "http://127.0.0.1:8080"
Enter = Callable[..., Operator]


def app_of(engine: Engine, clock: HandClock, vault: Vault, **more: Any) -> Any:
    given: dict[str, Any] = {"settings": load(), "passwords": quick_passwords()} | more
    return make_app(engine=engine, vault=vault, clock=clock, nudges=make_nudges(make_broker("")), **given)


@pytest.fixture
def http(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[TestClient]:
    with TestClient(app_of(engine, clock, vault), base_url=BASE) as http:
        yield http


@pytest.fixture
def enter(http: TestClient, engine: Engine, clock: HandClock) -> Enter:
    def enter(role: Role | None = None) -> Operator:
        return Operator(http, engine, clock, role)

    return enter


def refusals(engine: Engine) -> list[tuple[str, str | None, dict[str, Any]]]:
    with hot(engine) as connection:
        query = "SELECT actor, subject, about FROM audit WHERE act = 'person.refused' ORDER BY id"
        return connection.execute(query).fetchall()


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/",
            "/sign-in",
            "/nowhere",
            "/people",
            "/authorizations.csv",
            "/static/room.css",
            "/static/nothing.js",
            "/static",
        ),
        *("/metrics", "/healthz", "/readyz", "/openapi.json", "/schemas/", "/schemas/none.json", "/events/999999"),
        *("/welcome/nothing", "/people/", "/sign-out", "/audit?before=x", "//evil.example/people/"),
    ],
)
def test_every_answer_forbids_a_browser_what_it_does_not_need(path: str, enter: Enter) -> None:
    headers = enter(Role.VIEWER).opens(path).headers

    assert {name: headers.get_list(name) for name in SECURITY} == {name: [value] for name, value in SECURITY.items()}
    assert len(headers.get_list("cache-control")) == 1
    assert "server" not in headers


def test_also_the_answer_to_a_crash(engine: Engine, clock: HandClock, vault: Vault) -> None:
    class Broken(Collector):
        def collect(self) -> Any:
            raise RuntimeError("of secret words")

    metrics = Metrics()
    metrics.registry.register(Broken())
    app = app_of(engine, clock, vault, metrics=metrics)
    with TestClient(app, base_url=BASE, raise_server_exceptions=False) as http:
        answer = http.get("/metrics")

    assert answer.status_code == 500
    assert answer.headers["content-security-policy"] == SECURITY["content-security-policy"]
    assert "of secret words" not in answer.text


def test_also_a_stream_that_has_no_end(engine: Engine, clock: HandClock, vault: Vault) -> None:
    app, cookie = app_of(engine, clock, vault), session_of(engine, clock)
    headers = [(b"accept", b"text/event-stream"), (b"cookie", f"{COOKIE}={cookie}".encode()), (b"host", b"127.0.0.1")]
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/live",
        "raw_path": b"/live",
        "query_string": b"",
        "headers": headers,
    }
    scope |= {"scheme": "http", "server": ("127.0.0.1", 8080), "client": ("127.0.0.1", 1), "root_path": ""}

    async def first() -> dict[str, str]:
        begun: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        async def receive() -> Any:
            await asyncio.Event().wait()

        async def send(message: Any) -> None:
            if not begun.done():
                begun.set_result(message)

        asking = asyncio.create_task(app(scope, receive, send))
        message = await asyncio.wait_for(begun, 30)
        app.hang_up()
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking
        return {name.decode(): value.decode() for name, value in message["headers"]}

    told = asyncio.run(first())

    assert told["content-type"].startswith("text/event-stream")
    assert SECURITY.items() <= told.items()


def test_also_what_programs_are_answered(http: TestClient) -> None:
    answer = http.post("/webhooks/nobody", json={})

    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize(
    ("given", "status"), [("", 401), ("Bearer wrong", 401), ("Bearer ünd", 401), ("right", 401), ("Bearer right", 200)]
)
def test_metrics_are_for_who_has_their_token(
    given: str, status: int, engine: Engine, clock: HandClock, vault: Vault
) -> None:
    settings = load(metrics_token="right")
    with TestClient(app_of(engine, clock, vault, settings=settings), base_url=BASE) as http:
        answer = http.get("/metrics", headers=[(b"authorization", given.encode("latin-1"))])

    assert answer.status_code == status
    assert ("everspark_database_up" in answer.text) is (status == 200)


def test_a_slash_too_many_leads_nowhere(enter: Enter) -> None:
    answer = enter(Role.ADMIN).opens("/people/", host="evil.example")

    assert answer.status_code == 404
    assert "location" not in answer.headers


def test_a_refused_sign_in_is_noted_without_what_was_typed(enter: Enter, engine: Engine, clock: HandClock) -> None:
    ada, nobody = person(engine, clock), enter()

    nobody.sends("/sign-in", email=ada.email, password="not the password")
    nobody.sends("/sign-in", email="my secret pass phrase", password="ada@example.com")

    noted = refusals(engine)
    assert [(actor, subject) for actor, subject, _ in noted] == [("nobody", ada.email), ("nobody", None)]
    assert noted[0][2] == {"by": "password", "address": "unknown"}
    assert "not the password" not in str(noted)
    assert "my secret" not in str(noted)


def test_guessing_fills_no_disk(enter: Enter, engine: Engine, clock: HandClock) -> None:
    ada, nobody = person(engine, clock), enter()

    for _ in range(120):
        nobody.sends("/sign-in", email=ada.email, password="a guess")
        clock.advance(timedelta(minutes=1))

    noted = refusals(engine)
    assert 15 < len(noted) < 25
    left_out = sum(about.get("left_out", 0) for _, _, about in noted)
    assert 90 < left_out < 110


def test_who_guesses_from_elsewhere_does_not_shut_the_owner_out(engine: Engine, clock: HandClock, vault: Vault) -> None:
    ada = person(engine, clock)
    with TestClient(app_of(engine, clock, vault), base_url=BASE, client=("10.0.0.1", 1)) as http:

        def signs_in(address: str, password: str) -> int:
            # As HAProxy does it: a header of its own, after what the asker made up.
            headers = [("x-forwarded-for", "8.8.8.8"), ("x-forwarded-for", address)]
            fields = {"email": ada.email, "password": password}
            return http.post("/sign-in", data=fields, headers=headers, follow_redirects=False).status_code

        guesses = [signs_in("198.41.0.4", "a guess") for _ in range(12)]

        assert guesses == [422] * 10 + [429] * 2
        assert signs_in("199.7.83.42", PASSWORD) == 303
        spread = [signs_in(f"23.1.{number}.1", "a guess") for number in range(60)]
        assert spread[-1] == 429


def test_an_open_browser_does_not_guess_its_owner_s_password(enter: Enter, engine: Engine) -> None:
    thief = enter(Role.OPERATOR)
    new: dict[str, Any] = {"password": "five other words in a row", "again": "five other words in a row"}

    statuses = []
    for number in range(11):
        thief.opens("/account")
        statuses.append(thief.sends("/account/password", current=f"guess {number}", **new).status_code)

    assert statuses == [422] * 10 + [429]
    actor, subject, _ = refusals(engine)[0]
    assert (actor, subject) == ("user:ada.operator@example.com", "ada.operator@example.com")


@pytest.mark.parametrize("change", ["disabled_at = now()", "password = 'another'"])
@pytest.mark.parametrize("path", ["/sign-in", "/account/password"])
def test_who_is_disabled_or_gets_a_new_password_while_the_old_one_is_checked_is_not_let_in(
    engine: Engine, clock: HandClock, vault: Vault, path: str, change: str
) -> None:
    class Slow(PasswordHasher):
        """Meanwhile an admin acts."""

        def verify(self, *given: Any) -> Any:
            with hot(engine) as connection:
                connection.execute(f"UPDATE users SET {change}".encode())
            return super().verify(*given)

    ada, new = person(engine, clock), "five other words in a row"
    passwords = Passwords(Slow(time_cost=1, memory_cost=8, parallelism=1))
    with TestClient(app_of(engine, clock, vault, passwords=passwords), base_url=BASE) as http:
        browser = Operator(http, engine, clock, Role.OPERATOR if path != "/sign-in" else None)
        browser.opens("/account")
        given = PASSWORD if path == "/sign-in" else new
        answer = browser.sends(path, email=ada.email, current=PASSWORD, password=given, again=new)

    assert answer.status_code in (409, 422)
    with hot(engine) as connection:
        assert connection.execute("SELECT FROM audit WHERE act <> 'person.refused'").rowcount == 0
        assert not connection.execute(
            "SELECT FROM users WHERE disabled_at IS NULL AND password LIKE '$argon%'"
        ).rowcount


def test_signing_in_again_ends_the_session_before(enter: Enter, engine: Engine, clock: HandClock) -> None:
    ada = enter(Role.OPERATOR)
    before = ada.cookie

    ada.sends("/sign-in", email="ada.operator@example.com", password=PASSWORD)

    assert ada.cookie != before
    assert ada.opens("/").status_code == 200
    ada.cookie = before
    assert ada.opens("/").status_code == 303


def test_a_cookie_that_somebody_planted_is_not_taken_over(enter: Enter, engine: Engine, clock: HandClock) -> None:
    person(engine, clock)
    victim = enter()
    victim.cookie = planted = "x" * 43

    victim.sends("/sign-in", email="ada.operator@example.com", password=PASSWORD)

    assert victim.cookie != planted


def test_the_first_admin_s_link_dies_once_there_is_an_admin_and_not_before(
    enter: Enter, engine: Engine, clock: HandClock
) -> None:
    with hot(engine) as connection:
        link = invitations.make_first(connection, now=clock.now()) or ""
    operator = person(engine, clock, Role.OPERATOR)

    assert enter().opens(f"/welcome/{link}").status_code == 200
    with hot(engine) as connection:
        people.change_role(connection, user_id=operator.id, role=Role.ADMIN, actor="cli:test", now=clock.now())
    assert enter().opens(f"/welcome/{link}").status_code == 404


def test_the_first_link_dies_when_another_admin_came_first_and_other_links_do_not(
    enter: Enter, engine: Engine, clock: HandClock
) -> None:
    with hot(engine) as connection:
        first = invitations.make_first(connection, now=clock.now()) or ""
        given: dict[str, Any] = {"role": Role.ADMIN, "actor": "cli:test", "now": clock.now()}
        ada = invitations.make(connection, email="ada@example.com", **given)
        grace = invitations.make(connection, email="grace@example.com", **given)
    nobody = enter()
    nobody.opens(f"/welcome/{ada}")

    nobody.sends(f"/welcome/{ada}", password=PASSWORD, again=PASSWORD)

    assert enter().opens(f"/welcome/{first}").status_code == 404
    assert enter().opens(f"/welcome/{grace}").status_code == 200


def test_so_many_passwords_are_checked_at_once_and_no_more() -> None:
    go, turned_away = threading.Event(), Queue[str]()

    class Slow(PasswordHasher):
        def hash(self, *given: Any, **more: Any) -> str:
            go.wait(30)
            return super().hash(*given, **more)

    passwords = Passwords(Slow(time_cost=1, memory_cost=8, parallelism=1))

    def knocks() -> None:
        try:
            passwords.renewed(PASSWORD)
        except TooManyAtOnce as error:
            turned_away.put(str(error))

    threads = [threading.Thread(target=knocks) for _ in range(MOST_IN_HAND + 1)]
    for thread in threads:
        thread.start()
    try:
        assert "Try again" in turned_away.get(timeout=30)
    finally:
        go.set()
    for thread in threads:
        thread.join()
    assert turned_away.empty()
    assert passwords.renewed(PASSWORD)


def test_the_product_s_own_hashes_are_argon2id_as_rfc_9106_wants_them() -> None:
    kept = Passwords().hashed(PASSWORD, email="ada@example.com")

    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
