"""Baseline (c): the database's own limit. The same rows as set-based SQL in batches of 100 through psycopg, no queue.

Its decisions are made in advance: what is measured is the row work, one transaction to accept a batch and one to apply it.
Run as `python -m bench.database_limit SHARE SHARES AUTHORIZATIONS`: each process does its share of the authorizations.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg

from bench.cue import report, wait_for_cue
from bench.work import EVENTS_EACH, Happening, happenings
from infra.inbox import mailbox_of

BATCH = 100
Connection = psycopg.Connection[tuple[Any, ...]]
Columns = list[list[Any]]

ACCEPT = """
    INSERT INTO inbox (sender, event_id, type, key, mailbox, occurred_at, received_at, data)
    SELECT sender, event_id, type, key, mailbox, occurred_at, now(), data
      FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::smallint[], %s::timestamptz[], %s::jsonb[])
           AS letter (sender, event_id, type, key, mailbox, occurred_at, data)
    ON CONFLICT (sender, event_id) DO NOTHING
    RETURNING seq"""
LOCK = "SELECT key, id FROM authorizations WHERE key = ANY(%s) ORDER BY id FOR UPDATE"
CREATORS = """
    INSERT INTO creators (handle, name, email, locale, timezone, updated_at)
    SELECT *, now() FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
    ON CONFLICT (handle) DO UPDATE SET name = excluded.name, email = excluded.email, locale = excluded.locale,
           timezone = excluded.timezone, updated_at = excluded.updated_at"""
REQUEST = """
    INSERT INTO authorizations (key, advertiser_id, item_id, route, state, state_reason, state_since, days, reference,
           creator_id, requested_at, next_action, next_action_at, why, created_at, updated_at)
    SELECT key, advertiser_id, item_id, 'code', 'requested', 'requested', at, 30, reference,
           creators.id, at, 'lapse', at + interval '14 days', 'requested', now(), now()
      FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[])
           AS asked (key, advertiser_id, item_id, reference, handle, at)
      JOIN creators USING (handle)
    RETURNING key, id"""
GRANT = """
    UPDATE authorizations SET state = 'authorized', state_reason = 'granted', state_since = at, starts_at = starts,
           expires_at = ends, period_source = 'code.granted', next_action = 'expire', next_action_at = ends,
           why = 'granted', version = version + 1, updated_at = now()
      FROM unnest(%s::bigint[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[])
           AS given (of, at, starts, ends) WHERE id = of"""
MOVE = """
    UPDATE authorizations SET state = to_state, state_reason = reason, state_since = at, next_action = action,
           next_action_at = CASE WHEN action = 'ask' THEN expires_at - interval '7 days' END, why = reason,
           version = version + 1, updated_at = now()
      FROM unnest(%s::bigint[], %s::timestamptz[], %s::text[], %s::text[], %s::text[])
           AS moved (of, at, to_state, reason, action) WHERE id = of"""
GRANTS = """
    INSERT INTO grants (authorization_id, seq, starts_at, ends_at, source)
    SELECT *, 'code.granted' FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[], %s::timestamptz[])
    ON CONFLICT DO NOTHING"""
ADS = """
    INSERT INTO ads (authorization_id, ad_id, started_at, flight_end, daily_spend, currency, objective, billing_event)
    SELECT *, 120.00, 'USD', 'REACH', 'CPM'
      FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[], %s::timestamptz[])
    ON CONFLICT DO NOTHING"""
HISTORY = """
    INSERT INTO history (authorization_id, seq, at, recorded_at, event, outcome, from_state, to_state, reason)
    SELECT of, seq, at, now(), %s, 'moved', %s, %s, %s
      FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[]) AS entry (of, seq, at)"""
HANDLED = "UPDATE inbox SET outcome = 'moved', reason = %s, handled_at = now() WHERE seq = ANY(%s)"

# type: (state before, state after, reason, next action)
DECISIONS = {
    "authorization.requested": (None, "requested", "requested", "lapse"),
    "code.granted": ("requested", "authorized", "granted", "expire"),
    "ad.started": ("authorized", "active", "ad_started", "ask"),
    "period.ended": ("active", "expired", "period_ended", None),
}


def prepared(batch: list[Happening]) -> Callable[[Connection], None]:
    """Everything that can be known in advance is computed here, outside of what is measured."""
    kind, at = batch[0].type, [event.at for event in batch]
    keys = [event.key for event in batch]
    letters = _letters(batch)
    before, after, reason, action = DECISIONS[kind]
    creators, requests = (_creators(batch), _requests(batch)) if kind == "authorization.requested" else ([], [])
    constants = [[word] * len(batch) for word in (after, reason, action)]

    def run(connection: Connection) -> None:
        with connection.transaction():
            seqs = [seq for (seq,) in connection.execute(ACCEPT, letters)]
        with connection.transaction():
            found: dict[str, int] = dict(connection.execute(LOCK, [keys]).fetchall())
            with connection.pipeline():
                if requests:
                    connection.execute(CREATORS, creators)
                    found = dict(connection.execute(REQUEST, requests).fetchall())
                ids = [found[key] for key in keys]
                if kind == "code.granted":
                    ends = [event.data["expires_at"] for event in batch]
                    connection.execute(GRANT, [ids, at, at, ends])
                    connection.execute(GRANTS, [ids, seqs, at, ends])
                elif not requests:
                    connection.execute(MOVE, [ids, at, *constants])
                if kind == "ad.started":
                    ads = [event.data["ad"] for event in batch]
                    connection.execute(ADS, [ids, [ad["ad_id"] for ad in ads], at, [ad["flight_end"] for ad in ads]])
                connection.execute(HISTORY, [kind, before, after, reason, ids, seqs, at])
                connection.execute(HANDLED, [reason, seqs])

    return run


def _letters(batch: list[Happening]) -> Columns:
    rows = [(e.sender, e.id, e.type, e.key, mailbox_of(e.key), e.at, json.dumps(e.data)) for e in batch]
    return [list(column) for column in zip(*rows, strict=True)]


def _creators(batch: list[Happening]) -> Columns:
    known = {event.data["creator"]["handle"]: event.data["creator"] for event in batch}
    return [[creator[name] for creator in known.values()] for name in ("handle", "name", "email", "locale", "timezone")]


def _requests(batch: list[Happening]) -> Columns:
    rows = [(e.key, *e.key.split("/"), e.data["reference"], e.data["creator"]["handle"], e.at) for e in batch]
    return [list(column) for column in zip(*rows, strict=True)]


def batches(share: int, shares: int, authorizations: int) -> list[list[Happening]]:
    events, size = happenings(authorizations), authorizations // shares
    found = []
    for chapter in range(EVENTS_EACH):
        begin = chapter * authorizations + share * size
        mine = events[begin : begin + size]
        found += [mine[start : start + BATCH] for start in range(0, size, BATCH)]
    return found


def main() -> None:
    work = [prepared(batch) for batch in batches(*map(int, sys.argv[1:4]))]
    with psycopg.connect(os.environ["EVERSPARK_DATABASE_URL"], autocommit=True) as connection:
        wait_for_cue()
        began = datetime.now(UTC).timestamp()
        for step in work:
            step(connection)
        report({"began": began, "ended": datetime.now(UTC).timestamp()})


if __name__ == "__main__":
    main()
