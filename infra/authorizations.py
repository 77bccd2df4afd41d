"""Authorizations between rows and values, a batch at a time: the worker's hot path, in set-based SQL.

A batch travels as one JSON text that the database reads as a record set: msgspec writes it in C, where an array for each
column would be quoted item by item in Python. Statements are prepared, and are the same for one row and for hundreds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
import psycopg

from domain.authorization import Action, Authorization, Flight, Plan, State
from domain.events import Ad, Condition, Creator, Route
from domain.worth import Appraisal, appraisal

LOAD = """
SELECT key, route, state, state_reason, state_since, condition, condition_at, days, needed_until, contract_ends_at,
    reference, item_url, requested_at, starts_at, expires_at, ladder_from, period_source, corrected_at,
    revoked_at, declined_at, rung, suggested_at, suggestion, need_stated_at, measured, next_action, next_action_at,
    why
FROM authorizations WHERE key = ANY(%s)
"""
LOAD_ADS = """
SELECT key, ad_id, started_at, stopped_at, lost_at, flight_end, daily_spend, ads.currency, objective, billing_event
FROM ads JOIN authorizations ON authorizations.id = ads.authorization_id WHERE key = ANY(%s)
"""


def load(connection: psycopg.Connection[Any], keys: Sequence[str]) -> dict[str, Authorization]:
    """The authorizations of `keys` with their ads; a key of which nothing is known is left out."""
    with connection.pipeline():
        found = connection.execute(LOAD, [keys], prepare=True)
        ads = connection.execute(LOAD_ADS, [keys], prepare=True)
    rows = found.fetchall()
    flights: dict[str, dict[str, Flight]] = {}
    for key, ad_id, started_at, stopped_at, lost_at, *facts in ads:
        flight = Flight(ad=ad_of(ad_id, *facts), started_at=started_at, stopped_at=stopped_at, lost_at=lost_at)
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
    (reference, item_url, requested_at, starts_at, expires_at, ladder_from) = row[10:16]
    (period_source, corrected_at, revoked_at, declined_at, rung) = row[16:21]
    (suggested_at, suggestion, need_stated_at, measured, next_action, next_action_at, why) = row[21:]
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
        ladder_from=ladder_from,
        period_source=period_source,
        corrected_at=corrected_at,
        revoked_at=revoked_at,
        declined_at=declined_at,
        rung=rung,
        suggested_at=suggested_at,
        suggestion=suggestion,
        need_stated_at=need_stated_at,
        plan=Plan(action=Action(next_action) if next_action else None, at=next_action_at, why=why),
        flights=flights,
        measured={currency: Decimal(amount) for currency, amount in measured.items()} if measured else {},
    )


def as_json(rows: object) -> str:
    """Rows (dataclasses or mappings) as JSON, for `json_to_recordset`."""
    return msgspec.json.encode(rows).decode()


SAVE_CREATORS = """
INSERT INTO creators AS known (handle, name, email, phone, locale, timezone, updated_at)
SELECT handle, name, email, phone, locale, timezone, (%s::jsonb ->> handle)::timestamptz FROM json_to_recordset(%s)
    AS t (handle text, name text, email text, phone text, locale text, timezone text)
ON CONFLICT (handle) DO UPDATE SET
    name = coalesce(excluded.name, known.name), email = coalesce(excluded.email, known.email),
    phone = coalesce(excluded.phone, known.phone), locale = coalesce(excluded.locale, known.locale),
    timezone = coalesce(excluded.timezone, known.timezone), updated_at = excluded.updated_at
WHERE excluded.updated_at >= known.updated_at
"""


def save_creators(connection: psycopg.Connection[Any], creators: Mapping[str, tuple[Creator, datetime]]) -> None:
    """Contact facts by handle, the newest; what is left out stays. In one order, so that two workers never deadlock."""
    if creators:
        times = {handle: at for handle, (_, at) in creators.items()}
        rows = [creators[handle][0] for handle in sorted(creators)]
        connection.execute(SAVE_CREATORS, [as_json(times), as_json(rows)], prepare=True)


SAVE = """
INSERT INTO authorizations AS known (
    key, advertiser_id, item_id, account_handle, route, state, state_reason, state_since, condition, condition_at, days,
    needed_until, contract_ends_at, reference, item_url, requested_at, starts_at, expires_at, ladder_from, period_source,
    corrected_at, revoked_at, declined_at, rung, suggested_at, suggestion, need_stated_at, next_action,
    next_action_at, why, creator_id, spend_a_day, at_risk, currency, is_sighted,
    created_at, updated_at
)
SELECT key, split_part(key, '/', 1), CASE WHEN key LIKE '%%/@%%' THEN NULL ELSE split_part(key, '/', 2) END,
    CASE WHEN key LIKE '%%/@%%' THEN substr(split_part(key, '/', 2), 2) END, route, state, state_reason, state_since,
    condition, condition_at, days, needed_until, contract_ends_at, reference, item_url, requested_at, starts_at,
    expires_at, ladder_from, period_source, corrected_at, revoked_at, declined_at, rung, suggested_at, suggestion,
    need_stated_at, plan ->> 'action',
    (plan ->> 'at')::timestamptz, plan ->> 'why', (SELECT id FROM creators WHERE handle = %(handles)s::jsonb ->> key),
    (%(worth)s::jsonb -> key ->> 'spend_a_day')::numeric, (%(worth)s::jsonb -> key ->> 'at_risk')::numeric,
    %(worth)s::jsonb -> key ->> 'currency', EXISTS (SELECT FROM sightings WHERE sightings.key = t.key), %(now)s, %(now)s
FROM json_to_recordset(%(rows)s) AS t (
    key text, route text, state text, state_reason text, state_since timestamptz, condition text,
    condition_at timestamptz, days int4, needed_until timestamptz, contract_ends_at timestamptz, reference text,
    item_url text, requested_at timestamptz, starts_at timestamptz, expires_at timestamptz, ladder_from timestamptz,
    period_source text, corrected_at timestamptz, revoked_at timestamptz, declined_at timestamptz, rung int2,
    suggested_at timestamptz, suggestion text, need_stated_at timestamptz, plan json
)
ON CONFLICT (key) DO UPDATE SET
    route = excluded.route, state = excluded.state, state_reason = excluded.state_reason,
    state_since = excluded.state_since, condition = excluded.condition, condition_at = excluded.condition_at,
    days = excluded.days, needed_until = excluded.needed_until, contract_ends_at = excluded.contract_ends_at,
    reference = excluded.reference, item_url = excluded.item_url, requested_at = excluded.requested_at,
    starts_at = excluded.starts_at, expires_at = excluded.expires_at, ladder_from = excluded.ladder_from,
    period_source = excluded.period_source, corrected_at = excluded.corrected_at,
    revoked_at = excluded.revoked_at, declined_at = excluded.declined_at, rung = excluded.rung,
    suggested_at = excluded.suggested_at, suggestion = excluded.suggestion, need_stated_at = excluded.need_stated_at,
    next_action = excluded.next_action, next_action_at = excluded.next_action_at, why = excluded.why,
    creator_id = coalesce(excluded.creator_id, known.creator_id), spend_a_day = excluded.spend_a_day,
    at_risk = excluded.at_risk, currency = excluded.currency, updated_at = excluded.updated_at,
    is_sighted = known.is_sighted OR excluded.is_sighted,
    version = known.version + 1
"""


def save(
    connection: psycopg.Connection[Any],
    authorizations: Sequence[Authorization],
    handles: Mapping[str, str],
    *,
    now: datetime,
) -> None:
    """Inserts or updates them, each a version up; `handles` names creators by authorization key.

    What each is worth is kept beside it; `measured` is not written here, as it is others who measure.
    """
    if authorizations:
        values = {
            "handles": as_json(handles),
            "worth": as_json(worths_of(authorizations, now)),
            "now": now,
            "rows": as_json(authorizations),
        }
        connection.execute(SAVE, values, prepare=True)


def worths_of(authorizations: Sequence[Authorization], now: datetime) -> dict[str, Appraisal]:
    """Of those that anything is spent on; without an ad, which most events are, nothing is worked out."""
    found = {each.key: appraisal(each, now=now) for each in authorizations if each.flights}
    return {key: worth for key, worth in found.items() if worth is not None}


SAVE_ADS = """
INSERT INTO ads (authorization_id, ad_id, started_at, stopped_at, lost_at, flight_end, daily_spend, currency, objective,
    billing_event)
SELECT (SELECT id FROM authorizations WHERE authorizations.key = t.key), ad ->> 'ad_id', started_at, stopped_at, lost_at,
    (ad ->> 'flight_end')::timestamptz, (ad ->> 'daily_spend')::numeric, ad ->> 'currency', ad ->> 'objective',
    ad ->> 'billing_event'
FROM json_to_recordset(%s) AS t (key text, ad json, started_at timestamptz, stopped_at timestamptz, lost_at timestamptz)
ON CONFLICT (authorization_id, ad_id) DO UPDATE SET
    started_at = excluded.started_at, stopped_at = excluded.stopped_at, lost_at = excluded.lost_at,
    flight_end = excluded.flight_end,
    daily_spend = excluded.daily_spend, currency = excluded.currency, objective = excluded.objective,
    billing_event = excluded.billing_event
"""


def save_ads(connection: psycopg.Connection[Any], flights: Mapping[tuple[str, str], Flight]) -> None:
    """Ads by (authorization key, ad id)."""
    if flights:
        rows = [
            {
                "key": key,
                "ad": flight.ad,
                "started_at": flight.started_at,
                "stopped_at": flight.stopped_at,
                "lost_at": flight.lost_at,
            }
            for (key, _), flight in flights.items()
        ]
        connection.execute(SAVE_ADS, [as_json(rows)], prepare=True)


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
SELECT (SELECT id FROM authorizations WHERE authorizations.key = t.key), starts_at, ends_at, source, code_fingerprint, seq
FROM json_to_recordset(%s)
    AS t (key text, starts_at timestamptz, ends_at timestamptz, source text, code_fingerprint text, seq int8)
ON CONFLICT DO NOTHING
"""


def save_grants(connection: psycopg.Connection[Any], grants: Sequence[GrantHeard]) -> None:
    """Grants, once for each period of an authorization."""
    if grants:
        connection.execute(SAVE_GRANTS, [as_json(grants)], prepare=True)


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
SELECT (SELECT id FROM authorizations WHERE authorizations.key = t.key), seq, at, event, outcome, from_state, to_state,
    reason, note, %s
FROM json_to_recordset(%s) AS t (
    key text, seq int8, at timestamptz, event text, outcome text, from_state text, to_state text, reason text, note text
)
"""


def append_history(connection: psycopg.Connection[Any], entries: Sequence[Entry], *, now: datetime) -> None:
    """History, in the order of the entries."""
    if entries:
        connection.execute(APPEND, [now, as_json(entries)], prepare=True)
