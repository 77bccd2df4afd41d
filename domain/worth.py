"""What one authorization is worth a day, and what its end would cost: its days and its ads, put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from domain.authorization import Authorization
from domain.events import Ad
from domain.money import DAYS_LOOKED_BACK, Amounts, Totals, money_at_risk, spend_a_day, totals
from domain.posts import AdDay
from domain.renewal import need_of

# Days are kept for all ads of an authorization together.
TOGETHER = Ad(ad_id="")


@dataclass(frozen=True, kw_only=True, slots=True)
class Worth:
    """Amounts by currency; `week` sums the last complete days."""

    spend_a_day: Amounts = field(default_factory=dict)
    at_risk: Amounts = field(default_factory=dict)
    week: Mapping[str | None, Totals] = field(default_factory=dict)


def worth(authorization: Authorization, days: Sequence[AdDay], *, now: datetime) -> Worth:
    """`days` are those of all its ads together."""
    spend = spending(authorization, measured(days, now=now), now=now)
    today, a_day = now.date(), timedelta(days=1)
    week = totals(day for day in days if a_day <= today - day.day <= DAYS_LOOKED_BACK * a_day)
    return Worth(spend_a_day=spend, at_risk=at_risk(authorization, spend, now=now), week=week)


def measured(days: Sequence[AdDay], *, now: datetime) -> Amounts:
    """What all its ads together spent a day in the week before `now`."""
    return spend_a_day([TOGETHER], days, today=now.date()) if days else {}


def spending(authorization: Authorization, spent: Amounts, *, now: datetime) -> Amounts:
    """A day's spend at `now`. What was measured (`spent`) goes before what was stated; nothing live spends nothing."""
    live = [flight.ad for flight in authorization.flights.values() if flight.delivers_at(now)]
    return (spent or spend_a_day(live, [], today=now.date())) if live else {}


def at_risk(authorization: Authorization, spend: Amounts, *, now: datetime) -> Amounts:
    """What a running authorization's end puts at risk, at `spend` a day."""
    if not spend or not authorization.is_running:
        return {}
    return money_at_risk(
        spend,
        ends_at=authorization.expires_at,
        need=need_of(authorization),
        contract_ends_at=authorization.contract_ends_at,
        now=now,
    )
