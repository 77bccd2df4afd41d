"""What is kept of a delivery's headers, for people who look for what went wrong: those named here, without codes or secrets."""

from __future__ import annotations

from collections.abc import Mapping

from infra.incoming import cleaned, encode

# Whatever is not named is not kept: signatures, cookies, `authorization`, addresses, and what senders invent.
NAMES = (
    *("content-type", "content-encoding", "user-agent", "webhook-id", "webhook-timestamp"),
    *("ce-specversion", "ce-id", "ce-source", "ce-type", "ce-time", "ce-subject", "ce-dataschema"),
)
# A batch keeps them with each of its events. A value is kept whole or not at all: half a code is not known for one.
LONGEST = 256
TOO_LONG = f"[longer than {LONGEST} characters]"
TOKEN_REMOVED = b"[token removed]"


def kept_headers(headers: Mapping[str, str], *, token: str = "") -> bytes:
    """As JSON. `token` is the secret of an address, which some senders name as their source."""
    found = {
        name: value if len(value) <= LONGEST else TOO_LONG for name in NAMES if (value := headers.get(name)) is not None
    }
    raw = cleaned(found, encode(found))
    return raw.replace(token.encode(), TOKEN_REMOVED) if token else raw
