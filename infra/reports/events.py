"""The inbox as operators read it: by what became of an event, who sent it, its type, its age and its authorization.

What waits is found by the index of `pending`. Everything else is looked for among the newest WINDOW events below where the
page begins, so that a rare word costs the same in a short inbox and a long one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import psycopg
from psycopg.rows import dict_row

from domain.filter_texts import pairs_in, strange
from domain.filters import FilterError
from infra.kept_events import KEPT, TOLD
from infra.reports.wanting import WantedError
from infra.tables import INBOX_OUTCOMES, Handling

Connection = psycopg.Connection[Any]
Row = dict[str, Any]

WINDOW, MOST_REPLAYED = 20_000, 10_000
LONGEST = 200
# What a person may let try again.
REPLAYABLE = (Handling.QUARANTINED, Handling.PARKED, Handling.EARLY)
OUTCOMES = tuple(dict.fromkeys((*map(str, REPLAYABLE), str(Handling.READY), *map(str, INBOX_OUTCOMES))))
TYPES = tuple(sorted({*KEPT, *TOLD}))
# TikTok's own webhooks are kept under names of its own, which nobody can list.
HINTS = "tiktok."
AGES = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=30)}
HIGHEST = 2**63 - 1

# A code is never read here: what is stored beside it says its last characters.
FOUND = """
SELECT seq, sender, event_id, type, e.key, occurred_at, received_at, handled_at, reason, attempts, try_at,
    coalesce(pending.status, outcome, 'ready') AS outcome, pending.status AS waiting
"""
MATCHES = """
(%(sender)s = '' OR sender IN (%(sender)s, 'producer:' || %(sender)s)) AND (%(type)s = '' OR type = %(type)s)
AND (%(key)s = '' OR e.key = %(key)s) AND (%(since)s::timestamptz IS NULL OR received_at >= %(since)s)
AND seq >= %(first)s AND seq <= %(last)s
"""
WAITING = f"""
{FOUND} FROM pending JOIN inbox AS e USING (seq)
WHERE {{status}} AND seq < %(before)s AND {MATCHES} ORDER BY seq DESC LIMIT %(limit)s
"""
HANDLED = f"""
{FOUND} FROM (
    SELECT * FROM inbox WHERE seq < %(before)s AND seq <= %(last)s ORDER BY seq DESC LIMIT %(window)s
) AS e LEFT JOIN pending USING (seq)
WHERE (%(outcome)s = '' OR (pending.seq IS NULL AND outcome = %(outcome)s)) AND {MATCHES}
ORDER BY seq DESC LIMIT %(limit)s
"""
LOWEST = """
SELECT min(seq), count(*) FROM (
    SELECT seq FROM inbox WHERE seq < %(before)s AND seq <= %(last)s ORDER BY seq DESC LIMIT %(window)s
) AS looked_through
"""
COUNT = f"""
SELECT count(*) FROM (
    SELECT FROM pending JOIN inbox AS e USING (seq) WHERE {{status}} AND {MATCHES} LIMIT %(most)s
) AS found
"""
SEQS = f"SELECT seq FROM pending JOIN inbox AS e USING (seq) WHERE {{status}} AND {MATCHES} ORDER BY seq LIMIT %(most)s"
ONE = f"""
{FOUND}, data, headers, sealed IS NOT NULL AS is_sealed, error, authorizations.id AS authorization_id
FROM inbox AS e LEFT JOIN pending USING (seq) LEFT JOIN authorizations ON authorizations.key = e.key WHERE seq = %s
"""
BECAME = """
SELECT at, recorded_at, event, outcome, from_state AS "from", to_state AS "to", reason, note
FROM history WHERE authorization_id = %s AND seq = %s ORDER BY id
"""
LATELY = f"""
SELECT sender, count(*), count(*) FILTER (WHERE coalesce(status, outcome) IN ('quarantined', 'parked'))
FROM (SELECT seq, sender, outcome, received_at FROM inbox ORDER BY seq DESC LIMIT {WINDOW}) AS e LEFT JOIN pending USING (seq)
WHERE sender LIKE 'producer:%%' AND received_at >= %s GROUP BY sender
"""
BEYOND = "SELECT received_at >= %(since)s FROM inbox ORDER BY seq DESC LIMIT 1 OFFSET %(window)s"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """A filter. `sender` with or without `producer:`; `first` and `last` are numbers of events. Empty: any."""

    outcome: str = ""
    sender: str = ""
    type: str = ""
    key: str = ""
    age: str = ""
    first: str = ""
    last: str = ""

    @property
    def query(self) -> str:
        """As the address of the page says it."""
        pairs = [(each.name, getattr(self, each.name)) for each in fields(self)]
        return urlencode([(name, value) for name, value in pairs if value])

    @property
    def is_replayable(self) -> bool:
        """Whether all that it matches waits for a person, or for an earlier event."""
        return self.outcome in REPLAYABLE


LIST, WORDS = "/events", tuple(each.name for each in fields(Wanted))
# What else an address of the list says.
BESIDE = ("before", "replayed", "after", "limit")


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """One page. `more`: where the next begins; with `is_cut` further back than the last row, since there the search stopped."""

    rows: list[Row]
    more: int | None
    is_cut: bool = False


def wanted_in(text: str) -> Wanted:
    """The filter that `text` says, as in the address of the page: a word that is not known is refused. Raises WantedError."""
    try:
        return wanted_of(dict(pairs_in(text, path=LIST, words=WORDS, beside=BESIDE)))
    except FilterError as error:
        raise WantedError(f"{error}.") from None


def wanted_of(told: Mapping[str, str]) -> Wanted:
    """The filter of an address's query. Raises WantedError."""
    for complaint in strange(told, (*WORDS, *BESIDE)):
        raise WantedError(f"{complaint.name}: {complaint.remedy}.")
    wanted = Wanted(**{each.name: told.get(each.name, "").strip() for each in fields(Wanted)})
    if wanted.outcome and wanted.outcome not in OUTCOMES:
        raise WantedError(f"The outcome is one of {', '.join(OUTCOMES)}.")
    if wanted.type and wanted.type not in TYPES and not wanted.type.startswith(HINTS):
        raise WantedError(f"The type is one of {', '.join(TYPES)}, or one of TikTok's own, such as {HINTS}ping.")
    if wanted.age and wanted.age not in AGES:
        raise WantedError(f"The age is one of {', '.join(AGES)}.")
    for number in (wanted.first, wanted.last):
        if number and not (number.isascii() and number.isdecimal() and len(number) <= len(str(HIGHEST)) - 1):
            raise WantedError("First and last are numbers of events.")
    if any(len(text) > LONGEST or "\x00" in text for text in (wanted.sender, wanted.type, wanted.key)):
        raise WantedError(f"No part of a filter is longer than {LONGEST} characters.")
    return wanted


def page(
    connection: Connection,
    wanted: Wanted,
    *,
    before: int | None = None,
    limit: int,
    now: datetime,
    window: int = WINDOW,
) -> Listed:
    """The newest first, those below the number `before`."""
    is_waiting = wanted.outcome in tuple(Handling)
    has_window = not is_waiting and wanted != Wanted()
    values = _values(wanted, now) | {
        "before": before if before is not None else HIGHEST,
        "limit": limit + 1,
        "window": window if has_window else limit + 1,
    }
    query = WAITING.format(status=_status(wanted)) if is_waiting else HANDLED
    rows = connection.cursor(row_factory=dict_row).execute(query.encode(), values).fetchall()
    if len(rows) > limit:
        return Listed(rows=rows[:limit], more=rows[limit - 1]["seq"])
    if not has_window:
        return Listed(rows=rows, more=None)
    ((lowest, looked),) = connection.execute(LOWEST, values).fetchall()
    is_cut = looked == window
    return Listed(rows=rows, more=lowest if is_cut else None, is_cut=is_cut)


def count(connection: Connection, wanted: Wanted, *, now: datetime) -> int:
    """How many that wait it matches, MOST_REPLAYED at most."""
    values = _values(wanted, now) | {"most": MOST_REPLAYED}
    ((found,),) = connection.execute(COUNT.format(status=_status(wanted)).encode(), values).fetchall()
    return int(found)


def matching(connection: Connection, wanted: Wanted, *, now: datetime) -> list[int]:
    """The numbers of those that wait and match, the oldest first, MOST_REPLAYED at most."""
    values = _values(wanted, now) | {"most": MOST_REPLAYED}
    return [row[0] for row in connection.execute(SEQS.format(status=_status(wanted)).encode(), values)]


def one(connection: Connection, seq: int) -> Row | None:
    """One event without what is sealed; `error` is the traceback of the last attempt that raised, `became` its history."""
    row = connection.cursor(row_factory=dict_row).execute(ONE, [seq]).fetchone()
    if row is None:
        return None
    became = connection.cursor(row_factory=dict_row).execute(BECAME, [row["authorization_id"], seq]).fetchall()
    return row | {"became": became}


def by_producer(connection: Connection, *, since: datetime) -> dict[str, tuple[int, int]]:
    """By a producer's name: how many events came, and how many of them wait for a person; of the newest WINDOW of all."""
    rows = connection.execute(LATELY, [since])
    return {sender.removeprefix("producer:"): (came, troubled) for sender, came, troubled in rows}


def is_cut(connection: Connection, *, since: datetime, window: int = WINDOW) -> bool:
    """Whether more came than the newest `window`, so that what is counted among them is the least that came."""
    row = connection.execute(BEYOND, {"window": window, "since": since}).fetchone()
    return row is not None and bool(row[0])


def _status(wanted: Wanted) -> str:
    """A literal of our own enumeration, so that the index which is made for it is used."""
    return f"status = '{Handling(wanted.outcome)}'"


def _values(wanted: Wanted, now: datetime) -> dict[str, Any]:
    return {
        "outcome": wanted.outcome,
        "sender": wanted.sender,
        "type": wanted.type,
        "key": wanted.key,
        "since": now - AGES[wanted.age] if wanted.age else None,
        "first": int(wanted.first or 0),
        "last": int(wanted.last or HIGHEST),
    }
