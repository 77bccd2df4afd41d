"""A filter as SQL over `authorizations`: a condition whose every part walks an index, and the states that it leaves.

Words of enumerations are written out, so that the planner can tell which partial index covers them; whatever somebody typed
is a parameter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import psycopg

from domain.authorization import RUNNING_STATES, State
from domain.filters import Filter, pairs_of
from infra.reports import searching, unconfirmed
from infra.tables import quoted

RUNNING = f"authorizations.state IN ({quoted(RUNNING_STATES)})"
ENDS_AT = "authorizations.expires_at"
A_DAY = timedelta(days=1)
CREATOR = """
(authorizations.creator_id = (SELECT id FROM creators WHERE handle = %(creator)s)
    OR authorizations.account_handle = %(creator)s)
"""
# What somebody typed, by the filter's part. Campaigns are indexed as they are searched: in small letters.
TYPED = {
    "advertiser": "authorizations.advertiser_id = %(advertiser)s",
    "creator": CREATOR,
    "campaign": "lower(authorizations.reference) = lower(%(campaign)s) AND authorizations.reference = %(campaign)s",
    "risk_from": "authorizations.at_risk > 0 AND authorizations.at_risk >= %(risk_from)s",
    "currency": "authorizations.currency = %(currency)s",
}
# So many are sorted, more are met on a walk: twice as many take twice the time to sort, with half as many a list walks twice as
# far. Of what is asked for together with more, three times as many are looked at: hardly a third of them match.
FEW = 1_200
AMONG = "authorizations.id = ANY(%(found_ids)s)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What was met first; `is_all` where there is no more of it, `are_matches` where nothing else is asked of it."""

    ids: tuple[int, ...]
    is_all: bool
    are_matches: bool = False


def condition(
    wanted: Filter,
    now: datetime,
    *,
    found: Found | None = None,
    among: frozenset[State] = frozenset(State),
) -> tuple[str, dict[str, Any]]:
    """The condition of a WHERE clause over `authorizations`, and the values of its parameters.

    `found`: what was `first` found; where that is not all, the condition is one to be asked of each row of a walk.
    `among`: the states that are looked at in any case.
    """
    parts = [f"({part})" for part in _parts(wanted, found, among)]
    return " AND ".join(parts) or "TRUE", _values(wanted, now) | {"found_ids": list(found.ids) if found else None}


def first(connection: psycopg.Connection[Any], wanted: Filter, *, now: datetime) -> Found | None:
    """Among what a filter's matches are, where that is found by several indexes; None where one index finds them."""
    if wanted.search:
        query = searching.EACH
    elif wanted.unconfirmed is not None and not _is_narrow(wanted):
        query = unconfirmed.EACH
    else:
        return None
    is_alone = len({name for name, _ in pairs_of(wanted)}) == 1
    few = FEW if is_alone else 3 * FEW
    query = f"SELECT id FROM ({query}) AS found LIMIT {few + 1}"
    rows = connection.execute(query.encode(), _values(wanted, now), prepare=False).fetchall()
    ids = tuple({number for (number,) in rows})
    return Found(ids=ids, is_all=len(rows) <= few, are_matches=is_alone and bool(wanted.search))


def states_of(wanted: Filter) -> frozenset[State]:
    """The states that a match may have: what is asked of money, of days left or of TikTok is asked of what is in force."""
    states = frozenset(wanted.state or State)
    if wanted.risk_from is not None or wanted.unconfirmed is not None or is_ahead(wanted):
        return states & frozenset(RUNNING_STATES)
    if wanted.left_to is not None and wanted.left_to < 0:
        return states & {State.EXPIRED}
    if has_days(wanted):
        return states & {*RUNNING_STATES, State.EXPIRED}
    return states


def has_days(wanted: Filter) -> bool:
    """Whether an end is asked for, so that what has none cannot match."""
    return any(part is not None for part in (wanted.left_from, wanted.left_to, wanted.ends_from, wanted.ends_to))


def is_ahead(wanted: Filter) -> bool:
    """Whether days left are asked for, and not days since the end."""
    match wanted.left_from, wanted.left_to:
        case None, None:
            return False
        case None, int(most):
            return most >= 0
        case least, _:
            return least is not None and least >= 0


def _parts(wanted: Filter, found: Found | None, among: frozenset[State]) -> Iterator[str]:
    states = states_of(wanted) & among
    if len(states) < len(State):
        yield f"authorizations.state IN ({quoted(sorted(states))})" if states else "FALSE"
    if wanted.route:
        yield f"authorizations.route IN ({quoted(wanted.route)})"
    if wanted.condition:
        yield f"authorizations.condition IN ({quoted(wanted.condition)})"
    if has_days(wanted):
        yield _days(wanted, states)
    yield from (part for name, part in TYPED.items() if getattr(wanted, name) not in ("", None))
    if found is not None and found.is_all:
        yield AMONG
    elif wanted.search:
        yield searching.ALL if found is None else searching.MATCHES
    if wanted.unconfirmed is not None:
        yield from _unconfirmed(wanted, found)


def _unconfirmed(wanted: Filter, found: Found | None) -> Iterator[str]:
    yield unconfirmed.IS_UNCONFIRMED
    if found is not None and not found.is_all:
        yield unconfirmed.MAY_BE
    elif found is None and not _is_narrow(wanted):
        yield unconfirmed.IS_FOUND


def _is_narrow(wanted: Filter) -> bool:
    """Whether its matches are soon met by who or what they belong to, so that the rest is asked of each."""
    return bool(wanted.advertiser or wanted.creator or wanted.campaign or wanted.search)


def _days(wanted: Filter, states: frozenset[State]) -> str:
    """What is in force though its end is past has no day left: the clock is about to see to it."""
    within = [f"{ENDS_AT} IS NOT NULL"]
    if wanted.left_from:
        within.append(f"{ENDS_AT} >= %(left_from)s")
    if wanted.left_to is not None:
        within.append(f"{ENDS_AT} <= %(left_to)s")
    if wanted.ends_from is not None:
        within.append(f"{ENDS_AT} >= %(ends_from)s")
    if wanted.ends_to is not None:
        within.append(f"{ENDS_AT} < %(ends_to)s")
    bounds = " AND ".join(within)
    if State.EXPIRED not in states or states == {State.EXPIRED}:
        return bounds
    # Written twice, since what runs and what has ended have an index each.
    return f"({RUNNING} AND {bounds}) OR (authorizations.state = 'expired' AND {bounds})"


def _values(wanted: Filter, now: datetime) -> dict[str, Any]:
    return {
        "advertiser": wanted.advertiser,
        "creator": wanted.creator,
        "campaign": wanted.campaign,
        "currency": wanted.currency,
        "risk_from": wanted.risk_from,
        "left_from": _away(now, wanted.left_from),
        "left_to": _away(now, wanted.left_to),
        "ends_from": _midnight(wanted.ends_from),
        "ends_to": _away(_midnight(wanted.ends_to), 1),
        "unconfirmed": _away(now, -wanted.unconfirmed) if wanted.unconfirmed is not None else None,
        **searching.values(wanted.search),
    }


def _away(now: datetime | None, days: int | None) -> datetime | None:
    return None if now is None or days is None else now + days * A_DAY


def _midnight(day: date | None) -> datetime | None:
    """The first instant of a date."""
    return None if day is None else datetime.combine(day, time(), UTC)
