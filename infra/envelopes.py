"""Reads a delivery's body: CloudEvents 1.0 (structured, batched, binary), plain Standard Webhooks bodies, NDJSON; gzip.

What comes out is the same for all of them: an identity, a type, an instant and the raw JSON of `data`.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from urllib.parse import unquote

import msgspec

from infra.contract import in_range
from infra.unreadable import INSTANT, MALFORMED, TOO_LARGE, UNSUPPORTED, Unreadable, from_msgspec

T = TypeVar("T")

JSON = "application/json"
CLOUDEVENT = "application/cloudevents+json"
CLOUDEVENTS = "application/cloudevents-batch+json"
NDJSON = "application/x-ndjson"
MEDIA_TYPES = (JSON, CLOUDEVENT, CLOUDEVENTS, NDJSON)
ATTRIBUTES = ("specversion", "id", "source", "type", "time")
# Graphic ASCII, no `#`: an identity is logged and shown, and so must not be able to hold a Spark code.
IDENTITY = re.compile(r"[!\"$-~]{1,256}")
IDENTITY_REMEDY = (
    "Send 1 to 256 visible ASCII characters without # and spaces, and nothing that looks like a Spark code."
)
# Also percent-encoded, once or more often; and without its #, when the strict shape gives it away.
CODE_SHAPED = re.compile(
    r"(?:#|%(?:25)*23)[A-Za-z0-9+/_%-]{30,}={0,2}"
    r"|(?:(?<![A-Za-z0-9+/])|(?<=%[0-9A-Fa-f]{2}))"
    r"(?:[A-Za-z0-9+/]|%(?:25)*2[BbFf]){63}(?:=|%(?:25)*3[Dd])"
)


@dataclass(frozen=True, slots=True)
class Envelope:
    """One event as it was sent; `data` is raw JSON, `place` its JSON path within the body."""

    event_id: str
    type: str
    occurred_at: datetime
    data: bytes
    place: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """When a delivery came, and the latest instant that one of its events may claim."""

    at: datetime
    latest: datetime


class Plain(msgspec.Struct):
    type: str
    timestamp: datetime
    data: msgspec.Raw
    id: str | None = None


class CloudEvent(msgspec.Struct):
    specversion: str
    id: str
    source: str
    type: str
    data: msgspec.Raw = msgspec.Raw(b"")
    time: datetime | None = None


class Attributes(msgspec.Struct):
    specversion: str
    id: str
    source: str
    type: str
    time: datetime | None = None


class Version(msgspec.Struct):
    specversion: object = None


PLAIN = msgspec.json.Decoder(Plain)
CLOUD = msgspec.json.Decoder(CloudEvent)
VERSION = msgspec.json.Decoder(Version)
LIST = msgspec.json.Decoder(list[msgspec.Raw])


def media_type(headers: Mapping[str, str]) -> str:
    """The body's media type, without parameters. Raises Unreadable (415) for one that cannot be read here."""
    kind, _, parameters = headers.get("content-type", "").partition(";")
    kind = kind.strip().lower()
    charset = parameters.partition("charset=")[2].partition(";")[0].strip(' "').lower()
    if kind not in MEDIA_TYPES or charset not in ("", "utf-8", "utf8", "us-ascii"):
        known = ", ".join(MEDIA_TYPES)
        raise Unreadable(
            "content-type", "Bodies of this type cannot be read.", f"Send one of {known}, in UTF-8.", status=UNSUPPORTED
        )
    return kind


def unpacked(body: bytes, headers: Mapping[str, str], *, limit: int) -> bytes:
    """The body without its Content-Encoding; never makes more than `limit` bytes of it, whatever it claims to hold."""
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "x-gzip"):
        raise Unreadable("content-encoding", "This encoding cannot be read.", "Send gzip, or none.", status=UNSUPPORTED)
    inflater = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        plain = inflater.decompress(body, limit + 1)
    except zlib.error:
        plain = b""
    if len(plain) > limit:
        raise too_large(limit)
    if not inflater.eof or inflater.unused_data:
        raise Unreadable("content-encoding", "The body is not gzip.", "Send one whole gzip stream.", status=MALFORMED)
    return plain


def too_large(limit: int) -> Unreadable:
    remedy = "Send smaller batches." if limit else "Send no body."
    return Unreadable("$", f"The body holds more than {limit} bytes.", remedy, status=TOO_LARGE)


def is_batch(kind: str) -> bool:
    return kind in (CLOUDEVENTS, NDJSON)


def read(
    body: bytes, kind: str, headers: Mapping[str, str], *, now: datetime, latest: datetime, most: int
) -> list[Envelope]:
    """The events of an unpacked body of media type `kind`. Raises Unreadable: for one event, the whole delivery.

    No event may have happened after `latest`, a little after `now`: what came before it would be out of date until then.
    """
    arrival = Arrival(now, latest)
    match kind:
        case "application/cloudevents+json":
            return [_cloud(body, "$", arrival)]
        case "application/cloudevents-batch+json":
            parts = _decoded(LIST, body, "$")
            return [_cloud(bytes(part), f"$[{n}]", arrival) for n, part in enumerate(_at_most(parts, most))]
        case "application/x-ndjson":
            lines = [(n, line) for n, line in enumerate(body.split(b"\n"), start=1) if line.strip()]
            return [_line(line, n, headers.get("webhook-id"), arrival) for n, line in _at_most(lines, most)]
        case _ if "ce-specversion" in headers or "ce-id" in headers:
            return [_binary(body, headers, arrival)]
        case _:
            return [_plain(body, headers.get("webhook-id"), arrival)]


def _at_most(parts: list[T], most: int) -> list[T]:
    if len(parts) > most:
        raise Unreadable("$", f"The batch holds more than {most} events.", "Send smaller batches.", status=TOO_LARGE)
    return parts


def _plain(body: bytes, event_id: str | None, arrival: Arrival) -> Envelope:
    event = _decoded(PLAIN, body, "$")
    # The header survives retries and is signed; the body's own id is for lines, and for senders that do not sign.
    identity = _identity(event_id or event.id, "webhook-id")
    return Envelope(identity, event.type, _instant(event.timestamp, "$.timestamp", arrival), bytes(event.data), "$")


def _line(line: bytes, number: int, delivery: str | None, arrival: Arrival) -> Envelope:
    place = f"$[{number}]"
    if _is_cloud(line):
        return _cloud(line, place, arrival)
    event = _decoded(PLAIN, line, place)
    own = event.id or (f"{delivery}/{number}" if delivery else None)
    occurred_at = _instant(event.timestamp, f"{place}.timestamp", arrival)
    return Envelope(_identity(own, f"{place}.id"), event.type, occurred_at, bytes(event.data), place)


def _is_cloud(line: bytes) -> bool:
    return b'"specversion"' in line and _decoded(VERSION, line, "$").specversion is not None


def _cloud(body: bytes, place: str, arrival: Arrival) -> Envelope:
    event = _decoded(CLOUD, body, place)
    if event.specversion != "1.0":
        raise Unreadable(f"{place}.specversion", "Only CloudEvents 1.0 can be read.", 'Send "1.0".', status=MALFORMED)
    source, own = _identity(event.source, f"{place}.source"), _identity(event.id, f"{place}.id")
    if not event.data:
        raise Unreadable(f"{place}.data", "This field is missing.", "Send the data as JSON, not as data_base64.")
    occurred_at = _instant(event.time, f"{place}.time", arrival) if event.time else arrival.at
    return Envelope(f"{source} {own}", event.type, occurred_at, bytes(event.data), place)


def _binary(body: bytes, headers: Mapping[str, str], arrival: Arrival) -> Envelope:
    """The attributes are headers, percent-encoded as the HTTP binding of CloudEvents says; the body is the data."""
    attributes = {name: unquote(headers[f"ce-{name}"]) for name in ATTRIBUTES if f"ce-{name}" in headers}
    try:
        event = msgspec.convert(attributes, Attributes)
    except msgspec.ValidationError as error:
        complaint = from_msgspec(error, "$", status=MALFORMED)
        field = "ce-" + complaint.field.removeprefix("$.")
        raise Unreadable(field, complaint.problem, complaint.remedy, status=MALFORMED) from None
    if event.specversion != "1.0":
        raise Unreadable("ce-specversion", "Only CloudEvents 1.0 can be read.", "Send 1.0.", status=MALFORMED)
    source, own = _identity(event.source, "ce-source"), _identity(event.id, "ce-id")
    occurred_at = _instant(event.time, "ce-time", arrival) if event.time else arrival.at
    return Envelope(f"{source} {own}", event.type, occurred_at, body, "")


def _decoded(decoder: msgspec.json.Decoder[T], body: bytes, place: str) -> T:
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise from_msgspec(error, place, status=MALFORMED) from None


def _identity(text: str | None, field: str) -> str:
    if text is None or not IDENTITY.fullmatch(text) or CODE_SHAPED.search(text):
        problem = "The event has no id." if not text else "This cannot be an id."
        raise Unreadable(field, problem, IDENTITY_REMEDY, status=MALFORMED)
    return text


def _instant(instant: datetime, field: str, arrival: Arrival) -> datetime:
    if instant.tzinfo is None:
        raise Unreadable(field, "This instant has no time zone.", INSTANT, status=MALFORMED)
    if in_range(instant, field) > arrival.latest:
        remedy = "Send when it happened, of a clock that is right; see docs/events.md."
        raise Unreadable(field, "This instant has not come yet.", remedy)
    return in_range(instant, field)
