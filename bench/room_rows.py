"""A portfolio as an agency has it, of any size, written by the database itself: what operators' pages are measured over.

Large and small advertisers, creators and campaigns; most codes have ended; one in three that run puts money at risk; an
authorization in five hundred has a full story around it. The draws are the same in every run.
"""

from __future__ import annotations

from bench.servers import Act

ADVERTISERS = """
INSERT INTO advertisers (advertiser_id, name, token, connected_at, looked_at, next_look_at, next_kpis_at, tried_at,
    trouble, failed_looks)
SELECT (7200000000000000000 + n)::text, 'Brand ' || n, '\\x00', now() - interval '300 days',
    now() - interval '1 hour' * CASE WHEN is_refused THEN 90 ELSE random() END, now() + interval '1 hour',
    now() + interval '1 hour', now() - interval '10 minutes', CASE WHEN is_refused THEN 'The token is refused.' END,
    CASE WHEN is_refused THEN 9 ELSE 0 END
FROM (SELECT n, n % 25 = 7 AS is_refused FROM generate_series(0, {advertisers} - 1) AS n) AS numbered
"""
CREATORS = """
INSERT INTO creators (handle, name, email, locale, timezone, updated_at)
SELECT given || '.' || n, initcap(given) || ' ' || n, given || n || '@creators.test', 'en', 'Europe/Paris', now()
FROM (
    SELECT n, (ARRAY['maya', 'leo', 'ines', 'noah', 'zoe', 'liam', 'ada', 'hugo', 'mila', 'omar', 'lena', 'kofi', 'nora',
        'ivan', 'sara', 'theo', 'yuki', 'paul', 'rosa', 'finn'])[1 + n % 20] AS given
    FROM generate_series(1, {creators}) AS n
) AS named
"""
# Squares of draws crowd together below: the largest advertiser of a thousand has three in a hundred of all authorizations.
AUTHORIZATIONS = """
INSERT INTO authorizations (key, advertiser_id, item_id, account_handle, route, state, state_reason, state_since, condition, days,
    reference, creator_id, requested_at, starts_at, expires_at, ladder_from, period_source, revoked_at, next_action,
    next_action_at, why, needed_until, spend_a_day, at_risk, currency, is_sighted, created_at, updated_at)
WITH drawn AS MATERIALIZED (
    SELECT n, random() AS of_route, random() AS of_state, random() AS of_end, random() AS of_need, random() AS of_condition,
        (random() ^ 2 * {advertisers})::int % {advertisers} AS advertiser,
        (random() ^ 1.5 * {creators})::int % {creators} + 1 AS creator, (random() ^ 1.5 * {campaigns})::int AS campaign,
        exp(3.5 + sqrt(-2 * ln(1 - random())) * cos(6.2832 * random()))::numeric(18, 2) AS spend,
        (ARRAY[7, 30, 30, 30, 60, 60, 365])[1 + floor(random() * 7)::int] AS days, n::float8 / {count} AS age,
        CASE WHEN n % 97 = 0 THEN 'SEK'
            ELSE (ARRAY['EUR', 'EUR', 'EUR', 'EUR', 'EUR', 'USD', 'USD', 'GBP'])[1 + floor(random() * 8)::int] END AS currency
    FROM generate_series(1, {count}) AS n
), placed AS (
    SELECT *, CASE WHEN of_route < 0.03 THEN 'account' WHEN of_route < 0.04 THEN 'own' ELSE 'code' END AS route,
        CASE WHEN of_state < 0.03 THEN 'requested' WHEN of_state < 0.06 THEN 'revoked' WHEN of_state < 1 - 0.9 * age THEN 'expired'
            WHEN of_state < 1 - 0.2 * age THEN 'active' ELSE 'authorized' END AS state,
        -- Who was asked for a first code answers within two weeks, or the request lapses.
        now() - CASE WHEN of_state < 0.03 THEN of_end * interval '13 days' ELSE (1 - age) * interval '500 days' END AS made_at
    FROM drawn
), dated AS (
    SELECT *, state IN ('authorized', 'active') AS runs, CASE WHEN route <> 'account' THEN CASE
            WHEN state IN ('authorized', 'active') THEN now() + of_end * days * interval '1 day'
            WHEN state IN ('expired', 'revoked') THEN now() - of_end * interval '400 days' END END AS ends_at,
        CASE WHEN route <> 'account' THEN (7300000000000000000 + n)::text END AS item,
        (7200000000000000000 + advertiser)::text AS advertiser_id
    FROM placed
), needed AS (
    SELECT *, state = 'active' AND route = 'code' AND of_need < 0.35 AS is_short FROM dated
)
SELECT advertiser_id || '/' || coalesce(item, '@account.' || n), advertiser_id, item,
    CASE WHEN item IS NULL THEN 'account.' || n END, route, state,
    CASE state WHEN 'requested' THEN 'requested' WHEN 'authorized' THEN 'granted' WHEN 'active' THEN 'ad_started'
        WHEN 'expired' THEN 'period_ended' ELSE 'withdrawn' END,
    CASE WHEN runs THEN coalesce(ends_at - days * interval '1 day', made_at) ELSE coalesce(ends_at, made_at) END,
    CASE WHEN of_condition > 0.03 THEN 'public' WHEN of_condition > 0.02 THEN 'private'
        WHEN of_condition > 0.015 THEN 'under_review' WHEN of_condition > 0.005 THEN 'removed' ELSE 'music_missing' END,
    days, CASE WHEN campaign % 5 > 0
        THEN (ARRAY['Spring', 'Summer', 'Autumn', 'Winter'])[1 + campaign % 4] || ' 2026 no. ' || campaign END,
    creator, made_at, CASE WHEN state <> 'requested' THEN coalesce(ends_at - days * interval '1 day', made_at) END,
    ends_at, ends_at - days * interval '1 day', CASE WHEN ends_at IS NOT NULL THEN 'tiktok' END,
    CASE WHEN state = 'revoked' THEN coalesce(ends_at, made_at) END,
    CASE WHEN state = 'requested' THEN 'lapse' WHEN is_short THEN 'ask' WHEN runs AND ends_at IS NOT NULL THEN 'expire' END,
    CASE WHEN state = 'requested' THEN made_at + interval '14 days'
        WHEN is_short THEN greatest(now(), ends_at - interval '14 days') WHEN runs THEN ends_at END,
    CASE WHEN is_short THEN 'renewal_needed' WHEN state = 'requested' THEN 'unanswered_request' ELSE 'covered' END,
    CASE WHEN is_short THEN ends_at + days * interval '1 day' END,
    CASE WHEN state = 'active' THEN spend END, CASE WHEN is_short THEN spend * least(days, 30) WHEN state = 'active' THEN 0 END,
    CASE WHEN state IN ('active', 'expired') THEN currency END, state <> 'requested' AND n % 97 > 0, made_at, now()
FROM needed ORDER BY n
"""
SIGHTINGS = """
INSERT INTO sightings (key, advertiser_id, auth_status, starts_at, ends_at, status, facts, seen_at, missing_since)
SELECT key, advertiser_id, 'AUTHORIZED', starts_at, expires_at, 'ok', '{{}}', greatest(starts_at, now() - interval '90 days'),
    CASE WHEN id % 211 = 0 THEN now() - interval '3 days' END
FROM authorizations WHERE state <> 'requested' AND id % 97 > 0
"""
CODES = """
INSERT INTO codes (fingerprint, key, sealed, last, submitted_at)
SELECT md5(key), key, '\\x00', substr(encode(decode(md5(key), 'hex'), 'base64'), 4, 4), created_at
FROM authorizations WHERE route = 'code'
"""
GRANTS = """
INSERT INTO grants (authorization_id, starts_at, ends_at, source, code_fingerprint, seq)
SELECT id, starts_at, expires_at, 'tiktok', CASE WHEN route = 'code' THEN md5(key) END, id
FROM authorizations WHERE starts_at IS NOT NULL
"""
ADS = """
INSERT INTO ads (authorization_id, ad_id, started_at, stopped_at, flight_end, daily_spend, currency)
SELECT id, 'ad-' || id, starts_at, CASE WHEN state = 'expired' THEN expires_at END, coalesce(needed_until, expires_at),
    spend_a_day, currency
FROM authorizations WHERE currency IS NOT NULL
"""
INBOX = """
INSERT INTO inbox (sender, event_id, type, key, mailbox, occurred_at, received_at, data, outcome, reason, handled_at)
SELECT 'producer:crm', id::text, 'ad.started', key, id % 4, state_since, state_since, '{{"ad": {{"ad_id": "1"}}}}',
    'moved', state_reason, state_since
FROM authorizations
"""
HISTORY = """
INSERT INTO history (authorization_id, seq, at, recorded_at, event, outcome, from_state, to_state, reason)
SELECT id, id, created_at, created_at, 'authorization.requested', 'moved', NULL, 'requested', 'requested' FROM authorizations
UNION ALL SELECT id, id, state_since, state_since, 'ad.started', 'moved', 'authorized', state, state_reason
    FROM authorizations
UNION ALL SELECT id, id, state_since, state_since, 'ad.started', 'stayed', state, state, 'another_ad'
    FROM authorizations, generate_series(1, 60) WHERE id % 500 = 0
"""
KPIS = """
INSERT INTO kpis (authorization_id, day, currency, spend, impressions, clicks, conversions)
SELECT id, (now() - n * interval '1 day')::date, currency, spend_a_day, 1000, 10, 1
FROM authorizations, generate_series(1, 28) AS n WHERE state = 'active' AND (id % 500 = 0 OR n = 1)
"""
ASKS = """
INSERT INTO asks (authorization_id, period_ends_at, rung, urgency, days, asked_at, sent_at)
SELECT id, expires_at, n, 'window', days, now() - interval '2 days', now() - interval '2 days'
FROM authorizations, generate_series(0, 2) AS n WHERE next_action = 'ask' AND (n = 0 OR id % 500 = 0)
"""
ENDINGS = """
INSERT INTO endings (authorization_id, period_ends_at, outcome, decided_at, asked_at, answered_at)
SELECT id, expires_at - interval '400 days', 'renewed_by_extension', expires_at - interval '400 days',
    expires_at - interval '405 days', expires_at - interval '402 days'
FROM authorizations WHERE expires_at IS NOT NULL AND id % 3 = 0
"""
OUTBOX = """
INSERT INTO outbox (kind, key, authorization_id, creator_id, idempotency_key, payload, status, due_at, settled_at,
    created_at)
SELECT 'ask.mail', key, id, creator_id, 'ask-' || id, '{{}}', 'done', state_since, state_since, state_since
FROM authorizations WHERE id % 5 = 0
"""
ESCALATIONS = """
INSERT INTO escalations (authorization_id, period_ends_at, step, opened_at)
SELECT id, expires_at, 'owner', now() - interval '1 day' FROM authorizations
WHERE next_action = 'ask' AND expires_at < now() + interval '3 days' AND id % 10 = 0
"""
STEPS = (
    ADVERTISERS,
    CREATORS,
    AUTHORIZATIONS,
    SIGHTINGS,
    CODES,
    GRANTS,
    ADS,
    INBOX,
    HISTORY,
    KPIS,
    ASKS,
    ENDINGS,
    OUTBOX,
    ESCALATIONS,
)
# Indexes are made anew at the end, which takes a fraction of the time that keeping them does.
INDEXES = """
SELECT indexname, indexdef FROM pg_indexes
JOIN pg_class ON relname = indexname JOIN pg_index ON indexrelid = pg_class.oid
WHERE schemaname = 'public' AND NOT indisunique
    AND tablename IN ('authorizations', 'history', 'codes', 'sightings', 'kpis', 'asks', 'outbox')
"""


def fill(act: Act, count: int) -> None:
    """`count` authorizations of count/10 creators, for advertisers of whom there are 100 for 10,000 and 1,000 for 1,000,000."""
    sizes = {"count": count, "advertisers": round(count**0.5), "creators": count // 10, "campaigns": count // 50}
    indexes = act.connection.execute(INDEXES.encode()).fetchall()
    # What the rows refer to is known to be there.
    act.connection.execute("SET session_replication_role = replica; SELECT setseed(0.5); SET work_mem = '64MB'")
    for name, _ in indexes:
        act.connection.execute(f"DROP INDEX {name}".encode())
    for step in STEPS:
        act.connection.execute(step.format(**sizes).encode())
    for _, definition in indexes:
        act.connection.execute(str(definition).encode())
    act.connection.execute("SET session_replication_role = origin")
    act.connection.execute("VACUUM ANALYZE")
    act.connection.execute("CHECKPOINT")
