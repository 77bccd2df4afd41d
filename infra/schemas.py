"""JSON Schemas of the public types, made from the structs that check them; published at /schemas/."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from infra.public_types import END, PUBLIC_TYPES, AboutCreator

VERSION = "1"
DIALECT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]


def schema_of(type_: str, *, offered_days: Sequence[int]) -> Schema:
    """The schema of `data` of one public type, complete in itself. Raises KeyError for another type."""
    shape = PUBLIC_TYPES[type_]
    _, parts = msgspec.json.schema_components([shape], ref_template="#/$defs/{name}")
    own = with_rules(type_, parts.pop(shape.__name__), offered_days=offered_days)
    head = {"$schema": DIALECT, "$id": f"/schemas/{type_}.json", "title": type_, "version": VERSION}
    return head | own | {"$defs": {name: in_their_words(part) for name, part in parts.items()}}


def index(base: str) -> Schema:
    """Where the schemas are."""
    return {"version": VERSION, "schemas": {name: f"{base}/schemas/{name}.json" for name in PUBLIC_TYPES}}


def with_rules(type_: str, schema: Schema, *, offered_days: Sequence[int]) -> Schema:
    """The struct's schema and what infra.contract.check asks beyond it."""
    own: Schema = in_their_words(schema)
    own.pop("title", None)
    rules = _rules(type_, offered_days)
    return own | {"allOf": rules} if rules else own


def in_their_words(part: Any) -> Any:
    """Python's exact end of text in the words of JSON Schema, where `$` is exact already."""
    match part:
        case dict():
            return {name: in_their_words(value) for name, value in part.items()}
        case list():
            return [in_their_words(value) for value in part]
        case str():
            return part.replace(END, "$")
        case _:
            return part


def _rules(type_: str, offered_days: Sequence[int]) -> list[Schema]:
    either = {"oneOf": [_has("post"), _has("account")]}
    match type_:
        case "authorization.requested":
            by_code = {"properties": {"route": {"const": "code"}}, "required": ["route"]}
            days = {"properties": {"days": {"enum": [*offered_days, None]}}}
            return [
                either,
                days,
                {"if": by_code, "then": {"allOf": [_has("days"), _has("creator")]}},
                {"if": _has("post"), "then": _has("route")},
                {"if": _has("account"), "then": {"not": by_code}},
            ]
        case _ if issubclass(PUBLIC_TYPES[type_], AboutCreator):
            return []
        case "code.granted":
            return [either, {"if": _has("post"), "then": _has("expires_at")}]
        case _:
            return [either]


def _has(name: str) -> Schema:
    return {"required": [name], "properties": {name: {"not": {"type": "null"}}}}
