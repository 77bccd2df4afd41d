"""The OpenAPI 3.1 document: every route, every body, every answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from infra.public_types import PUBLIC_TYPES
from infra.schemas import VERSION, Schema, in_their_words, with_rules

HERE = "#/components/schemas/"
REFUSALS = {
    "400": "The body cannot be read.",
    "401": "The signature is missing, wrong or too old; nothing is kept.",
    "404": "No producer delivers here.",
    "405": "Webhooks are posted.",
    "413": "The body or the batch is too large.",
    "415": "The body's type or encoding cannot be read.",
    "422": "An event does not keep to the contract; nothing of the delivery is kept.",
    "429": "Too many deliveries a second.",
    "500": "A bug; send the same delivery again.",
    "503": "The events could not be stored; send the same delivery again.",
}
SLOW_DOWN = ("429", "503")


def document(base: str, *, offered_days: Sequence[int]) -> Schema:
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Everspark",
            "version": VERSION,
            "description": "Signed events in; TikTok Spark Ads authorizations kept alive.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": base}],
        "paths": _paths(),
        "components": {"schemas": _components(offered_days)},
    }


def _paths() -> Schema:
    page = {"text/html": {"schema": {"type": "string"}}}
    some = {"application/json": {"schema": {"type": "object"}}}
    report = {"application/json": {"schema": _ref("Readiness")}}
    text = {"text/plain": {"schema": {"type": "string"}}}
    of_type = {
        "name": "type",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "enum": list(PUBLIC_TYPES)},
    }
    missing = {"description": "No such type.", "content": _problem()}
    return {
        "/webhooks/{producer}": {"post": _webhook()},
        "/": {"get": _get("today", "What operators open in the morning.", page) | {"responses": _page_answers(page)}},
        "/healthz": {"get": _get("lives", "The process lives.", some)},
        "/readyz": {"get": _get("ready", "The service does its work.", report, **_unready(report))},
        "/metrics": {"get": _get("metrics", "Prometheus metrics.", text)},
        "/openapi.json": {"get": _get("openapi", "This document.", some)},
        "/schemas/": {"get": _get("schemas", "Where the JSON Schemas are.", some)},
        "/schemas/{type}.json": {
            "parameters": [of_type],
            "get": _get("schema", "The JSON Schema of a type's data.", some, **{"404": missing}),
        },
    }


def _webhook() -> Schema:
    receipt = {"application/json": {"schema": {"oneOf": [_ref("Receipt"), _ref("Receipts")]}}}
    accepted = {"description": "Stored, or known already; committed either way.", "content": receipt}
    hint = {"description": "One of TikTok's own webhooks, stored as a hint.", "content": receipt}
    return {
        "operationId": "deliver",
        "summary": "Delivers one event or a batch; safe to repeat with the same id.",
        "parameters": [
            _parameter("producer", "path", "The producer's name, for `path` followed by a dot and its token."),
            _parameter("webhook-id", "header", "The delivery's id; the same for each attempt."),
            _parameter("webhook-timestamp", "header", "Seconds since 1970."),
            _parameter("webhook-signature", "header", "`v1,` and base64 of HMAC-SHA256; several with spaces between."),
            _parameter("tiktok-signature", "header", "TikTok for Developers: `t=…,s=…`."),
            _parameter("content-encoding", "header", "`gzip`, or nothing."),
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": _ref("Plain")},
                "application/cloudevents+json": {"schema": _ref("CloudEvent")},
                "application/cloudevents-batch+json": {"schema": {"type": "array", "items": _ref("CloudEvent")}},
                "application/x-ndjson": {"schema": {"type": "string"}},
            },
        },
        "responses": {"200": hint, "202": accepted} | {status: _refusal(status) for status in REFUSALS},
    }


def _refusal(status: str) -> Schema:
    answer: Schema = {"description": REFUSALS[status], "content": _problem()}
    if status in SLOW_DOWN:
        answer["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}}
    if status == "405":
        answer["headers"] = {"Allow": {"schema": {"type": "string"}}}
    return answer


def _components(offered_days: Sequence[int]) -> Schema:
    shapes = list(dict.fromkeys(PUBLIC_TYPES.values()))
    _, parts = msgspec.json.schema_components(shapes, ref_template=HERE + "{name}")
    named = {shape.__name__ for shape in shapes}
    own = {name: in_their_words(part) for name, part in parts.items() if name not in named}
    for type_, shape in PUBLIC_TYPES.items():
        own[f"data.{type_}"] = with_rules(type_, parts[shape.__name__], offered_days=offered_days)
    return own | {"Plain": _plain(), "CloudEvent": _cloud_event()} | _answers()


def _plain() -> Schema:
    more = {"timestamp": {"type": "string", "format": "date-time"}, "id": {"type": ["string", "null"]}}
    return {"oneOf": [_event(type_, more, ["timestamp"]) for type_ in PUBLIC_TYPES]}


def _cloud_event() -> Schema:
    word = {"type": "string", "pattern": r'^[!"$-~]{1,256}$'}
    more: Schema = {"specversion": {"const": "1.0"}, "id": word, "source": word}
    more["time"] = {"type": ["string", "null"], "format": "date-time"}
    return {"oneOf": [_event(type_, more, ["specversion", "id", "source"]) for type_ in PUBLIC_TYPES]}


def _event(type_: str, more: Schema, required: list[str]) -> Schema:
    fields = {"type": {"const": type_}, "data": _ref(f"data.{type_}")} | more
    return {"type": "object", "properties": fields, "required": ["type", "data", *required]}


def _answers() -> Schema:
    receipt = {"id": {"type": "string"}, "new": {"type": "boolean"}}
    words = {name: {"type": "string"} for name in ("type", "title", "detail", "remedy", "field")}
    check = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
    return {
        "Receipt": _object(receipt, ["id", "new"]),
        "Receipts": _object({"events": {"type": "array", "items": _ref("Receipt")}}, ["events"]),
        "Problem": _object(words | {"status": {"type": "integer"}}, ["type", "title", "status", "detail", "remedy"]),
        "Readiness": _object(
            {"ready": {"type": "boolean"}, "checks": {"type": "object", "additionalProperties": check}},
            ["ready", "checks"],
        ),
    }


def _object(fields: Schema, required: list[str]) -> Schema:
    return {"type": "object", "properties": fields, "required": required}


def _get(operation: str, summary: str, content: Schema, **more: Any) -> Schema:
    responses = {"200": {"description": summary, "content": content}, "405": _refusal("405")} | more
    return {"operationId": operation, "summary": summary, "responses": responses}


def _page_answers(page: Schema) -> Schema:
    return {
        "200": {"description": "The page.", "content": page},
        "503": {"description": "The database is away.", "content": page},
    }


def _unready(report: Schema) -> Schema:
    return {"503": {"description": "A check fails.", "content": report}}


def _parameter(name: str, where: str, description: str) -> Schema:
    required = where == "path"
    return {"name": name, "in": where, "required": required, "description": description, "schema": {"type": "string"}}


def _problem() -> Schema:
    return {"application/problem+json": {"schema": _ref("Problem")}}


def _ref(name: str) -> Schema:
    return {"$ref": HERE + name}
