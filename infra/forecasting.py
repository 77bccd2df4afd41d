"""The rows that the days ahead depend on, read in one read-only snapshot; and the forecast that follows from them.

Only what can matter by then is read: what ends, what is asked (also a little later, as an ask may come early), first requests
that lapse, and messages that are being gathered. Each query walks an index.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import psycopg
from sqlalchemy import Engine

from domain.advisor import LOOKED_BACK, Code
from domain.forecast import Forecast, forecast
from domain.foreseen import NOBODY, Asked, Creator, Holding, Owed, Rules
from domain.reasons import Reason
from domain.worth import measured
from infra import advice, authorizations, creators, kpis
from infra.chosen import manners_of, policy_of
from infra.creators import Addressee
from infra.database import snapshot
from infra.owed import GATHERING
from infra.settings import Settings

Connection = psycopg.Connection[Any]
Group = tuple[Creator, list[Holding]]
PAGE = 10_000

# Nobody minds the end of what is planned to end for one of these reasons, and nobody is asked before or after it.
UNMISSED = (Reason.NO_AD_NEEDS_IT, Reason.COVERED, Reason.CONTRACT_ENDS_FIRST)
MATTERS = """
SELECT id, key, creator_id FROM authorizations
WHERE id IN (
    SELECT id FROM authorizations
    WHERE state IN ('authorized', 'active') AND expires_at IS NOT NULL AND expires_at <= %(until)s
      AND NOT (next_action = 'expire' AND why = ANY(%(unmissed)s))
    UNION ALL SELECT id FROM authorizations WHERE next_action = 'ask' AND next_action_at <= %(until)s + %(span)s::interval
    UNION ALL SELECT id FROM authorizations WHERE next_action = 'lapse' AND next_action_at <= %(until)s
    UNION ALL SELECT asks.authorization_id FROM asks JOIN outbox ON outbox.id = outbox_id
    WHERE kind = 'ask.mail' AND status = 'owed'
)
ORDER BY creator_id, id
"""
# The asks of the present period. A message that may have left stands for one that did, as for the sweep that looks for more.
ASKED = """
SELECT key, count(sent_at), max(sent_at), max(coalesce(sent_at, asked_at))
FROM authorizations JOIN asks ON asks.authorization_id = authorizations.id AND period_ends_at = expires_at
WHERE key = ANY(%s) GROUP BY key
"""
OWED = """
SELECT outbox.creator_id, due_at, authorizations.key, period_ends_at, asks.rung, asks.days, asked_at
FROM outbox JOIN asks ON outbox_id = outbox.id JOIN authorizations ON authorizations.id = asks.authorization_id
WHERE kind = 'ask.mail' AND status = 'owed' AND outbox.creator_id = authorizations.creator_id ORDER BY asks.id
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Matter:
    """An authorization that matters, and whom it belongs to."""

    id: int
    key: str
    creator_id: int | None


def foresee(engine: Engine, settings: Settings, *, now: datetime, days: int) -> Forecast:
    """The next `days` days, by the operator's settings. Raises what the database raises."""
    rules = rules_of(settings)
    until = now + timedelta(days=days)
    with snapshot(engine) as connection:
        groups = read(connection, now=now, until=until, span=rules.policy.digest_span)
    return forecast(groups, now=now, until=until, rules=rules)


def rules_of(settings: Settings) -> Rules:
    """The settings that the worker and the scheduler go by."""
    return Rules(
        policy=policy_of(settings),
        manners=manners_of(settings),
        sweep=timedelta(seconds=settings.sweep_seconds),
        gathering=GATHERING,
    )


def read(connection: Connection, *, now: datetime, until: datetime, span: timedelta) -> list[Group]:
    """Each creator with what is held of theirs; what has no creator stands alone."""
    matters = [
        Matter(id=number, key=key, creator_id=creator_id)
        for number, key, creator_id in connection.execute(
            MATTERS, {"until": until, "span": span, "unmissed": list(UNMISSED)}
        )
    ]
    held = held_of(connection, [each.key for each in matters], now)
    people = people_of(connection, {each.creator_id for each in matters if each.creator_id is not None}, now)
    by_creator: defaultdict[int, list[Holding]] = defaultdict(list)
    alone: list[Group] = []
    for each in matters:
        if each.creator_id is None:
            alone.append((NOBODY, [held[each.key]]))
        else:
            by_creator[each.creator_id].append(held[each.key])
    return alone + [(people[number], holdings) for number, holdings in by_creator.items()]


def held_of(connection: Connection, keys: Sequence[str], now: datetime) -> dict[str, Holding]:
    """The authorizations with their ads, what these spend, and the asks that they had."""
    held: dict[str, Holding] = {}
    for page in pages(keys):
        days = kpis.days_of(connection, page, now=now)
        asked = {
            key: Asked(times=times, sent_at=sent_at, at=at)
            for key, times, sent_at, at in connection.execute(ASKED, [page])
        }
        for key, known in authorizations.load(connection, page).items():
            held[key] = Holding(known=known, spent=measured(days[key], now=now), asked=asked.get(key, Asked()))
    return held


def people_of(connection: Connection, numbers: set[int], now: datetime) -> dict[int, Creator]:
    """Creators with their last messages, those that are being gathered, and what the advisor goes by."""
    owed: defaultdict[int, list[tuple[datetime, Owed]]] = defaultdict(list)
    for number, due_at, key, period_ends_at, rung, days, asked_at in connection.execute(OWED):
        ask = Owed(key=key, period_ends_at=period_ends_at, rung=rung, days=days, asked_at=asked_at)
        owed[number].append((due_at, ask))
    people: dict[int, Creator] = {}
    for page in pages(sorted(numbers)):
        sent_at = creators.all_written_to_at(connection, page, now=now, since=LOOKED_BACK)
        codes = advice.codes_of(connection, page)
        for number, known in creators.load_all(connection, page).items():
            people[number] = creator_of(known, sent_at.get(number, ()), codes.get(number, ()), owed[number])
    return people


def creator_of(
    known: Addressee, sent_at: Sequence[datetime], codes: Sequence[Code], owed: Sequence[tuple[datetime, Owed]]
) -> Creator:
    # Of several asks for one authorization only the latest is ever sent.
    latest: Mapping[str, Owed] = {ask.key: ask for _, ask in owed}
    return Creator(
        handle=known.handle,
        facts=known.facts,
        has_email=known.email is not None,
        sent_at=tuple(sent_at),
        codes=tuple(codes),
        owed=tuple(latest.values()),
        due_at=min((due_at for due_at, _ in owed), default=None),
    )


def pages(items: Sequence[Any]) -> Iterator[list[Any]]:
    """No statement is longer than the database's patience."""
    left = iter(items)
    while page := list(islice(left, PAGE)):
        yield page
