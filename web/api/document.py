"""The API's OpenAPI 3.1 document: made of the table of operations and their types, with what the guard adds to each."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from infra.schemas import VERSION
from web.api.calls import JSON, PREFIX, Operation
from web.api.problems import MEDIA_TYPE, Problem

HERE = "#/components/schemas/{model}"
OF_ALL = {
    401: "No token, or one that does not work.",
    403: "The token does not have the scope.",
    405: "The address takes another kind of request; `Allow` names those that it takes.",
    422: "Something cannot be taken as it is; `field` names it.",
    429: "The token has asked too often; `Retry-After` says how many seconds to wait.",
    500: "A bug, which is in the log; nothing was changed.",
    503: "The database cannot be reached; nothing was changed.",
}
OF_ONE = {404: "There is no such thing."}
OF_BODIES = {
    400: "The body is no JSON.",
    409: "It cannot be done as things stand, or a request with this idempotency key is being answered.",
    413: "The body is too long.",
    415: "The body is not said to be JSON.",
}
HEADERS = {
    "RateLimit-Policy": "How many requests a minute the token may send (`q`).",
    "RateLimit": "How many of them are left (`r`), and for how many seconds that counts (`t`).",
}
OF_LISTS = {"Link": "Where the next page is, as `next` says too."}
OF_WRITES = {"Idempotent-Replayed": "`true` where this was answered before, to the same key; nothing was done again."}
WAITING = {"Retry-After": "Seconds to wait."}
ABOUT = "Everything that the operators' pages do, for programs. docs/api.md tells of tokens, paging, keys and limits."


def answers(operation: Operation) -> dict[int | str, dict[str, Any]]:
    """What an operation answers beside the model that it returns: problems, or a text that is no JSON."""
    told = OF_ALL | (OF_ONE if "{" in operation.path else {}) | (OF_BODIES if operation.has_body else {})
    content = {MEDIA_TYPE: {"schema": {"$ref": HERE.format(model="Problem")}}}
    found: dict[int | str, dict[str, Any]] = {
        status: {"description": sentence, "content": content} for status, sentence in sorted(told.items())
    }
    for status in (429, 503):
        found[status]["headers"] = _headers(WAITING)
    found[operation.status] = {"headers": _headers(HEADERS | (OF_WRITES if operation.is_write else {}))}
    if is_list(operation):
        found[operation.status]["headers"] |= _headers(OF_LISTS)
    if operation.media_type != JSON:
        found[operation.status]["content"] = {operation.media_type: {"schema": {"type": "string"}}}
    return found


def is_list(operation: Operation) -> bool:
    """Whether it answers a page at a time."""
    return str(operation.handler.__annotations__.get("return", "")).startswith("Page[")


def _headers(told: dict[str, str]) -> dict[str, Any]:
    return {name: {"description": sentence, "schema": {"type": "string"}} for name, sentence in told.items()}


def beside(operation: Operation) -> dict[str, Any]:
    """The token with the scope that it needs, and a body that is no JSON."""
    told: dict[str, Any] = {"security": [{"token": [str(operation.scope)]}]}
    if operation.accepts != JSON:
        told["requestBody"] = {"required": True, "content": {operation.accepts: {"schema": {"type": "string"}}}}
    return told


def document(app: FastAPI, *, base: str) -> dict[str, Any]:
    """`base` is the address of the service."""
    made = get_openapi(
        title="Everspark",
        version=VERSION,
        openapi_version="3.1.0",
        description=ABOUT,
        routes=app.routes,
        servers=[{"url": f"{base}{PREFIX}"}],
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    components = made.setdefault("components", {})
    schema = Problem.model_json_schema(ref_template=HERE)
    components["schemas"] |= schema.pop("$defs") | {"Problem": schema}
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "esp_…"}}
    return made
