"""Proves that a delivery is its producer's own: Standard Webhooks v1, TikTok for Developers, or an unguessable path.

Our own few lines around hmac, because the hot path pays for each; tests hold them to the `standardwebhooks` package.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

SECRET_PREFIX = "whsec_"  # noqa: S105  the public prefix of all of them
SECRET_BYTES = 32
# More signatures than a rotation ever needs: a header full of them must not buy CPU time.
MOST_SIGNATURES = 10
LONGEST_SECONDS = 12
TIKTOK = re.compile(r"\s*t=([0-9]{1,12})\s*,\s*s=([0-9a-f]{64})\s*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Secret:
    """What a producer signs with, or its path's token; `valid_until` is set on the one that a rotation replaced."""

    text: str
    valid_until: datetime | None = None

    def __repr__(self) -> str:
        return f"Secret(valid_until={self.valid_until!r})"


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a signature was not believed: a constant word for the log. The sender is told no more than 401."""

    reason: str


def new_secret(scheme: str) -> str:
    """A fresh secret: `whsec_…` for signing, a token that fits a URL for `path`."""
    if scheme == "path":
        return secrets.token_urlsafe(SECRET_BYTES)
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def key_of_standard(secret: str) -> bytes:
    """The key in a Standard Webhooks secret. Raises ValueError, without the secret in it, when it is not base64."""
    try:
        return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("the secret is not base64 after whsec_") from None


def verify_standard(
    headers: Mapping[str, str], bodies: Iterable[bytes], keys: Iterable[bytes], *, now: datetime, tolerance: int
) -> Refused | None:
    """Standard Webhooks v1. `bodies`: as received and, when it came compressed, unpacked; a sender signs either."""
    identity, sent, given = (headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    if not (identity and sent and given):
        return Refused("signature_missing")
    if not _is_recent(sent, now, tolerance):
        return Refused("timestamp_outside_tolerance")
    prefix = f"{identity}.{sent}.".encode("latin-1")
    marks = [part[3:] for part in given.split(" ")[:MOST_SIGNATURES] if part.startswith("v1,")]
    expected = [_standard(key, prefix + body) for body in bodies for key in keys]
    return None if _any_equal(expected, marks) else Refused("signature_wrong")


def verify_tiktok(
    headers: Mapping[str, str], body: bytes, keys: Iterable[bytes], *, now: datetime, tolerance: int
) -> Refused | None:
    """TikTok for Developers: `Tiktok-Signature: t=<seconds>,s=<hex of HMAC-SHA256 over "t.body">`."""
    header = headers.get("tiktok-signature", "")
    if not header:
        return Refused("signature_missing")
    parts = TIKTOK.fullmatch(header)
    if parts is None:
        return Refused("signature_wrong")
    if not _is_recent(parts[1], now, tolerance):
        return Refused("timestamp_outside_tolerance")
    message = f"{parts[1]}.".encode() + body
    expected = [hmac.digest(key, message, "sha256").hex() for key in keys]
    return None if _any_equal(expected, [parts[2]]) else Refused("signature_wrong")


def verify_path(token: str, tokens: Iterable[str]) -> Refused | None:
    """The last part of the address is the secret."""
    return None if _any_equal(tokens, [token]) else Refused("token_wrong")


def sign_standard(secret: str, event_id: str, sent: datetime, body: bytes) -> dict[str, str]:
    """The three headers of a delivery, for `everspark send` and for tests."""
    seconds = int(sent.timestamp())
    mark = _standard(key_of_standard(secret), f"{event_id}.{seconds}.".encode("latin-1") + body)
    return {"webhook-id": event_id, "webhook-timestamp": str(seconds), "webhook-signature": f"v1,{mark}"}


def _standard(key: bytes, message: bytes) -> str:
    return binascii.b2a_base64(hmac.digest(key, message, "sha256"), newline=False).decode()


def _is_recent(seconds: str, now: datetime, tolerance: int) -> bool:
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) <= LONGEST_SECONDS):
        return False
    return abs(now.timestamp() - int(seconds)) <= tolerance


def _any_equal(expected: Iterable[str], given: Iterable[str]) -> bool:
    """Whether any pair is equal. Looks at all pairs, so that the time says nothing about which one."""
    compare: Callable[[bytes, bytes], bool] = hmac.compare_digest
    marks = [mark.encode("utf-8", "surrogatepass") for mark in given]
    return any([compare(wanted.encode(), mark) for wanted in expected for mark in marks])  # noqa: C419  all of them
