"""How the deliveries of each producer fared, by the hour: counted in memory, and written now and then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg

ACCEPTED = "accepted"
# Who sends can do nothing about it.
OURS = "storage_away"
KEPT_FOR = timedelta(days=7)

ADD = """
INSERT INTO deliveries AS known (producer, hour, outcome, count)
SELECT producer, %(hour)s, outcome, more FROM unnest(%(producers)s::text[], %(outcomes)s::text[], %(counts)s::int8[])
    AS t (producer, outcome, more)
ON CONFLICT (producer, hour, outcome) DO UPDATE SET count = known.count + excluded.count
"""
LATELY = "SELECT producer, outcome, sum(count)::int8 FROM deliveries WHERE hour > %s GROUP BY producer, outcome"

Counted = Mapping[tuple[str, str], int]


class Tally:
    """What one web process has counted and not yet written, by (producer, outcome). It belongs to the event loop's thread.

    Only producers that are registered are counted: names that somebody makes up must not fill it.
    """

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def count(self, producer: str, outcome: str) -> None:
        """One delivery more."""
        self._counts[producer, outcome] += 1

    def take(self) -> Counted:
        """All of it, which is counted from nothing again; `give_back` what could not be written."""
        taken, self._counts = self._counts, Counter()
        return taken

    def give_back(self, taken: Counted) -> None:
        self._counts.update(taken)


def add(connection: psycopg.Connection[Any], counted: Counted, *, now: datetime) -> None:
    """Adds what was counted shortly before `now` to its hour. In one order: several processes write at the same time."""
    rows = sorted(counted.items())
    values = {
        "hour": now.replace(minute=0, second=0, microsecond=0),
        "producers": [producer for (producer, _), _ in rows],
        "outcomes": [outcome for (_, outcome), _ in rows],
        "counts": [count for _, count in rows],
    }
    connection.execute(ADD, values)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fared:
    """Deliveries of one producer: how many were taken, and of those refused how many for which reason, the most first."""

    accepted: int = 0
    refused: Mapping[str, int]

    @property
    def error_rate(self) -> float:
        """The share that was refused, 0 to 1."""
        refused = sum(self.refused.values())
        return refused / (refused + self.accepted) if refused else 0.0


def lately(connection: psycopg.Connection[Any], *, since: datetime) -> dict[str, Fared]:
    """By producer, in the whole hours after `since`."""
    found: dict[str, Counter[str]] = {}
    for producer, outcome, count in connection.execute(LATELY, [since]):
        found.setdefault(producer, Counter())[outcome] = count
    return {
        producer: Fared(accepted=counts.pop(ACCEPTED, 0), refused=dict(counts.most_common()))
        for producer, counts in found.items()
    }
