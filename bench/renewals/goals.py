"""What was promised of the year, judged by its figures."""

from __future__ import annotations

from collections.abc import Mapping

from bench.renewals.tally import Tally
from bench.renewals.year import CRON, EVERSPARK, LIST
from bench.results import Result, at_least

FEWER_LAPSES = 5.0


def goals(sums: Mapping[str, Tally]) -> list[Result]:
    """Everspark beside the better of the two rivals; of what must not happen at all, how often it did."""
    ours, rivals = sums[EVERSPARK], (sums[CRON], sums[LIST])
    lapses = min(each.lapsed_share for each in rivals)
    writing = min(each.mean_a_month for each in rivals)
    return [
        at_least(
            FEWER_LAPSES,
            name="times fewer lapses than the better rival",
            unit="share of needed authorizations",
            ours=lapses,
            against=max(ours.lapsed_share, 1e-9),
        ),
        Result(
            name="fewer messages than either rival",
            unit="messages to a creator a month",
            ours=ours.mean_a_month,
            against=writing,
            ratio=ours.mean_a_month / writing if writing else 0.0,
            goal=1.0,
            met=ours.mean_a_month < writing,
        ),
        none_of("messages in quiet hours that are no emergency", ours.quiet - ours.quiet_emergencies, ours.messages),
        none_of("asks that were not needed", ours.asks_not_needed, ours.asks),
    ]


def none_of(name: str, count: int, among: int) -> Result:
    """Something that must not happen, among all that could have been it."""
    ratio = count / among if among else 0.0
    return Result(name=name, unit="of all", ours=count, against=among, ratio=ratio, goal=0.0, met=count == 0)


def verdict(goal: Result) -> str:
    """One line for people."""
    word = "met" if goal.met else "MISSED"
    match goal.goal:
        case 0.0:
            return f"{word}: {goal.ours:,.0f} {goal.name} (of {goal.against:,.0f})"
        case 1.0:
            return f"{word}: {goal.name} ({goal.ours:.2f} against {goal.against:.2f} {goal.unit})"
        case _:
            return f"{word}: {goal.ratio:.1f} {goal.name} (goal {goal.goal:g})"
