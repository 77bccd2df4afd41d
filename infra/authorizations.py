"""Authorizations between rows and values, a batch at a time: the worker's hot path, in set-based SQL.

Columns travel as arrays (`unnest`), one statement for any number of rows, prepared once for each connection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from domain.authorization import Action, Authorization, Flight, Plan, State
from domain.events import Ad, Condition, Creator, Route

LOAD = """
SELECT key, route, state, state_reason, state_since, condition, condition_at, days, needed_until, contract_ends_at,
    reference, item_url, requested_at, starts_at, expires_at, period_source, revoked_at, declined_at, rung,
    next_action, next_action_at, why
FROM authorizations WHERE key = ANY(%s)
"""
LOAD_ADS = """
SELECT key, ad_id, started_at, stopped_at, flight_end, daily_spend, currency, objective, billing_event
FROM ads JOIN authorizations ON authorizations.id = ads.authorization_id WHERE key = ANY(%s)
"""


def load(connection: psycopg.Connection[Any], keys: Sequence[str]) -> dict[str, Authorization]:
    """The authorizations of `keys` with their ads; a key of which nothing is known is left out."""
    rows = connection.execute(LOAD, [keys], prepare=True).fetchall()
    if not rows:
        return {}
    flights: dict[str, dict[str, Flight]] = {}
    for key, ad_id, started_at, stopped_at, *facts in connection.execute(LOAD_ADS, [keys], prepare=True):
        flight = Flight(ad=ad_of(ad_id, *facts), started_at=started_at, stopped_at=stopped_at)
        flights.setdefault(key, {})[ad_id] = flight
    return {row[0]: authorization_of(row, flights.get(row[0], {})) for row in rows}


def ad_of(ad_id: str, flight_end: Any, daily_spend: Any, currency: Any, objective: Any, billing_event: Any) -> Ad:
    """An ad's facts from the columns of its row."""
    return Ad(
        ad_id=ad_id,
        flight_end=flight_end,
        daily_spend=daily_spend,
        currency=currency,
        objective=objective,
        billing_event=billing_event,
    )


def authorization_of(row: tuple[Any, ...], flights: Mapping[str, Flight]) -> Authorization:
    """The value of one row of `LOAD`."""
    (key, route, state, state_reason, state_since, condition, condition_at, days, needed_until, contract_ends_at) = row[
        :10
    ]
    (reference, item_url, requested_at, starts_at, expires_at, period_source, revoked_at, declined_at, rung) = row[
        10:19
    ]
    (next_action, next_action_at, why) = row[19:]
    return Authorization(
        key=key,
        route=Route(route),
        state=State(state),
        state_reason=state_reason,
        state_since=state_since,
        condition=Condition(condition),
        condition_at=condition_at,
        days=days,
        needed_until=needed_until,
        contract_ends_at=contract_ends_at,
        reference=reference,
        item_url=item_url,
        requested_at=requested_at,
        starts_at=starts_at,
        expires_at=expires_at,
        period_source=period_source,
        revoked_at=revoked_at,
        declined_at=declined_at,
        rung=rung,
        plan=Plan(action=Action(next_action) if next_action else None, at=next_action_at, why=why),
        flights=flights,
    )


SAVE_CREATORS = """
INSERT INTO creators AS known (handle, name, email, phone, locale, timezone, updated_at)
SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[])
ON CONFLICT (handle) DO UPDATE SET
    name = coalesce(excluded.name, known.name), email = coalesce(excluded.email, known.email),
    phone = coalesce(excluded.phone, known.phone), locale = coalesce(excluded.locale, known.locale),
    timezone = coalesce(excluded.timezone, known.timezone), updated_at = excluded.updated_at
WHERE excluded.updated_at >= known.updated_at
"""


def save_creators(connection: psycopg.Connection[Any], creators: Mapping[str, tuple[Creator, datetime]]) -> None:
    """Contact facts by handle, the newest; what is left out stays. In one order, so that two workers never deadlock."""
    if not creators:
        return
    known = [creators[handle] for handle in sorted(creators)]
    columns: list[list[Any]] = [
        [getattr(creator, name) for creator, _ in known]
        for name in ("handle", "name", "email", "phone", "locale", "timezone")
    ]
    connection.execute(SAVE_CREATORS, [*columns, [at for _, at in known]], prepare=True)


SAVE = """
INSERT INTO authorizations AS known (
    key, advertiser_id, item_id, account_handle, route, state, state_reason, state_since, condition, condition_at, days,
    needed_until, contract_ends_at, reference, item_url, requested_at, starts_at, expires_at, period_source, revoked_at,
    declined_at, rung, next_action, next_action_at, why, creator_id, created_at, updated_at
)
SELECT key, split_part(key, '/', 1), CASE WHEN key LIKE '%%/@%%' THEN NULL ELSE split_part(key, '/', 2) END,
    CASE WHEN key LIKE '%%/@%%' THEN substr(split_part(key, '/', 2), 2) END, route, state, state_reason, state_since,
    condition, condition_at, days, needed_until, contract_ends_at, reference, item_url, requested_at, starts_at,
    expires_at, period_source, revoked_at, declined_at, rung, next_action, next_action_at, why, creators.id, %s, %s
FROM unnest(
    %s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::text[], %s::timestamptz[], %s::int4[],
    %s::timestamptz[], %s::timestamptz[], %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[],
    %s::timestamptz[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::int2[], %s::text[], %s::timestamptz[],
    %s::text[], %s::text[]
) AS t (
    key, route, state, state_reason, state_since, condition, condition_at, days, needed_until, contract_ends_at,
    reference, item_url, requested_at, starts_at, expires_at, period_source, revoked_at, declined_at, rung, next_action,
    next_action_at, why, creator
) LEFT JOIN creators ON creators.handle = t.creator
ON CONFLICT (key) DO UPDATE SET
    route = excluded.route, state = excluded.state, state_reason = excluded.state_reason,
    state_since = excluded.state_since, condition = excluded.condition, condition_at = excluded.condition_at,
    days = excluded.days, needed_until = excluded.needed_until, contract_ends_at = excluded.contract_ends_at,
    reference = excluded.reference, item_url = excluded.item_url, requested_at = excluded.requested_at,
    starts_at = excluded.starts_at, expires_at = excluded.expires_at, period_source = excluded.period_source,
    revoked_at = excluded.revoked_at, declined_at = excluded.declined_at, rung = excluded.rung,
    next_action = excluded.next_action, next_action_at = excluded.next_action_at, why = excluded.why,
    creator_id = coalesce(excluded.creator_id, known.creator_id), updated_at = excluded.updated_at,
    version = known.version + 1
RETURNING key, id
"""
SAVED = (
    *("key", "route", "state", "state_reason", "state_since", "condition", "condition_at", "days", "needed_until"),
    *("contract_ends_at", "reference", "item_url", "requested_at", "starts_at", "expires_at", "period_source"),
    *("revoked_at", "declined_at", "rung"),
)


def save(
    connection: psycopg.Connection[Any],
    authorizations: Sequence[Authorization],
    handles: Mapping[str, str],
    *,
    now: datetime,
) -> dict[str, int]:
    """Inserts or updates them, a version up; `handles` names creators by key. Returns the row ids by key."""
    if not authorizations:
        return {}
    columns: list[list[Any]] = [[getattr(value, name) for value in authorizations] for name in SAVED]
    plans = [value.plan for value in authorizations]
    columns += [[plan.action for plan in plans], [plan.at for plan in plans], [plan.why for plan in plans]]
    columns.append([handles.get(value.key) for value in authorizations])
    return dict(connection.execute(SAVE, [now, now, *columns], prepare=True).fetchall())


def ids_of(connection: psycopg.Connection[Any], keys: Iterable[str]) -> dict[str, int]:
    """The row ids of authorizations that exist."""
    rows = connection.execute("SELECT key, id FROM authorizations WHERE key = ANY(%s)", [list(keys)], prepare=True)
    return dict(rows.fetchall())


SAVE_ADS = """
INSERT INTO ads (authorization_id, ad_id, started_at, stopped_at, flight_end, daily_spend, currency, objective,
    billing_event)
SELECT * FROM unnest(%s::int8[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::numeric[],
    %s::text[], %s::text[], %s::text[])
ON CONFLICT (authorization_id, ad_id) DO UPDATE SET
    started_at = excluded.started_at, stopped_at = excluded.stopped_at, flight_end = excluded.flight_end,
    daily_spend = excluded.daily_spend, currency = excluded.currency, objective = excluded.objective,
    billing_event = excluded.billing_event
"""


def save_ads(connection: psycopg.Connection[Any], flights: Sequence[tuple[int, Flight]]) -> None:
    """Ads by authorization id."""
    if not flights:
        return
    columns: list[list[Any]] = [
        [owner for owner, _ in flights],
        [flight.ad.ad_id for _, flight in flights],
        [flight.started_at for _, flight in flights],
        [flight.stopped_at for _, flight in flights],
        [flight.ad.flight_end for _, flight in flights],
        [flight.ad.daily_spend for _, flight in flights],
        [flight.ad.currency for _, flight in flights],
        [flight.ad.objective for _, flight in flights],
        [flight.ad.billing_event for _, flight in flights],
    ]
    connection.execute(SAVE_ADS, columns, prepare=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class GrantHeard:
    """One period as an event gave it; `source` is the event's type."""

    key: str
    starts_at: datetime
    ends_at: datetime | None
    source: str
    code_fingerprint: str | None
    seq: int


SAVE_GRANTS = """
INSERT INTO grants (authorization_id, starts_at, ends_at, source, code_fingerprint, seq)
SELECT * FROM unnest(%s::int8[], %s::timestamptz[], %s::timestamptz[], %s::text[], %s::text[], %s::int8[])
ON CONFLICT DO NOTHING
"""


def save_grants(connection: psycopg.Connection[Any], grants: Sequence[GrantHeard], ids: Mapping[str, int]) -> None:
    """Grants, once for each period of an authorization."""
    if grants:
        columns: list[list[Any]] = [
            [getattr(grant, name) for grant in grants]
            for name in ("starts_at", "ends_at", "source", "code_fingerprint", "seq")
        ]
        connection.execute(SAVE_GRANTS, [[ids[grant.key] for grant in grants], *columns], prepare=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One line of an authorization's history."""

    key: str
    seq: int
    at: datetime
    event: str
    outcome: str
    from_state: str | None
    to_state: str
    reason: str
    note: str | None = None


APPEND = """
INSERT INTO history (authorization_id, seq, at, event, outcome, from_state, to_state, reason, note, recorded_at)
SELECT *, %s FROM unnest(%s::int8[], %s::int8[], %s::timestamptz[], %s::text[], %s::text[], %s::text[], %s::text[],
    %s::text[], %s::text[])
"""


def append_history(
    connection: psycopg.Connection[Any], entries: Sequence[Entry], ids: Mapping[str, int], *, now: datetime
) -> None:
    """History, in the order of the entries."""
    if entries:
        columns: list[list[Any]] = [
            [getattr(entry, name) for entry in entries]
            for name in ("seq", "at", "event", "outcome", "from_state", "to_state", "reason", "note")
        ]
        connection.execute(APPEND, [now, [ids[entry.key] for entry in entries], *columns], prepare=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class SubmittedCode:
    """A sealed code on its way to TikTok."""

    key: str
    fingerprint: str
    sealed: bytes
    last: str
    at: datetime


def save_codes(connection: psycopg.Connection[Any], codes: Sequence[SubmittedCode]) -> None:
    """Codes, once by fingerprint; the same code handed in again changes nothing."""
    for code in codes:
        connection.execute(
            "INSERT INTO codes (fingerprint, key, sealed, last, submitted_at) VALUES (%s, %s, %s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            [code.fingerprint, code.key, code.sealed, code.last, code.at],
            prepare=True,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class AskOwed:
    """A renewal request that a rung of the ladder calls for."""

    key: str
    period_ends_at: datetime
    rung: int
    urgency: str
    days: int


ASK = """
WITH asked AS (
    INSERT INTO asks (authorization_id, period_ends_at, rung, urgency, days, asked_at) VALUES (%s, %s, %s, %s, %s, %s)
    ON CONFLICT DO NOTHING RETURNING id
)
INSERT INTO outbox (kind, key, authorization_id, ask_id, idempotency_key, payload, due_at, created_at)
SELECT 'ask.mail', %s, %s, id, %s, %s, %s, %s FROM asked
"""


def owe_asks(
    connection: psycopg.Connection[Any], asks: Sequence[AskOwed], ids: Mapping[str, int], *, now: datetime
) -> None:
    """An ask and its message, once for each rung of a period: the constraint holds whatever crashed before."""
    for ask in asks:
        owner = ids[ask.key]
        period = ask.period_ends_at.isoformat()
        payload = {"period_ends_at": period, "days": ask.days, "rung": ask.rung, "urgency": ask.urgency}
        row = [owner, ask.period_ends_at, ask.rung, ask.urgency, ask.days, now]
        idempotency_key = f"ask-{owner}-{ask.period_ends_at:%Y%m%dT%H%M%S}-{ask.rung}"
        connection.execute(ASK, [*row, ask.key, owner, idempotency_key, Jsonb(payload), now, now], prepare=True)


def owe_checks(
    connection: psycopg.Connection[Any], codes: Sequence[SubmittedCode], ids: Mapping[str, int], *, now: datetime
) -> None:
    """A look at TikTok for each submitted code; it waits, visibly, until a TikTok client can pay it."""
    for code in codes:
        connection.execute(
            "INSERT INTO outbox (kind, key, authorization_id, idempotency_key, payload, due_at, created_at, last_error)"
            " VALUES ('code.check', %s, %s, %s, %s, %s, %s, 'waiting for TikTok') ON CONFLICT DO NOTHING",
            [
                code.key,
                ids.get(code.key),
                f"code.check-{code.key}-{code.fingerprint}",
                Jsonb({"fingerprint": code.fingerprint, "last": code.last}),
                now,
                now,
            ],
            prepare=True,
        )
