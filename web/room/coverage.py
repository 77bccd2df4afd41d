"""Coverage: whether the authorization lasts as long as what needs it, as bars over one stretch of time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from domain.authorization import Authorization, Flight
from domain.renewal import FOREVER

# The bars' own units; they are stretched to the page.
WIDTH = 1000
MOST_ADS = 8
A_DAY = timedelta(days=1)
# An ad without an end, or one that runs for years, would leave no room for anything else.
LONGEST_AHEAD = timedelta(days=120)
LONGEST_BACK = timedelta(days=400)


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """From `x1` to `x2`; `kind`: `held` (a period), `flies` (an ad within one), or `gap` (an ad that nothing covers)."""

    kind: str
    x1: int
    x2: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One row: what it is, its bars, when it ends (None: never), and how long it runs on without the authorization."""

    name: str
    bars: tuple[Bar, ...]
    ends_at: datetime | None
    gap: timedelta | None = None
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Coverage:
    """All rows on one scale; `now` and `contract` are places on it. `left_out`: ads beyond the first few."""

    lines: tuple[Line, ...]
    begins_at: datetime
    ends_at: datetime
    now: int
    contract: int | None
    left_out: int
    ends_inside: int | None

    @property
    def widest_gap(self) -> timedelta | None:
        """The longest time that something runs on uncovered."""
        return max((line.gap for line in self.lines if line.gap), default=None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """Something that needs the authorization, from and until an instant; `until` None: without an end."""

    name: str
    since: datetime
    until: datetime | None
    note: str = ""


def coverage(
    known: Authorization,
    grants: Sequence[dict[str, Any]],
    *,
    now: datetime,
    down: Sequence[tuple[datetime, datetime]] = (),
) -> Coverage | None:
    """None where there is neither a period nor anything that needs one. `down`: when a lapse kept it from its ads."""
    periods = spans(grants, known)
    needs = needs_of(known, now)
    if not periods and not needs:
        return None
    begin, end = stretch(periods, needs, known, now)
    held = [part for period in merged(periods) for part in without(period, sorted(down))]

    def place(at: datetime) -> int:
        return round((min(max(at, begin), end) - begin) / (end - begin) * WIDTH)

    def bars(kind: str, found: Iterable[tuple[datetime, datetime]]) -> tuple[Bar, ...]:
        return tuple(Bar(kind=kind, x1=place(since), x2=place(until)) for since, until in found if since < until)

    lines = [Line(name="Authorization", bars=bars("held", held), ends_at=known.expires_at, note=note_of(known))]
    for need in needs[:MOST_ADS]:
        wanted = (need.since, need.until or end)
        open_ = without(wanted, held)
        ahead = sum((until - max(since, now) for since, until in open_ if until > now), timedelta())
        lines.append(
            Line(
                name=need.name,
                bars=(*bars("flies", without(wanted, open_)), *bars("gap", open_)),
                ends_at=need.until,
                gap=ahead or None,
                note=need.note,
            )
        )
    return Coverage(
        lines=tuple(lines),
        begins_at=begin,
        ends_at=end,
        now=place(now),
        contract=place(known.contract_ends_at) if known.contract_ends_at else None,
        left_out=max(0, len(needs) - MOST_ADS),
        ends_inside=place(known.expires_at) if known.expires_at and begin < known.expires_at < end else None,
    )


def note_of(known: Authorization) -> str:
    return "" if known.expires_at or not known.has_period else "no end"


def spans(grants: Sequence[dict[str, Any]], known: Authorization) -> list[tuple[datetime, datetime]]:
    """Each period that was in force; what was withdrawn ended then, and what was corrected as TikTok shows it."""
    found = [(grant["starts_at"], grant["ends_at"] or FOREVER) for grant in grants]
    if known.starts_at is not None:
        found = [each for each in found if each[0] < known.starts_at]
        found.append((known.starts_at, known.expires_at or FOREVER))
    if known.revoked_at is not None and not known.is_running:
        found = [(since, min(until, known.revoked_at)) for since, until in found]
    return sorted((since, until) for since, until in found if since < until)


def needs_of(known: Authorization, now: datetime) -> list[Need]:
    """The ads, those that are wanted first, and a need that somebody stated."""
    flights = [flight for flight in known.flights.values() if flight.started_at is not None]
    flights.sort(key=lambda each: (not each.is_wanted, each.ad.flight_end or FOREVER, each.ad.ad_id))
    needs = [need_of(flight) for flight in flights]
    if known.needed_until is not None:
        since = min(known.requested_at or known.state_since, known.starts_at or now)
        needs.insert(0, Need(name="Stated need", since=min(since, known.needed_until), until=known.needed_until))
    return needs


def need_of(flight: Flight) -> Need:
    ends = (flight.ad.flight_end, None if flight.is_wanted else flight.stopped_at)
    until = min((end for end in ends if end is not None), default=None)
    started_at = flight.started_at or FOREVER
    note = "" if flight.is_live else ("silenced by TikTok" if flight.is_wanted else "stopped")
    return Need(name=f"Ad {flight.ad.ad_id}", since=min(started_at, until or FOREVER), until=until, note=note)


def stretch(
    periods: Sequence[tuple[datetime, datetime]], needs: Sequence[Need], known: Authorization, now: datetime
) -> tuple[datetime, datetime]:
    """What is shown: from the present period's begin (or what began before it and still runs) to whatever ends last."""
    latest = now + LONGEST_AHEAD
    begins = [periods[-1][0]] if periods else []
    begins += [need.since for need in needs if need.until is None or need.until > now]
    ends = [until for _, until in periods] + [need.until or FOREVER for need in needs]
    ends += [known.contract_ends_at] if known.contract_ends_at else []
    begin = max(min([*begins, now - A_DAY]), now - LONGEST_BACK)
    end = max(min(max(ends), max(latest, known.expires_at or latest)), now + A_DAY)
    # A little air, so that what ends at the edge is seen to end.
    return begin, end + (end - begin) / 40


def merged(periods: Sequence[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """Periods in order, those that touch as one."""
    found: list[tuple[datetime, datetime]] = []
    for since, until in periods:
        if found and since <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], until))
        else:
            found.append((since, until))
    return found


def without(
    wanted: tuple[datetime, datetime], held: Sequence[tuple[datetime, datetime]]
) -> list[tuple[datetime, datetime]]:
    """The parts of `wanted` that nothing held covers."""
    since, until = wanted
    found = []
    for begin, end in held:
        if begin > since:
            found.append((since, min(begin, until)))
        since = max(since, end)
        if since >= until:
            break
    if since < until:
        found.append((since, until))
    return [(begin, end) for begin, end in found if begin < end]
