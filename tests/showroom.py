"""A house in which every page has something to show: `agency`, and what a full morning brings besides."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from domain.acts import Act
from domain.people import Role, Scope
from infra import api_tokens, bulks, inbox, people, producer_acts, sheets
from infra.chosen import policy_of
from infra.clock import HandClock
from infra.database import hot, transaction
from infra.inbox import MAILBOXES, RETRY_AFTER
from infra.reports.concerned import Chosen
from infra.settings import load
from infra.vault import Vault
from tests import agency
from tests.deliveries import CREATOR, letter
from tests.operator import person
from tests.portfolio import Post, holds
from worker.bulks import advance
from worker.drain import drain

ESCALATED = """
INSERT INTO escalations (authorization_id, period_ends_at, step, opened_at)
SELECT id, expires_at, 'owner', %s FROM authorizations WHERE state = 'active' ORDER BY expires_at LIMIT 5
"""
SHEET = b"""advertiser,post,creator,end
7200000000000000001,7300000000000000900,maya.moves,2027-06-01
7200000000000000001,not a post,,
"""
ADMIN = "user:ada.admin@example.com"
ADVERTISER = agency.ADVERTISER


def opens(engine: Engine, clock: HandClock, vault: Vault) -> None:
    agency.opens(engine, clock, vault)
    soon = [
        Post(number=100 + each, creator=f"creator.{each % 5}", ends=each % 6 + 0.5, flight=9 + each * 3, spend="75")
        for each in range(14)
    ]
    holds(engine, soon, now=clock.now())
    quarantines(engine, clock)
    keeps_house(engine, clock, vault)
    acts(engine, clock)
    with hot(engine) as connection:
        sheets.receive(connection, [SHEET], vault=vault, name="spring.csv", actor=ADMIN, now=clock.now())


def quarantines(engine: Engine, clock: HandClock) -> None:
    """Three events whose instant no plan can add days to."""
    for number in range(3):
        asked = letter(
            "authorization.requested",
            clock.now(),
            event_id=f"bad-{number}",
            post=f"740000000000000000{number}",
            route="code",
            days=30,
            creator=CREATOR,
        )
        with hot(engine) as connection:
            inbox.accept(connection, [replace(asked, occurred_at=datetime.max.replace(tzinfo=UTC))], now=clock.now())
    for wait in (timedelta(), *RETRY_AFTER):
        clock.advance(wait)
        settles(engine, clock)


def settles(engine: Engine, clock: HandClock) -> None:
    """What is ready is applied."""
    for mailbox in range(MAILBOXES):
        drain(engine, clock, policy_of(load()), mailbox)


def acts(engine: Engine, clock: HandClock) -> None:
    """One that is done, and one that is under way."""
    # Nobody looks here, so no more are to be looked at than may be owed at once.
    for act, query, until in (
        (Act.LOOK, "left_to=2", None),
        (Act.SNOOZE, "left_to=7", clock.now() + timedelta(days=9)),
    ):
        while advance(engine, clock):
            settles(engine, clock)
        with hot(engine) as connection:
            bulks.create(connection, act, Chosen(query=query), until=until, actor=ADMIN, now=clock.now(), nonce=act)


def keeps_house(engine: Engine, clock: HandClock, vault: Vault) -> None:
    """What climbed to a person, who may come in, what may send, and which tokens work."""
    now = clock.now()
    with transaction(engine) as session:
        producer_acts.register(session, vault, name="tiktok", scheme="path", actor=ADMIN, now=now)
        producer_acts.register(session, vault, name="spreadsheet", scheme="standard", actor=ADMIN, now=now)
        producer_acts.disable(session, name="spreadsheet", actor=ADMIN, now=now)
        producer_acts.rotate(session, vault, name="crm", overlap=timedelta(days=1), actor=ADMIN, now=now)
    admin = person(engine, clock, Role.ADMIN)
    person(engine, clock, Role.VIEWER, email="grace.hopper@the-long-name-of-a-house.example.com")
    left = person(engine, clock, Role.OPERATOR, email="lin@example.com")
    with hot(engine) as connection:
        connection.execute(ESCALATED, [now])
        people.disable(connection, user_id=left.id, actor=ADMIN, now=now)
        for name, scopes in (("campaign tool", {Scope.READ, Scope.ACT}), ("warehouse", {Scope.READ})):
            made = api_tokens.make(
                connection, name=name, scopes=scopes, user_id=admin.id, days=90, actor=ADMIN, now=now
            )
        api_tokens.find(connection, made, now=now)
        api_tokens.make(connection, name="old script", scopes={Scope.IMPORT}, actor="cli:ada", now=now)
        api_tokens.revoke(connection, 3, actor=ADMIN, now=now)
