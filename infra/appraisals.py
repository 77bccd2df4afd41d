"""What authorizations were measured to spend, and are worth by that, kept in their rows for lists to sort and sum by."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psycopg

from infra import authorizations
from infra.authorizations import as_json, worths_of
from infra.kpis import NO_CURRENCY, week_before

# The mean of the days on which anything was delivered, as `domain.money.spend_a_day` has it.
MEASURE = """
WITH found AS (
    SELECT authorization_id, jsonb_object_agg(currency, amount::text) AS measured FROM (
        SELECT authorization_id, coalesce(nullif(kpis.currency, %(no_currency)s), '') AS currency,
            round(avg(spend), 2) AS amount
        FROM kpis JOIN authorizations ON authorizations.id = authorization_id
        WHERE advertiser_id = %(advertiser_id)s AND day >= %(since)s AND day < %(today)s
            AND (spend > 0 OR impressions > 0)
        GROUP BY 1, 2 HAVING avg(spend) > 0
    ) AS a_day GROUP BY 1
)
UPDATE authorizations SET measured = now.measured FROM (
    SELECT id, found.measured FROM authorizations LEFT JOIN found ON authorization_id = id
    WHERE advertiser_id = %(advertiser_id)s AND authorizations.measured IS DISTINCT FROM found.measured
    ORDER BY key FOR NO KEY UPDATE OF authorizations
) AS now WHERE authorizations.id = now.id
"""


def measure(connection: psycopg.Connection[Any], advertiser_id: str, *, now: datetime) -> None:
    """Writes down what the ads of an advertiser's authorizations spent a day in their last complete week, where it changed."""
    values = {
        "advertiser_id": advertiser_id,
        "no_currency": NO_CURRENCY,
        "since": week_before(now),
        "today": now.date(),
    }
    connection.execute(MEASURE, values)


IN_QUESTION = """
SELECT key FROM authorizations WHERE advertiser_id = %s AND (measured IS NOT NULL OR spend_a_day IS NOT NULL) ORDER BY key
"""


def in_question(connection: psycopg.Connection[Any], advertiser_id: str) -> list[str]:
    """The authorizations whose worth may have changed by what was measured, or by time alone."""
    return [key for (key,) in connection.execute(IN_QUESTION, [advertiser_id])]


LOCK = "SELECT FROM authorizations WHERE key = ANY(%s) ORDER BY key FOR NO KEY UPDATE"
APPRAISE = """
UPDATE authorizations AS known SET spend_a_day = worth.spend_a_day, at_risk = worth.at_risk, currency = worth.currency
FROM authorizations CROSS JOIN LATERAL jsonb_to_record(coalesce(%(worths)s::jsonb -> authorizations.key, '{}'))
    AS worth (spend_a_day numeric, at_risk numeric, currency text)
WHERE known.id = authorizations.id AND authorizations.key = ANY(%(keys)s)
  AND (known.spend_a_day, known.at_risk, known.currency)
    IS DISTINCT FROM (worth.spend_a_day, worth.at_risk, worth.currency)
"""


def appraise(connection: psycopg.Connection[Any], keys: Sequence[str], *, now: datetime) -> int:
    """Works out anew what they are worth; how many rows that changed. Locked first, as the drain writes them too."""
    connection.execute(LOCK, [list(keys)])
    known = authorizations.load(connection, list(keys))
    values = {"keys": list(keys), "worths": as_json(worths_of(list(known.values()), now))}
    return connection.execute(APPRAISE, values).rowcount
