"""Amounts for people and for machines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from domain.money import Amounts, Totals, cents
from domain.worth import Worth


def told(amounts: Amounts) -> str | None:
    """`12.50 EUR, 3.00 USD`; None where there is nothing."""
    return ", ".join(one(currency, amount) for currency, amount in sorted_by_name(amounts)) or None


def one(currency: str | None, amount: Decimal) -> str:
    return f"{amount:,.2f} {currency or ''}".strip()


def plain(amounts: Amounts) -> list[dict[str, Any]]:
    """For machines: amounts as decimal strings."""
    return [{"amount": format(amount, "f"), "currency": currency} for currency, amount in sorted_by_name(amounts)]


def told_again(amounts: Iterable[Mapping[str, Any]]) -> str | None:
    """What `plain` made for machines, for people."""
    return ", ".join(one(each["currency"], Decimal(each["amount"])) for each in amounts) or None


def plain_worth(worth: Worth) -> dict[str, Any]:
    """For machines: money, and the last seven complete days."""
    return {
        "spend_a_day": plain(worth.spend_a_day),
        "at_risk": plain(worth.at_risk),
        "last_7_days": [{"currency": currency} | ratios(sums) for currency, sums in sorted_by_name(worth.week)],
    }


def ratios(sums: Totals) -> dict[str, Any]:
    """Sums and what follows from them; `ctr` in percent."""
    derived = {"ctr": sums.ctr, "cpc": sums.cpc, "cpm": sums.cpm, "cpa": sums.cpa}
    plain_sums = {
        "spend": format(cents(sums.spend), "f"),
        "impressions": sums.impressions,
        "clicks": sums.clicks,
        "conversions": format(sums.conversions.normalize(), "f"),
    }
    return plain_sums | {name: None if value is None else format(cents(value), "f") for name, value in derived.items()}


def sorted_by_name(by_currency: Mapping[str | None, Any]) -> list[tuple[str | None, Any]]:
    return sorted(by_currency.items(), key=lambda item: item[0] or "")
