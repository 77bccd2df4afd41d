"""What the ads of each authorization did on each day, in rows: summed from TikTok's report, written only where different."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import psycopg

from domain.money import DAYS_LOOKED_BACK
from domain.posts import AdDay
from infra.authorizations import as_json

# ISO 4217's own code for "no currency": for a report that does not say which.
NO_CURRENCY = "XXX"

# An ad belongs to the authorization that it was started on last. Ads that use none of ours are left out.
SAVE = """
WITH days AS (
    SELECT * FROM json_to_recordset(%(days)s) AS t (ad_id text, day date, spend numeric, impressions int8, clicks int8,
        conversions numeric, currency text)
), owners AS (
    SELECT DISTINCT ON (ad_id) ad_id, authorization_id FROM ads JOIN authorizations AS a ON a.id = authorization_id
    WHERE advertiser_id = %(advertiser_id)s AND ad_id IN (SELECT ad_id FROM days)
    ORDER BY ad_id, started_at DESC NULLS LAST, authorization_id DESC
)
INSERT INTO kpis AS known (authorization_id, day, currency, spend, impressions, clicks, conversions)
SELECT authorization_id, day, coalesce(currency, %(no_currency)s), sum(spend), sum(impressions), sum(clicks),
    sum(conversions)
FROM days JOIN owners USING (ad_id) GROUP BY 1, 2, 3
ON CONFLICT (authorization_id, day, currency) DO UPDATE SET
    spend = excluded.spend, impressions = excluded.impressions, clicks = excluded.clicks,
    conversions = excluded.conversions
WHERE (known.spend, known.impressions, known.clicks, known.conversions)
    IS DISTINCT FROM (excluded.spend, excluded.impressions, excluded.clicks, excluded.conversions)
"""


def save(connection: psycopg.Connection[Any], advertiser_id: str, days: Sequence[AdDay]) -> int:
    """Sums the days of all of an advertiser's ads; `days` must be whole days. How many rows are new or different."""
    if not days:
        return 0
    values = {"days": as_json(days), "advertiser_id": advertiser_id, "no_currency": NO_CURRENCY}
    return connection.execute(SAVE, values).rowcount


OF = """
SELECT key, day, nullif(kpis.currency, %(no_currency)s), spend, impressions, clicks, conversions
FROM kpis JOIN authorizations ON authorizations.id = authorization_id
WHERE key = ANY(%(keys)s) AND day >= %(since)s ORDER BY key, day, kpis.currency
"""


def days_of(connection: psycopg.Connection[Any], keys: Sequence[str], *, now: datetime) -> dict[str, list[AdDay]]:
    """The last complete week of each authorization, and today; all ads of one together, so without an ad's id."""
    values = {"no_currency": NO_CURRENCY, "keys": list(keys), "since": week_before(now)}
    days: dict[str, list[AdDay]] = {key: [] for key in keys}
    for key, day, currency, spend, impressions, clicks, conversions in connection.execute(OF, values):
        days[key].append(
            AdDay(
                ad_id="",
                day=day,
                currency=currency,
                spend=spend,
                impressions=impressions,
                clicks=clicks,
                conversions=conversions,
            )
        )
    return days


def week_before(now: datetime) -> date:
    """The first of the last complete days that money is judged by."""
    return now.date() - timedelta(days=DAYS_LOOKED_BACK)
