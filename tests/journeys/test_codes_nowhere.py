"""A Spark code that somebody puts where none belongs: it is in no page, in no address that is made, in no line of the audit log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from httpx2 import Response
from sqlalchemy import Engine
from starlette.testclient import TestClient

from domain.filters import PARTS
from domain.people import Role
from infra.clock import HandClock
from infra.database import hot
from infra.vault import Vault
from tests.operator import Operator
from tests.program import Program, problem, served, token
from web.api.operations import OPERATIONS
from web.room.routes import PAGES

BODY = "Ab3+/Zz9" + "kQ7x" * 13 + "Yp0"
CODE = f"#{BODY}="
WORDS = sorted(
    {*PARTS, "after", "before", "sort", "key", "sender", "type", "actor", "act", "subject", "next", "back", "query"}
)
PLACES = {"{advertiser}": "7", "{name}": "crm", "{id:int}": "1", "{seq:int}": "1", "{number}": "1", "{seq}": "1"}
FORMS: dict[str, dict[str, Any]] = {
    "/views": {"name": "x", "query": urlencode({"campaign": CODE})},
    "/tokens": {"name": CODE, "scope": "read", "days": "30"},
    "/people": {"email": f"{CODE}@example.com", "role": "viewer"},
    "/producers": {"name": CODE, "scheme": "standard"},
    "/acts/preview": {"act": "look", "everything": "1", "query": urlencode({"creator": CODE}), "back": ""},
    "/acts": {"act": "look", "key": CODE, "nonce": "a"},
    "/events/replay": {"query": urlencode({"key": CODE}), "everything": "1"},
    "/sign-in": {"email": CODE, "password": "x", "next": f"/authorizations?{urlencode({'search': CODE})}"},
}


@pytest.fixture
def http(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[TestClient]:
    with served(engine, clock, vault, api_per_minute=100_000) as client:
        yield client


def without_code(answer: Response, what: str) -> None:
    """`answer` tells it neither as it is nor as a part of an address, however often that was encoded."""
    told = answer.text + answer.headers.get("location", "") + answer.headers.get("link", "")
    for text in (BODY, quote(BODY, safe=""), quote(quote(BODY, safe=""), safe=""), BODY[8:40]):
        assert text not in told, (what, answer.status_code)


def kept(engine: Engine) -> list[Any]:
    """Where the database keeps it in the clear."""
    with hot(engine) as connection:
        query = """SELECT 'audit' FROM audit WHERE audit::text LIKE %(code)s UNION ALL SELECT 'view' FROM saved_views
            WHERE saved_views::text LIKE %(code)s UNION ALL SELECT 'token' FROM api_tokens WHERE name LIKE %(code)s
            UNION ALL SELECT 'invitation' FROM invitations WHERE email LIKE %(code)s"""
        return connection.execute(query, {"code": f"%{BODY[8:40]}%"}).fetchall()


def filled(path: str) -> str:
    for name, value in PLACES.items():
        path = path.replace(name, value)
    return path


@pytest.mark.parametrize("written", [quote(CODE, safe=""), quote(CODE, safe="+"), quote(BODY + "=", safe="")])
def test_no_page_takes_a_code_in_its_address(http: Any, engine: Engine, clock: HandClock, written: str) -> None:
    ada, nobody = Operator(http, engine, clock, Role.ADMIN), Operator(http, engine, clock, None)
    pages = sorted({filled(page.path) for page in PAGES if "GET" in page.methods and page.path != "/live"})

    for path in (*pages, "/sign-in"):
        for word in (*(WORDS if written == quote(CODE, safe="") else ("search", "after")), written):
            address = f"{path}?{word}={written}"
            without_code(ada.opens(address), address)
        without_code(nobody.opens(f"{path}?search={written}"), path)
        without_code(ada.opens(f"{path}/{written}"), path)

    assert ada.opens(f"/authorizations?campaign={written}").status_code == 422
    assert kept(engine) == []


@pytest.mark.parametrize("path", FORMS)
def test_no_form_takes_a_code_where_it_would_be_shown(http: Any, engine: Engine, clock: HandClock, path: str) -> None:
    ada = Operator(http, engine, clock, Role.ADMIN)
    ada.opens("/tokens")

    answer = ada.sends(path, **FORMS[path])

    assert answer.status_code == 422
    without_code(answer, path)
    assert kept(engine) == []


def test_the_api_takes_no_code_in_an_address(http: Any, engine: Engine, clock: HandClock) -> None:
    program = Program(http, token(engine, clock))

    for operation in (each for each in OPERATIONS if each.method == "GET"):
        path = filled(operation.path).replace("{subject}", "1")
        for word in (*WORDS, "", quote(CODE, safe="")):
            answer = program.sends("GET", f"{path}?{word}={quote(CODE, safe='')}")
            problem(answer, 422, "invalid")
            without_code(answer, f"{path} {word}")
        without_code(program.sends("GET", f"{path}/{quote(CODE, safe='')}"), path)

    assert kept(engine) == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/tokens", {"name": CODE, "scopes": ["read"]}),
        ("/people/invitations", {"email": f"{CODE}@example.com", "role": "viewer"}),
        ("/producers", {"name": CODE}),
        ("/acts/preview", {"act": "look", "filter": urlencode({"campaign": CODE})}),
        ("/acts", {"act": "look", "keys": ["7/1", CODE]}),
        ("/acts", {"act": "look", "keys": [], CODE: 1}),
        ("/events/replay", {"filter": urlencode({"key": CODE})}),
    ],
)
def test_the_api_takes_no_code_in_a_body(http: Any, engine: Engine, clock: HandClock, path: str, body: Any) -> None:
    answer = Program(http, token(engine, clock)).sends("POST", path, body)

    problem(answer, 422, "invalid")
    without_code(answer, path)
    assert kept(engine) == []


def test_a_producer_s_own_secret_may_look_like_one(http: Any, engine: Engine, clock: HandClock) -> None:
    program = Program(http, token(engine, clock))

    made = program.does("/producers", {"name": "crm", "scheme": "path", "secret": BODY.replace("/", "x")})

    assert made["name"] == "crm"
