from __future__ import annotations

import json
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

from infra import producers
from infra.clock import HandClock
from infra.database import transaction
from infra.settings import Settings
from infra.vault import Vault
from tests.serving import serving
from web import openapi
from web.main import make_app

DAYS = (7, 30, 60, 365)
DOCUMENT = openapi.document("http://127.0.0.1:8080", offered_days=DAYS)
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@schemathesis.serializer("application/x-ndjson")
def as_lines(_context: Any, value: Any) -> bytes:
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else json.dumps(value).encode()


class Deaf:
    def mailboxes(self, numbers: Any) -> None:
        """Nobody is nudged."""

    def bulks(self) -> None:
        """Nor here."""

    def imports(self) -> None:
        """Nor here."""

    def looks(self) -> None:
        """Nor here."""


@pytest.fixture
def address(engine: Engine, vault: Vault, clock: HandClock) -> Iterator[tuple[str, str]]:
    """Where the service listens, and a producer's slug that needs no signature."""
    with transaction(engine) as session:
        token = producers.add(session, vault, name="hooks", scheme="path", now=clock.now())
    app = make_app(settings=Settings(), engine=engine, vault=vault, clock=clock, nudges=Deaf())
    with serving(app) as client:
        yield str(client.base_url), f"hooks.{token}"


def test_the_document_keeps_to_json_schema() -> None:
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


@SCHEMA.parametrize()
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_route_answers_as_the_document_says(case: schemathesis.Case[Any], address: tuple[str, str]) -> None:
    base, slug = address
    if "producer" in case.path_parameters:
        case.path_parameters["producer"] = slug

    case.call_and_validate(base_url=base, checks=CHECKS)
