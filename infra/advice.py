"""What the period advisor says of one creator, from the rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from domain.advisor import LOOKED_BACK, OFTEN, Code, Estimate, Recommendation, advise_on, estimates, needs_of
from domain.reasons import Reason
from domain.renewal import FOREVER, Policy
from infra import creators

# The codes that creators are asked to extend: `renewal.need_of` and `renewal.objection_to_asking` in set-based SQL, as a
# creator may have hundreds, and a forecast wants those of all creators at once.
CODES = """
SELECT creator_id, days, expires_at, least(need, contract_ends_at) FROM (
    SELECT creator_id, days, expires_at, contract_ends_at, greatest(needed_until, max(coalesce(flight_end, %(forever)s))
        FILTER (WHERE started_at IS NOT NULL AND (stopped_at IS NULL OR stopped_at < started_at))) AS need
    FROM authorizations AS a LEFT JOIN ads ON authorization_id = a.id
    WHERE creator_id = ANY(%(creators)s) AND route = 'code' AND expires_at IS NOT NULL
      AND state IN ('authorized', 'active', 'expired') AND state_reason <> %(lapsed)s
      AND condition <> 'removed' AND declined_at IS NULL
    GROUP BY a.id
) AS codes WHERE need > expires_at AND (contract_ends_at IS NULL OR contract_ends_at > expires_at)
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reckoning:
    """The advice with its arithmetic: for `needed` authorizations, what each period on offer would take in a year."""

    recommendation: Recommendation
    estimates: tuple[Estimate, ...]
    needed: int


def recommendation(
    connection: psycopg.Connection[Any],
    creator_id: int,
    *,
    policy: Policy,
    now: datetime,
    but: int | None = None,
) -> Recommendation:
    """What to propose to the creator. Who is not asked often costs one query.

    `but` names a message that does not count: the one that is being written.
    """
    asked_at = creators.written_to_at(connection, creator_id, now=now, since=LOOKED_BACK, but=but)
    codes = codes_of(connection, [creator_id]).get(creator_id, ()) if len(asked_at) >= OFTEN else ()
    return advise_on(codes, asked_at=asked_at, now=now, policy=policy)


def reckoning(connection: psycopg.Connection[Any], creator_id: int, *, policy: Policy, now: datetime) -> Reckoning:
    """The same with all its numbers, for people, however seldom the creator is asked."""
    asked_at = creators.written_to_at(connection, creator_id, now=now, since=LOOKED_BACK)
    codes = codes_of(connection, [creator_id]).get(creator_id, ())
    return Reckoning(
        recommendation=advise_on(codes, asked_at=asked_at, now=now, policy=policy),
        estimates=estimates(needs_of(codes, now), policy),
        needed=len(codes),
    )


def codes_of(connection: psycopg.Connection[Any], numbers: Sequence[int]) -> Mapping[int, Sequence[Code]]:
    """The codes of several creators that have to be renewed."""
    found: defaultdict[int, list[Code]] = defaultdict(list)
    values = {"creators": list(numbers), "forever": FOREVER, "lapsed": Reason.REQUEST_LAPSED}
    for number, days, ends_at, needed_until in connection.execute(CODES, values):
        found[number].append(Code(days=days, ends_at=ends_at, needed_until=needed_until))
    return found
