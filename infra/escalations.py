"""Escalations in rows, a batch at a time: what may have climbed, what is open, and what is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import class_row, dict_row

from domain.authorization import RUNNING_STATES
from domain.escalation import Case, Due, Step
from domain.patience import CreatorFacts, Holiday
from domain.renewal import LAWS, STALE_AFTER
from infra import authorizations
from infra.authorizations import as_json
from infra.tables import quoted

PAGE = 500
LONGEST_WINDOW = max(law.window for law in LAWS)
A_WEEK = timedelta(days=7)
NOBODY = CreatorFacts()


@dataclass(frozen=True, kw_only=True, slots=True)
class Contact:
    """Who may be asked about an authorization, and how."""

    authorization_id: int
    creator_id: int | None = None
    handle: str | None = None
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    locale: str | None = None
    facts: CreatorFacts = NOBODY


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """A case with whom it is about."""

    case: Case
    contact: Contact

    @property
    def key(self) -> str:
        return self.case.authorization.key


# Needed, and not climbed to the top yet. Of the running ones only those with a step that may be due are loaded: past
# helping, asked long enough, nobody to ask, or so near the end that the owner hears anyway (a ninth of a period, three days
# at least and ten at most, is more than any row of CLIMBS leaves; periods under 29 days go by the row of seven). Of the
# requests those that have been open for half of their time.
_LENGTH = "(a.expires_at - coalesce(a.ladder_from, a.starts_at))"
CANDIDATES = f"""
SELECT a.id, a.key FROM authorizations a LEFT JOIN creators c ON c.id = a.creator_id
WHERE a.id > %(after)s
AND ((a.state IN ({quoted(RUNNING_STATES)}) AND a.expires_at > %(now)s
        AND (a.condition = 'removed' OR a.declined_at IS NOT NULL OR (a.expires_at <= %(window)s AND (
            c.id IS NULL OR c.opted_out_at IS NOT NULL OR c.payment_due_since IS NOT NULL OR coalesce(c.email, '') = ''
            OR a.expires_at - %(now)s <= greatest(interval '3 days', least(interval '10 days', {_LENGTH} / 9))
            OR EXISTS (SELECT FROM asks k LEFT JOIN outbox o ON o.id = k.outbox_id
                WHERE k.authorization_id = a.id AND k.period_ends_at = a.expires_at
                AND (k.rung >= 1 OR {_LENGTH} < interval '29 days' OR o.status = 'failed')))))
        AND NOT EXISTS (SELECT FROM escalations e
            WHERE e.authorization_id = a.id AND e.period_ends_at = a.expires_at AND e.step = 'owner'))
    OR (a.state IN ('expired', 'revoked')
        AND CASE a.state WHEN 'revoked' THEN a.revoked_at ELSE a.expires_at END BETWEEN %(stale)s AND %(now)s
        AND NOT EXISTS (SELECT FROM escalations e WHERE e.authorization_id = a.id
            AND e.period_ends_at = coalesce(a.expires_at, a.revoked_at) AND e.step = 'lapsed'))
    OR (a.state = 'requested' AND a.next_action_at > %(now)s
        AND a.next_action_at - %(now)s <= %(now)s - coalesce(a.requested_at, a.state_since)
        AND NOT EXISTS (SELECT FROM escalations e
            WHERE e.authorization_id = a.id AND e.period_ends_at = a.next_action_at AND e.step = 'owner')))
AND (a.state = 'requested' OR a.needed_until > %(now)s OR EXISTS (SELECT FROM ads
    WHERE ads.authorization_id = a.id AND started_at IS NOT NULL AND (stopped_at IS NULL OR stopped_at < started_at)))
ORDER BY a.id LIMIT %(page)s
"""


def candidates(connection: psycopg.Connection[Any], *, after: int, now: datetime) -> tuple[list[str], int | None]:
    """The next page of keys that may have a step due, and the number to go on after; None at the end."""
    values = {"after": after, "now": now, "window": now + LONGEST_WINDOW, "stale": now - STALE_AFTER, "page": PAGE}
    rows = connection.execute(CANDIDATES, values).fetchall()
    return [key for _, key in rows], rows[-1][0] if len(rows) == PAGE else None


CONTACTS = """
SELECT a.key, a.id AS authorization_id, c.id AS creator_id, c.handle, c.name, c.email, c.phone, c.locale, c.timezone,
    c.opted_out_at, c.snoozed_until, c.away_from, c.away_until, c.payment_due_since
FROM authorizations a LEFT JOIN creators c ON c.id = a.creator_id WHERE a.key = ANY(%s)
"""
# A message of which nobody knows whether it arrived counts as sent: silence after it is silence.
ASKED = """
SELECT a.key, k.rung,
    coalesce(k.sent_at, CASE WHEN o.status IN ('done', 'uncertain') THEN o.settled_at END) AS sent_at,
    coalesce(o.status = 'failed', false) AS has_failed
FROM asks k JOIN authorizations a ON a.id = k.authorization_id AND a.expires_at = k.period_ends_at
LEFT JOIN outbox o ON o.id = k.outbox_id
WHERE a.key = ANY(%s) ORDER BY k.rung
"""


def load(
    connection: psycopg.Connection[Any], keys: Sequence[str], *, has_channel: Callable[[str | None], bool]
) -> list[Loaded]:
    """The cases of `keys`; `has_channel` says whether a telephone number leads to a second channel."""
    if not keys:
        return []
    known = authorizations.load(connection, keys)
    with connection.cursor(row_factory=dict_row) as cursor:
        contacts = {row["key"]: contact_of(row) for row in cursor.execute(CONTACTS, [list(keys)])}
    asked: dict[str, dict[int, datetime]] = {}
    unsent: dict[str, bool] = {}
    for key, rung, sent_at, has_failed in connection.execute(ASKED, [list(keys)]):
        unsent[key] = has_failed
        if sent_at is not None:
            asked.setdefault(key, {})[rung] = sent_at
    return [
        Loaded(
            case=Case(
                authorization=known[key],
                facts=contact.facts,
                asked=asked.get(key, {}),
                is_reachable=bool(contact.email) and not unsent.get(key, False),
                has_channel=has_channel(contact.phone),
            ),
            contact=contact,
        )
        for key, contact in contacts.items()
    ]


def contact_of(row: Mapping[str, Any]) -> Contact:
    """A row of CONTACTS."""
    is_away = row["away_from"] is not None and row["away_until"] is not None
    return Contact(
        authorization_id=row["authorization_id"],
        creator_id=row["creator_id"],
        handle=row["handle"],
        name=row["name"],
        email=row["email"],
        phone=row["phone"],
        locale=row["locale"],
        facts=CreatorFacts(
            zone=row["timezone"],
            snoozed_until=row["snoozed_until"],
            holiday=Holiday(begins_at=row["away_from"], ends_at=row["away_until"]) if is_away else None,
            has_opted_out=row["opted_out_at"] is not None,
            payment_due=row["payment_due_since"] is not None,
        ),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Open:
    """An escalation that waits for somebody."""

    id: int
    authorization_id: int
    key: str
    step: str
    period_ends_at: datetime
    opened_at: datetime


OPEN_STEPS = """
INSERT INTO escalations (authorization_id, period_ends_at, step, opened_at)
SELECT authorization_id, period_ends_at, step, %s
FROM json_to_recordset(%s) AS t (authorization_id int8, period_ends_at timestamptz, step text)
ORDER BY authorization_id, step
ON CONFLICT ON CONSTRAINT escalations_once_a_period DO NOTHING RETURNING id, authorization_id, step
"""


def open_steps(
    connection: psycopg.Connection[Any], due: Sequence[tuple[Loaded, Due]], *, now: datetime
) -> list[tuple[int, int, Step]]:
    """Opens them, each once for a period whatever crashed before; (number, authorization, step) of those that are new."""
    rows = [
        {
            "authorization_id": each.contact.authorization_id,
            "period_ends_at": each.case.period_ends_at,
            "step": what.step,
        }
        for each, what in due
    ]
    if not rows:
        return []
    return [(id_, owner, Step(step)) for id_, owner, step in connection.execute(OPEN_STEPS, [now, as_json(rows)])]


PAGE_OF_OPEN = """
SELECT e.id, a.id AS authorization_id, a.key, e.step, e.period_ends_at, e.opened_at
FROM escalations e JOIN authorizations a ON a.id = e.authorization_id
WHERE e.resolved_at IS NULL AND e.id > %(after)s AND (%(ids)s::int8[] IS NULL OR e.id = ANY(%(ids)s))
ORDER BY e.id LIMIT %(page)s
"""


def open_ones(connection: psycopg.Connection[Any], *, ids: Sequence[int] | None = None) -> Iterator[list[Open]]:
    """What is open, page by page; with `ids` only those of them."""
    after = 0
    while True:
        values = {"after": after, "ids": None if ids is None else list(ids), "page": PAGE}
        with connection.cursor(row_factory=class_row(Open)) as cursor:
            page = cursor.execute(PAGE_OF_OPEN, values).fetchall()
        if page:
            yield page
        if len(page) < PAGE:
            return
        after = page[-1].id


def resolve(connection: psycopg.Connection[Any], ids: Sequence[int], *, now: datetime) -> int:
    """Closes them; how many were open."""
    query = "UPDATE escalations SET resolved_at = %s WHERE id = ANY(%s) AND resolved_at IS NULL"
    return connection.execute(query, [now, list(ids)]).rowcount if ids else 0


OWE_CHANNEL = """
INSERT INTO outbox (kind, key, authorization_id, creator_id, idempotency_key, payload, due_at, created_at)
VALUES ('ask.channel', %(key)s, %(authorization_id)s, %(creator_id)s, 'ask.channel-' || %(first)s::int8,
    jsonb_build_object('escalations', %(ids)s::int8[]), %(now)s, %(now)s)
ON CONFLICT DO NOTHING
"""
# What climbs while a message still waits for its hour joins it.
JOIN_CHANNEL = """
UPDATE outbox SET payload = jsonb_set(payload, '{escalations}', payload -> 'escalations' || to_jsonb(%(ids)s::int8[]))
WHERE id = (SELECT id FROM outbox WHERE kind = 'ask.channel' AND status = 'owed' AND attempts = 0
    AND creator_id = %(creator_id)s ORDER BY id LIMIT 1 FOR UPDATE)
"""


def owe_channel(connection: psycopg.Connection[Any], contact: Contact, ids: Sequence[int], *, now: datetime) -> None:
    """One message by the other channel for all of a creator's escalations that climbed together."""
    values = {"ids": sorted(ids), "first": min(ids), "creator_id": contact.creator_id, "now": now}
    values |= {"key": f"creator/{contact.handle}", "authorization_id": contact.authorization_id}
    if not connection.execute(JOIN_CHANNEL, values).rowcount:
        connection.execute(OWE_CHANNEL, values)
