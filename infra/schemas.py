"""JSON Schemas of the public types, made from the structs that check them; published at /schemas/."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from infra.public_types import END, PUBLIC_TYPES

VERSION = "1"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


@cache
def schema_of(type_: str) -> dict[str, Any]:
    """The schema of `data` of one public type. Raises KeyError for another."""
    shape = PUBLIC_TYPES[type_]
    _, parts = msgspec.json.schema_components([shape], ref_template="#/$defs/{name}")
    own = _without_end(parts.pop(shape.__name__))
    own.pop("title", None)
    for rule in _rules(type_):
        own.setdefault("allOf", []).append(rule)
    head = {"$schema": DIALECT, "$id": f"/schemas/{type_}.json", "title": type_, "version": VERSION}
    return head | own | {"$defs": {name: _without_end(part) for name, part in parts.items()}}


def index(base: str) -> dict[str, Any]:
    """Where the schemas are."""
    return {"version": VERSION, "schemas": {name: f"{base}/schemas/{name}.json" for name in PUBLIC_TYPES}}


def _rules(type_: str) -> list[dict[str, Any]]:
    """What infra.contract.check asks beyond the structs, as far as JSON Schema can say it."""
    subject = {"oneOf": [_has("post"), _has("account")]}
    if type_ == "authorization.requested":
        by_code = {"properties": {"route": {"const": "code"}}}
        days = {"properties": {"days": {"enum": [7, 30, 60, 365, None]}}}
        needed = {"allOf": [_has("days"), _has("creator")]}
        return [subject, days, {"if": by_code, "then": needed}]
    if type_ == "code.granted":
        return [subject, {"if": _has("post"), "then": _has("expires_at")}]
    return [subject]


def _has(name: str) -> dict[str, Any]:
    return {"required": [name], "properties": {name: {"not": {"type": "null"}}}}


def _without_end(part: Any) -> Any:  # noqa: ANN401  any JSON
    """Python's exact end of text in the words of JSON Schema, where `$` is exact already."""
    match part:
        case dict():
            return {name: _without_end(value) for name, value in part.items()}
        case list():
            return [_without_end(value) for value in part]
        case str():
            return part.replace(END, "$")
        case _:
            return part
