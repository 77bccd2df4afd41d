"""What decisions owe to the outside, written with them: calls to TikTok, and messages to creators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
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
    """Codes, once by fingerprint; the same code handed in again changes nothing. In one order: two mailboxes may get one."""
    if codes:
        rows = sorted(codes, key=lambda code: code.fingerprint)
        connection.execute(SAVE_CODES, [as_json(rows)], prepare=True)


# A row that was settled is owed anew; one that is open stays as it is, whatever of it is under way.
REOPEN = """
UPDATE SET status = 'owed', attempts = 0, due_at = excluded.due_at, claimed_at = NULL, settled_at = NULL,
    payload = excluded.payload, last_error = excluded.last_error,
    authorization_id = coalesce(excluded.authorization_id, known.authorization_id)
WHERE known.status IN ('done', 'failed', 'cancelled')
"""
OWE_CHECKS = f"""
INSERT INTO outbox AS known (kind, key, authorization_id, idempotency_key, payload, due_at, created_at, last_error)
SELECT 'code.check', key, (SELECT id FROM authorizations WHERE authorizations.key = t.key),
    'code.check-' || key || '-' || fingerprint,
    jsonb_build_object('fingerprint', fingerprint, 'last', last, 'submitted_at', at), %s, %s, 'waiting for TikTok'
FROM json_to_recordset(%s) AS t (key text, fingerprint text, last text, at timestamptz)
ON CONFLICT (idempotency_key) DO {REOPEN}
"""


def owe_checks(connection: psycopg.Connection[Any], codes: Sequence[SubmittedCode], *, now: datetime) -> None:
    """A look at TikTok for each submitted code, anew where an earlier one is over. A code may be here once only."""
    if codes:
        connection.execute(OWE_CHECKS, [now, now, as_json(codes)], prepare=True)


def check_of(key: str, fingerprint: str) -> str:
    """The idempotency key of a code's check."""
    return f"code.check-{key}-{fingerprint}"


CHECKS_IN_HAND = """
SELECT idempotency_key FROM outbox WHERE idempotency_key = ANY(%s) AND status IN ('owed', 'paying', 'uncertain')
"""


def checks_in_hand(connection: psycopg.Connection[Any], checks: Sequence[str]) -> frozenset[str]:
    """Which of these checks are still owed, being paid or uncertain."""
    if not checks:
        return frozenset()
    return frozenset(row[0] for row in connection.execute(CHECKS_IN_HAND, [list(checks)], prepare=True))


@dataclass(frozen=True, kw_only=True, slots=True)
class CallOwed:
    """Access to be got without a code: `kind` is account.access or own.confirm; one row for each authorization."""

    kind: str
    key: str
    asked_at: datetime


OWE_CALLS = f"""
INSERT INTO outbox AS known (kind, key, authorization_id, idempotency_key, payload, due_at, created_at, last_error)
SELECT kind, key, (SELECT id FROM authorizations WHERE authorizations.key = t.key), kind || '-' || key,
    jsonb_build_object('asked_at', asked_at), %s, %s, 'waiting for TikTok'
FROM json_to_recordset(%s) AS t (kind text, key text, asked_at timestamptz)
ON CONFLICT (idempotency_key) DO {REOPEN}
"""


def owe_calls(connection: psycopg.Connection[Any], calls: Sequence[CallOwed], *, now: datetime) -> None:
    """Requests for access without a code; one that is under way goes on."""
    if calls:
        rows = list({(call.kind, call.key): call for call in calls}.values())
        connection.execute(OWE_CALLS, [now, now, as_json(rows)], prepare=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class UnbindOwed:
    """A post to be taken off the advertiser's list; `by` is operator (who may ask again) or policy."""

    key: str
    by: str
    ended_at: datetime
    due_at: datetime


# An operator's is due at once, and waits for TikTok alone.
UNBINDS_LATER = "on its day, unless the authorization comes back before"
OWE_UNBINDS = f"""
INSERT INTO outbox AS known (kind, key, authorization_id, idempotency_key, payload, due_at, created_at, last_error)
SELECT 'post.unbind', key, (SELECT id FROM authorizations WHERE authorizations.key = t.key),
    'post.unbind-' || key || '-' || to_char(ended_at, 'YYYYMMDD"T"HH24MISS.US'),
    jsonb_build_object('by', by, 'ended_at', ended_at), due_at, %s,
    CASE by WHEN 'policy' THEN '{UNBINDS_LATER}' ELSE 'waiting for TikTok' END
FROM json_to_recordset(%s) AS t (key text, by text, ended_at timestamptz, due_at timestamptz)
ON CONFLICT (idempotency_key) DO UPDATE SET status = 'owed', due_at = excluded.due_at, settled_at = NULL,
    payload = excluded.payload, last_error = excluded.last_error
WHERE excluded.payload ->> 'by' = 'operator' AND known.status IN ('owed', 'done', 'failed', 'cancelled')
"""


def owe_unbinds(connection: psycopg.Connection[Any], unbinds: Sequence[UnbindOwed], *, now: datetime) -> None:
    """Posts to be unbound, once for each end; an operator's word makes it due at once, and again after it was settled."""
    if unbinds:
        rows = list({(each.key, each.ended_at): each for each in unbinds}.values())
        connection.execute(OWE_UNBINDS, [now, as_json(rows)], prepare=True)


OWE_LOOKS = f"""
INSERT INTO outbox AS known (kind, key, authorization_id, idempotency_key, payload, due_at, created_at, last_error)
SELECT 'look.one', key, (SELECT id FROM authorizations WHERE authorizations.key = t.key), 'look.one-' || key,
    '{{}}'::jsonb, %(now)s, %(now)s, 'waiting for TikTok'
FROM unnest(%(keys)s::text[]) AS t (key)
ON CONFLICT (idempotency_key) DO {REOPEN}
"""


def owe_looks(connection: psycopg.Connection[Any], keys: Sequence[str], *, now: datetime) -> None:
    """A look at each of these authorizations alone; one that is under way is enough."""
    if keys:
        connection.execute(OWE_LOOKS, {"keys": list(keys), "now": now}, prepare=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkOwed:
    """A message with the link by which a creator gives access to the account."""

    authorization_id: int | None
    key: str
    link: str


OWE_LINK = """
INSERT INTO outbox (kind, key, authorization_id, idempotency_key, payload, due_at, created_at)
SELECT 'access.mail', key, id, 'access-' || key || '-' || to_char(now, 'YYYYMMDD"T"HH24MISS.US'),
    jsonb_build_object('link', link, 'made_at', now), now, now
FROM (VALUES (%s::text, %s::int8, %s::text, %s::timestamptz)) AS t (key, id, link, now)
ON CONFLICT DO NOTHING
"""


def owe_link(connection: psycopg.Connection[Any], owed: LinkOwed, *, now: datetime) -> None:
    """The message that takes a fresh link to the creator."""
    connection.execute(OWE_LINK, [owed.key, owed.authorization_id, owed.link, now])


@dataclass(frozen=True, kw_only=True, slots=True)
class AskOwed:
    """A renewal request that a rung of the ladder calls for; `why` is the reason code of the decision."""

    key: str
    period_ends_at: datetime
    rung: int
    urgency: str
    days: int
    why: str


# So long a creator's message waits for what the same sweep, or the next, makes due.
GATHERING = timedelta(seconds=60)

# A creator's asks join the one message that is being gathered. To join is to lock it: whoever pays it meanwhile waits, or
# has left with it, and the asks begin another. Other workers wait at the creator (`creators.lock`), before they come here.
OWE_ASKS = """
WITH due AS MATERIALIZED (
    SELECT authorizations.id AS owner, creator_id, handle, t.* FROM json_to_recordset(%(asks)s)
        AS t (key text, period_ends_at timestamptz, rung int2, urgency text, days int4, why text)
    JOIN authorizations USING (key) LEFT JOIN creators ON creators.id = creator_id
    WHERE NOT EXISTS (SELECT FROM asks
        WHERE authorization_id = authorizations.id AND period_ends_at = t.period_ends_at AND rung = t.rung)
), gathered AS (
    INSERT INTO outbox AS known (kind, key, creator_id, idempotency_key, payload, due_at, created_at)
    SELECT 'ask.mail', 'creator/' || handle, creator_id,
        -- The name of its first ask, which is in no other message.
        (array_agg(format('ask-%%s-%%s-%%s', owner, to_char(period_ends_at, 'YYYYMMDD"T"HH24MISS.US'), rung)
            ORDER BY owner, rung))[1], '{}'::jsonb, %(due_at)s, %(now)s
    FROM due WHERE creator_id IS NOT NULL GROUP BY creator_id, handle ORDER BY creator_id
    ON CONFLICT (creator_id) WHERE kind = 'ask.mail' AND status = 'owed' AND attempts = 0 AND creator_id IS NOT NULL
    DO UPDATE SET due_at = least(known.due_at, excluded.due_at)
    RETURNING id, creator_id
), alone AS (
    INSERT INTO outbox (kind, key, authorization_id, idempotency_key, payload, due_at, created_at)
    SELECT 'ask.mail', key, owner, format('ask-%%s-%%s-%%s', owner, to_char(period_ends_at, 'YYYYMMDD"T"HH24MISS.US'), rung),
        '{}'::jsonb, %(due_at)s, %(now)s
    FROM due WHERE creator_id IS NULL RETURNING id, authorization_id
), decided AS (
    UPDATE authorizations SET decided_at = %(now)s, decided_why = why_asked
    FROM (SELECT owner, why AS why_asked FROM due) AS asked WHERE id = owner
)
INSERT INTO asks (authorization_id, period_ends_at, rung, urgency, days, asked_at, outbox_id)
SELECT owner, period_ends_at, rung, urgency, days, %(now)s, coalesce(gathered.id, alone.id)
FROM due LEFT JOIN gathered USING (creator_id) LEFT JOIN alone ON authorization_id = owner
"""
"""The ask and its message, once for each rung of a period: the constraint holds whatever crashed before."""


def owe_asks(connection: psycopg.Connection[Any], asks: Sequence[AskOwed], *, now: datetime) -> None:
    """Asks that are due, in the messages that pay them; the decision is noted with the authorization."""
    if asks:
        values = {"asks": as_json(asks), "now": now, "due_at": now + GATHERING}
        connection.execute(OWE_ASKS, values, prepare=True)
