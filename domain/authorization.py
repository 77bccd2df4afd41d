"""An authorization as the decisions see it: its state, its period, its ads and what happens next."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from itertools import repeat
from operator import attrgetter, call
from typing import Any

from domain.events import Ad, Condition, Route
from domain.reasons import Reason


class State(StrEnum):
    """Where an authorization stands.

    `requested`: asked, no code yet; the creator, a refusal or the clock moves it on.
    `authorized`: a grant is in force and no ad delivers.
    `active`: a grant is in force and at least one ad delivers.
    `expired`: the period is over, or the request lapsed; an extension or a newer grant revives it.
    `revoked`: withdrawn or declined; only a grant that began later revives it.
    """

    REQUESTED = "requested"
    AUTHORIZED = "authorized"
    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


RUNNING_STATES = (State.AUTHORIZED, State.ACTIVE)
ENDED_STATES = (State.EXPIRED, State.REVOKED)


class Action(StrEnum):
    """What the clock will do next: ask the creator, end the period, or let the request lapse."""

    ASK = "ask"
    EXPIRE = "expire"
    LAPSE = "lapse"


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The next action, its instant, and why it is (or why there is none) as a reason code of `domain.reasons`."""

    action: Action | None = None
    at: datetime | None = None
    why: str = "new"


@dataclass(frozen=True, kw_only=True, slots=True)
class Flight:
    """An ad with its last start, its last stop and the last time TikTok silenced it; any may have been heard first."""

    ad: Ad
    started_at: datetime | None = None
    stopped_at: datetime | None = None
    lost_at: datetime | None = None

    @property
    def is_wanted(self) -> bool:
        """Whether somebody wants the ad to run: it was started and not stopped, whether or not TikTok lets it deliver."""
        return self.started_at is not None and (self.stopped_at is None or self.stopped_at < self.started_at)

    @property
    def is_live(self) -> bool:
        """Whether the last thing that happened to the ad was a start."""
        return self.is_wanted and not (self.started_at and self.lost_at and self.started_at <= self.lost_at)

    def delivers_at(self, at: datetime) -> bool:
        """Whether the ad is live and its flight is not over at `at`."""
        return self.is_live and (self.ad.flight_end is None or self.ad.flight_end > at)


@dataclass(frozen=True, kw_only=True, slots=True)
class Authorization:
    """The permission of one advertiser to use one post, through all its renewals. `key` names both.

    `measured` is what its ads were measured to spend a day, by currency; an empty text where no report says which.
    """

    key: str
    route: Route
    state: State
    state_reason: str
    state_since: datetime
    condition: Condition = Condition.PUBLIC
    condition_at: datetime | None = None
    days: int | None = None
    needed_until: datetime | None = None
    need_stated_at: datetime | None = None
    contract_ends_at: datetime | None = None
    reference: str | None = None
    item_url: str | None = None
    requested_at: datetime | None = None
    starts_at: datetime | None = None
    expires_at: datetime | None = None
    ladder_from: datetime | None = None
    period_source: str | None = None
    corrected_at: datetime | None = None
    revoked_at: datetime | None = None
    declined_at: datetime | None = None
    rung: int = 0
    suggested_at: datetime | None = None
    suggestion: str | None = None
    plan: Plan = Plan()
    flights: Mapping[str, Flight] = field(default_factory=dict)
    measured: Mapping[str, Decimal] = field(default_factory=dict)

    @property
    def is_running(self) -> bool:
        """Whether a grant is in force."""
        return self.state in RUNNING_STATES

    @property
    def has_period(self) -> bool:
        """Whether any grant has ever been heard of."""
        return self.starts_at is not None

    @property
    def was_declined(self) -> bool:
        """Whether a declined request alone ended it: no withdrawal has been heard of since."""
        return self.state_reason == Reason.DECLINED and self.revoked_at == self.state_since

    @property
    def ladder_begins_at(self) -> datetime | None:
        """What the length of the present ladder is counted from: the grant, or its last extension."""
        return self.ladder_from or self.starts_at

    def delivers_at(self, at: datetime) -> bool:
        """Whether any ad delivers at `at`."""
        return any(flight.delivers_at(at) for flight in self.flights.values())


NAMES = tuple(each.name for each in fields(Authorization))
VALUES = attrgetter(*NAMES)
SETTERS = {name: getattr(Authorization, name).__set__ for name in NAMES}


def changed(known: Authorization, **facts: Any) -> Authorization:
    """`dataclasses.replace` at a sixth of its cost: each event of the hot path does it two or three times."""
    after = object.__new__(Authorization)
    # All of them in one call, with no step of Python between.
    deque(map(call, SETTERS.values(), repeat(after), VALUES(known)), maxlen=0)
    for name, value in facts.items():
        SETTERS[name](after, value)
    return after
