"""The API against its own document: whatever is sent, the answer is one that the document tells of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from sqlalchemy import Engine

from infra.broker import make_broker, make_nudges
from infra.clock import HandClock, SystemClock
from infra.database import make_engine
from infra.settings import load
from infra.vault import Vault
from tests.portfolio import Post, holds
from tests.program import served_at, token
from web.api.site import Api
from web.forecast import Foresight

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


def document() -> dict[str, Any]:
    """Nothing is asked for it: neither the database nor the clock."""
    engine, clock = make_engine("postgresql://nobody@127.0.0.1:1/nothing"), SystemClock()
    return Api(
        settings=load(),
        engine=engine,
        vault=Vault(bytes(32)),
        clock=clock,
        wall=clock,
        nudges=make_nudges(make_broker("")),
        foresight=Foresight(engine, load(), clock),
    ).document


@schemathesis.serializer("text/csv")
def as_sheet(_context: Any, value: Any) -> bytes:
    return str(value).encode("utf-8", "surrogatepass")


DOCUMENT = document()
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)


@pytest.fixture
def address(engine: Engine, vault: Vault, clock: HandClock) -> Iterator[tuple[str, str]]:
    """Where the service listens, with something of everything in it, and a token for all of it."""
    holds(engine, [Post(number=number, ends=number, flight=30) for number in range(1, 4)], now=clock.now())
    with served_at(engine, clock, vault, api_per_minute=0) as base:
        yield base, token(engine, clock)


def test_the_document_keeps_to_json_schema() -> None:
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_every_schema_has_a_name_of_its_own() -> None:
    assert [name for name in DOCUMENT["components"]["schemas"] if "__" in name] == []


def test_what_must_be_spelled_in_one_way_is_described_beside_its_pattern() -> None:
    described = {each["pattern"]: each["description"] for each in with_pattern(DOCUMENT)}

    assert described["^[0-9]{1,18}$"] == "A number of at most 18 digits."
    assert described["^(hour|day|week|month)$"] == "One of hour, day, week, month."
    assert r"^[\x21-\x7e]{1,255}$" in described


def with_pattern(part: Any) -> Iterator[dict[str, Any]]:
    """Every schema of the document, or of a part of it, that has a pattern."""
    if isinstance(part, dict) and isinstance(part.get("pattern"), str):
        yield part
    for each in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from with_pattern(each)


def test_every_operation_tells_its_scope_its_problems_and_what_it_answers() -> None:
    for path, methods in DOCUMENT["paths"].items():
        for method, told in methods.items():
            name = f"{method} {path}"
            assert len(told["security"]) == 1, name
            assert {"401", "403", "422", "429", "503"} <= set(told["responses"]), name
            assert told["summary"], name
            good = next(answer for status, answer in told["responses"].items() if status.startswith("2"))
            [(media_type, content)] = good["content"].items()
            assert media_type in ("application/json", "text/csv"), name
            assert content["schema"], name
            assert "RateLimit" in good["headers"], name
            assert ("Link" in good["headers"]) == ("Page_" in str(content["schema"])), name


@SCHEMA.parametrize()
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_operation_answers_as_the_document_says(case: schemathesis.Case[Any], address: tuple[str, str]) -> None:
    base, secret = address
    # What is there is more worth a visit than what is not.
    for name in ("number", "seq"):
        if name in case.path_parameters:
            case.path_parameters[name] = 1

    case.call_and_validate(base_url=f"{base}/api/v1", headers={"authorization": f"Bearer {secret}"}, checks=CHECKS)
