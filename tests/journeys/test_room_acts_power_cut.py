"""An act on many, and the one that takes it back, lose their power at any boundary: each is told once, none is left out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count

import psycopg
import pytest
from sqlalchemy import Engine

from domain.acts import Act
from domain.renewal import Policy
from infra import bulks
from infra.clock import HandClock
from infra.database import hot
from infra.inbox import MAILBOXES
from infra.reports.concerned import Chosen
from infra.settings import load
from tests.emptying import empty
from tests.portfolio import Post, holds
from tests.power import Machine, Meter, PowerCut, RecordingMailer, metered_engine
from worker.bulks import advance
from worker.drain import drain

UNTIL = datetime(2027, 3, 1, tzinfo=UTC)
POSTS, SIZE = 5, 2
ENDING = """
SELECT status, done, skipped, (SELECT count(*) FROM inbox WHERE event_id LIKE 'need:' || nonce || ':%%') AS letters,
    (SELECT count(*) FROM bulk_marks WHERE bulk_id = bulks.id) AS marks,
    (SELECT count(*) FROM authorizations WHERE needed_until IS NOT DISTINCT FROM %(until)s) AS so_needed
FROM bulks WHERE id = %(id)s
"""


class Story:
    """Five authorizations in batches of two."""

    def __init__(self, engine: Engine, metered: Engine, meter: Meter, clock: HandClock) -> None:
        self._engine, self._metered, self._meter, self._clock = engine, metered, meter, clock

    def begins(self) -> int:
        with hot(self._engine) as connection:
            empty(connection)
        holds(self._engine, [Post(number=number) for number in range(POSTS)], now=self._clock.now())
        with hot(self._engine) as connection:
            return bulks.create(
                connection, Act.NEED, Chosen(), until=UNTIL, actor="cli:ada", now=self._clock.now(), nonce="abc"
            )

    def undoes(self, number: int) -> int:
        with hot(self._engine) as connection:
            return bulks.undo(connection, number, actor="cli:ada", now=self._clock.now())

    def is_cut(self, boundary: int) -> bool:
        """The work until its power goes; whether it came so far."""
        self._meter.begin(cut_at=boundary)
        try:
            while advance(self._metered, self._clock, size=SIZE):
                pass
        except PowerCut:
            return True
        finally:
            self._meter.begin()
        return False

    def goes_on(self) -> None:
        while advance(self._engine, self._clock, size=SIZE):
            pass
        for mailbox in range(MAILBOXES):
            drain(self._engine, self._clock, Policy(), mailbox)

    def ending(self, number: int, until: datetime | None) -> tuple[object, ...]:
        with hot(self._engine) as connection:
            return connection.execute(ENDING, {"id": number, "until": until}).fetchall()[0]


@pytest.fixture
def story(engine: Engine, database_url: str, clock: HandClock) -> Iterator[Story]:
    with psycopg.connect(database_url, autocommit=True) as admin:
        meter = Meter(admin)
        metered = metered_engine(database_url, meter)
        yield Story(engine, metered, meter, clock)
        metered.dispose()


def test_an_act_that_nobody_was_nudged_for_is_found_by_the_sweep(engine: Engine, clock: HandClock) -> None:
    with psycopg.connect(engine.url.render_as_string(hide_password=False).replace("+psycopg", "")) as admin:
        meter = Meter(admin)
        story = Story(engine, engine, meter, clock)
        number = story.begins()
        mailer = RecordingMailer(meter)
        Machine(engine=engine, clock=clock, mailer=mailer, meter=meter, settings=load()).sweeps("rescue")

        assert story.ending(number, UNTIL) == ("done", POSTS, 0, POSTS, POSTS, POSTS)


def test_the_power_goes_at_every_boundary_of_an_act(story: Story) -> None:
    for boundary in count():
        number = story.begins()
        was_cut = story.is_cut(boundary)
        story.goes_on()

        assert story.ending(number, UNTIL) == ("done", POSTS, 0, POSTS, POSTS, POSTS), boundary
        if not was_cut:
            break

    assert boundary > 3 * POSTS


def test_the_power_goes_at_every_boundary_of_its_undoing(story: Story) -> None:
    for boundary in count():
        number = story.begins()
        story.goes_on()
        undoing = story.undoes(number)
        was_cut = story.is_cut(boundary)
        story.goes_on()

        assert story.ending(undoing, None) == ("done", POSTS, 0, POSTS, 0, POSTS), boundary
        if not was_cut:
            break

    assert boundary > 2 * POSTS
