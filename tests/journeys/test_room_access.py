"""Who gets into the room, and how far: the whole route table is walked for everybody there is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from domain.people import Role
from infra import invitations, people, sessions
from infra.broker import make_broker, make_nudges
from infra.clock import HandClock, SystemClock
from infra.database import hot
from infra.passwords import Passwords
from infra.settings import load
from infra.vault import Vault
from tests.operator import COOKIE, CSRF, PASSWORD, Operator, person, quick_passwords
from tests.program import Program, token
from web.main import make_app
from web.room.guard import own_path
from web.room.people import MEANINGS
from web.room.rendering import NAVIGATION
from web.room.routes import PAGES
from web.simulation import Simulation

Enter = Callable[..., Operator]
CHECKED = re.compile(r'value="([\w-]+)" checked')
EVERYBODY = [*Role, None]


def app_of(engine: Engine, clock: HandClock, vault: Vault, **more: Any) -> Any:
    given: dict[str, Any] = {"settings": load(), "passwords": quick_passwords()} | more
    return make_app(engine=engine, vault=vault, clock=clock, nudges=make_nudges(make_broker("")), **given)


@pytest.fixture
def http(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[TestClient]:
    with TestClient(app_of(engine, clock, vault), base_url="http://127.0.0.1:8080") as http:
        yield http


@pytest.fixture
def enter(http: TestClient, engine: Engine, clock: HandClock) -> Enter:
    """Somebody of a role, or nobody."""

    def enter(role: Role | None = None) -> Operator:
        return Operator(http, engine, clock, role)

    return enter


def filled(path: str) -> str:
    """An address of the route, with numbers that nothing has."""
    return re.sub(r"\{[^}]+\}", "987654321", path)


ROUTES = [(page, method) for page in PAGES for method in page.methods]
NAMES = [f"{method} {page.path}" for page, method in ROUTES]


def needed(method: str, path: str) -> Role:
    """Written out once more: the table under test does not say itself what is right."""
    match method, path.split("/")[1]:
        case ("GET", "people" | "tokens" | "settings") | ("POST", "people" | "tokens" | "producers"):
            return Role.ADMIN
        case ("POST", "views" | "account" | "sign-out"):
            return Role.VIEWER
        case ("GET", "audit"):
            return Role.OPERATOR
        case ("GET", _) if path != "/acts/preview":
            return Role.VIEWER
        case _:
            return Role.OPERATOR


@pytest.mark.parametrize(("page", "method"), ROUTES, ids=NAMES)
def test_every_route_lets_in_whom_its_role_says(page: Any, method: str, enter: Enter, http: TestClient) -> None:
    for role in EVERYBODY:
        visitor = enter(role)
        csrf = CSRF.search(visitor.opens("/account").text)
        fields = {"csrf": csrf[1]} if csrf else {}
        headers = {"cookie": f"{COOKIE}={visitor.cookie}", "accept": "text/html"}

        answer = http.request(
            method,
            filled(page.path),
            data=fields if method == "POST" else None,
            headers=headers,
            follow_redirects=False,
        )
        http.cookies.clear()

        if role is None:
            assert (answer.status_code, urlsplit(answer.headers["location"]).path) == (303, "/sign-in"), role
        elif role.may(needed(method, page.path)):
            assert answer.status_code not in (401, 403, 500, 503), (role, answer.status_code)
            assert urlsplit(answer.headers.get("location", "")).path != "/sign-in" or page.path == "/sign-out"
        else:
            assert answer.status_code == 403, role
            assert f"needs the role {needed(method, page.path)}" in answer.text


@pytest.mark.parametrize("page", [page for page in PAGES if "GET" in page.methods], ids=lambda page: page.path)
def test_no_page_leaves_a_word_of_its_address_unread(page: Any, enter: Enter) -> None:
    ada = enter(Role.ADMIN)

    for word in ("foo", "befor"):
        assert ada.opens(f"{filled(page.path)}?{word}=x").status_code == 422
        assert word in ada.text


@pytest.mark.parametrize("page", [page for page in PAGES if "POST" in page.methods], ids=lambda page: page.path)
@pytest.mark.parametrize("csrf", [None, "", "0" * 32, "another session's"])
def test_no_form_does_anything_without_its_session_s_own_token(
    page: Any, csrf: str | None, enter: Enter, engine: Engine
) -> None:
    ada, other = enter(Role.ADMIN), enter(Role.ADMIN)
    other.opens("/account")
    found = CSRF.search(other.page.text)
    assert found
    token = found[1] if csrf == "another session's" else csrf

    answer = ada.sends(filled(page.path), csrf=token if token is not None else [])

    assert answer.status_code == 403
    assert "not of your present session" in ada.text
    with hot(engine) as connection:
        assert connection.execute("SELECT FROM audit").rowcount == 0


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "cross-site", "origin": "http://127.0.0.1:8080"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:8080"}, 303),
        ({"sec-fetch-site": "same-origin", "origin": "null"}, 303),
        ({}, 303),
    ],
)
def test_a_form_of_another_site_is_refused(enter: Enter, headers: dict[str, str], status: int) -> None:
    ada = enter(Role.ADMIN)
    ada.opens("/account")

    assert ada.sends("/sign-out", headers=headers).status_code == status


def test_the_first_admin_comes_in_by_a_link_that_works_once(
    http: TestClient, enter: Enter, engine: Engine, clock: HandClock
) -> None:
    with hot(engine) as connection:
        stale = invitations.make_first(connection, now=clock.now())
        link = invitations.make_first(connection, now=clock.now())
    nobody = enter()

    assert nobody.opens(f"/welcome/{stale}").status_code == 404
    assert nobody.opens(f"/welcome/{link}").status_code == 200
    assert "makes you an admin" in nobody.text
    fields: dict[str, Any] = {"name": "Ada", "email": " Ada@Example.com ", "password": PASSWORD, "again": PASSWORD}
    assert nobody.sends(f"/welcome/{link}", **fields | {"password": "short", "again": "short"}).status_code == 422
    assert "at least 12 characters" in nobody.text
    assert nobody.sends(f"/welcome/{link}", **fields | {"again": "another one entirely"}).status_code == 422
    came = nobody.sends(f"/welcome/{link}", **fields)

    assert (came.status_code, came.headers["location"]) == (303, "/")
    assert "Today" in nobody.opens("/").text
    assert "ada@example.com" in nobody.opens("/people").text
    assert enter().opens(f"/welcome/{link}").status_code == 404
    with hot(engine) as connection:
        assert invitations.make_first(connection, now=clock.now()) is None
        acts = [row[0] for row in connection.execute("SELECT act FROM audit ORDER BY id").fetchall()]
    assert acts == ["person.invited", "person.invited", "person.joined", "person.signed_in"]


def test_a_link_is_good_for_a_day(enter: Enter, engine: Engine, clock: HandClock) -> None:
    with hot(engine) as connection:
        link = invitations.make_first(connection, now=clock.now())
    clock.advance(timedelta(hours=24))

    assert enter().opens(f"/welcome/{link}").status_code == 404


def test_signing_in_leads_to_where_one_wanted_to_go(enter: Enter, engine: Engine, clock: HandClock) -> None:
    person(engine, clock, Role.ADMIN)
    nobody = enter()
    sent = nobody.opens("/people?x=1")

    assert sent.headers["location"] == "/sign-in?next=/people%3Fx%3D1"
    nobody.opens(sent.headers["location"])
    answer = nobody.sends("/sign-in", email="ADA.admin@example.com", password=PASSWORD, next="/people?x=1")

    assert (answer.status_code, answer.headers["location"]) == (303, "/people?x=1")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "secure" not in cookie
    assert nobody.opens("/people").status_code == 200


@pytest.mark.parametrize(
    ("referer", "led_to"),
    [
        ("http://127.0.0.1:8080/creators/3?x=1", "&next=/creators/3%3Fx%3D1"),
        ("http://127.0.0.1:8080/creators/3/links", "&next=/creators/3"),
        ("http://127.0.0.1:8080/", ""),
        ("http://127.0.0.1:8080//evil.example", ""),
        ("http://127.0.0.1:8080/sign-in?next=/people", ""),
        ("https://evil.example/people", ""),
        ("http://[", ""),
        ("", ""),
    ],
)
def test_a_form_of_a_session_that_is_over_is_explained(enter: Enter, referer: str, led_to: str) -> None:
    late = enter(Role.OPERATOR)
    late.opens("/account")
    late.cookie = ""

    sent = late.sends("/creators/3/snooze", until="2026-12-24", headers={"referer": referer})

    assert (sent.status_code, sent.headers["location"]) == (303, f"/sign-in?ended{led_to}")
    late.opens(sent.headers["location"])
    assert "Your session has ended, and nothing was done of what you just sent." in late.text
    assert "session has ended" not in late.opens("/sign-in").text


def test_over_https_the_cookie_is_bound_to_the_host(engine: Engine, clock: HandClock, vault: Vault) -> None:
    person(engine, clock)
    app = app_of(engine, clock, vault, settings=load(public_url="https://spark.example.com"))
    fields = {"email": "ada.operator@example.com", "password": PASSWORD}
    with TestClient(app, base_url="https://spark.example.com") as http:
        answer = http.post("/sign-in", data=fields, follow_redirects=False)
        assert http.get("/", headers={"accept": "text/html"}).status_code == 200

    assert answer.headers["set-cookie"].startswith("__Host-everspark=")
    assert "Secure" in answer.headers["set-cookie"]
    assert "max-age=31536000" in answer.headers["strict-transport-security"]


def test_who_is_not_there_is_answered_like_who_mistyped(enter: Enter, engine: Engine, clock: HandClock) -> None:
    ada = person(engine, clock)
    gone = person(engine, clock, email="gone@example.com")
    with hot(engine) as connection:
        people.disable(connection, user_id=gone.id, actor="cli:test", now=clock.now())
    nobody, answers = enter(), set()

    for email, password in (
        (ada.email, "not the password"),
        ("nobody@example.com", PASSWORD),
        (gone.email, PASSWORD),
        ("", ""),
    ):
        answer = nobody.sends("/sign-in", email=email, password=password)
        answers.add((answer.status_code, answer.text.replace(email, "") if email else answer.text))

    assert len({status for status, _ in answers}) == 1
    assert len(answers) == 1


def test_trying_passwords_is_slowed_down_for_the_account_and_for_the_address(
    enter: Enter, engine: Engine, clock: HandClock
) -> None:
    ada, nobody = person(engine, clock), enter()
    with capture_logs() as lines:
        statuses = [nobody.sends("/sign-in", email=ada.email, password=f"guess {n}").status_code for n in range(11)]
        right = nobody.sends("/sign-in", email=ada.email, password=PASSWORD)

    assert statuses == [422] * 10 + [429]
    assert (right.status_code, right.headers["retry-after"]) == (429, "60")
    assert {line["reason"] for line in lines} == {"wrong", "too_many"}
    assert ada.email not in str(lines)

    clock.advance(timedelta(minutes=1))
    assert nobody.sends("/sign-in", email=ada.email, password=PASSWORD).status_code == 303
    statuses = [nobody.sends("/sign-in", email=f"{n}@example.com", password="guess").status_code for n in range(30)]
    assert 429 in statuses


def test_a_session_slides_for_twelve_hours_and_ends_after_seven_days(enter: Enter, clock: HandClock) -> None:
    ada, idle = enter(Role.VIEWER), enter(Role.VIEWER)
    for _ in range(15):
        clock.advance(timedelta(hours=11))
        assert ada.opens("/").status_code == 200
    assert idle.opens("/").status_code == 303

    clock.advance(timedelta(hours=11))
    assert ada.opens("/").status_code == 303


def test_being_seen_is_written_once_a_minute(enter: Enter, engine: Engine, clock: HandClock) -> None:
    ada = enter(Role.VIEWER)

    def seen() -> Any:
        ada.opens("/account")
        with hot(engine) as connection:
            ((seen_at,),) = connection.execute("SELECT seen_at FROM sessions").fetchall()
        return seen_at

    first = seen()
    clock.advance(timedelta(seconds=59))
    assert seen() == first
    clock.advance(timedelta(seconds=1))
    assert seen() == clock.now()


def test_signing_out_ends_the_session_and_a_new_password_all_others(enter: Enter) -> None:
    here, elsewhere = enter(Role.OPERATOR), enter(Role.OPERATOR)
    here.opens("/account")
    new: dict[str, Any] = {"password": "five other words in a row", "again": "five other words in a row"}

    assert here.sends("/account/password", current="wrong", **new).status_code == 422
    assert here.sends("/account/password", current=PASSWORD, **new).status_code == 303
    assert here.opens("/account?done").status_code == 200
    assert elsewhere.opens("/").status_code == 303

    here.sends("/sign-out")
    assert here.opens("/").status_code == 303
    nobody = enter()
    assert nobody.sends("/sign-in", email="ada.operator@example.com", password=PASSWORD).status_code == 422
    assert nobody.sends("/sign-in", email="ada.operator@example.com", password=new["password"]).status_code == 303


def test_a_hash_of_other_parameters_is_renewed_at_the_next_sign_in(
    enter: Enter, engine: Engine, clock: HandClock
) -> None:
    ada = person(engine, clock)
    older = Passwords(PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)).hashed(PASSWORD, email=ada.email)
    with hot(engine) as connection:
        people.set_password(connection, ada, older)

    assert enter().sends("/sign-in", email=ada.email, password=PASSWORD).status_code == 303

    with hot(engine) as connection:
        now = people.by_email(connection, ada.email)
    assert now
    assert now.password != older
    assert quick_passwords().is_right(now.password, PASSWORD)


def test_what_a_role_means_names_each_page_that_a_viewer_may_not_read(enter: Enter) -> None:
    roles = {page.path: page.role for page in PAGES if "GET" in page.methods}
    linked = [link for links in NAVIGATION.values() for link in links]
    kept = {label for path, label in linked if roles[path] is not Role.VIEWER}

    named = MEANINGS[Role.VIEWER].partition("all pages but ")[2].partition(";")[0]

    assert set(re.split(", | and ", named)) == kept == {"Audit", "People", "API tokens", "Settings"}
    assert [label for path, label in linked if roles[path] is Role.OPERATOR] == ["Audit"]
    assert "and reads Audit" in MEANINGS[Role.OPERATOR]
    admin = enter(Role.ADMIN)
    assert all(meaning in (admin.opens("/people"), admin.text)[1] for meaning in MEANINGS.values())


def test_an_admin_sees_to_people_but_never_removes_the_last_admin(
    enter: Enter, engine: Engine, clock: HandClock
) -> None:
    ada = enter(Role.ADMIN)
    me = person(engine, clock, Role.ADMIN).id
    ada.opens("/people")

    assert ada.sends(f"/people/{me}/role", role="viewer").status_code == 409
    assert "is the last admin" in ada.text
    assert ada.sends(f"/people/{me}/disable").status_code == 409
    ada.opens("/people")
    assert ada.sends("/people", email="Grace@example.com", role="operator").status_code == 200
    link = urlsplit(ada.field("A link for Grace@example.com")).path
    assert link not in ada.opens("/people").text
    grace = enter()
    grace.opens(link)
    taken = grace.sends(link, email="other@example.com", password=PASSWORD, again=PASSWORD)
    assert taken.status_code == 303
    assert grace.opens("/people").status_code == 403

    with hot(engine) as connection:
        found = people.by_email(connection, "grace@example.com")
    assert found
    assert found.role is Role.OPERATOR
    ada.opens("/people")
    assert ada.sends(f"/people/{found.id}/role", role="admin").status_code == 303
    assert grace.opens("/people").status_code == 200
    ada.opens("/people")
    assert ada.sends(f"/people/{me}/role", role="viewer").status_code == 303
    assert ada.opens("/people").status_code == 403
    assert grace.sends(f"/people/{me}/disable").status_code == 303
    assert ada.opens("/").status_code == 303


def test_a_link_that_is_open_is_listed_and_withdrawn(enter: Enter, engine: Engine, clock: HandClock) -> None:
    ada = enter(Role.ADMIN)
    ada.opens("/people")
    assert "Links that are open" not in ada.text
    assert ada.sends("/people", email="no address", role="operator").status_code == 422
    assert re.search(r'value="operator" checked', ada.page.text)
    ada.sends("/people", email="Grace@example.com", role="operator")
    link = urlsplit(ada.field("A link for Grace@example.com")).path

    ada.opens("/people")
    assert "grace@example.com operator coming in 2026-11-23 10:00" in ada.text
    assert ada.sends("/people/invitations/1/withdraw").status_code == 303

    assert "Links that are open" not in ada.opens("/people").text
    assert enter().opens(link).status_code == 404
    assert ada.sends("/people/invitations/1/withdraw").status_code == 409
    with hot(engine) as connection:
        noted = connection.execute("SELECT act, subject, about FROM audit ORDER BY id").fetchall()
    assert noted[-1] == ("person.uninvited", "grace@example.com", {"role": "operator"})


def test_only_links_that_let_somebody_in_are_listed(engine: Engine, clock: HandClock) -> None:
    gone, there = person(engine, clock, email="gone@example.com"), person(engine, clock)
    now = clock.now()
    with hot(engine) as connection:
        invitations.make_first(connection, now=now)
        for email in (gone.email, there.email, "used@example.com", None):
            invitations.make(connection, role=Role.VIEWER, email=email, actor="cli:test", now=now)
        invitations.take(connection, "used@example.com", now=now)
        people.disable(connection, user_id=gone.id, actor="cli:test", now=now)
        first, *others = invitations.listed(connection, now=now)
        later = invitations.listed(connection, now=now + timedelta(days=1))
    person(engine, clock, Role.ADMIN)
    with hot(engine) as connection:
        without_the_first = invitations.listed(connection, now=now)

    assert (first.email, first.role, first.is_known) == (None, Role.ADMIN, False)
    assert [(each.email, each.role, each.is_known) for each in others] == [
        (there.email, Role.OPERATOR, True),
        (None, Role.VIEWER, False),
    ]
    assert (without_the_first, later) == (others, [])


def test_in_a_simulation_a_link_counts_by_the_machine_s_clock(engine: Engine, clock: HandClock, vault: Vault) -> None:
    real = SystemClock()
    clock.set(real.now() + timedelta(days=900))
    app = app_of(engine, clock, vault, simulation=Simulation(day_seconds=10))
    with TestClient(app, base_url="http://127.0.0.1:8080") as http:
        ada = Operator(http, engine, real, Role.ADMIN)
        ada.opens("/people")
        ada.sends("/people", email="grace@example.com", role="viewer")
        link = urlsplit(ada.field("A link for grace@example.com")).path

        assert "Links that are open" in ada.opens("/people").text
        assert Operator(http, engine, real, None).opens(link).status_code == 200
        program = Program(http, token(engine, clock))
        program.does("/people/invitations", {"email": "bo@example.com", "role": "viewer"})
        assert len(program.asks("/people/invitations")["items"]) == 2
    with hot(engine) as connection:
        made = invitations.listed(connection, now=real.now())
    assert [each.expires_at - real.now() < timedelta(days=1) for each in made] == [True, True]


def test_a_link_for_somebody_who_is_there_sets_the_password_and_nothing_else(enter: Enter) -> None:
    ada, viewer = enter(Role.ADMIN), enter(Role.VIEWER)
    ada.opens("/people")
    ada.sends("/people", email="ada.viewer@example.com", role="admin")
    link = urlsplit(ada.field("A link for ada.viewer@example.com")).path
    back = enter()
    back.opens(link)
    assert "A new password" in back.text

    back.sends(link, password="five other words in a row", again="five other words in a row")

    assert viewer.opens("/").status_code == 303
    assert back.opens("/").status_code == 200
    assert back.opens("/people").status_code == 403


def test_nobody_takes_over_an_account_by_a_link_for_anybody(enter: Enter, engine: Engine, clock: HandClock) -> None:
    victim = person(engine, clock, Role.ADMIN)
    with hot(engine) as connection:
        link = invitations.make(connection, role=Role.VIEWER, email=None, actor="cli:test", now=clock.now())
    nobody = enter()
    nobody.opens(f"/welcome/{link}")

    answer = nobody.sends(f"/welcome/{link}", email=victim.email, password="taken over by me", again="taken over by me")

    assert answer.status_code == 422
    assert "somebody with this address already" in nobody.text
    with hot(engine) as connection:
        assert people.by_email(connection, victim.email) == victim


def test_a_token_is_shown_once_and_kept_as_a_hash(enter: Enter, engine: Engine) -> None:
    ada = enter(Role.ADMIN)
    ada.opens("/tokens")
    assert "There is none yet" in ada.text
    assert ada.sends("/tokens", name="crm", days="90").status_code == 422

    ada.opens("/tokens")
    ada.sends("/tokens", name="crm import", scope=["read", "import"], days="90")
    secret = ada.field("Your new token")

    assert secret.startswith("esp_")
    assert secret not in ada.opens("/tokens").text
    assert f"…{secret[-4:]}" in ada.text
    with hot(engine) as connection:
        kept = connection.execute("SELECT api_tokens::text FROM api_tokens").fetchall()
        audit = connection.execute("SELECT audit::text FROM audit").fetchall()
        ((number,),) = connection.execute("SELECT id FROM api_tokens").fetchall()
    assert secret not in str([kept, audit])
    assert ada.sends(f"/tokens/{number}/revoke").status_code == 303
    assert "revoked" in ada.opens("/tokens").text


def test_a_form_that_is_refused_keeps_what_was_chosen(enter: Enter) -> None:
    ada = enter(Role.ADMIN)
    ada.opens("/tokens")
    ada.sends("/tokens", name="crm import", scope=["read"], days="90")

    ada.sends("/tokens", name="crm import", scope=["act", "import"], days="365")

    assert ada.page.status_code == 422
    assert 'name="name" value="crm import"' in ada.page.text
    assert CHECKED.findall(ada.page.text) == ["act", "import"]
    assert '<option value="365" selected>' in ada.page.text

    ada.opens("/tokens")
    assert CHECKED.findall(ada.page.text) == ["read"]
    assert '<option value="90" selected>' in ada.page.text


def test_a_producer_s_form_that_is_refused_keeps_all_but_the_secret(enter: Enter) -> None:
    ada = enter(Role.ADMIN)
    ada.opens("/producers")

    ada.sends("/producers", name="C R M", scheme="path", secret="never on a page")

    assert ada.page.status_code == 422
    assert 'name="name" value="C R M"' in ada.page.text
    assert CHECKED.findall(ada.page.text) == ["path"]
    assert "never on a page" not in ada.page.text


def test_the_settings_show_no_secret(engine: Engine, clock: HandClock, vault: Vault) -> None:
    hidden = {"smtp_url": "smtp://ana:Vt9-mail@127.0.0.1:1", "tiktok_app_id": "7", "tiktok_secret": "the app's secret"}
    with TestClient(app_of(engine, clock, vault, settings=load(**hidden, port=9000))) as http:
        page = Operator(http, engine, clock, Role.ADMIN).opens("/settings").text

    assert "9000" in page
    assert "set, not shown" in page
    assert "Vt9-mail" not in page
    assert "the app&#39;s secret" not in page


def test_troubles_are_pages_for_people_and_problems_for_programs(enter: Enter, http: TestClient) -> None:
    ada = enter(Role.VIEWER)

    assert ada.opens("/nowhere").status_code == 404
    assert "There is nothing here" in ada.text
    assert ada.opens("/people").status_code == 403
    assert "An admin can change it" in ada.text
    assert "Today" in ada.text
    headers = {"accept": "application/json"}
    for path, status in (("/nowhere", 404), ("/people", 401), ("/", 401)):
        answer = http.get(path, headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert "openapi" not in ada.opens("/nowhere").text
    assert http.get("/nowhere", headers=headers).json()["remedy"] == "What programs find here is in /openapi.json."


def test_a_form_has_a_size_and_is_a_form(enter: Enter) -> None:
    ada = enter(Role.ADMIN)
    ada.opens("/people")

    assert ada.sends("/people", email="x" * 300_000).status_code == 413
    ada.opens("/people")
    assert ada.sends("/people", headers={"content-type": "application/json"}).status_code == 415


def test_what_needs_no_session_needs_none(http: TestClient) -> None:
    for path in ("/healthz", "/metrics", "/openapi.json", "/schemas/", "/static/room.css", "/sign-in"):
        assert http.get(path, follow_redirects=False).status_code == 200, path
    assert http.post("/webhooks/nobody", json={}).status_code == 404


def test_every_page_forbids_what_it_does_not_need(enter: Enter) -> None:
    for path in ("/", "/sign-in", "/nowhere", "/account"):
        headers = enter(Role.VIEWER).opens(path).headers
        assert headers["cache-control"] == "no-store"
        assert headers["content-security-policy"] == (
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
            "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )
        assert headers["x-frame-options"] == "DENY"


def test_in_a_simulation_whoever_opens_it_here_is_its_operator(engine: Engine, clock: HandClock, vault: Vault) -> None:
    app = app_of(engine, clock, vault, simulation=Simulation(day_seconds=10))
    with TestClient(app, base_url="http://127.0.0.1:8080") as http:
        page = http.get("/", headers={"accept": "text/html"}, follow_redirects=False)
        assert page.status_code == 200
        assert "Demo operator" in page.text
        assert "Sign out" not in page.text
        assert http.get("/people", follow_redirects=False).status_code == 403
        rebound = http.get("/", headers={"host": "evil.example"}, follow_redirects=False)
        assert rebound.status_code == 303
        assert http.post("/sign-out", headers={"origin": "https://evil.example"}).status_code == 403
        assert http.post("/sign-out", follow_redirects=False).status_code == 403


def test_a_simulation_that_others_can_reach_is_locked(engine: Engine, clock: HandClock, vault: Vault) -> None:
    settings = load(host="0.0.0.0", behind_tls=True, public_url="https://demo.example.com")
    app = app_of(engine, clock, vault, settings=settings, simulation=Simulation(day_seconds=10))
    with TestClient(app, base_url="http://127.0.0.1:8080") as http:
        assert http.get("/", follow_redirects=False).status_code == 303


@pytest.mark.parametrize(
    ("given", "led_to"),
    [
        ("/people?x=1", "/people?x=1"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\r\nset-cookie: x=y", "/"),
        ("/\t/evil.example", "/"),
        ("/sign-in?next=/", "/"),
        ("", "/"),
    ],
)
def test_the_way_after_the_door_stays_in_the_house(given: str, led_to: str) -> None:
    assert own_path(given) == led_to


@given(st.text())
def test_no_text_leads_elsewhere(text: str) -> None:
    there = urlsplit(f"http://here{own_path(text)}")
    assert there.netloc == "here"


def test_a_cookie_of_nobody_is_nobody(enter: Enter, engine: Engine, clock: HandClock) -> None:
    nobody = enter()
    nobody.cookie = "x" * 43
    assert nobody.opens("/").status_code == 303

    ada = enter(Role.VIEWER)
    with hot(engine) as connection:
        assert sessions.find(connection, ada.cookie, now=clock.now())
        ((kept,),) = connection.execute("SELECT token FROM sessions").fetchall()
    nobody.cookie = kept.hex()
    assert nobody.opens("/").status_code == 303
