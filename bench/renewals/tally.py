"""The figures of one policy: counted per creator, added up, and made into what is reported."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from bench.renewals.campaigns import YEAR_BEGINS, YEAR_ENDS
from bench.renewals.life import Life, Message, Period
from bench.renewals.people import Channel
from domain.authorization import Authorization, Flight
from domain.hours import Hours, is_open
from domain.money import Amounts
from domain.outcome import Period as Judged
from domain.outcome import Wanted, lapse_of
from domain.patience import EMERGENCIES
from domain.renewal import law_of

POLITE = Hours()
ANY_DAY = Hours(weekends=True)
MONTHS = 12


@dataclass(slots=True)
class Tally:
    """Sums over creators. `needed` counts authorizations of which a period ended while something needed it on."""

    authorizations: int = 0
    needed: int = 0
    lapsed: int = 0
    needed_ends: int = 0
    lapsed_ends: int = 0
    lapsed_by_character: Counter[str] = field(default_factory=Counter)
    needed_by_length: Counter[int] = field(default_factory=Counter)
    missed_by_length: Counter[int] = field(default_factory=Counter)
    messages: int = 0
    by_night: int = 0
    quiet: int = 0
    quiet_emergencies: int = 0
    asks: int = 0
    asks_not_needed: int = 0
    renewals: int = 0
    to_opted_out: int = 0
    calls: int = 0
    opted_out: int = 0
    minutes_down: int = 0
    not_delivered: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    a_month: Counter[int] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        """The figures of further creators."""
        for name in NUMBERS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.lapsed_by_character += other.lapsed_by_character
        self.needed_by_length += other.needed_by_length
        self.missed_by_length += other.missed_by_length
        self.a_month += other.a_month
        for currency, amount in other.not_delivered.items():
            self.not_delivered[currency] += amount

    @property
    def lapsed_share(self) -> float:
        return self.lapsed / self.needed if self.needed else 0.0

    @property
    def lapsed_ends_share(self) -> float:
        return self.lapsed_ends / self.needed_ends if self.needed_ends else 0.0

    @property
    def mean_a_month(self) -> float:
        return sum(count * months for count, months in self.a_month.items()) / max(1, self.a_month.total())

    @property
    def max_a_month(self) -> int:
        return max(self.a_month, default=0)

    @property
    def asks_for_a_renewal(self) -> float:
        return self.asks / self.renewals if self.renewals else 0.0

    def most_a_month(self, share: float) -> int:
        """No more than this in `share` of all months of all creators."""
        left = share * self.a_month.total()
        for count in sorted(self.a_month):
            left -= self.a_month[count]
            if left <= 0:
                return count
        return 0


NUMBERS = (
    "authorizations", "needed", "lapsed", "needed_ends", "lapsed_ends", "messages", "by_night", "quiet",
    "quiet_emergencies", "asks", "asks_not_needed", "renewals", "to_opted_out", "calls", "opted_out", "minutes_down",
)  # fmt: skip


def tally(life: Life) -> Tally:
    """What one creator's year came to; what happened before the year (a grant of last spring) is not counted."""
    sums = Tally(authorizations=len(life.stories), opted_out=life.memory.has_muted)
    count_messages(sums, life)
    for key, periods in life.periods.items():
        ended = [each for each in periods if each.is_over and each.ends_at >= YEAR_BEGINS]
        count_periods(sums, ended, life, life.truth.get(key))
    return sums


def count_messages(sums: Tally, life: Life) -> None:
    """The messages of the year, by the creator's own clock."""
    messages = [each for each in life.messages if each.at >= YEAR_BEGINS]
    months = Counter(each.at.astimezone(life.creator.place).month for each in messages)
    sums.a_month = Counter(months.get(month, 0) for month in range(1, MONTHS + 1))
    sums.messages = len(messages)
    sums.by_night = sum(not is_open(each.at, life.creator.place, ANY_DAY) for each in messages)
    quiet = [each for each in messages if not is_open(each.at, life.creator.place, POLITE)]
    sums.quiet, sums.quiet_emergencies = len(quiet), sum(is_emergency(each) for each in quiet)
    sums.asks = sum(len(each.items) for each in messages)
    sums.asks_not_needed = sum(each.not_needed for each in messages)
    sums.calls = sum(each.channel is Channel.TELEPHONE for each in messages)
    sums.to_opted_out = sum(each.to_opted_out for each in messages)


def is_emergency(message: Message) -> bool:
    return message.urgency in EMERGENCIES


def count_periods(sums: Tally, periods: Iterable[Period], life: Life, known: Authorization | None) -> None:
    """How each period of one authorization ended, and what its lapses cost."""
    ended = list(periods)
    needed = [each for each in ended if each.is_needed]
    lapsed = [each for each in needed if each.has_lapsed]
    sums.needed += bool(needed)
    sums.lapsed += bool(lapsed)
    sums.needed_ends += len(needed)
    sums.lapsed_ends += len(lapsed)
    sums.needed_by_length.update(length_of(each) for each in needed)
    sums.missed_by_length.update(length_of(each) for each in lapsed)
    sums.renewals += sum(each.renewed_at is not None for each in ended)
    if lapsed:
        sums.lapsed_by_character[life.creator.character.name] += 1
    for period in lapsed:
        if known is not None:
            count_cost(sums, period, known)


def length_of(period: Period) -> int:
    """The row of the table of laws that the period follows, in days."""
    return law_of(period.begins_at, period.ends_at).days


def count_cost(sums: Tally, period: Period, known: Authorization) -> None:
    """What was not delivered from the end until the renewal that came late, the flight's end, or the year's."""
    judged = Judged(
        begins_at=period.begins_at,
        ends_at=period.ends_at,
        needed_until=period.needed_until,
        contract_ends_at=period.contract_ends_at,
        asks=period.asks,
        renewed_at=period.renewed_at,
    )
    lapse = lapse_of(judged, [wanted(each) for each in known.flights.values()], now=YEAR_ENDS)
    if lapse is not None:
        sums.minutes_down += lapse.minutes_down
        for currency, amount in lapse.not_delivered.items():
            sums.not_delivered[currency or ""] += amount


def wanted(flight: Flight) -> Wanted:
    """The span in which an ad was meant to run."""
    ends: list[datetime] = [each for each in (flight.stopped_at, flight.ad.flight_end) if each is not None]
    spend: Amounts = {} if flight.ad.daily_spend is None else {flight.ad.currency: flight.ad.daily_spend}
    return Wanted(since=flight.started_at or YEAR_ENDS, until=min(ends, default=None), spend_a_day=spend)
