"""Deliveries repeat and overtake each other, workers and schedulers come in pairs: the ending is the one of good order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, permutations
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine

from domain.renewal import Policy
from infra import inbox
from infra.broker import Nudges, make_broker
from infra.clock import HandClock
from infra.database import hot
from infra.inbox import MAILBOXES, Letter
from infra.settings import load
from infra.wake_keys import MemoryWakeKeys
from scheduler.leadership import Leadership
from scheduler.sweeps import JOBS, sweep
from tests.deliveries import CREATOR, day, letter
from worker.drain import drain


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """One event of a story, of whichever post."""

    type: str
    at: datetime
    data: dict[str, Any]

    def about(self, post: str, event_id: str) -> Letter:
        return letter(self.type, self.at, event_id=f"{post}:{event_id}", post=post, **self.data)


def told(type_: str, at: float, **data: Any) -> Told:
    return Told(type=type_, at=day(at), data=data)


REQUEST = told("authorization.requested", 0, route="code", days=30, creator=CREATOR)
GRANT = told("code.granted", 1, starts_at=day(1), expires_at=day(31))
FIRST_AD = told("ad.started", 2, ad={"ad_id": "1", "daily_spend": {"amount": "80.00", "currency": "EUR"}})
FIRST_STOPS = told("ad.stopped", 4, ad={"ad_id": "1"})
SECOND_AD = told("ad.started", 3, ad={"ad_id": "2"})
EXTENSION = told("authorization.extended", 5, expires_at=day(61))
REVOKED = told("authorization.revoked", 6)
HIDDEN = told("post.changed", 3, condition="private")
SHOWN = told("post.changed", 4, condition="public")
NEXT_GRANT = told("code.granted", 7, starts_at=day(7), expires_at=day(67))

# A start that overtook its grant may stand there for a person to look at; nothing waits for anything else.
UNSETTLED = """
SELECT * FROM pending JOIN inbox USING (seq) WHERE NOT (status = 'parked' AND type = 'ad.started')
"""
STORIES = {
    "a campaign": (REQUEST, GRANT, FIRST_AD, SECOND_AD, FIRST_STOPS, EXTENSION),
    "an ad that came and went": (REQUEST, GRANT, FIRST_AD, FIRST_STOPS, HIDDEN, SHOWN),
    "taken back": (REQUEST, GRANT, FIRST_AD, REVOKED, HIDDEN),
    "taken back and given again": (REQUEST, GRANT, FIRST_AD, REVOKED, NEXT_GRANT),
    "declined, then granted": (REQUEST, told("request.declined", 0.5), GRANT, FIRST_AD),
    "extended and taken back": (REQUEST, GRANT, FIRST_AD, EXTENSION, REVOKED),
    "nobody asked for it": (GRANT, FIRST_AD, NEXT_GRANT, SECOND_AD, FIRST_STOPS),
}

ENDING = """
SELECT a.item_id, a.state, a.condition, a.starts_at, a.expires_at, a.requested_at, a.next_action, a.why,
    (SELECT string_agg(ad_id, ' ' ORDER BY ad_id) FROM ads WHERE authorization_id = a.id AND started_at IS NOT NULL
        AND (stopped_at IS NULL OR stopped_at < started_at))
FROM authorizations a ORDER BY a.item_id
"""
APPLIED = "SELECT count(*) FROM history GROUP BY seq HAVING count(*) <> 1"


class Crew:
    """Two workers that drain whatever there is, each in an order of its own."""

    def __init__(self, engine: Engine, clock: HandClock, threads: ThreadPoolExecutor) -> None:
        self.engine, self.clock, self._threads = engine, clock, threads
        self._dice = Random(20261122)

    def hears(self, letters: Sequence[Letter]) -> int:
        """One delivery, drained by both workers at once; how many of its letters were new."""
        with hot(self.engine) as connection:
            receipts = inbox.accept(connection, letters, now=self.clock.now())
        self.drains()
        return sum(receipt.is_new for receipt in receipts)

    def drains(self) -> None:
        """Both go through all mailboxes; what one has locked the other waits for, or finds empty."""
        rounds = [self._dice.sample(range(MAILBOXES), MAILBOXES) for _ in range(2)]
        for work in [self._threads.submit(self._drain, boxes) for boxes in rounds]:
            work.result()

    def asks(self, query: str) -> list[tuple[Any, ...]]:
        with hot(self.engine) as connection:
            return connection.execute(query.encode()).fetchall()

    def endings(self) -> dict[str, tuple[Any, ...]]:
        """How each post's authorization stands."""
        return {row[0]: row[1:] for row in self.asks(ENDING)}

    def shuffled(self, letters: Sequence[Letter]) -> list[Letter]:
        return self._dice.sample(letters, len(letters))

    def _drain(self, boxes: Sequence[int]) -> None:
        for box in boxes:
            drain(self.engine, self.clock, Policy(), box)


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


@pytest.fixture
def crew(engine: Engine, clock: HandClock, threads: ThreadPoolExecutor) -> Crew:
    clock.set(day(8))
    return Crew(engine, clock, threads)


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES.keys())
def test_in_every_order_one_by_one_and_twice(crew: Crew, story: tuple[Told, ...]) -> None:
    # One post for each order: in each wave every one of them hears the next event of its order, and the one before again.
    orders = {str(10**18 + number): order for number, order in enumerate(permutations(range(len(story))))}

    for wave in range(len(story)):
        again = [story[order[wave - 1]].about(post, str(order[wave - 1])) for post, order in orders.items() if wave]
        fresh = [story[order[wave]].about(post, str(order[wave])) for post, order in orders.items()]
        assert crew.hears(crew.shuffled([*again, *fresh])) == len(fresh)

    endings = crew.endings()
    in_order = endings[next(iter(orders))]
    others = {tuple(orders[post]): ending for post, ending in endings.items() if ending != in_order}
    assert (len(endings), dict(islice(others.items(), 3)), len(others)) == (len(orders), {}, 0)
    assert crew.asks(APPLIED) == []
    assert crew.asks("SELECT count(*) FROM history") == [(len(orders) * len(story),)]
    assert crew.asks(UNSETTLED) == []


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES.keys())
def test_all_at_once_and_told_twice_by_two_systems(crew: Crew, story: tuple[Told, ...]) -> None:
    posts = [str(10**18 + number) for number in range(40)]
    good = [event.about(posts[0], str(place)) for place, event in enumerate(story)]
    bad = [
        event.about(post, f"{place}, {system}")
        for post in posts[1:]
        for place, event in enumerate(story)
        for system in ("crm", "ads")
    ]

    crew.hears(good)
    crew.hears(crew.shuffled(bad))

    endings = crew.endings()
    assert set(endings.values()) == {endings[posts[0]]}
    assert crew.asks(APPLIED) == []
    assert crew.asks(UNSETTLED) == []


def test_two_schedulers_and_two_workers_over_the_same_time(crew: Crew, threads: ThreadPoolExecutor) -> None:
    posts = [str(10**18 + number) for number in range(60)]
    crew.hears([event.about(post, event.type) for post in posts for event in (REQUEST, GRANT, SECOND_AD)])

    # Ten days before the end the ladder begins; it has four rungs before the end and two after it.
    for step in range(17):
        crew.clock.set(day(20.8 + step))
        sweeping = [threads.submit(sweep_as, name, crew) for name in ("one", "two")]
        crew.drains()
        for work in sweeping:
            work.result()
        crew.drains()

    assert crew.asks("SELECT DISTINCT state, state_reason, why FROM authorizations") == [
        ("expired", "period_ended", "ladder_climbed")
    ]
    assert crew.asks(
        "SELECT rung, count(*), count(DISTINCT authorization_id) FROM asks GROUP BY rung ORDER BY rung"
    ) == [(rung, len(posts), len(posts)) for rung in range(6)]
    # Nobody paid: all stand in the one message that their creator's asks are gathered in.
    assert crew.asks("SELECT count(*), count(DISTINCT outbox_id), count(outbox_id) FROM asks") == [
        (6 * len(posts), 1, 6 * len(posts))
    ]
    assert crew.asks("SELECT status, attempts FROM outbox") == [("owed", 0)]
    assert crew.asks(APPLIED) == []
    assert crew.asks("SELECT job, slot FROM sweeps GROUP BY job, slot HAVING count(*) > 1") == []


def sweep_as(name: str, crew: Crew) -> None:
    """What one scheduler does in its slots: campaigns, and sweeps if it leads."""
    leadership = Leadership(crew.engine, seconds=30, holder=name)
    for _ in range(2):
        leadership.campaign()
        for job in JOBS if leadership.fence is not None else ():
            sweep(
                job,
                engine=crew.engine,
                clock=crew.clock,
                nudges=Nudges(make_broker(None), MemoryWakeKeys()),
                settings=load(sweep_seconds=timedelta(minutes=1).total_seconds()),
                fence=leadership.fence or 0,
            )
