"""What one authorization is worth a day, and what its end would cost: its days and its ads, put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from domain.authorization import Authorization
from domain.events import Ad
from domain.money import DAYS_LOOKED_BACK, ZERO, Amounts, Totals, days_at_risk, money_at_risk, spend_a_day, totals
from domain.posts import AdDay
from domain.renewal import need_of

# Days are kept for all ads of an authorization together.
TOGETHER = Ad(ad_id="")


@dataclass(frozen=True, kw_only=True, slots=True)
class Worth:
    """Amounts by currency; `week` sums the last complete days. `at_risk` is a day's spend × `days_at_risk`."""

    spend_a_day: Amounts = field(default_factory=dict)
    at_risk: Amounts = field(default_factory=dict)
    days_at_risk: Decimal = ZERO
    week: Mapping[str | None, Totals] = field(default_factory=dict)


def worth(authorization: Authorization, days: Sequence[AdDay], *, now: datetime) -> Worth:
    """`days` are those of all its ads together."""
    spend = spending(authorization, measured(days, now=now), now=now)
    today, a_day = now.date(), timedelta(days=1)
    week = totals(day for day in days if a_day <= today - day.day <= DAYS_LOOKED_BACK * a_day)
    risk = at_risk(authorization, spend, now=now)
    return Worth(spend_a_day=spend, at_risk=risk, days_at_risk=uncovered(authorization, now=now), week=week)


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


def uncovered(authorization: Authorization, *, now: datetime) -> Decimal:
    """The days that a running authorization's end leaves without one, of which each puts a day's spend at risk."""
    if not authorization.is_running:
        return ZERO
    return days_at_risk(
        ends_at=authorization.expires_at,
        need=need_of(authorization),
        contract_ends_at=authorization.contract_ends_at,
        now=now,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Appraisal:
    """What one authorization is worth in its main currency: that of the largest amount."""

    spend_a_day: Decimal
    at_risk: Decimal
    currency: str | None


def appraisal(authorization: Authorization, *, now: datetime) -> Appraisal | None:
    """What lists are sorted by, from what was measured last or stated; None where nothing is spent."""
    spent = {currency or None: amount for currency, amount in authorization.measured.items()}
    spend = spending(authorization, spent, now=now)
    if not spend:
        return None
    risks = at_risk(authorization, spend, now=now)
    main = max(spend, key=lambda currency: (risks.get(currency, ZERO), spend[currency], currency or ""))
    return Appraisal(spend_a_day=spend[main], at_risk=risks.get(main, ZERO), currency=main)
