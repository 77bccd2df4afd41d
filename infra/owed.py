"""What decisions owe to the outside, written with them: codes to be checked by TikTok, asks to be sent to creators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from infra.authorizations import as_json


@dataclass(frozen=True, kw_only=True, slots=True)
class SubmittedCode:
    """A sealed code on its way to TikTok."""

    key: str
    fingerprint: str
    sealed: bytes
    last: str
    at: datetime


SAVE_CODES = """
INSERT INTO codes (fingerprint, key, sealed, last, submitted_at)
SELECT fingerprint, key, decode(sealed, 'base64'), last, at
FROM json_to_recordset(%s) AS t (fingerprint text, key text, sealed text, last text, at timestamptz)
ON CONFLICT DO NOTHING
"""


def save_codes(connection: psycopg.Connection[Any], codes: Sequence[SubmittedCode]) -> None:
    """Codes, once by fingerprint; the same code handed in again changes nothing."""
    if codes:
        connection.execute(SAVE_CODES, [as_json(codes)], prepare=True)


OWE_CHECKS = """
INSERT INTO outbox (kind, key, authorization_id, idempotency_key, payload, due_at, created_at, last_error)
SELECT 'code.check', key, (SELECT id FROM authorizations WHERE authorizations.key = t.key),
    'code.check-' || key || '-' || fingerprint, jsonb_build_object('fingerprint', fingerprint, 'last', last), %s, %s,
    'waiting for TikTok'
FROM json_to_recordset(%s) AS t (key text, fingerprint text, last text)
ON CONFLICT DO NOTHING
"""


def owe_checks(connection: psycopg.Connection[Any], codes: Sequence[SubmittedCode], *, now: datetime) -> None:
    """A look at TikTok for each submitted code; it waits, visibly, until a TikTok client can pay it."""
    if codes:
        connection.execute(OWE_CHECKS, [now, now, as_json(codes)], prepare=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class AskOwed:
    """A renewal request that a rung of the ladder calls for."""

    key: str
    period_ends_at: datetime
    rung: int
    urgency: str
    days: int


OWE_ASKS = """
WITH due AS (
    SELECT authorizations.id AS owner, t.* FROM json_to_recordset(%s)
        AS t (key text, period_ends_at timestamptz, rung int2, urgency text, days int4)
    JOIN authorizations USING (key)
), asked AS (
    INSERT INTO asks (authorization_id, period_ends_at, rung, urgency, days, asked_at)
    SELECT owner, period_ends_at, rung, urgency, days, %s FROM due
    ON CONFLICT DO NOTHING RETURNING *
)
INSERT INTO outbox (kind, key, authorization_id, ask_id, idempotency_key, payload, due_at, created_at)
SELECT 'ask.mail', key, owner, asked.id,
    format('ask-%%s-%%s-%%s', owner, to_char(asked.period_ends_at, 'YYYYMMDD"T"HH24MISS.US'), asked.rung),
    jsonb_build_object('period_ends_at', asked.period_ends_at, 'days', asked.days, 'rung', asked.rung,
        'urgency', asked.urgency), asked_at, asked_at
FROM asked JOIN due ON owner = authorization_id
"""
"""The ask and its message, once for each rung of a period: the constraint holds whatever crashed before."""


def owe_asks(connection: psycopg.Connection[Any], asks: Sequence[AskOwed], *, now: datetime) -> None:
    """Asks that are due, with the messages that pay them."""
    if asks:
        connection.execute(OWE_ASKS, [as_json(asks), now], prepare=True)
