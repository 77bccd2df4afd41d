"""Authorizations that a filter matches, a page at a time: each page begins after the last row of the one before, wherever
that stands by now, so that the thousandth costs what the first does.

First so many matches are looked for as are counted, by the filter's own indexes. Where that is all of them, they are sorted.
Where there are more, a sort is a sequence of stretches, each of which walks one index until a page is full: by the end, for
instance, what runs comes before what has ended, and that before what has no end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.rows import dict_row
from sqlalchemy import Engine

from domain.authorization import ENDED_STATES, RUNNING_STATES, State
from domain.filters import Filter, Sort
from infra import waiting
from infra.reports.matching import RUNNING, Found, condition, first, has_days, states_of
from infra.reports.piecewise import piecewise
from infra.reports.places import PlaceError
from infra.sightings import CONFIRMED_AT, MISSING_SINCE
from infra.tables import quoted

Row = dict[str, Any]
Connection = psycopg.Connection[Any]
PAGE, MOST_COUNTED = 50, 1_000
HIGHEST = 2**63 - 1
PLACE = re.compile(r"([0-9])_(-?[0-9.]{1,24})_([0-9]{1,18})")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
ENDED = f"authorizations.state IN ({quoted(ENDED_STATES)})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Stretch:
    """Part of a sorted list: which rows (of which states at most), and the column that orders them; then by id."""

    where: str
    by: str
    falls: bool = True
    states: frozenset[State] = frozenset(State)
    has_end: bool = True

    @property
    def order(self) -> str:
        way = "DESC" if self.falls else "ASC"
        return f"id {way}" if self.by == "id" else f"{self.by} {way}, id {way}"

    @property
    def beyond(self) -> str:
        """What comes after a place in it."""
        sign = "<" if self.falls else ">"
        return f"id {sign} %(place_id)s" if self.by == "id" else f"({self.by}, id) {sign} (%(place)s, %(place_id)s)"


LAST_CHANGED = Stretch(where="TRUE", by="state_since")
NEWEST = Stretch(where="TRUE", by="id")
RUNS = Stretch(
    where=f"{RUNNING} AND expires_at IS NOT NULL", by="expires_at", falls=False, states=frozenset(RUNNING_STATES)
)
IS_OVER = Stretch(where=f"{ENDED} AND expires_at IS NOT NULL", by="expires_at", states=frozenset(ENDED_STATES))
ENDLESS = Stretch(where="(expires_at IS NULL OR state = 'requested')", by="id", has_end=False)
AT_RISK = Stretch(where=f"{RUNNING} AND at_risk > 0", by="at_risk", states=frozenset(RUNNING_STATES))
NO_RISK = Stretch(where=f"NOT ({RUNNING} AND coalesce(at_risk, 0) > 0)", by="id")
SORTS: dict[Sort, tuple[Stretch, ...]] = {
    Sort.END: (RUNS, IS_OVER, ENDLESS),
    Sort.MONEY: (AT_RISK, NO_RISK),
    Sort.NEWEST: (NEWEST,),
    Sort.CHANGED: (LAST_CHANGED,),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """One page. `next_after` and `next_before` are the places to go on from; None where nothing follows or goes before."""

    rows: list[Row]
    next_after: str | None = None
    next_before: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a row stands: its stretch, the value that orders it, its id. As text it is part of an address."""

    stretch: int
    value: Any
    id: int

    def __str__(self) -> str:
        value = (self.value - EPOCH) // MICROSECOND if isinstance(self.value, datetime) else self.value
        return f"{self.stretch}_{value}_{self.id}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Matches:
    """The ids of what a filter matches where `is_all`; else one more of them than is counted. `found`: what was found first."""

    ids: tuple[int, ...]
    is_all: bool
    found: Found | None = None

    @property
    def count(self) -> int:
        """How many match; more than that, where these are not all."""
        return len(self.ids) if self.is_all else len(self.ids) - 1


def find(connection: Connection, wanted: Filter, *, now: datetime, at_most: int = MOST_COUNTED) -> Matches:
    """Up to `at_most` matches, and one more; `fewer` where each of what was found first is asked by itself."""
    _let_plan(connection, bitmaps=bool(wanted.creator) or has_days(wanted))
    found = first(connection, wanted, now=now)
    if found is not None and found.are_matches and (found.is_all or len(found.ids) > at_most):
        return Matches(ids=found.ids[: at_most + 1], is_all=len(found.ids) <= at_most, found=found)
    if found is not None and not found.is_all:
        # Among those that were met first there are hardly ever too few.
        ids = _ids(connection, *condition(wanted, now, found=replace(found, is_all=True)), fewer(at_most) + 1)
        if len(ids) > fewer(at_most):
            return Matches(ids=ids, is_all=False, found=found)
    is_whole = found is None or found.is_all
    ids = _ids(connection, *condition(wanted, now, found=found if is_whole else None), at_most + 1)
    return Matches(ids=ids, is_all=len(ids) <= at_most, found=found)


def fewer(most: int) -> int:
    """So many are asked one by one in about the time in which `most` are counted in an index."""
    return most * 3 // 10


def _let_plan(connection: Connection, *, bitmaps: bool) -> None:
    """To the planner a bitmap of all in one state, or at risk, looks cheaper than a walk that ends with the page. Where either
    of two indexes finds a part, it is.
    """
    connection.execute("SET LOCAL enable_bitmapscan = on" if bitmaps else "SET LOCAL enable_bitmapscan = off")


def _ids(connection: Connection, where: str, values: dict[str, Any], limit: int) -> tuple[int, ...]:
    query = f"SELECT id FROM authorizations WHERE {where} LIMIT %(limit)s"
    rows = connection.execute(query.encode(), values | {"limit": limit}, prepare=False)
    return tuple(number for (number,) in rows)


def page(
    connection: Connection,
    wanted: Filter,
    sort: Sort = Sort.END,
    *,
    after: str = "",
    before: str = "",
    limit: int = PAGE,
    matches: Matches | None = None,
    now: datetime,
) -> Listed:
    """The rows after a place, or those just before one; from the beginning without any. Raises PlaceError.

    `matches`: where they were looked for before.
    """
    matches = matches or find(connection, wanted, now=now)
    if before:
        places = _places(
            connection, wanted, sort, place_of(before, sort), limit + 1, matches=matches, now=now, is_back=True
        )
        if len(places) <= limit:
            return page(connection, wanted, sort, limit=limit, matches=matches, now=now)
        shown = places[:limit][::-1]
        return Listed(rows=_rows(connection, shown), next_after=str(shown[-1]), next_before=str(shown[0]))
    begin = place_of(after, sort) if after else None
    places = _places(connection, wanted, sort, begin, limit + 1, matches=matches, now=now)
    shown = places[:limit]
    return Listed(
        rows=_rows(connection, shown),
        next_after=str(shown[-1]) if len(places) > limit else None,
        next_before=str(shown[0]) if after and shown else None,
    )


def place_of(text: str, sort: Sort) -> Place:
    """The place that an address names. Raises PlaceError."""
    found = PLACE.fullmatch(text)
    if found is None or int(found[1]) >= len(SORTS[sort]):
        raise PlaceError
    stretch, number = int(found[1]), int(found[3])
    try:
        return Place(stretch=stretch, value=_value(SORTS[sort][stretch].by, found[2]), id=number)
    except (ArithmeticError, ValueError):
        raise PlaceError from None


COLUMNS = f"""
SELECT authorizations.id, authorizations.key, authorizations.advertiser_id, item_id, account_handle, item_url, route, state,
    state_reason, state_since, condition, reference, starts_at, expires_at, needed_until, spend_a_day, at_risk,
    authorizations.currency, next_action, next_action_at, why, creator_id, creators.handle, creators.name AS creator,
    advertisers.name AS advertiser, {CONFIRMED_AT} AS confirmed_at, {MISSING_SINCE} AS missing_since,
    authorizations.created_at
FROM authorizations
LEFT JOIN creators ON creators.id = creator_id
LEFT JOIN advertisers ON advertisers.advertiser_id = authorizations.advertiser_id
"""


FOLLOWING = "authorizations.id < %(before)s ORDER BY authorizations.id DESC LIMIT %(limit)s"


def everything(engine: Engine, wanted: Filter, *, now: datetime) -> Iterator[Row]:
    """All that match, the newest first, each at most once: as it stands when its page is read."""
    where, values = condition(wanted, now)

    query = f"{COLUMNS} WHERE {where} AND {FOLLOWING}".encode()

    def page(connection: Connection, last: Row | None, limit: int) -> list[Row]:
        place = {"before": last["id"] if last else HIGHEST, "limit": limit}
        return connection.cursor(row_factory=dict_row).execute(query, values | place, prepare=False).fetchall()

    return piecewise(engine, page)


def stretches_of(wanted: Filter, sort: Sort) -> Iterator[tuple[int, Stretch]]:
    """The stretches that may hold a match, each with its number."""
    states = states_of(wanted)
    for number, stretch in enumerate(SORTS[sort]):
        has_no_match = not states & stretch.states
        has_no_end = not stretch.has_end and (has_days(wanted) or wanted.risk_from is not None)
        has_no_risk = stretch is NO_RISK and wanted.risk_from is not None
        if not (has_no_match or has_no_end or has_no_risk):
            yield number, stretch


# Read first, whatever the sort: an index that is walked in its order would be walked to the end for these few.
KNOWN = "(SELECT * FROM authorizations WHERE id = ANY(%(ids)s) OFFSET 0) AS authorizations"


def query_of(
    wanted: Filter, stretch: Stretch, *, matches: Matches | None = None, now: datetime, is_after: bool
) -> tuple[str, dict[str, Any]]:
    """The query for places in one stretch; its place and its limit are parameters to be added."""
    if matches is not None and matches.is_all:
        rows, where, values = KNOWN, "TRUE", {"ids": list(matches.ids)}
    else:
        found = matches.found if matches else None
        rows, (where, values) = "authorizations", condition(wanted, now, found=found, among=stretch.states)
    parts = [stretch.where, where, *([stretch.beyond] if is_after else [])]
    query = f"SELECT {stretch.by}, id FROM {rows} WHERE {' AND '.join(parts)} ORDER BY {stretch.order} LIMIT %(limit)s"
    return query, values


def _places(
    connection: Connection,
    wanted: Filter,
    sort: Sort,
    begin: Place | None,
    limit: int,
    *,
    matches: Matches,
    now: datetime,
    is_back: bool = False,
) -> list[Place]:
    """Up to `limit` places after `begin`; backwards, the nearest before it first."""
    places: list[Place] = []
    way = list(stretches_of(wanted, sort))
    _let_plan(connection, bitmaps=bool(wanted.creator))
    for number, stretch in reversed(way) if is_back else way:
        if len(places) >= limit or (begin and (number > begin.stretch if is_back else number < begin.stretch)):
            continue
        walked = replace(stretch, falls=stretch.falls is not is_back)
        is_after = begin is not None and number == begin.stretch
        within = _within(connection, wanted, stretch, matches, now)
        query, values = query_of(wanted, walked, matches=within, now=now, is_after=is_after)
        if is_after and begin is not None:
            values |= {"place": begin.value, "place_id": begin.id}
        rows = connection.execute(query, values | {"limit": limit - len(places)}, prepare=False)
        places += [Place(stretch=number, value=value, id=id_) for value, id_ in rows]
    return places


def _within(connection: Connection, wanted: Filter, stretch: Stretch, matches: Matches, now: datetime) -> Matches:
    """The matches of one stretch, where by their days they may be few: hardly any that is in force ended last week."""
    if matches.is_all or not has_days(wanted) or states_of(wanted) <= stretch.states:
        return matches
    ids = _ids(connection, *condition(wanted, now, found=matches.found, among=stretch.states), MOST_COUNTED + 1)
    return Matches(ids=ids, is_all=True) if len(ids) <= MOST_COUNTED else matches


def _rows(connection: Connection, places: Sequence[Place]) -> list[Row]:
    """What is shown of them, in their order; a row that went meanwhile is left out."""
    numbers = [place.id for place in places]
    cursor = connection.cursor(row_factory=dict_row)
    found = {row["id"]: row for row in cursor.execute(f"{COLUMNS} WHERE authorizations.id = ANY(%s)", [numbers])}
    return waiting.with_messages(connection, [found[number] for number in numbers if number in found])


def _value(by: str, text: str) -> Any:
    match by:
        case "id":
            return int(text)
        case "at_risk":
            return Decimal(text)
        case _:
            return EPOCH + int(text) * MICROSECOND
