"""Which period to propose to a creator who is asked often: how many asks a year each of them takes, and why.

The arithmetic: in the year after the present end, an authorization that is needed for N more days takes N / P renewals of
P days, rounded up. Each takes one ask if the creator answers at once, and at worst every rung of its row in `LAWS` that
lies before the end. Account access is asked for once, for all posts of a creator together, and never ends. Digests merge
asks that fall together, so a creator gets at most as many messages as are counted here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache

from domain.renewal import Policy, law_of

A_YEAR = timedelta(days=365)
NOTHING = timedelta()
# Any instant will do: a row of the table depends on the length alone.
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
LOOKED_BACK = timedelta(days=90)
# A creator with one 30-day code who always answers at once gets three messages in 90 days: more than that is often.
OFTEN = 4
# Of a creator whose codes say nothing of their length.
USUAL_DAYS = 30
# Access to the whole account is a larger favour than one post; three codes that need renewing are worth asking for it.
POSTS_FOR_ACCOUNT_ACCESS = 3


class Advice(StrEnum):
    """What the advisor says."""

    NOT_ASKED_OFTEN = "not_asked_often"
    NOTHING_BETTER = "nothing_better"
    LONGER_PERIOD = "longer_period"
    ACCOUNT_ACCESS = "account_access"


SENTENCES: dict[Advice, str] = {
    Advice.NOT_ASKED_OFTEN: "the creator is not asked often; the smallest period that covers the need is right",
    Advice.NOTHING_BETTER: "the creator was asked often, but no other period takes fewer requests",
    Advice.LONGER_PERIOD: "the creator was asked often; a longer period takes fewer requests",
    Advice.ACCOUNT_ACCESS: "the creator was asked often for several posts; access to the account takes one request for all",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """Asks within a year at periods of `days` (None: account access): `fewest` if answered at once, `most` if at the last."""

    days: int | None
    renewals: int
    fewest: int
    most: int

    @property
    def sentence(self) -> str:
        """The numbers for people."""
        name = "with account access" if self.days is None else f"at {self.days} days"
        span = f"{self.fewest}" if self.fewest == self.most else f"{self.fewest} to {self.most}"
        return f"{name}: {span} {'request' if self.most == 1 else 'requests'} a year"


@dataclass(frozen=True, kw_only=True, slots=True)
class Recommendation:
    """What to propose: `advice` as a code, the estimate at present and the proposed one (None: leave it as it is)."""

    advice: Advice
    asked: int
    present: Estimate
    proposed: Estimate | None = None

    @property
    def proposes_access(self) -> bool:
        """Whether the creator is told that access to the account would take one request for all."""
        return self.advice is Advice.ACCOUNT_ACCESS

    @property
    def sentence(self) -> str:
        """The advice with its numbers, for people."""
        times = f"{self.asked} {'time' if self.asked == 1 else 'times'}"
        told = f"{SENTENCES[self.advice]} (asked {times} in {LOOKED_BACK.days} days; {self.present.sentence}"
        return f"{told}; {self.proposed.sentence})" if self.proposed else f"{told})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Code:
    """A code that has to be renewed: the length of its periods, its end, and until when it is needed."""

    days: int | None
    ends_at: datetime
    needed_until: datetime


def estimate(days: int | None, needs: Sequence[timedelta]) -> Estimate:
    """The asks within a year at periods of `days`; `needs`: for each authorization how long it is needed after its end."""
    lasting = [min(need, A_YEAR) for need in needs if need > NOTHING]
    if days is None:
        once = min(1, len(lasting))
        return Estimate(days=None, renewals=once, fewest=once, most=once)
    period = timedelta(days=days)
    renewals = sum(-(-need // period) for need in lasting)
    return Estimate(days=days, renewals=renewals, fewest=renewals, most=renewals * asks_before_the_end(days))


def estimates(needs: Sequence[timedelta], policy: Policy) -> tuple[Estimate, ...]:
    """Every period on offer, shortest first, then account access."""
    return tuple(estimate(days, needs) for days in (*sorted(policy.offered_days), None))


@lru_cache(maxsize=64)
def asks_before_the_end(days: int) -> int:
    """The rungs of a period of `days` that a silent creator gets before its end."""
    row = law_of(BEGIN, BEGIN + timedelta(days=days))
    return sum(rung > NOTHING for rung in row.rungs)


def advise_on(codes: Sequence[Code], *, asked_at: Sequence[datetime], now: datetime, policy: Policy) -> Recommendation:
    """What to propose to a creator with these codes; the present length is that of most of them, the shortest of several."""
    lengths = Counter(code.days for code in codes if code.days)
    days = max(lengths, key=lambda length: (lengths[length], -length), default=USUAL_DAYS)
    return advise(needs_of(codes, now), days=days, asked_at=asked_at, now=now, policy=policy)


def needs_of(codes: Sequence[Code], now: datetime) -> list[timedelta]:
    """For how long each code is needed after its end."""
    return [code.needed_until - max(code.ends_at, now) for code in codes]


def advise(
    needs: Sequence[timedelta], *, days: int, asked_at: Sequence[datetime], now: datetime, policy: Policy
) -> Recommendation:
    """What to propose to a creator who now gets periods of `days`, and got messages at `asked_at`."""
    asked = sum(NOTHING <= now - at < LOOKED_BACK for at in asked_at)
    present = estimate(days, needs)
    if asked < OFTEN:
        return Recommendation(advice=Advice.NOT_ASKED_OFTEN, asked=asked, present=present)
    proposed = proposal(needs, policy)
    if proposed is None or proposed.fewest >= present.fewest:
        return Recommendation(advice=Advice.NOTHING_BETTER, asked=asked, present=present)
    advice = Advice.ACCOUNT_ACCESS if proposed.days is None else Advice.LONGER_PERIOD
    return Recommendation(advice=advice, asked=asked, present=present, proposed=proposed)


def proposal(needs: Sequence[timedelta], policy: Policy) -> Estimate | None:
    """Account access where it replaces enough codes, else the shortest period on offer with the fewest renewals."""
    if sum(need > NOTHING for need in needs) >= POSTS_FOR_ACCOUNT_ACCESS:
        return estimate(None, needs)
    on_offer = (estimate(days, needs) for days in sorted(policy.offered_days))
    return min(on_offer, key=lambda each: each.renewals, default=None)
