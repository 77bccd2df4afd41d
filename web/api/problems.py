"""Everything that goes wrong in the API as RFC 9457 problem+json: what it is, which field, and what would mend it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
import psycopg
import structlog
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response

from domain.acts import ActError, TermError
from domain.filters import FilterError
from domain.sheets import SheetError
from infra.api_answers import InFlight, OtherRequest
from infra.database import OUTAGES
from infra.outbox_acts import OutboxError
from infra.people import PeopleError
from infra.producers import OverlapError, ProducerError, UnknownProducerError
from infra.reports.places import PlaceError
from infra.reports.wanting import WantedError
from web.api.calls import PREFIX
from web.problems import Refusal

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"
DOCUMENT = f"{PREFIX}/openapi.json"
MEND = f"Mend the fields that `errors` names; {DOCUMENT} says what each may be."
AGAIN = "Read the list again: it has all that there are."
LOOK = f"Look at the paths in {DOCUMENT}."
# How a sentence of ours, raised where something cannot be done, is answered, by the first kind that it is of.
SENTENCES: dict[type[Exception], tuple[int, str]] = {
    ActError: (409, "Look at it as it stands now, then decide."),
    OutboxError: (409, "Read it again as it stands now, then decide."),
    PeopleError: (409, "Read the list again, then decide."),
    UnknownProducerError: (404, AGAIN),
    OverlapError: (409, "Wait until then, or send `stop_older`."),
    ProducerError: (422, "Read the list of producers, then send another request."),
    SheetError: (409, "Read the import as it stands now, then decide."),
    FilterError: (422, "docs/room.md lists the words of the filter."),
    WantedError: (422, "docs/room.md lists the words of the filter."),
}
UNKNOWN = "nothing of this name is known here"
REASONS = {
    400: "malformed",
    401: "not_signed_in",
    403: "not_allowed",
    404: "not_found",
    405: "wrong_method",
    409: "conflict",
    413: "too_large",
    415: "unsupported",
    422: "invalid",
    429: "too_many",
    500: "failed",
    503: "away",
}
# Numbers and instants that are too large, and characters that no text of the database holds. (NUL is refused by the driver,
# whose error has no class of its own.)
BEYOND = (
    psycopg.errors.NumericValueOutOfRange,
    psycopg.errors.DatetimeFieldOverflow,
    psycopg.errors.UntranslatableCharacter,
    psycopg.errors.CharacterNotInRepertoire,
)
REMEDIES = {404: LOOK, 405: LOOK}


class FieldProblem(BaseModel):
    """One field that cannot be taken."""

    field: str
    problem: str


class Problem(BaseModel):
    """Why a request was not done, and what would mend it. Nothing was changed by it."""

    type: str
    title: str
    status: int
    detail: str
    remedy: str
    field: str | None = None
    errors: list[FieldProblem] | None = None


def missing(what: str) -> Refusal:
    """Something that is not there; `what` is a sentence."""
    return Refusal(404, REASONS[404], what, AGAIN)


def invalid(detail: str, *, field: str, remedy: str) -> Refusal:
    return Refusal(422, REASONS[422], detail, remedy, field=field)


def unasked(word: str) -> Refusal:
    """What is answered to a word in an address that takes none."""
    return invalid(f"{word[:100]} cannot be taken: {UNKNOWN}.", field=word[:100], remedy=MEND)


def no_place() -> Refusal:
    """What is answered to an `after` that names no place in its list."""
    remedy = "Begin without it, and follow `next` from there."
    return invalid("`after` names no place in this list.", field="after", remedy=remedy)


def conflict(detail: str, remedy: str) -> Refusal:
    return Refusal(409, REASONS[409], detail, remedy)


def answer(error: Exception, *, path: str) -> Response:
    """The problem of whatever was raised; a bug is logged with `path` as the table of operations has it."""
    refusal = told(error)
    if refusal.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("api_crashed", path=path, exc_info=error)
    elif refusal.status == HTTPStatus.SERVICE_UNAVAILABLE:
        log.warning("api_not_answered", path=path, error=type(error).__name__)
    body = refusal.body()
    if isinstance(error, RequestValidationError) and refusal.status != HTTPStatus.BAD_REQUEST:
        body = msgspec.json.encode(
            msgspec.json.decode(body) | {"errors": [each.model_dump() for each in fields(error)]}
        )
    headers = {name.decode(): value.decode() for name, value in refusal.headers}
    return Response(body, status_code=refusal.status, headers=headers)


def told(error: Exception) -> Refusal:
    """Whatever was raised, as an answer."""
    match error:
        case Refusal():
            return error
        case RequestValidationError() | HTTPException(status_code=400):
            return _of_reading(error)
        case InFlight():
            detail = "A request with this idempotency key is being answered."
            return Refusal(409, "in_flight", detail, "Send the same request again in a second.", retry_after=1)
        case OtherRequest():
            detail, remedy = (
                "This idempotency key was used for another request.",
                "Send each new request with a new key.",
            )
            return Refusal(422, "key_reused", detail, remedy, field="Idempotency-Key")
        case HTTPException(status_code=status, detail=detail):
            headers = [(name.lower().encode(), value.encode()) for name, value in (error.headers or {}).items()]
            remedy = REMEDIES.get(status, "Send the request as the document says.")
            return Refusal(status, REASONS.get(status, "failed"), detail, remedy, headers=headers)
        case PlaceError():
            return no_place()
        case TermError():
            return invalid(
                str(error), field="until", remedy="Send an instant that lies ahead, such as 2030-12-24T09:00:00Z."
            )
        case psycopg.DataError() if _is_of_input(error):
            detail = "A value cannot be kept: it holds a character or a number that the database does not take."
            return Refusal(422, REASONS[422], detail, "Send texts without the character NUL, and smaller numbers.")
        case _ if isinstance(error, OUTAGES):
            detail = "The database cannot be reached; nothing was changed."
            return Refusal(503, REASONS[503], detail, "Send the same request again.", retry_after=5)
        case _:
            return _of_sentence(error)


def _is_of_input(error: psycopg.DataError) -> bool:
    """Whether a text or a number that was sent can be the cause; whatever else the database objects to is a bug."""
    return isinstance(error, BEYOND) or (error.sqlstate is None and "NUL" in str(error))


def fields(error: RequestValidationError) -> list[FieldProblem]:
    """What is wrong with each field; never what it held."""
    return [FieldProblem(field=_name(each["loc"]), problem=_sentence(each)) for each in error.errors()]


def _of_sentence(error: Exception) -> Refusal:
    for kind, (status, remedy) in SENTENCES.items():
        if isinstance(error, kind):
            return Refusal(status, REASONS[status], str(error), remedy)
    remedy = "Send the same request again; if it stays, tell who runs this."
    return Refusal(500, REASONS[500], "This request met a bug; nothing was changed.", remedy)


def _of_reading(error: RequestValidationError | HTTPException) -> Refusal:
    """Where even the framework's reader gave up, its text is no UTF-8, or is nested too deeply."""
    if isinstance(error, HTTPException) or error.errors()[0]["type"] == "json_invalid":
        return Refusal(400, REASONS[400], "The body is no JSON.", "Send one JSON object, in UTF-8.", field="body")
    first, *more = fields(error)
    others = f" So cannot {len(more)} more." if more else ""
    detail = f"{first.field} cannot be taken: {first.problem}{others}"
    return Refusal(422, REASONS[422], detail, MEND, field=first.field)


def _name(place: Sequence[Any]) -> str:
    """A field as its sender wrote it: `keys[0]`, `limit`; the whole body is `body`."""
    _, *names = place
    parts = (f"[{name}]" if isinstance(name, int) else f".{name}" for name in names)
    return "".join(parts).lstrip(".") or str(place[0])


def _sentence(error: Mapping[str, Any]) -> str:
    match error["type"]:
        case "extra_forbidden":
            text = UNKNOWN
        case _:
            text = error["msg"].removeprefix("Value error, ").replace(" after validation", "").rstrip(".")
    return f"{text[:1].lower()}{text[1:]}."
