"""The operators' room over a million authorizations beside ten thousand: server time of its pages, in one run, in turns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from statistics import median

from bench import room_rows
from bench.queued import Say
from bench.results import Result, at_most, for_comparison
from bench.room_pages import OTHERS, Asked, asked
from bench.room_visits import Desk, desk
from bench.servers import Stage
from infra.clock import SystemClock
from infra.reports import summaries

SMALL, LARGE, TURNS = 10_000, 1_000_000, 11
GOAL = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Timed:
    """One page: milliseconds over each portfolio."""

    page: Asked
    small: float
    large: float

    @property
    def ratio(self) -> float:
        return self.large / self.small


def room(stage: Stage, say: Say, *, quick: bool) -> list[Result]:
    """Each page at both sizes, turn by turn, so that a busy moment meets both."""
    small, large, turns = (10_000, 100_000, 3) if quick else (SMALL, LARGE, TURNS)
    with ExitStack() as stack:
        desks = [stack.enter_context(opened(stage, say, size)) for size in (small, large)]
        pages, timed = asked(desks), []
        for number, page in enumerate(pages, start=1):
            say(f"page {number} of {len(pages)}, {page.group}, {page.name}")
            timed.append(measured(page, desks, turns))
    return list(results(timed))


@contextmanager
def opened(stage: Stage, say: Say, size: int) -> Iterator[Desk]:
    """A portfolio whose sums the worker has made, and somebody who is signed in."""
    with stage.act(f"room_{size}") as act:
        say(f"filling {size:,} authorizations")
        room_rows.fill(act, size)
        with desk(act, size) as found:
            summaries.write(found.engine, now=SystemClock().now(), remedy_of=lambda _reason: None)
            yield found


def measured(page: Asked, desks: Sequence[Desk], turns: int) -> Timed:
    """The median of each portfolio's turns; the first one of each is not counted."""
    seconds: dict[int, list[float]] = {each.size: [] for each in desks}
    for turn in range(turns + 1):
        for each in desks if turn % 2 else reversed(desks):
            seconds[each.size].append(each.opens(page.addresses[each.size]))
    small, large = (median(taken[1:]) * 1000 for taken in seconds.values())
    return Timed(page=page, small=small, large=large)


def results(timed: Sequence[Timed]) -> Iterator[Result]:
    """One line for each group: that of its pages which fares worst."""
    groups = defaultdict(list)
    for each in timed:
        groups[each.page.group].append(each)
    for group, members in groups.items():
        worst = max(members, key=lambda each: each.ratio)
        name = group if len(members) == 1 else f"{group} (worst of {len(members)}: {worst.page.name})"
        if group in OTHERS:
            yield for_comparison(name=name, unit="ms", ours=worst.large, against=worst.small)
        else:
            yield at_most(GOAL, name=name, unit="ms", ours=worst.large, against=worst.small)
