"""A power cut at every statement, commit and message of a climb: nobody gets two messages, and every step is there once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import Engine

from infra.clock import HandClock
from infra.mail import Outcome, Sent
from infra.outbox import ABANDONED_AFTER
from tests.conftest import START
from tests.emptying import empty
from tests.office import DAY, Office
from tests.power import AFTER_SENDING, BEFORE_SENDING, Meter, PowerCut, metered_engine
from tests.receiver import Receiver

STEPS = "SELECT step, resolved_at IS NULL FROM escalations ORDER BY step"


class Gateway:
    """What it has taken stays taken, whoever loses power."""

    def __init__(self, meter: Meter) -> None:
        self.taken: list[tuple[str, str, str, bool]] = []
        self._meter = meter

    def send(self, url: str, *, title: str, body: str, is_bad: bool = False) -> Outcome:
        self._meter.reach(BEFORE_SENDING)
        self.taken.append((url, title, body, is_bad))
        self._meter.reach(AFTER_SENDING)
        return Sent()

    def count(self, where: str) -> int:
        """How many messages went there."""
        return sum(where in url for url, *_ in self.taken)


class Story:
    """One authorization that nobody answers for, and a machine whose power goes at a chosen boundary."""

    def __init__(self, engine: Engine, url: str, admin: psycopg.Connection) -> None:
        self._meter, self._admin, self._plain = Meter(admin), admin, engine
        self.machine = metered_engine(url, self._meter)

    def climbs(self, cut_at: int | None) -> tuple[list[str], Gateway]:
        """A climb that is cut, then climbs until all is quiet. Returns the boundaries passed, and what was sent."""
        empty(self._admin)
        room = Receiver()
        room.base = "127.0.0.1:9"
        office, gateway = Office(self._plain, HandClock(START), room), Gateway(self._meter)
        office.was_asked(office.authorization(creator=office.creator(), left=1.5 * DAY))
        office.engine, office.messenger = self.machine, gateway
        self.machine.connect().close()
        boundaries = self._meter.begin(cut_at=cut_at)
        try:
            office.climbs()
        except PowerCut:
            self._meter.begin()
            # Its span over, an alert that may not have arrived is said again; a text never.
            for span in (ABANDONED_AFTER + timedelta(minutes=1), timedelta(hours=9)):
                office.sleeps(span)
        return boundaries, gateway


@pytest.fixture
def story(engine: Engine, database_url: str) -> Iterator[Story]:
    with psycopg.connect(database_url, autocommit=True, options="-c timezone=UTC") as admin:
        story = Story(engine, database_url, admin)
        yield story
        story.machine.dispose()


def test_wherever_the_power_goes_each_step_is_there_once_and_no_text_is_sent_twice(
    story: Story, engine: Engine
) -> None:
    boundaries, whole = story.climbs(None)
    assert (whole.count("phone/"), whole.count("room")) == (1, 1)
    assert {BEFORE_SENDING, AFTER_SENDING} <= set(boundaries)

    for cut_at in range(len(boundaries)):
        _, gateway = story.climbs(cut_at)

        where = f"{cut_at}: {boundaries[cut_at]}"
        assert gateway.count("phone/") <= 1, where
        # Said, and said again only where nobody could know whether it was heard.
        assert 1 <= gateway.count("room") <= 2, where
        with psycopg.connect(engine.url.set(drivername="postgresql").render_as_string(hide_password=False)) as look:
            assert look.execute(STEPS).fetchall() == [("other_channel", True), ("owner", True)], where
