"""How values are shown to people: instants, spans, money, senders, outcomes."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

from domain import spans
from domain.money import Amounts

MINUTE, DAY = 60, 86_400
# From a week on the hours say nothing more.
LONG = 7 * DAY
# Who speaks beside the producers.
SENDERS = {
    "tiktok": "TikTok",
    "clock": "the clock",
    "creator": "the creator",
    "operator": "an operator",
    "import": "a sheet",
}
# What became of an event, in words that need no page of documentation.
OUTCOMES = {
    "moved": "state changed",
    "stayed": "noted",
    "again": "known already",
    "late": "came too late",
    "waiting": "being checked",
    "ready": "to be applied",
    "early": "waits for an earlier one",
    "parked": "needs a person",
    "quarantined": "raised an error",
}
# What gave a period its dates.
GIVEN_BY = {"code.granted": "a grant", "authorization.extended": "an extension"}
# How what is owed stands, where the word itself is not plain.
STANDINGS = {"paying": "under way"}


def number(value: Decimal) -> str:
    """`12,340`; amounts of money are told by `money`."""
    return f"{value:,.0f}"


def instant(value: datetime | None) -> str:
    return value.strftime("%Y-%m-%d %H:%M") if value else "—"


def day(value: date) -> str:
    return f"{value:%a %d %b}"


def local(value: datetime) -> str:
    """By somebody's own clock; its zone is told beside it."""
    return f"{value:%a %d %b, %H:%M}"


def left(value: datetime, now: datetime) -> str:
    """How long until `value`, in the two largest units."""
    return "over" if value <= now else spans.told(value - now)


def relative(value: datetime | None, now: datetime) -> str:
    """`3 min ago`, `in 2 d 4 h`, `in 90 d`, `just now`; a dash where there is none."""
    if value is None:
        return "—"
    away = abs((value - now).total_seconds())
    if away < MINUTE:
        return "just now"
    told = f"{away // DAY:.0f} d" if away >= LONG else spans.told(abs(value - now))
    return f"in {told}" if value > now else f"{told} ago"


def span(value: timedelta | None) -> str:
    """A length of time in its two largest units; a dash where there is none."""
    return "—" if value is None else spans.told(value)


def days(value: datetime, now: datetime) -> float:
    """Days until `value`, none when it is over."""
    return max(0.0, round((value - now).total_seconds() / DAY, 2))


def money(amounts: Amounts) -> str:
    """`12,340 EUR`, one after the other where there are several currencies; units suffice at a glance."""
    shown = [f"{number(amount)} {currency or ''}".strip() for currency, amount in amounts.items()]
    return " + ".join(sorted(shown)) or "—"


def share(value: float) -> str:
    """`36 %`, rounded down; what is not none is not told as 0 %, nor what is not all as 100 %."""
    percent = round(value * 100, 6)
    if 0 < percent < 1:
        return "under 1 %"
    return "over 99 %" if 99 < percent < 100 else f"{percent // 1:.0f} %"  # noqa: PLR2004 - of a hundred


def sender(value: str) -> str:
    """Who sent an event, for people: a producer by its own name."""
    return SENDERS.get(value, value.removeprefix("producer:"))


def given_by(value: str) -> str:
    """The event that gave a period its dates; one of a newer version speaks for itself."""
    return GIVEN_BY.get(value, value)


def outcome(value: str) -> str:
    """An outcome's word for people; one of a newer version speaks for itself."""
    return OUTCOMES.get(value, value)


def standing(value: str) -> str:
    """How a debt stands, likewise."""
    return STANDINGS.get(value, value)
