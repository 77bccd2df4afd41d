"""What of the service itself people are told of: conditions that open when they have held, and resolve when all has been well.

The time in between is what keeps an alert from flapping. Nothing is counted across a silence of the watch: what held before
it and holds after it need not have held meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum

# The watch goes round each minute; after so long without it, counting begins anew.
SILENCE = timedelta(minutes=5)


class Kind(StrEnum):
    """What a condition is about: the first part of its name."""

    VOW = "vow"
    SWEEP = "sweep"
    INBOX = "inbox"
    MONEY = "money"


@dataclass(frozen=True, kw_only=True, slots=True)
class Delays:
    """How long a condition holds before it is told, and how long all is well before it is over."""

    opens_after: timedelta
    resolves_after: timedelta


# A vow breaks for good, and an old event has waited already: they are told at once. A sweep may be late by a restart, and
# money crosses its limit with every extension.
DELAYS = {
    Kind.VOW: Delays(opens_after=timedelta(), resolves_after=timedelta(minutes=10)),
    Kind.SWEEP: Delays(opens_after=timedelta(minutes=2), resolves_after=timedelta(minutes=5)),
    Kind.INBOX: Delays(opens_after=timedelta(), resolves_after=timedelta(minutes=5)),
    Kind.MONEY: Delays(opens_after=timedelta(minutes=5), resolves_after=timedelta(hours=1)),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Watched:
    """A condition that was ever met: whether it holds, `since` when it does or does not, and when it was seen last.

    `sentence` is what was wrong when it held last.
    """

    name: str
    sentence: str
    holds: bool
    since: datetime
    seen_at: datetime
    opened_at: datetime | None = None
    resolved_at: datetime | None = None

    @property
    def kind(self) -> Kind:
        return Kind(self.name.partition(":")[0])

    @property
    def is_open(self) -> bool:
        return self.opened_at is not None and self.resolved_at is None


def seen(known: Mapping[str, Watched], wrong: Mapping[str, str], *, now: datetime) -> list[Watched]:
    """How everything stands after a look that found `wrong`: a sentence for each condition that holds, by its name."""
    names = sorted(known.keys() | wrong.keys())
    return [_seen(name, known.get(name), wrong.get(name), now) for name in names]


def settled(watched: Watched, delays: Delays, *, now: datetime) -> Watched:
    """Opened or resolved, if its time has come."""
    lasted = now - watched.since
    if watched.holds and not watched.is_open and lasted >= delays.opens_after:
        return replace(watched, opened_at=now, resolved_at=None)
    if not watched.holds and watched.is_open and lasted >= delays.resolves_after:
        return replace(watched, resolved_at=now)
    return watched


def limits_of(text: str) -> dict[str, Decimal]:
    """`USD=5000,EUR=4000` as amounts by currency. Raises ValueError with a sentence."""
    limits: dict[str, Decimal] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        currency, _, amount = (piece.strip() for piece in part.partition("="))
        if not (len(currency) == 3 and currency.isascii() and currency.isalpha()):  # noqa: PLR2004 - ISO 4217
            raise ValueError(f"{part!r} does not read like USD=5000")
        limits[currency.upper()] = _amount(part, amount)
    return limits


def _amount(part: str, text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{part!r} does not read like USD=5000") from None
    if not amount.is_finite() or amount < 0:
        raise ValueError(f"{part!r} does not read like USD=5000")
    return amount


def _seen(name: str, known: Watched | None, sentence: str | None, now: datetime) -> Watched:
    if known is None:
        return Watched(name=name, sentence=sentence or "", holds=True, since=now, seen_at=now)
    holds = sentence is not None
    goes_on = known.holds == holds and now - known.seen_at <= SILENCE
    return replace(
        known,
        sentence=sentence or known.sentence,
        holds=holds,
        since=known.since if goes_on else now,
        seen_at=now,
    )
