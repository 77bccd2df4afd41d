"""From an envelope to a letter: data checked against its type, Spark codes taken out and sealed.

No Spark code passes beyond this module in the clear: neither the field meant for it nor one pasted somewhere else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from domain import spark_code
from infra.contract import PRIVATE_TYPES, check, key_of
from infra.envelopes import CODE_SHAPED, Envelope
from infra.inbox import Letter
from infra.public_types import PUBLIC_TYPES, AboutCreator, Subject
from infra.unreadable import INVALID, Unreadable, from_msgspec
from infra.vault import Vault

REMOVED = "[Spark code removed]"
# Raw JSON without any of these holds neither a code nor an escape that could hide one: it is kept as it came.
SUSPICIOUS = re.compile(rb"[\\#=]|%[23]")

# PostgreSQL reads JSON recursively, and its stack is bounded.
DEEPEST = 64

ANYTHING = msgspec.json.Decoder()
DECODERS = {name: msgspec.json.Decoder(shape) for name, shape in PUBLIC_TYPES.items()}
encode = msgspec.json.Encoder().encode


class Reader:
    """Makes letters of envelopes. `offered_days` are the periods that may be asked for."""

    def __init__(self, vault: Vault, *, offered_days: Sequence[int]) -> None:
        self._vault = vault
        self._offered_days = tuple(offered_days)

    def letter(self, envelope: Envelope, *, sender: str, headers: bytes | None = None) -> Letter:
        """The letter for the inbox. Raises Unreadable with the field's path within the whole body."""
        decoder = DECODERS.get(envelope.type)
        if decoder is None:
            raise _unknown(envelope)
        try:
            everything = whole(envelope.data)
            subject = _decoded(decoder, envelope.data)
            key = key_of(subject)
            check(subject, offered_days=self._offered_days)
            data, sealed = self._kept(subject, everything, envelope.data)
        except Unreadable as complaint:
            # In binary mode the body is the data.
            raise complaint.within(f"{envelope.place}.data" if envelope.place else "$") from None
        return Letter(
            sender=sender,
            event_id=envelope.event_id,
            type=envelope.type,
            key=key,
            occurred_at=envelope.occurred_at,
            data=data,
            sealed=sealed,
            headers=headers,
        )

    def _kept(self, subject: Subject | AboutCreator, everything: Any, raw: bytes) -> tuple[bytes, bytes | None]:
        text = getattr(subject, "code", None)
        if text is None:
            return cleaned(everything, raw), None
        found = spark_code.find(text)
        code: dict[str, object] = {"fingerprint": None, "last": None}
        if found:
            code = {"fingerprint": self._vault.fingerprint(found.code), "last": found.last}
            code |= {} if found.is_strict else {"is_strict": False}
        data = encode({**without_codes(everything), "code": code})
        # Sealed as `codes` keeps it: the worker holds no key and moves the bytes as they are.
        return data, self._vault.seal(found.code if found else without_nul(text), context="code")


def whole(raw: bytes) -> Any:
    """All of `raw` decoded, also what no struct asks for: PostgreSQL must be able to keep every part of it."""
    try:
        return ANYTHING.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise from_msgspec(error, "$") from None


def cleaned(everything: Any, raw: bytes) -> bytes:
    """`raw` as it may be kept: itself, or its content without anything that has the shape of a Spark code."""
    is_plain = not SUSPICIOUS.search(raw) and raw.count(b"{") + raw.count(b"[") <= DEEPEST
    return raw if is_plain else encode(without_codes(everything))


def without_codes(value: Any, depth: int = 0) -> Any:
    if depth > DEEPEST:
        raise Unreadable("$", f"The data is nested more than {DEEPEST} deep.", "Send flatter data.")
    match value:
        case str():
            return CODE_SHAPED.sub(REMOVED, without_nul(value))
        case list():
            return [without_codes(part, depth + 1) for part in value]
        case dict():
            return {without_codes(name): without_codes(part, depth + 1) for name, part in value.items()}
        case _:
            return value


def without_nul(text: str) -> str:
    if "\x00" in text:
        raise Unreadable("$", "A text holds the character NUL.", "Send texts without \\u0000.")
    return text


def _decoded(decoder: msgspec.json.Decoder[Any], raw: bytes) -> Subject | AboutCreator:
    try:
        subject: Subject | AboutCreator = decoder.decode(raw)
    except msgspec.DecodeError as error:
        raise from_msgspec(error, "$") from None
    return subject


def _unknown(envelope: Envelope) -> Unreadable:
    field = f"{envelope.place}.type" if envelope.place else "ce-type"
    if envelope.type in PRIVATE_TYPES:
        return Unreadable(field, "Only Everspark itself says this.", "Leave it out: it is noticed without being told.")
    known = ", ".join(PUBLIC_TYPES)
    return Unreadable(field, "This type of event is not known.", f"Send one of {known}.", status=INVALID)
