"""What is wrong with the service at this moment: a sentence for each condition, read from the ledger, the inbox and the sums."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg

from domain.watching import DELAYS, Delays, Kind, Watched, seen, settled
from infra import alert_rows
from infra.reports import summaries
from infra.reports.pulse import OLDEST
from infra.reports.sweeps import Beat, beat

Connection = psycopg.Connection[Any]

# So many authorizations does one check of the vows look at, beside those touched last: a round of checks sees them all.
VOWS_SLICE = 10_000
NOBODY_SWEEPS = f"{Kind.SWEEP}:all"
LONGEST_ERROR = 200
LAST_ROUND = "SELECT error FROM sweeps WHERE job = 'vows' AND ended_at IS NOT NULL ORDER BY slot DESC LIMIT 1"
HIGHEST = "SELECT coalesce(max(id), 0) FROM authorizations"


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Beyond which people are told: the age of an event that nobody has tried, and money at risk within a week by currency."""

    inbox: timedelta = timedelta(minutes=10)
    money: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Changes:
    """What one look opened and resolved."""

    opened: tuple[Watched, ...]
    resolved: tuple[Watched, ...]


def look_round(connection: Connection, limits: Limits, *, now: datetime) -> Changes:
    """Notes how everything stands."""
    sweeps = beat(connection)
    delays = DELAYS | {Kind.VOW: _delays_of_vows(connection, sweeps)}
    wrong = dict(_wrong(connection, limits, sweeps, now))
    before = seen(alert_rows.unsettled(connection), wrong, now=now)
    after = [settled(each, delays[each.kind], now=now) for each in before]
    alert_rows.keep(connection, after)
    changed = [new for old, new in zip(before, after, strict=True) if old != new]
    return Changes(
        opened=tuple(each for each in changed if each.is_open),
        resolved=tuple(each for each in changed if not each.is_open),
    )


def _wrong(connection: Connection, limits: Limits, beat: Beat, now: datetime) -> Iterator[tuple[str, str]]:
    yield from _vows(connection)
    yield from _sweeps(beat, now)
    yield from _inbox(connection, limits.inbox, now)
    yield from _money(connection, limits.money, now)


def _vows(connection: Connection) -> Iterator[tuple[str, str]]:
    """A check that crashed says nothing of the vows."""
    row = connection.execute(LAST_ROUND).fetchone()
    for line in (row[0] or "").splitlines() if row else ():
        yield f"{Kind.VOW}:{line.partition(':')[0]}", f"A sentence that is always true is not: {line}"


def _sweeps(beat: Beat, now: datetime) -> Iterator[tuple[str, str]]:
    """Where nobody sweeps at all, that is one condition, not one of each job."""
    if beat.has_stopped(now):
        since = f"has begun since {_told(beat.newest)}" if beat.newest else "has ever begun"
        yield NOBODY_SWEEPS, f"No sweep {since}, and nothing falls due: see that a scheduler runs"
        return
    for job, sweep in beat.last.items():
        if sweep.has_failed:
            error = (sweep.error or "").partition("\n")[0][:LONGEST_ERROR]
            yield f"{Kind.SWEEP}:{job}", f"The sweep {job} failed at {_told(sweep.started_at)}: {error}"
        elif beat.is_late(job, now):
            yield f"{Kind.SWEEP}:{job}", f"The sweep {job} has not begun since {_told(sweep.started_at)}"


def _inbox(connection: Connection, limit: timedelta, now: datetime) -> Iterator[tuple[str, str]]:
    row = connection.execute(OLDEST).fetchone()
    if row is not None and now - row[0] > limit:
        yield f"{Kind.INBOX}:age", f"Events wait, the oldest since {_told(row[0])}: see that a worker keeps up"


def _money(connection: Connection, limits: Mapping[str, Decimal], now: datetime) -> Iterator[tuple[str, str]]:
    """As it was last summed up."""
    for money in summaries.portfolio(connection, now=now).money if limits else ():
        limit = limits.get(money.currency or "")
        if limit is not None and money.at_risk_soon > limit:
            amounts = f"{money.at_risk_soon:,.2f} {money.currency} at risk within 7 days, more than {limit:,.2f}"
            yield f"{Kind.MONEY}:{money.currency}", amounts


def _delays_of_vows(connection: Connection, beat: Beat) -> Delays:
    """A row that broke a vow is looked at again when its slice has its turn: until then nobody knows that it is well."""
    row = connection.execute(HIGHEST).fetchone()
    turns = 2 + (row[0] if row else 0) // VOWS_SLICE
    interval, delays = beat.usual.get("vows") or timedelta(), DELAYS[Kind.VOW]
    return replace(delays, resolves_after=max(delays.resolves_after, turns * interval))


def _told(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
