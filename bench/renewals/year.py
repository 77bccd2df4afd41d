"""The same creators and the same year under each policy. Creators do not know each other, so each process takes a share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from bench.renewals.campaigns import YEAR_BEGINS, counts_of_codes, stories
from bench.renewals.everspark import Everspark
from bench.renewals.life import Asking, Life
from bench.renewals.people import Temper, creator
from bench.renewals.rivals import Cron, Skill, WeeklyList
from bench.renewals.tally import Tally, tally

NOBODY, CRON, LIST, EVERSPARK = "nobody asks", "cron at 3 days", "weekly list", "Everspark"
POLICIES = (NOBODY, CRON, LIST, EVERSPARK)
AS_MODELLED, USUAL = Temper(), Skill()
# Creators in one piece of work: small enough that two processes end together.
A_SHARE = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Year:
    """What is simulated. `seed` decides every random number.

    `climbs`: whether silence climbs. `looks_first`: whether TikTok is read right before each message.
    """

    seed: int = 1
    creators: int = 2000
    authorizations: int = 10000
    temper: Temper = AS_MODELLED
    rivals: Skill = USUAL
    climbs: bool = True
    looks_first: bool = True


def lived(year: Year, number: int, count: int, policy: str) -> Life:
    """One creator's year under one policy."""
    life = Life(creator(year.seed, number, year.temper, YEAR_BEGINS), tuple(stories(year.seed, number, count)))
    life.run(asking(policy, life, year))
    return life


def asking(policy: str, life: Life, year: Year) -> Asking | None:
    """The policy by its name; None where nobody asks."""
    makers: Mapping[str, Callable[[], Asking]] = {
        CRON: lambda: Cron(life, year.rivals),
        LIST: lambda: WeeklyList(life, year.rivals),
        EVERSPARK: lambda: Everspark(life, climbs=year.climbs, looks_first=year.looks_first),
    }
    return makers[policy]() if policy in makers else None


def share(year: Year, first: int, counts: list[int]) -> dict[str, Tally]:
    """The tallies of the creators `first` and following, by policy."""
    sums = {policy: Tally() for policy in POLICIES}
    for number, count in enumerate(counts, first):
        for policy in POLICIES:
            sums[policy].add(tally(lived(year, number, count, policy)))
    return sums


def shares(year: Year) -> Iterator[tuple[int, list[int]]]:
    counts = counts_of_codes(year.seed, year.creators, year.authorizations)
    for first in range(0, len(counts), A_SHARE):
        yield first, counts[first : first + A_SHARE]


def simulate(year: Year, *, progress: Callable[[float], None] = lambda _done: None) -> dict[str, Tally]:
    """The whole year, on all cores; `progress` is told the share that is done."""
    sums = {policy: Tally() for policy in POLICIES}
    work = list(shares(year))
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
        done = [pool.submit(share, year, first, counts) for first, counts in work]
        for number, future in enumerate(done, 1):
            for policy, figures in future.result().items():
                sums[policy].add(figures)
            progress(number / len(work))
    return sums
