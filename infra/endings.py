"""How periods ended, in rows: what is known when one more ends, and all of them as they are read, with what a lapse has
cost by now.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.rows import class_row

from domain.authorization import Authorization
from domain.money import Amounts
from domain.outcome import Lapse, Period, lapse_of, wanted_of
from domain.renewal import FOREVER
from domain.worth import measured
from infra import kpis
from infra.authorizations import as_json
from infra.kpis import NO_CURRENCY


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """A row: how one period ended. `lost` by currency, as it is kept; it and `down_until` are known once a lapse is over."""

    authorization_id: int
    period_ends_at: datetime
    outcome: str
    decided_at: datetime
    asked_at: datetime | None = None
    answered_at: datetime | None = None
    down_from: datetime | None = None
    down_until: datetime | None = None
    lost: Mapping[str, str] | None = None
    step: str | None = None

    @property
    def goes_on(self) -> bool:
        """Whether it is a lapse that is not over: of all endings of an authorization, the last one alone can be."""
        return self.down_from is not None and self.down_until is None


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What an ending is judged by: its authorization's number, when it was asked for and when a code was refused."""

    authorization_id: int
    sent_at: list[datetime]
    refused_at: datetime | None


FACTS = """
SELECT a.id AS authorization_id,
    array(SELECT sent_at FROM asks WHERE authorization_id = a.id AND period_ends_at = ends_at AND sent_at IS NOT NULL
        ORDER BY sent_at) AS sent_at,
    (SELECT max(at) FROM history WHERE authorization_id = a.id AND event = 'code.refused'
        AND at BETWEEN begins_at AND ends_at) AS refused_at
FROM ROWS FROM (json_to_recordset(%s) AS (key text, begins_at timestamptz, ends_at timestamptz))
    WITH ORDINALITY AS t (key, begins_at, ends_at, place)
JOIN authorizations AS a USING (key) ORDER BY place
"""
COLUMNS = (
    "authorization_id, period_ends_at, outcome, decided_at, asked_at, answered_at, down_from, down_until, lost, step"
)
LAST = f"""
SELECT last.* FROM authorizations AS a CROSS JOIN LATERAL (
    SELECT {COLUMNS} FROM endings WHERE authorization_id = a.id ORDER BY decided_at DESC, id DESC LIMIT 1
) AS last WHERE key = ANY(%s)
"""


def load(
    connection: psycopg.Connection[Any], periods: Sequence[Mapping[str, Any]]
) -> tuple[list[Facts], dict[int, Ending]]:
    """The facts of each of `periods` (key, begins_at, ends_at), in their order, and the last ending of each authorization."""
    facts = connection.cursor(row_factory=class_row(Facts))
    last = connection.cursor(row_factory=class_row(Ending))
    with connection.pipeline():
        facts.execute(FACTS, [as_json(periods)], prepare=True)
        last.execute(LAST, [[each["key"] for each in periods]], prepare=True)
    return facts.fetchall(), {each.authorization_id: each for each in last}


SAVE = f"""
INSERT INTO endings ({COLUMNS})
SELECT {COLUMNS} FROM json_to_recordset(%s) AS t (authorization_id int8, period_ends_at timestamptz, outcome text,
    decided_at timestamptz, asked_at timestamptz, answered_at timestamptz, down_from timestamptz, down_until timestamptz,
    lost jsonb, step text)
ON CONFLICT (authorization_id, period_ends_at) DO UPDATE SET
    outcome = excluded.outcome, decided_at = excluded.decided_at, asked_at = excluded.asked_at,
    answered_at = excluded.answered_at, down_from = excluded.down_from, down_until = excluded.down_until,
    lost = excluded.lost, step = excluded.step
"""


def save(connection: psycopg.Connection[Any], endings: Sequence[Ending]) -> None:
    """One row for each period's end, as it is judged now. A period may be here once only."""
    if endings:
        connection.execute(SAVE, [as_json(endings)], prepare=True)


def kept(amounts: Amounts) -> dict[str, str]:
    """Amounts as they are kept."""
    return {currency or NO_CURRENCY: format(amount, "f") for currency, amount in amounts.items()}


def told(lost: Mapping[str, str]) -> Amounts:
    """What was kept."""
    return {None if currency == NO_CURRENCY else currency: Decimal(amount) for currency, amount in lost.items()}


LIST = f"""
SELECT key, told.* FROM authorizations JOIN (
    SELECT {COLUMNS} FROM endings WHERE %(since)s::timestamptz IS NULL OR decided_at >= %(since)s
) AS told ON told.authorization_id = authorizations.id
WHERE %(key)s::text IS NULL OR key = %(key)s ORDER BY period_ends_at, key
"""
LAPSED = f"""
SELECT key, told.* FROM authorizations JOIN (
    SELECT {COLUMNS} FROM endings WHERE outcome = 'lapsed' AND decided_at >= %(since)s
        AND (NOT %(going_on)s OR (down_from IS NOT NULL AND down_until IS NULL))
) AS told ON told.authorization_id = authorizations.id
WHERE advertiser_id = %(advertiser)s ORDER BY coalesce(down_from, period_ends_at) DESC, key DESC LIMIT %(limit)s
"""


def listed(
    connection: psycopg.Connection[Any], *, since: datetime | None = None, key: str | None = None
) -> list[tuple[str, Ending]]:
    """Endings with the keys of their authorizations, by their instants."""
    return _with_keys(connection.execute(LIST, {"since": since, "key": key}))


def lapsed(
    connection: psycopg.Connection[Any], advertiser: str, *, since: datetime, limit: int, going_on: bool = False
) -> list[tuple[str, Ending]]:
    """The lapses of an advertiser's periods, the newest first; with `going_on` only those that are not over."""
    values = {"advertiser": advertiser, "since": since, "limit": limit, "going_on": going_on}
    return _with_keys(connection.execute(LAPSED, values))


def _with_keys(rows: Iterable[Sequence[Any]]) -> list[tuple[str, Ending]]:
    names = COLUMNS.split(", ")
    return [(known, Ending(**dict(zip(names, facts, strict=True)))) for known, *facts in rows]


def going_on(
    connection: psycopg.Connection[Any],
    known: Mapping[str, Authorization],
    open_: Mapping[str, datetime],
    *,
    now: datetime,
) -> dict[str, Lapse]:
    """What lapses that began at these instants, by authorization, have cost by now; `known` are the authorizations."""
    if not open_:
        return {}
    days = kpis.days_of(connection, list(open_), now=min(open_.values()))
    lapses = {}
    for key, since in open_.items():
        period = Period(
            begins_at=since, ends_at=since, needed_until=FOREVER, contract_ends_at=known[key].contract_ends_at
        )
        ads = wanted_of(known[key], measured(days[key], now=since), ends_at=since)
        lapses[key] = lapse_of(period, ads, now=now)
    return {key: lapse for key, lapse in lapses.items() if lapse is not None}
