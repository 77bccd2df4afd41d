"""The API's door: tokens and scopes, problems, pages, idempotency keys, limits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from domain.people import Role, Scope
from infra import api_tokens, people
from infra.broker import make_broker, make_nudges
from infra.clock import HandClock
from infra.database import hot, make_engine
from infra.people import PeopleError
from infra.settings import load
from infra.vault import Vault
from tests.operator import person
from tests.portfolio import Post, holds
from tests.program import EVERYTHING, Program, problem, served, token
from web.api import acts
from web.api.calls import PREFIX, Asks, Operation
from web.api.operations import OPERATIONS
from web.api.paging import Page
from web.api.site import Api
from web.forecast import Foresight

PLACES = {"{number}": "1", "{seq}": "1", "{advertiser}": "7", "{subject}": "1", "{id}": "7", "{name}": "crm"}


@pytest.fixture
def http(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[Any]:
    with served(engine, clock, vault) as client:
        yield client


@pytest.fixture
def program(http: Any, engine: Engine, clock: HandClock) -> Program:
    return Program(http, token(engine, clock))


def address(operation: Operation) -> str:
    path = operation.path
    for name, value in PLACES.items():
        path = path.replace(name, value)
    assert "{" not in path
    return path


# Tokens


def test_every_operation_refuses_who_has_no_token(http: Any) -> None:
    for operation in OPERATIONS:
        answer = Program(http).sends(operation.method, address(operation))

        problem(answer, 401, "not_signed_in")
        assert answer.headers["www-authenticate"] == "Bearer", operation.name


def test_every_operation_refuses_a_token_of_all_other_scopes(http: Any, engine: Engine, clock: HandClock) -> None:
    others = {
        scope: Program(http, token(engine, clock, *(EVERYTHING - {scope}), name=f"not-{scope}")) for scope in Scope
    }

    for operation in OPERATIONS:
        answer = others[operation.scope].sends(operation.method, address(operation))

        problem(answer, 403, "not_allowed")
        assert f'scope="{operation.scope}"' in answer.headers["www-authenticate"], operation.name


def test_every_operation_lets_in_a_token_of_its_scope(http: Any, engine: Engine, clock: HandClock) -> None:
    ours = {scope: Program(http, token(engine, clock, scope, name=scope)) for scope in Scope}

    for operation in OPERATIONS:
        answer = ours[operation.scope].sends(operation.method, address(operation))

        assert answer.status_code in (200, 201, 202, 404, 409, 415, 422), f"{operation.name}: {answer.text}"


def test_no_operation_that_changes_something_is_read(http: Any) -> None:
    reading = [each.name for each in OPERATIONS if each.is_write and each.scope is Scope.READ]

    assert reading == []


def test_a_cookie_is_nobody(http: Any) -> None:
    answer = Program(http).sends("GET", "/acts", cookie="everspark=" + "a" * 43)

    problem(answer, 401, "not_signed_in")


@pytest.mark.parametrize("days", [0, 3_653])
def test_a_token_works_for_ten_years_at_most(engine: Engine, clock: HandClock, days: int) -> None:
    with hot(engine) as connection, pytest.raises(PeopleError, match="1 to 3,652 days"):
        api_tokens.make(connection, name="crm", scopes=[Scope.READ], days=days, actor="cli:test", now=clock.now())


def test_a_token_may_no_more_than_who_made_it_may_at_that_moment(http: Any, engine: Engine, clock: HandClock) -> None:
    ada = person(engine, clock, Role.OPERATOR)
    program = Program(http, token(engine, clock, user_id=ada.id))
    assert program.sends("POST", "/acts/preview", {"act": "look", "filter": ""}).status_code == 200

    with hot(engine) as connection:
        people.change_role(connection, user_id=ada.id, role=Role.VIEWER, actor="cli:test", now=clock.now())

    problem(program.sends("POST", "/acts/preview", {"act": "look", "filter": ""}), 403, "not_allowed")
    assert program.sends("GET", "/acts").status_code == 200


# Problems


def test_what_is_not_there_is_told_as_a_problem(program: Program) -> None:
    problem(program.sends("GET", "/nothing"), 404, "not_found")
    problem(program.sends("GET", "/acts/7"), 404, "not_found")
    answer = program.sends("DELETE", "/acts")
    problem(answer, 405, "wrong_method")
    assert "GET" in answer.headers["allow"]


def test_a_field_that_cannot_be_taken_is_named(program: Program) -> None:
    told = problem(program.sends("GET", "/authorizations?limit=5000&colour=red"), 422, "invalid")

    assert told["field"] == "limit"
    assert told["errors"][0]["problem"] == "input should be less than or equal to 200."
    assert told["errors"][1] == {"field": "colour", "problem": "nothing of this name is known here."}


def test_what_was_sent_is_never_told_back(program: Program) -> None:
    answer = program.sends("POST", "/acts", {"act": "fly", "filter": "", "code": "#hushhush"})

    problem(answer, 422, "invalid")
    assert "hushhush" not in answer.text


def test_a_body_that_is_no_json_is_refused(program: Program, http: Any, engine: Engine, clock: HandClock) -> None:
    headers = {"authorization": f"Bearer {token(engine, clock, name='other')}"}

    for body in (b"{", b"\xff", b"[" * 100_000):
        broken = http.post(f"{PREFIX}/acts", content=body, headers=headers | {"content-type": "application/json"})
        assert problem(broken, 400, "malformed")["remedy"] == "Send one JSON object, in UTF-8."
    form = http.post(f"{PREFIX}/acts", data={"act": "ask"}, headers=headers)
    problem(form, 415, "unsupported")
    long = http.post(f"{PREFIX}/acts", content=b" " * 1_000_001, headers=headers | {"content-type": "application/json"})
    problem(long, 413, "too_large")
    nothing = http.post(f"{PREFIX}/acts", headers=headers)
    assert problem(nothing, 422, "invalid")["field"] == "body"


def test_a_bug_is_told_without_its_cause_and_logged_with_it(engine: Engine, clock: HandClock, vault: Vault) -> None:
    def breaks(call: Asks) -> Page[str]:
        """Breaks."""
        raise RuntimeError(f"the secret of {call.actor}")

    with alone(engine, clock, vault, breaks) as http, capture_logs() as logged:
        answer = Program(http, token(engine, clock)).sends("GET", "/breaks")

    problem(answer, 500, "failed")
    assert "secret" not in answer.text
    [line] = [line for line in logged if line["event"] == "api_crashed"]
    assert (line["path"], line["log_level"]) == ("/breaks", "error")


@pytest.mark.parametrize(
    ("query", "value", "status", "reason"),
    [
        ("SELECT %s::text", "a\0b", 422, "invalid"),
        ("SELECT %s::jsonb", '"a\\u0000b"', 422, "invalid"),
        ("SELECT %s::int8 * 2", 2**63 - 1, 422, "invalid"),
        ("SELECT %s::int8 / 0", 7, 500, "failed"),
        ("SELECT %s::text::int8", "seven", 500, "failed"),
    ],
)
def test_the_database_objects_to_what_was_sent_or_to_a_bug(
    engine: Engine, clock: HandClock, vault: Vault, query: str, value: object, status: int, reason: str
) -> None:
    def breaks(call: Asks) -> Page[str]:
        """Breaks."""
        with hot(call.desk.engine) as connection:
            connection.execute(query.encode(), [value])
        return Page(items=[], next=None)

    with alone(engine, clock, vault, breaks) as http, capture_logs() as logged:
        answer = Program(http, token(engine, clock)).sends("GET", "/breaks")

    problem(answer, status, reason)
    assert [line["event"] for line in logged] == (["api_crashed"] if status == 500 else [])


def test_a_database_that_is_away_is_told_as_something_that_passes(clock: HandClock, vault: Vault) -> None:
    nowhere = make_engine("postgresql://nobody@127.0.0.1:1/nothing")

    with alone(nowhere, clock, vault, acts.listed) as http, capture_logs() as logged:
        answer = Program(http, "esp_whatever").sends("GET", "/breaks")

    problem(answer, 503, "away")
    assert answer.headers["retry-after"] == "5"
    assert "api_not_answered" in [line["event"] for line in logged]


@contextmanager
def alone(engine: Engine, clock: HandClock, vault: Vault, handler: Any) -> Iterator[Any]:
    """An API of one operation."""
    api = Api(
        settings=load(),
        engine=engine,
        vault=vault,
        clock=clock,
        wall=clock,
        nudges=make_nudges(make_broker("")),
        foresight=Foresight(engine, load(), clock),
        table=[Operation(path="/breaks", handler=handler)],
    )
    app = Starlette(routes=[Mount(PREFIX, api.app)])
    with TestClient(app, base_url="http://127.0.0.1:8080") as http:
        yield http


# Pages


def test_pages_follow_each_other_to_the_end(program: Program, engine: Engine, clock: HandClock) -> None:
    holds(engine, [Post(number=number, ends=number) for number in range(1, 8)], now=clock.now())

    first = program.asks("/authorizations?state=active&limit=3")
    link = program.answer.headers["link"]
    everything = list(program.walks("/authorizations?state=active&limit=3"))

    assert first["next"].startswith("/api/v1/authorizations?state=active&limit=3&after=")
    assert link == f'<{first["next"]}>; rel="next"'
    assert [each["item_id"][-1] for each in everything] == list("1234567")
    assert program.asks("/authorizations?limit=7")["next"] is None


@pytest.mark.parametrize(
    ("path", "headers", "field", "words"),
    [
        ("/events?first=first", {}, "first", "input should be a number of at most 18 digits"),
        ("/events?age=hour%0a", {}, "age", "input should be one of hour, day, week, month"),
        ("/outbox?status=lost", {}, "status", "input should be one of owed,"),
        ("/sweeps/runs?job=x", {}, "job", "input should be one of "),
        ("/creators?search=%00", {}, "search", "input should be a text without the character NUL"),
        (
            "/tokens",
            {"idempotency-key": "a key"},
            "Idempotency-Key",
            "input should be 1 to 255 visible ASCII characters, without spaces",
        ),
    ],
)
def test_how_a_text_must_be_spelled_is_said_in_words(
    program: Program, path: str, headers: dict[str, str], field: str, words: str
) -> None:
    method = "POST" if headers else "GET"
    body = {"name": "crm", "scopes": ["read"]} if headers else None

    answer = program.sends(method, path, body, **headers)

    told = problem(answer, 422, "invalid")
    assert told["field"] == field
    assert f"{field} cannot be taken: {words}" in told["detail"]
    assert told["errors"][0]["problem"].startswith(words)
    assert "pattern" not in answer.text
    assert "^" not in answer.text


@pytest.mark.parametrize("after", ["", "%21%21", "MQ", "bm93aGVyZQ"])
def test_a_cursor_that_is_none_is_refused(program: Program, after: str) -> None:
    problem(program.sends("GET", f"/authorizations?after={after}"), 422, "invalid")


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/authorizations?left_to=7&left_to=3000", "left_to"),
        ("/authorizations/count?advertiser=7&advertiser=8", "advertiser"),
        ("/events?limit=5&limit=6", "limit"),
    ],
)
def test_a_word_that_holds_one_thing_is_said_once(program: Program, path: str, field: str) -> None:
    told = problem(program.sends("GET", path), 422, "invalid")

    assert (told["field"], told["detail"]) == (field, f"{field} is to be said once.")
    assert program.asks("/authorizations/count?state=active&state=expired") == {"count": 0, "is_more": False}


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/acts/preview", '{"act": "look", "filter": "state=active", "filter": ""}', "filter"),
        ("/acts", '{"act": "look", "act": "ask", "filter": ""}', "act"),
        ("/tokens", '{"name": "crm", "scopes": ["read"], "scopes": ["admin"]}', "scopes"),
        ("/events/replay", '{"seqs": [1], "more": [{"a": 1, "a": 2}]}', "a"),
    ],
)
def test_a_member_of_a_body_is_said_once(
    program: Program, http: Any, engine: Engine, clock: HandClock, path: str, body: str, field: str
) -> None:
    holds(engine, [Post()], now=clock.now())
    secret = token(engine, clock, name="other")
    headers = {"authorization": f"Bearer {secret}", "content-type": "application/json"}

    told = problem(http.post(f"{PREFIX}{path}", content=body, headers=headers), 422, "invalid")

    assert (told["field"], told["detail"]) == (field, f"{field} is to be said once.")
    assert program.asks("/acts")["items"] == []


@pytest.mark.parametrize(
    "until", [1900000000, 1900000000000, "1900000000", "2027-01-01", "2027-01-01T00:00:00", "2027-01-01T00:00Z"]
)
def test_an_instant_is_of_rfc_3339_with_a_zone(program: Program, until: Any) -> None:
    told = problem(begins(program, "one", until=until), 422, "invalid")

    assert told["field"] == "until"
    assert "an instant by RFC 3339 with a zone, such as 2026-12-24T09:00:00Z" in told["detail"]


def test_an_act_that_concerns_nobody_says_why(program: Program, engine: Engine, clock: HandClock) -> None:
    holds(engine, [Post()], now=clock.now())

    told = problem(begins(program, "one", act="look"), 409, "conflict")

    assert told["detail"].startswith("It concerns none of these, so there is nothing to do. Left out: 1: ")


# Idempotency keys


def begins(program: Program, key: str, **fields: Any) -> Any:
    body = {"act": "snooze", "filter": "state=active", "until": "2027-01-01T00:00:00Z"} | fields
    return program.sends("POST", "/acts", body, **{"idempotency-key": key})


def test_the_same_request_with_the_same_key_is_done_once(program: Program, engine: Engine, clock: HandClock) -> None:
    holds(engine, [Post()], now=clock.now())

    first, again, other = begins(program, "one"), begins(program, "one"), begins(program, "two")

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again.headers["location"] == first.headers["location"] == "/api/v1/acts/1"
    assert ("idempotent-replayed" in first.headers, again.headers["idempotent-replayed"]) == (False, "true")
    assert other.json()["id"] == 2
    assert len(program.asks("/acts")["items"]) == 2


def test_two_keys_are_none(http: Any, program: Program, engine: Engine, clock: HandClock) -> None:
    secret = token(engine, clock, name="other")
    headers = [("authorization", f"Bearer {secret}"), ("idempotency-key", "a"), ("idempotency-key", "b")]

    answer = http.post(f"{PREFIX}/tokens", json={"name": "x", "scopes": ["read"]}, headers=headers)

    assert problem(answer, 422, "invalid")["field"] == "Idempotency-Key"
    assert len(program.asks("/tokens")["items"]) == 2


def test_a_key_belongs_to_one_request_of_one_token(
    program: Program, http: Any, engine: Engine, clock: HandClock
) -> None:
    holds(engine, [Post()], now=clock.now())
    begins(program, "one")

    told = problem(begins(program, "one", until="2027-02-01T00:00:00Z"), 422, "key_reused")
    assert told["field"] == "Idempotency-Key"
    assert begins(Program(http, token(engine, clock, name="else")), "one").json()["id"] == 2


def test_a_token_that_takes_over_the_name_of_a_revoked_one_is_not_told_its_answers(
    program: Program, http: Any, engine: Engine, clock: HandClock
) -> None:
    holds(engine, [Post()], now=clock.now())
    begins(program, "one")
    with hot(engine) as connection:
        api_tokens.revoke(connection, 1, actor="cli:test", now=clock.now())

    again = begins(Program(http, token(engine, clock)), "one")

    assert again.json()["id"] == 2
    assert "idempotent-replayed" not in again.headers


def test_what_was_refused_may_be_tried_again_with_the_same_key(
    program: Program, engine: Engine, clock: HandClock
) -> None:
    problem(begins(program, "one"), 409, "conflict")

    holds(engine, [Post()], now=clock.now())

    assert begins(program, "one").status_code == 201


def test_an_answer_is_kept_for_a_day(program: Program, engine: Engine, clock: HandClock) -> None:
    holds(engine, [Post()], now=clock.now())
    begins(program, "one")

    clock.advance(timedelta(hours=24))

    assert begins(program, "one").json()["id"] == 2


def test_a_key_in_use_is_refused_meanwhile(program: Program, engine: Engine, clock: HandClock) -> None:
    holds(engine, [Post()], now=clock.now())

    with hot(engine) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('api-answer:token:1:one', 0))")
        answer = begins(program, "one")

    problem(answer, 409, "in_flight")
    assert answer.headers["retry-after"] == "1"
    assert begins(program, "one").status_code == 201


# Limits


def test_a_token_that_asks_too_often_waits(engine: Engine, clock: HandClock, vault: Vault) -> None:
    with served(engine, clock, vault, api_per_minute=2) as http:
        program, other = (Program(http, token(engine, clock, name=name)) for name in ("crm", "bi"))
        program.asks("/acts")
        assert program.answer.headers["ratelimit-policy"] == '"token";q=2;w=60'
        assert program.answer.headers["ratelimit"] == '"token";r=1;t=60'
        program.asks("/acts")
        clock.advance(timedelta(seconds=20))

        answer = program.sends("GET", "/acts")

        problem(answer, 429, "too_many")
        assert answer.headers["retry-after"] == "40"
        other.asks("/acts")
        clock.advance(timedelta(seconds=40))
        program.asks("/acts")


# The document


def test_the_document_needs_no_token(http: Any) -> None:
    answer = http.get(f"{PREFIX}/openapi.json")

    assert answer.status_code == 200
    assert answer.json()["openapi"] == "3.1.0"
    assert answer.json()["servers"] == [{"url": "http://127.0.0.1:8080/api/v1"}]
