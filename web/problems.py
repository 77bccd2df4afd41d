"""Answers of the ingress as bytes: receipts, and RFC 9457 problems that name field and remedy, never a secret."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from infra.inbox import Receipt
from infra.unreadable import Unreadable

Headers = list[tuple[bytes, bytes]]
JSON_HEADERS: Headers = [(b"content-type", b"application/json")]
PROBLEM_HEADERS: Headers = [(b"content-type", b"application/problem+json"), (b"cache-control", b"no-store")]
TYPE = "urn:everspark:problem:"

encode = msgspec.json.Encoder().encode


class Refusal(Exception):  # noqa: N818  it reads as what it is in `except Refusal`
    """An answer other than 2xx. `reason` is the constant word for the log and the problem's type."""

    def __init__(
        self,
        status: int,
        reason: str,
        detail: str,
        remedy: str,
        *,
        field: str | None = None,
        retry_after: int | None = None,
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> None:
        super().__init__(f"{status} {reason}")
        self.status, self.reason, self.detail, self.remedy, self.field = status, reason, detail, remedy, field
        self.headers = [*PROBLEM_HEADERS, *headers]
        if retry_after is not None:
            self.headers.append((b"retry-after", str(retry_after).encode()))

    def body(self) -> bytes:
        problem: dict[str, Any] = {
            "type": TYPE + self.reason,
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "remedy": self.remedy,
        }
        if self.field is not None:
            problem["field"] = self.field
        return encode(problem)


REASONS = {400: "malformed", 413: "too_large", 415: "unsupported", 422: "invalid"}


def of_unreadable(complaint: Unreadable) -> Refusal:
    headers = [(b"accept-encoding", b"gzip, identity")] if complaint.field == "content-encoding" else []
    return Refusal(
        complaint.status,
        REASONS[complaint.status],
        complaint.problem,
        complaint.remedy,
        field=complaint.field,
        headers=headers,
    )


def unsigned() -> Refusal:
    """One answer for every way a signature can fail: which one is in the log, for the operator."""
    return Refusal(
        401,
        "unsigned",
        "The signature is missing, wrong or too old.",
        "Sign the raw body with the producer's current secret and a timestamp of now; check the clock.",
    )


def unknown_producer() -> Refusal:
    remedy = "Check the address; producers are listed by `everspark producer list`."
    return Refusal(404, "no_such_producer", "No producer delivers here.", remedy)


def away(seconds: int = 5) -> Refusal:
    detail = "The events could not be stored; nothing of this delivery is known to be kept."
    return Refusal(503, "storage_away", detail, "Send the same delivery again, with the same id.", retry_after=seconds)


def crashed() -> Refusal:
    remedy = "Send the same delivery again, with the same id; if it stays, tell who runs this."
    return Refusal(500, "failed", "This delivery met a bug; nothing of it is known to be kept.", remedy)


def accepted(receipts: Sequence[Receipt], *, is_batch: bool) -> bytes:
    events = [{"id": receipt.event_id, "new": receipt.is_new} for receipt in receipts]
    return encode({"events": events} if is_batch else events[0])
