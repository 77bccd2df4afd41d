"""How often TikTok is looked at: one table of paces, soon where an end is near or money flows, rarely elsewhere.

A look reads all posts of one advertiser, 50 a page. So an advertiser is looked at as often as its most pressing
authorization wants, and a single one that presses costs a dozen calls, not one call for each that does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from domain.authorization import ENDED_STATES, RUNNING_STATES, State
from domain.events import Route
from domain.renewal import STALE_AFTER, jitter_share, law_of


class Pace(StrEnum):
    """How pressing it is to know what TikTok shows."""

    EMERGENCY = "emergency"
    ACCESS_AWAITED = "access_awaited"
    ANSWER_AWAITED = "answer_awaited"
    WINDOW = "window"
    MUCH_MONEY = "much_money"
    LIVE = "live"
    AT_REST = "at_rest"
    OVER = "over"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rhythm:
    """A row of the table: `every` is the time between two looks, `why` completes "looked at … because"."""

    pace: Pace
    every: timedelta
    why: str


def rhythm(pace: Pace, minutes: int, why: str) -> Rhythm:
    """A row of the table, written in minutes."""
    return Rhythm(pace=pace, every=timedelta(minutes=minutes), why=why)


HOUR = 60

# fmt: off
RHYTHMS = (
    #      pace                    every    because
    rhythm(Pace.EMERGENCY,            10, "live ads stop within hours unless the creator extends"),
    rhythm(Pace.ACCESS_AWAITED,       10, "the creator has a link to give access, and the link does not last"),
    rhythm(Pace.ANSWER_AWAITED,       30, "the creator was asked, and the next ask stops when the end has moved"),
    rhythm(Pace.WINDOW,         1 * HOUR, "live ads run in the renewal window"),
    rhythm(Pace.MUCH_MONEY,     1 * HOUR, "much money a day depends on it, and nobody tells of a revocation"),
    rhythm(Pace.LIVE,           4 * HOUR, "live ads use it, and nobody tells of a revocation"),
    rhythm(Pace.AT_REST,       12 * HOUR, "nothing live depends on it"),
    rhythm(Pace.OVER,          24 * HOUR, "it ended, and may still come back"),
)
# fmt: on
EVERY = {row.pace: row.every for row in RHYTHMS}

# In whatever currency the advertiser pays: ten times the least that a campaign may spend.
MUCH_A_DAY = Decimal(500)
# Advertisers that were connected together would be looked at together for ever.
SPREAD = 0.1
ALWAYS = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Glance:
    """What the pace depends on: one authorization, or a group that differs in its ends only.

    For a group, `expires_at` is its earliest end and `ladder_begins_at` belongs to the same one. `is_wanted`: an ad is
    meant to run on it, also one that lost it. `has_open_ask`: the creator was asked for this period and has not
    answered. `spend_a_day` is zero when not known.
    """

    state: State
    route: Route = Route.CODE
    expires_at: datetime | None = None
    ladder_begins_at: datetime | None = None
    is_wanted: bool = False
    has_open_ask: bool = False
    spend_a_day: Decimal = Decimal()


@dataclass(frozen=True, kw_only=True, slots=True)
class NextLook:
    """When an advertiser is looked at next, and the pace that says so."""

    at: datetime
    pace: Pace


def next_look(glances: Iterable[Glance], *, advertiser_id: str, looked_at: datetime) -> NextLook:
    """The look after the one at `looked_at`: the soonest that any glance wants. Without glances it is at rest."""
    wanted = [
        after(pace, begins_at, looked_at) for glance in glances for pace, begins_at in paces_of(glance, looked_at)
    ]
    soonest = min(wanted, key=lambda look: look.at, default=after(Pace.AT_REST, ALWAYS, looked_at))
    share = jitter_share(advertiser_id, looked_at)
    return NextLook(at=soonest.at + EVERY[soonest.pace] * SPREAD * share, pace=soonest.pace)


def after(pace: Pace, begins_at: datetime, looked_at: datetime) -> NextLook:
    """The first look of `pace` after one at `looked_at`, if the pace holds from `begins_at`."""
    return NextLook(at=max(looked_at, begins_at) + EVERY[pace], pace=pace)


def paces_of(glance: Glance, now: datetime) -> Iterator[tuple[Pace, datetime]]:
    """Each pace of the glance with the instant from which it holds.

    That may lie ahead: an emergency that begins in an hour must not wait for the next look of a slow pace.
    """
    if glance.state is State.REQUESTED and glance.route is Route.ACCOUNT:
        yield Pace.ACCESS_AWAITED, ALWAYS
    if awaits_answer(glance, now):
        yield Pace.ANSWER_AWAITED, ALWAYS
    if glance.is_wanted:
        yield from paces_with_ads(glance)
    yield Pace.OVER if glance.state in ENDED_STATES else Pace.AT_REST, ALWAYS


def awaits_answer(glance: Glance, now: datetime) -> bool:
    """Whether the end may move any minute. The answer to a first request is a code, and no look shows that.

    Nobody is asked once an end is a week past, so an old ask must not press for ever.
    """
    can_move = glance.has_open_ask and glance.state in (*RUNNING_STATES, State.EXPIRED)
    return can_move and (glance.expires_at is None or now <= glance.expires_at + STALE_AFTER)


def paces_with_ads(glance: Glance) -> Iterator[tuple[Pace, datetime]]:
    """Where ads are meant to run: the nearer the end and the more money, the sooner."""
    yield Pace.LIVE, ALWAYS
    if glance.spend_a_day >= MUCH_A_DAY:
        yield Pace.MUCH_MONEY, ALWAYS
    if glance.state in RUNNING_STATES and glance.expires_at is not None and glance.ladder_begins_at is not None:
        row = law_of(glance.ladder_begins_at, glance.expires_at)
        yield Pace.WINDOW, glance.expires_at - row.window
        yield Pace.EMERGENCY, glance.expires_at - row.emergency
