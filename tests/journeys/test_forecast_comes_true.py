"""The forecast is held against what happens: thirty days of the real service, in which nobody answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine

from domain.forecast import Forecast
from domain.foreseen import Item
from infra.broker import make_broker, make_nudges
from infra.chosen import policy_of
from infra.clock import HandClock
from infra.database import hot
from infra.forecasting import foresee
from infra.inbox import MAILBOXES
from infra.mail import SmtpMailer, SmtpServer
from infra.vault import Vault
from scheduler.sweeps import sweep_all
from tests.postbox import Postbox, postbox
from tests.service import Service, service
from worker.chosen import writing_of
from worker.drain import drain
from worker.pay import pay

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
DAYS = 30
ZONES = ("Europe/Paris", "America/Los_Angeles", "Asia/Tokyo", "Pacific/Auckland", "America/Sao_Paulo", None)
PEOPLE = 5
# One more, whose codes end one after the other.
OFTEN_ASKED = PEOPLE

# The next instant at which anything is to be done. Who has no address is looked at every minute, for nothing. Before a
# holiday an ask may come forward: three days ahead of it, or of what was asked already, or a day after the period began.
NEXT = """
SELECT min(at) FROM (
    SELECT min(expires_at) FROM authorizations WHERE state IN ('authorized', 'active')
    UNION ALL SELECT min(next_action_at) FROM authorizations WHERE next_action IN ('ask', 'lapse')
    UNION ALL SELECT min(due_at) FROM outbox JOIN creators ON creators.id = creator_id
    WHERE kind = 'ask.mail' AND status = 'owed' AND email IS NOT NULL
    UNION ALL SELECT min(at) FROM creators JOIN authorizations AS a ON creator_id = creators.id LEFT JOIN asks
        ON authorization_id = a.id, unnest(array[away_from - interval '3 days', starts_at + interval '1 day',
        coalesce(asks.sent_at, asked_at) + interval '3 days']) AS at
    WHERE at > %(now)s AND at < away_from
) AS due (at)
"""
SENT = """
SELECT handle, asks.sent_at, array_agg((key, asks.rung, asks.days)::text ORDER BY key)
FROM asks JOIN authorizations ON authorizations.id = authorization_id JOIN creators ON creators.id = creator_id
WHERE asks.sent_at > %(begin)s AND asks.sent_at <= %(until)s GROUP BY outbox_id, handle, asks.sent_at ORDER BY 2, 1
"""
BROUGHT_FORWARD = "SELECT key FROM inbox WHERE outcome = 'stayed' AND data ? 'away_from' AND received_at > %(begin)s"
LAPSED = "SELECT key, period_ends_at FROM endings JOIN authorizations ON authorizations.id = authorization_id"
LAPSED += " WHERE outcome = 'lapsed' AND period_ends_at > %(begin)s ORDER BY 2, 1"


class Stage:
    """A service with many posts of several creators, which can be left alone for a month."""

    def __init__(self, running: Service, box: Postbox, seed: int) -> None:
        self.service, self.box, self.random = running, box, Random(seed)
        self.nudges = make_nudges(make_broker(""))
        self.mailer = SmtpMailer(SmtpServer.parse(box.url))

    @property
    def now(self) -> datetime:
        return self.service.clock.now()

    def asks(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        with hot(self.service.engine) as connection:
            return connection.execute(query.encode(), values).fetchall()

    def has_posts(self, count: int) -> None:
        """Of all lengths, that ended lately or end soon, needed for long, for a while, or not at all."""
        for number in range(count):
            self.has_post(f"73000000000000{number:05}", self.random.randrange(PEOPLE))
        self.service.settles()

    def has_post(self, item_id: str, person: int) -> None:
        random, now = self.random, self.now
        about: dict[str, Any] = {"post": {"item_id": item_id}}
        days = random.choice((7, 30, 30, 60, 365))
        self.service.hears("authorization.requested", route="code", days=days, creator=creator(person), **about)
        if random.random() < 0.1:
            return
        ends_at = now + random.uniform(1 / 24, min(days, 42)) * DAY
        times: dict[str, Any] = {"starts_at": (ends_at - days * DAY).isoformat(), "expires_at": ends_at.isoformat()}
        self.service.hears("code.granted", **times, **about)
        for ad in range(random.choice((0, 1, 1, 2))):
            flight = (
                {"flight_end": (ends_at + random.uniform(-3, 40) * DAY).isoformat()} if random.random() < 0.8 else {}
            )
            spend = {"amount": str(random.randint(10, 900)), "currency": random.choice(("EUR", "USD"))}
            self.service.hears(
                "ad.started", ad={"ad_id": f"{ad}{item_id[-6:]}", "daily_spend": spend} | flight, **about
            )
        if random.random() < 0.1:
            self.service.hears("request.declined", **about)

    def has_posts_that_need_longer(self) -> None:
        """Two of a creator who is asked again and again: periods that cover the one need take two renewals for the other."""
        for number, ends, needed_for in ((1, 15, 20), (2, 29, 50)):
            about: dict[str, Any] = {"post": {"item_id": f"74000000000000{number:05}"}}
            ends_at = self.now + ends * DAY
            self.service.hears("authorization.requested", route="code", days=30, creator=creator(OFTEN_ASKED), **about)
            times: dict[str, Any] = {"starts_at": (ends_at - 30 * DAY).isoformat(), "expires_at": ends_at.isoformat()}
            self.service.hears("code.granted", **times, **about)
            flight_end = (ends_at + needed_for * DAY).isoformat()
            self.service.hears("ad.started", ad={"ad_id": f"74{number}", "flight_end": flight_end}, **about)
        self.service.settles()

    def hears_of_creators(self) -> None:
        """Two will be away, one sleeps on it, one must not be asked; the others said nothing."""
        away = {"from": (self.now + 5 * DAY).isoformat(), "until": (self.now + 9 * DAY).isoformat()}
        later = {"from": (self.now + 14 * DAY).isoformat(), "until": (self.now + 26 * DAY).isoformat()}
        for type_, person, data in (
            ("creator.away", 0, away),
            ("creator.away", 3, later),
            ("creator.snoozed", 1, {"until": (self.now + 3 * DAY).isoformat()}),
            (self.random.choice(("creator.opted_out", "creator.payment_due")), 2, {"is_due": True}),
        ):
            more = data if type_ != "creator.opted_out" else {}
            assert self.service.hears(type_, creator={"handle": f"creator.{person}"}, **more).status_code == 202
        self.service.settles()

    def is_left_alone(self, until: datetime) -> None:
        """The real sweeps, worker and payer, at each tick at which something is due."""
        begin, every = self.now, timedelta(seconds=self.service.settings.sweep_seconds)
        at = begin
        while at <= until:
            self.service.clock.set(at)
            self.ticks()
            [(due_at,)] = self.asks(NEXT, now=at)
            if due_at is None:
                return
            at = max(at + every, begin + -((begin - due_at) // every) * every)

    def ticks(self) -> None:
        running, policy = self.service, policy_of(self.service.settings)
        sweep_all(engine=running.engine, clock=running.clock, nudges=self.nudges, settings=running.settings)
        for _ in range(3):
            for (mailbox,) in self.asks("SELECT DISTINCT mailbox FROM pending WHERE status = 'ready'"):
                assert mailbox < MAILBOXES
                drain(running.engine, running.clock, policy, mailbox)
        settings = running.settings
        writing = writing_of(settings, running.vault)
        pay(running.engine, running.clock, self.mailer, mail_from=settings.mail_from, writing=writing)


def creator(person: int) -> dict[str, Any]:
    """The fifth one has no address."""
    handle = f"creator.{person}"
    known = {"handle": handle, "name": handle, "locale": "en", "timezone": ZONES[person]}
    return {name: value for name, value in known.items() if value} | (
        {"email": f"{handle}@creators.test"} if person != PEOPLE - 1 else {}
    )


@pytest.fixture
def running(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[tuple[Service, Postbox]]:
    with postbox() as box, service(engine=engine, clock=clock, vault=vault, smtp_url=box.url) as everspark:
        yield everspark, box


@pytest.mark.parametrize("seed", [2, 5])
def test_thirty_days_go_as_foreseen_if_nobody_answers(running: tuple[Service, Postbox], seed: int) -> None:
    stage = Stage(*running, seed)
    stage.has_posts(24)
    stage.has_posts_that_need_longer()
    stage.hears_of_creators()
    # Some days on, there is a past: messages sent, some being gathered, ladders half climbed
    stage.is_left_alone(stage.now + 4 * DAY + 7 * HOUR)
    begin = stage.now
    taken = len(stage.box.taken)

    foreseen = foresee(stage.service.engine, stage.service.settings, now=begin, days=DAYS)
    stage.is_left_alone(foreseen.until)

    assert messages(foreseen) == stage.asks(SENT, begin=begin, until=foreseen.until)
    assert len(foreseen.messages) == len(stage.box.taken) - taken
    lapsed = [(lapse.key, lapse.at) for lapse in foreseen.lapses]
    assert lapsed == stage.asks(LAPSED, begin=begin)
    # What is rare was among it: an ask before a holiday, and a longer period than the need of its post calls for
    assert stage.asks(BROUGHT_FORWARD, begin=begin)
    assert {(0, 30), (4, 60)} <= {(item.rung, item.days) for item in items_for(foreseen, OFTEN_ASKED)}
    assert len(foreseen.messages) > 10
    assert len(lapsed) > 5


def items_for(foreseen: Forecast, person: int) -> list[Item]:
    handle = f"creator.{person}"
    return [item for message in foreseen.messages if message.handle == handle for item in message.items]


def messages(foreseen: Forecast) -> list[tuple[str, datetime, list[str]]]:
    return [
        (message.handle, message.at, sorted(f"({item.key},{item.rung},{item.days})" for item in message.items))
        for message in foreseen.messages
    ]
