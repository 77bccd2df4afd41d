"""Signing in by OpenID Connect, against a small issuer on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from joserfc.jwk import RSAKey
from sqlalchemy import Engine
from structlog.testing import capture_logs

from domain.people import Role
from infra import invitations, people
from infra.broker import make_broker, make_nudges
from infra.clock import HandClock
from infra.database import hot
from infra.settings import BadSettings, load
from infra.vault import Vault
from tests.issuer import CLIENT_ID, CLIENT_SECRET, Issuer
from tests.operator import person, quick_passwords
from tests.serving import serving
from web.main import make_app

ADA = {"sub": "ada-1", "email": "Ada@example.com", "email_verified": True, "name": "Ada"}
SignIn = Callable[..., httpx.Response]


@pytest.fixture
def issuer(clock: HandClock) -> Iterator[Issuer]:
    issuer = Issuer(clock, claims=dict(ADA))
    with serving(issuer.app()) as http:
        issuer.url = str(http.base_url).rstrip("/")
        yield issuer


@pytest.fixture
def sign_in(engine: Engine, clock: HandClock, vault: Vault, issuer: Issuer) -> SignIn:
    """Goes there and back as a browser does; what the last answer was."""

    def sign_in(*, role: str = "", wanted: str = "/account", between: Callable[[str], str] = str) -> httpx.Response:
        settings = load(
            oidc_issuer=issuer.url,
            oidc_client_id=CLIENT_ID,
            oidc_client_secret=CLIENT_SECRET,
            oidc_default_role=role,
        )
        nudges = make_nudges(make_broker(""))
        app = make_app(
            settings=settings, engine=engine, vault=vault, clock=clock, nudges=nudges, passwords=quick_passwords()
        )
        with serving(app) as http:
            assert "Sign in through your organisation" in http.get("/sign-in").text
            left = http.get(f"/sign-in/oidc?next={wanted}")
            if left.status_code != 303:
                return left
            sent = httpx.get(left.headers["location"]).headers["location"]
            answer = http.get(between(sent.removeprefix("http://127.0.0.1:8080")))
            return http.get(answer.headers["location"]) if answer.status_code == 303 else answer

    return sign_in


def everybody(engine: Engine) -> dict[str, Any]:
    with hot(engine) as connection:
        return {each.email: (each.role, each.subject) for each in people.listed(connection)}


def test_who_was_not_invited_is_refused(sign_in: SignIn, engine: Engine) -> None:
    answer = sign_in()

    assert answer.status_code == 403
    assert "You were not invited" in answer.text
    assert everybody(engine) == {}


def test_who_was_invited_comes_in_with_that_role_and_is_known_from_then_on(
    sign_in: SignIn, engine: Engine, clock: HandClock, issuer: Issuer
) -> None:
    with hot(engine) as connection:
        email = "ada@example.com"
        invitations.make(connection, role=Role.OPERATOR, email=email, actor="cli:test", now=clock.now())

    assert "Your account" in sign_in().text
    subject = f"{issuer.url} ada-1"
    assert everybody(engine) == {"ada@example.com": (Role.OPERATOR, subject)}

    issuer.claims["email"] = "ada.married@example.com"
    assert "ada@example.com" in sign_in().text
    assert everybody(engine) == {"ada@example.com": (Role.OPERATOR, subject)}


def test_a_default_role_lets_in_everybody_of_the_issuer(sign_in: SignIn, engine: Engine) -> None:
    assert sign_in(role="viewer").status_code == 200
    assert everybody(engine)["ada@example.com"][0] is Role.VIEWER


def test_who_comes_in_by_a_default_role_does_not_shut_out_the_first_admin(
    sign_in: SignIn, engine: Engine, clock: HandClock
) -> None:
    with hot(engine) as connection:
        link = invitations.make_first(connection, now=clock.now()) or ""

    assert sign_in(role="viewer").status_code == 200

    with hot(engine) as connection:
        assert invitations.find(connection, link, now=clock.now())
        assert invitations.make_first(connection, now=clock.now())


def test_who_is_there_by_password_is_found_by_a_checked_address_only(
    sign_in: SignIn, engine: Engine, clock: HandClock, issuer: Issuer
) -> None:
    person(engine, clock, Role.ADMIN, email="ada@example.com")

    issuer.claims["email_verified"] = False
    assert sign_in(role="viewer").status_code == 403
    issuer.claims["email_verified"] = True
    assert sign_in().status_code == 200
    issuer.claims["sub"] = "another ada"
    assert sign_in(role="viewer").status_code == 403

    assert everybody(engine) == {"ada@example.com": (Role.ADMIN, f"{issuer.url} ada-1")}


def test_who_is_disabled_stays_outside(sign_in: SignIn, engine: Engine, clock: HandClock) -> None:
    ada = person(engine, clock, email="ada@example.com")
    with hot(engine) as connection:
        people.disable(connection, user_id=ada.id, actor="cli:test", now=clock.now())

    assert sign_in().status_code == 403


@pytest.mark.parametrize(
    "changes",
    [
        {"nonce": "another"},
        {"aud": "another"},
        {"iss": "https://another.example"},
        {"exp": 1},
        {"azp": "another"},
        {"sub": None},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_word_that_is_not_for_this_sign_in_is_not_believed(
    sign_in: SignIn, issuer: Issuer, engine: Engine, changes: dict[str, Any]
) -> None:
    issuer.changes = changes

    with capture_logs() as lines:
        assert sign_in(role="viewer").status_code == 403

    assert everybody(engine) == {}
    (line,) = [line for line in lines if line["event"].startswith("issuer")]
    assert (line["event"], line["claim"]) == ("issuer_not_believed", *changes)


def test_a_word_that_somebody_else_signed_is_not_believed(sign_in: SignIn, issuer: Issuer, engine: Engine) -> None:
    issuer.signing_key = RSAKey.generate_key(2048, {"kid": "1"})

    with capture_logs() as lines:
        assert sign_in(role="viewer").status_code == 403

    assert [line["event"] for line in lines if line["event"].startswith("issuer")] == ["issuer_not_believed"]
    assert everybody(engine) == {}


@pytest.mark.parametrize("email", [["ada@example.com"], 7, "no address", None])
def test_an_address_that_is_none_lets_nobody_in(sign_in: SignIn, issuer: Issuer, engine: Engine, email: object) -> None:
    issuer.changes = {"email": email}

    assert sign_in(role="viewer").status_code == 403
    assert everybody(engine) == {}


def test_an_answer_to_another_browser_s_question_is_refused(sign_in: SignIn, issuer: Issuer, engine: Engine) -> None:
    def other_state(address: str) -> str:
        return address.replace(issuer.asked["state"], "x" * len(issuer.asked["state"]))

    answer = sign_in(role="viewer", between=other_state)

    assert answer.status_code == 403
    assert "not to a sign-in of this browser" in answer.text
    assert everybody(engine) == {}


def test_a_way_that_took_too_long_is_begun_again(sign_in: SignIn, clock: HandClock) -> None:
    def later(address: str) -> str:
        clock.advance(timedelta(minutes=11))
        return address

    assert "took too long" in sign_in(role="viewer", between=later).text


def test_who_said_no_at_the_issuer_is_asked_again(sign_in: SignIn, issuer: Issuer) -> None:
    issuer.refuses = True

    assert "not finished at the issuer" in sign_in(role="viewer").text


def test_an_issuer_that_is_away_is_said_and_passwords_remain(sign_in: SignIn, issuer: Issuer) -> None:
    issuer.url = "http://127.0.0.1:1"

    with capture_logs() as lines:
        answer = sign_in()

    assert [line["event"] for line in lines] == ["issuer_not_read"]
    assert answer.status_code == 503
    assert "sign in with a password" in answer.text


def test_nobody_is_led_elsewhere_after_it(sign_in: SignIn) -> None:
    answer = sign_in(role="viewer", wanted="//evil.example")

    assert answer.url.path == "/"
    assert answer.url.host == "127.0.0.1"


def test_half_an_issuer_stops_the_start() -> None:
    with pytest.raises(BadSettings, match="EVERSPARK_OIDC_CLIENT_SECRET is not set"):
        load(oidc_issuer="https://login.example.com", oidc_client_id="x")
    with pytest.raises(BadSettings, match="https://"):
        load(oidc_issuer="http://login.example.com", oidc_client_id="x", oidc_client_secret="y")
