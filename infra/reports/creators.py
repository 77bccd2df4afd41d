"""Creators as operators see them: how they answer, how often they are written to, what they said, what is held of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.rows import dict_row

from domain.advisor import A_YEAR
from domain.money import Amounts
from infra import creators, waiting
from infra.reports.searching import literally
from infra.tables import RUNNING

Connection = psycopg.Connection[Any]
Row = dict[str, Any]

FACTS = """
SELECT id, handle, name, email, phone, locale, timezone, updated_at, opted_out_at, snoozed_until, away_from, away_until,
    payment_due_since
FROM creators
"""
PAGE = f"{FACTS} WHERE handle > %(after)s AND handle LIKE %(prefix)s ORDER BY handle LIMIT %(limit)s"
ONE = f"{FACTS} WHERE id = %s"
HELD = f"""
SELECT creator_id, currency, count(*), count(*) FILTER (WHERE {RUNNING}),
    coalesce(sum(at_risk) FILTER (WHERE {RUNNING}), 0)
FROM authorizations WHERE creator_id = ANY(%s) GROUP BY creator_id, currency
"""
# Of the periods that were needed and asked for: how many were answered, and after how long. A late answer is one too.
ANSWERS = """
SELECT creator_id, count(*), count(answered_at),
    percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM answered_at - asked_at)::float8)
FROM endings JOIN authorizations ON authorizations.id = authorization_id
WHERE creator_id = ANY(%s) AND asked_at IS NOT NULL AND outcome <> 'not_needed' GROUP BY creator_id
"""
THEIRS = """
SELECT authorizations.id, key, item_id, account_handle, authorizations.advertiser_id, advertisers.name AS advertiser, state,
    expires_at, next_action, next_action_at, why, at_risk, currency
FROM authorizations LEFT JOIN advertisers USING (advertiser_id)
WHERE creator_id = %(id)s
ORDER BY state IN ('expired', 'revoked'), expires_at NULLS LAST, authorizations.id LIMIT %(limit)s
"""
LINKS = """
SELECT id, created_at, expires_at, opened_at, revoked_at,
       CASE WHEN revoked_at IS NOT NULL THEN 'revoked' WHEN expires_at <= %(now)s THEN 'expired' ELSE 'works' END AS standing
FROM links WHERE creator_id = %(id)s ORDER BY id DESC LIMIT %(limit)s
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """How one creator has answered, and what is held. `asked`: needed periods that were asked for; `written`: in a year."""

    held: int = 0
    running: int = 0
    at_risk: Amounts
    asked: int = 0
    answered: int = 0
    answered_in: timedelta | None = None
    written: int = 0

    @property
    def rate(self) -> float | None:
        """The share of asked periods that were answered; None where nobody asked."""
        return self.answered / self.asked if self.asked else None


def page(connection: Connection, *, search: str = "", after: str = "", limit: int) -> list[Row]:
    """Creators by handle, those whose handle begins with `search`, from the one after `after`."""
    prefix = search.strip().removeprefix("@").lower()
    values = {"after": after, "prefix": f"{literally(prefix)}%", "limit": limit}
    return connection.cursor(row_factory=dict_row).execute(PAGE, values).fetchall()


def one(connection: Connection, number: int) -> Row | None:
    """The facts of one creator; None where there is none."""
    return connection.cursor(row_factory=dict_row).execute(ONE, [number]).fetchone()


def records(connection: Connection, numbers: Sequence[int], *, now: datetime) -> dict[int, Record]:
    """How each of these creators has answered, and what is held of them."""
    held: defaultdict[int, int] = defaultdict(int)
    running: defaultdict[int, int] = defaultdict(int)
    at_risk: defaultdict[int, dict[str | None, Decimal]] = defaultdict(dict)
    for number, currency, all_, in_force, amount in connection.execute(HELD, [list(numbers)]):
        held[number] += all_
        running[number] += in_force
        if amount:
            at_risk[number][currency] = amount
    answers = {row[0]: row[1:] for row in connection.execute(ANSWERS, [list(numbers)])}
    written = creators.all_written_to_at(connection, numbers, now=now, since=A_YEAR)
    return {number: _record(answers.get(number), held, running, at_risk, written, number) for number in numbers}


def _record(answer: Any, held: Any, running: Any, at_risk: Any, written: Any, number: int) -> Record:
    asked, answered, seconds = answer or (0, 0, None)
    return Record(
        held=held[number],
        running=running[number],
        at_risk=at_risk[number],
        asked=asked,
        answered=answered,
        answered_in=None if seconds is None else timedelta(seconds=seconds),
        written=len(written.get(number, ())),
    )


def theirs(connection: Connection, number: int, *, limit: int) -> list[Row]:
    """Their authorizations, what runs out first before what has ended."""
    rows = connection.cursor(row_factory=dict_row).execute(THEIRS, {"id": number, "limit": limit}).fetchall()
    return waiting.with_messages(connection, rows)


def links(connection: Connection, number: int, *, now: datetime, limit: int = 1000) -> list[Row]:
    """The links to their page, the newest first; the token of none."""
    return connection.cursor(row_factory=dict_row).execute(LINKS, {"id": number, "now": now, "limit": limit}).fetchall()
