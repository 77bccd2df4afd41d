"""Mail and texts to one creator are paid side by side; each counts the other, also at the same instant."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.headerregistry import Address

import pytest
from sqlalchemy import Engine

from domain.patience import ANY_HOUR, SENTENCES, Manners, Patience
from infra import outbox
from infra.clock import HandClock
from infra.database import hot
from tests.office import DAY, Office
from tests.receiver import Receiver, receiver
from tests.waiting import until
from worker.asking import Writing, Written
from worker.digesting import judge_asks

ONE_A_WEEK = Manners(hours=ANY_HOUR, weekly_cap=1, emergency_cap=1)
WRITING = Writing(sender=Address("Everspark", addr_spec="ask@brand.test"), manners=ONE_A_WEEK)
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"
OWE_MAIL = """
WITH message AS (
    INSERT INTO outbox (kind, key, creator_id, idempotency_key, payload, due_at, created_at)
    VALUES ('ask.mail', 'creator/mia', %(creator)s, 'ask', '{}', %(now)s, %(now)s) RETURNING id
)
INSERT INTO asks (authorization_id, period_ends_at, rung, urgency, days, asked_at, outbox_id)
SELECT authorizations.id, expires_at, 2, 'window', 30, %(now)s, message.id FROM authorizations, message
"""


@pytest.fixture
def room() -> Iterator[Receiver]:
    with receiver() as here:
        yield here


@pytest.fixture
def office(engine: Engine, clock: HandClock, room: Receiver) -> Iterator[Office]:
    office = Office(engine, clock, room, manners=ONE_A_WEEK)
    yield office
    office.is_closed()


def test_a_text_waits_for_the_mail_that_is_about_to_go_and_counts_it(office: Office) -> None:
    # Asked long ago, so that silence climbs to the telephone while another mail is due
    creator, now = office.creator(), office.clock.now()
    number = office.authorization(creator=creator, left=5 * DAY)
    ((ends_at,),) = office.run("SELECT expires_at FROM authorizations")
    for rung in range(2):
        office.asked_at(number, rung, ends_at, now - 8 * DAY)
    with hot(office.engine) as connection:
        connection.execute(OWE_MAIL, {"creator": creator, "now": now})

    with ThreadPoolExecutor(1) as threads:
        with hot(office.engine) as connection:
            [debt] = outbox.claim(connection, now=now)
            assert isinstance(judge_asks(connection, debt, WRITING, now), Written)
            climbed = threads.submit(office.climbs)
            until(lambda: climbed.done() or connection.execute(WAITING).fetchall() == [(1,)])
            assert not climbed.done()
        assert climbed.result().told.waiting == 1

    assert office.texts == []
    reasons = office.run("SELECT status, last_error FROM outbox WHERE kind = 'ask.channel'")
    assert reasons == [("owed", SENTENCES[Patience.WEEKLY_CAP])]
