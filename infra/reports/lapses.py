"""How periods ended, with what each lapse cost: for `everspark endings`, one authorization's page, and an advertiser's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg

from domain.digest import sums
from domain.money import Amounts
from domain.outcome import A_MINUTE, SENTENCES, Outcome, Step
from infra import authorizations
from infra.endings import Ending, going_on, lapsed, listed, told

Connection = psycopg.Connection[Any]
# What a lapse that goes on has cost by now only the domain can say, one by one; an advertiser may have let thousands lapse.
MOST_GOING_ON = 500
THEIRS = """
FROM endings JOIN authorizations ON authorizations.id = authorization_id
WHERE advertiser_id = %(advertiser)s AND endings.decided_at >= %(since)s
"""
SUMS = f"""
SELECT count(*), count(*) FILTER (WHERE outcome = 'not_needed'), count(*) FILTER (WHERE outcome = 'lapsed'),
    count(*) FILTER (WHERE outcome = 'lapsed' AND down_from IS NOT NULL AND down_until IS NULL),
    coalesce(sum(floor(extract(epoch FROM down_until - down_from) / 60)) FILTER (WHERE outcome = 'lapsed'), 0)::int8,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM answered_at - asked_at)::float8)
{THEIRS}
"""
STEPS = f"SELECT step, count(*) {THEIRS} AND outcome = 'lapsed' AND step IS NOT NULL GROUP BY step ORDER BY 2 DESC, 1"
LOST = f"""
SELECT each.currency, sum(each.amount::numeric)
FROM (SELECT lost {THEIRS} AND outcome = 'lapsed' AND down_until IS NOT NULL) AS over,
    jsonb_each_text(over.lost) AS each (currency, amount)
GROUP BY each.currency ORDER BY each.currency
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """One ending. Of a lapse that goes on, `minutes_down` and `lost` count until now; None where nothing lapsed."""

    key: str
    ending: Ending
    minutes_down: int | None
    lost: Amounts | None

    @property
    def answered_in(self) -> timedelta | None:
        """How long the creator took after the first ask of the period."""
        asked_at, answered_at = self.ending.asked_at, self.ending.answered_at
        return answered_at - asked_at if asked_at and answered_at else None

    @property
    def down(self) -> timedelta | None:
        return None if self.minutes_down is None else timedelta(minutes=self.minutes_down)

    @property
    def sentence(self) -> str:
        """What became of the period; of a lapse, which step failed."""
        return SENTENCES[Step(self.ending.step) if self.ending.step else Outcome(self.ending.outcome)]

    @property
    def has_lapsed(self) -> bool:
        return self.ending.outcome == Outcome.LAPSED

    @property
    def goes_on(self) -> bool:
        """Whether it lapsed and nobody has renewed it yet."""
        return self.ending.goes_on


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """An advertiser's endings in a few numbers. `steps`: which step failed, how often; `left_out`: how many of the lapses that
    go on are in neither `minutes_down` nor `lost`.
    """

    renewed: int
    lapsed: int
    not_needed: int
    answered_in: timedelta | None
    minutes_down: int
    lost: Amounts
    left_out: int
    steps: Sequence[tuple[Step, int]]

    @property
    def down(self) -> timedelta:
        """All lapses together."""
        return timedelta(minutes=self.minutes_down)

    @property
    def on_time(self) -> float | None:
        """The share of needed periods that were renewed before their end; None where none was needed."""
        needed = self.renewed + self.lapsed
        return self.renewed / needed if needed else None


def ended(
    connection: Connection, *, now: datetime, since: datetime | None = None, key: str | None = None
) -> list[Ended]:
    """Endings by their instants: those decided `since`, those of one authorization."""
    return _reckoned(connection, listed(connection, since=since, key=key), now=now)


def newest_lapses(
    connection: Connection, advertiser: str, *, since: datetime, now: datetime, limit: int
) -> list[Ended]:
    """The lapses of an advertiser's periods, the newest first."""
    return _reckoned(connection, lapsed(connection, advertiser, since=since, limit=limit), now=now)


def report(
    connection: Connection, advertiser: str, *, since: datetime, now: datetime, most: int = MOST_GOING_ON
) -> Report:
    """Summed up by the database; of the lapses that go on, the `most` newest count until now."""
    values = {"advertiser": advertiser, "since": since}
    ((in_all, not_needed, lapses, open_, minutes, answered),) = connection.execute(SUMS.encode(), values).fetchall()
    newest = lapsed(connection, advertiser, since=since, limit=most, going_on=True) if open_ else []
    going = _reckoned(connection, newest, now=now)
    over = told(dict(connection.execute(LOST.encode(), values).fetchall()))
    return Report(
        renewed=in_all - not_needed - lapses,
        lapsed=lapses,
        not_needed=not_needed,
        answered_in=None if answered is None else timedelta(seconds=answered),
        minutes_down=minutes + sum(each.minutes_down or 0 for each in going),
        lost=sums([over, *(each.lost or {} for each in going)]),
        left_out=open_ - len(going),
        steps=[(Step(step), count) for step, count in connection.execute(STEPS.encode(), values)],
    )


def _reckoned(connection: Connection, found: Sequence[tuple[str, Ending]], *, now: datetime) -> list[Ended]:
    """With what each has cost by now."""
    open_ = {name: row.down_from for name, row in found if row.down_from is not None and row.goes_on}
    lapses = going_on(connection, authorizations.load(connection, list(open_)), open_, now=now) if open_ else {}
    made = []
    for name, row in found:
        lapse = lapses.get(name) if row.goes_on else None
        down = (row.down_until - row.down_from) // A_MINUTE if row.down_from and row.down_until else None
        made.append(
            Ended(
                key=name,
                ending=row,
                minutes_down=lapse.minutes_down if lapse else down,
                lost=lapse.not_delivered if lapse else None if row.lost is None else told(row.lost),
            )
        )
    return made
