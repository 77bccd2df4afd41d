"""What the API answered to writes that carried an idempotency key: the same request again is answered the same, for a day.

An answer is kept in the transaction of the write itself, so that a crash leaves both or neither. It is sealed, as it may hold
a link or a token that is shown once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
import psycopg

from infra.vault import Vault

KEPT_FOR = timedelta(hours=24)
HOLD = "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))"
FIND = "SELECT request, status, answer FROM api_answers WHERE actor = %s AND key = %s AND created_at > %s"
KEEP = """
INSERT INTO api_answers (actor, key, request, status, answer, created_at)
VALUES (%(actor)s, %(key)s, %(request)s, %(status)s, %(answer)s, %(now)s)
ON CONFLICT (actor, key) DO UPDATE
SET request = excluded.request, status = excluded.status, answer = excluded.answer, created_at = excluded.created_at
"""


class InFlight(Exception):  # noqa: N818 - it reads as what it is in `except InFlight`
    """Another request with this key is being answered."""


class OtherRequest(Exception):  # noqa: N818 - likewise
    """The key was used for another request."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """`headers` are those that belong to the body, such as where a new thing is found."""

    status: int
    headers: Mapping[str, str]
    body: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """A key as one caller gave it, with the fingerprint of the request that it came with."""

    actor: str
    text: str
    request: bytes

    @property
    def context(self) -> str:
        """What an answer is sealed for."""
        return f"api-answer:{self.actor}:{self.text}"


def fingerprint(*parts: bytes) -> bytes:
    """Of a request: its method, its address and its body; no two different ones are equal."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8, "big") + part)
    return whole.digest()


def find(connection: psycopg.Connection[Any], vault: Vault, key: Key, *, now: datetime) -> Answer | None:
    """What this request was answered before. The key is held until the transaction ends. Raises InFlight and OtherRequest."""
    ((is_held,),) = connection.execute(HOLD, [key.context]).fetchall()
    if not is_held:
        raise InFlight
    row = connection.execute(FIND, [key.actor, key.text, now - KEPT_FOR]).fetchone()
    if row is None:
        return None
    request, status, sealed = row
    if request != key.request:
        raise OtherRequest
    headers, body = msgspec.json.decode(vault.unseal(sealed, context=key.context))
    return Answer(status=status, headers=headers, body=body)


def keep(connection: psycopg.Connection[Any], vault: Vault, key: Key, answer: Answer, *, now: datetime) -> None:
    """In the transaction of what was done."""
    plain = msgspec.json.encode([answer.headers, answer.body]).decode()
    values = {
        "actor": key.actor,
        "key": key.text,
        "request": key.request,
        "status": answer.status,
        "answer": vault.seal(plain, context=key.context),
        "now": now,
    }
    connection.execute(KEEP, values)
