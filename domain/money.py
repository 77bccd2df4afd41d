"""What a day of an authorization is worth, what its end puts at risk, and the ratios that advertisers read.

Amounts of different currencies are never added: every sum is kept by currency.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from domain.events import Ad
from domain.posts import AdDay

# A week evens out its days, and forgets a campaign that was ten times larger a month ago.
DAYS_LOOKED_BACK = 7
# An ad without an end would put an endless amount at risk, and hide every other one below it.
MOST_DAYS_AT_RISK = timedelta(days=30)
A_DAY = timedelta(days=1)
CENT = Decimal("0.01")
HUNDRED, THOUSAND, ZERO = Decimal(100), Decimal(1000), Decimal()

# By currency; None where nobody said which.
Amounts = Mapping[str | None, Decimal]


def spend_a_day(ads: Iterable[Ad], days: Iterable[AdDay], *, today: date) -> Amounts:
    """What `ads` (the live ones) spend a day together, by currency.

    Measured where an ad delivered in the last seven complete days, else as stated; `today` in the advertiser's time zone.
    """
    measured = spend_by_ad(days, today)
    amounts: defaultdict[str | None, Decimal] = defaultdict(Decimal)
    for ad in ads:
        for currency, amount in measured.get(ad.ad_id, {ad.currency: ad.daily_spend or ZERO}).items():
            amounts[currency or ad.currency] += amount
    return {currency: cents(amount) for currency, amount in amounts.items() if amount}


def spend_by_ad(days: Iterable[AdDay], today: date) -> Mapping[str, Amounts]:
    """The mean spend of each ad over those of the last complete days in which it delivered."""
    spends: defaultdict[str, defaultdict[str | None, list[Decimal]]] = defaultdict(lambda: defaultdict(list))
    for day in days:
        if has_delivered(day) and A_DAY <= today - day.day <= DAYS_LOOKED_BACK * A_DAY:
            spends[day.ad_id][day.currency].append(day.spend)
    return {
        ad_id: {currency: sum(amounts, ZERO) / len(amounts) for currency, amounts in by_currency.items()}
        for ad_id, by_currency in spends.items()
    }


def has_delivered(day: AdDay) -> bool:
    """Whether the ad was shown that day, or cost something."""
    return day.spend > 0 or day.impressions > 0


def days_at_risk(
    *, ends_at: datetime | None, need: datetime | None, contract_ends_at: datetime | None, now: datetime
) -> Decimal:
    """Days from the end of the authorization to the need, or to the contract's end if that comes first.

    What is past is lost and no longer at risk: an end that lies behind counts from `now`. An endless need counts 30 days.
    """
    if ends_at is None or need is None:
        return ZERO
    until = need if contract_ends_at is None else min(need, contract_ends_at)
    uncovered = min(until - max(ends_at, now), MOST_DAYS_AT_RISK)
    return max(ZERO, Decimal(uncovered // timedelta(seconds=1)) / Decimal(A_DAY // timedelta(seconds=1)))


def money_at_risk(
    spend: Amounts,
    *,
    ends_at: datetime | None,
    need: datetime | None,
    contract_ends_at: datetime | None = None,
    now: datetime,
) -> Amounts:
    """What is not delivered if nobody renews: `spend` a day for each day at risk."""
    days = days_at_risk(ends_at=ends_at, need=need, contract_ends_at=contract_ends_at, now=now)
    return {currency: cents(amount * days) for currency, amount in spend.items() if amount * days}


@dataclass(frozen=True, kw_only=True, slots=True)
class Totals:
    """Sums of days, and their ratios; a ratio is None where there is nothing to divide by. `ctr` is in percent."""

    spend: Decimal = ZERO
    impressions: int = 0
    clicks: int = 0
    conversions: Decimal = ZERO

    @property
    def ctr(self) -> Decimal | None:
        """Clicks for a hundred impressions."""
        return ratio(self.clicks * HUNDRED, self.impressions)

    @property
    def cpc(self) -> Decimal | None:
        """Spend for a click."""
        return ratio(self.spend, self.clicks)

    @property
    def cpm(self) -> Decimal | None:
        """Spend for a thousand impressions."""
        return ratio(self.spend * THOUSAND, self.impressions)

    @property
    def cpa(self) -> Decimal | None:
        """Spend for a conversion."""
        return ratio(self.spend, self.conversions)


def totals(days: Iterable[AdDay]) -> Mapping[str | None, Totals]:
    """The sums of `days` by currency."""
    sums: dict[str | None, Totals] = {}
    for day in days:
        before = sums.get(day.currency, Totals())
        sums[day.currency] = Totals(
            spend=before.spend + day.spend,
            impressions=before.impressions + day.impressions,
            clicks=before.clicks + day.clicks,
            conversions=before.conversions + day.conversions,
        )
    return sums


def ratio(amount: Decimal, divisor: Decimal | int) -> Decimal | None:
    """`amount` for one of `divisor`; None for none."""
    return amount / divisor if divisor else None


def cents(amount: Decimal) -> Decimal:
    """`amount` to two places, as money is shown."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def in_cents(amount: Decimal) -> str:
    """For machines: with two places, and with more only where they hold something."""
    rounded = amount.quantize(CENT)
    return f"{rounded if rounded == amount else amount.normalize():f}"
