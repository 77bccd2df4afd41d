"""Creators who told when they will be away: the ask comes before they leave, once, and by the usual manners."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from infra.clock import HandClock
from infra.database import hot
from infra.vault import Vault
from tests.postbox import Postbox, postbox
from tests.service import Service, service

ANA = {"handle": "ana.dances", "name": "Ana", "email": "ana@creators.test", "locale": "en", "timezone": "Europe/Paris"}
POSTS = ("7300000000000000001", "7300000000000000002")
HOUR = timedelta(hours=1)
ASKED = """
SELECT item_id, asks.rung, sent_at::date::text FROM asks JOIN authorizations AS a ON a.id = authorization_id
WHERE sent_at IS NOT NULL ORDER BY sent_at, item_id
"""


def day(month: int, number: int, hour: int = 10) -> datetime:
    return datetime(2026 if month > 10 else 2027, month, number, hour, tzinfo=UTC)


class Desk:
    """Posts of one creator, which an ad needs until March."""

    def __init__(self, running: Service, box: Postbox) -> None:
        self.service, self.box = running, box

    def grants(self, post: str = POSTS[0], *, ends_at: datetime, days: int = 30) -> None:
        about: dict[str, Any] = {"post": {"item_id": post}}
        begins_at = (ends_at - timedelta(days=days)).isoformat()
        needed_until = day(3, 30).isoformat()
        self.service.hears(
            "authorization.requested", route="code", days=days, creator=ANA, needed_until=needed_until, **about
        )
        self.service.hears("code.granted", starts_at=begins_at, expires_at=ends_at.isoformat(), **about)
        self.service.settles()

    def is_away(self, begins_at: datetime, ends_at: datetime) -> None:
        data: dict[str, Any] = {"from": begins_at.isoformat(), "until": ends_at.isoformat()}
        self.service.hears("creator.away", creator={"handle": "ana.dances"}, **data)
        self.service.settles()

    def sleeps_until(self, at: datetime) -> None:
        self.service.sleeps(at - self.service.clock.now(), step=6 * HOUR)

    def fetches(self, query: str) -> list[tuple[Any, ...]]:
        with hot(self.service.engine) as connection:
            return connection.execute(query.encode()).fetchall()

    @property
    def asked(self) -> list[tuple[str, int, str]]:
        """(post, rung, day) of what was sent."""
        return self.fetches(ASKED)


@pytest.fixture
def desk(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[Desk]:
    with postbox() as box, service(engine=engine, clock=clock, vault=vault, smtp_url=box.url) as running:
        yield Desk(running, box)


def test_a_holiday_over_the_end_is_asked_before(desk: Desk) -> None:
    # A month's code until 22 December; the window opens on the 12th. She is away from the 11th, a Friday, on
    desk.grants(ends_at=day(12, 22))
    desk.is_away(day(12, 11), day(12, 28))
    desk.sleeps_until(day(12, 8, 9))
    assert desk.asked == []

    desk.sleeps_until(day(12, 9))

    assert desk.asked == [(POSTS[0], 0, "2026-12-08")]
    assert desk.fetches("SELECT decided_why, withheld_why FROM authorizations") == [("before_holiday", None)]

    # Once, and nothing while she is away
    desk.sleeps_until(day(12, 28, 9))
    assert len(desk.box.taken) == 1


def test_who_extends_before_leaving_is_not_asked_again(desk: Desk) -> None:
    desk.grants(ends_at=day(12, 22))
    desk.is_away(day(12, 11), day(12, 28))
    desk.sleeps_until(day(12, 9))
    desk.service.hears("authorization.extended", post={"item_id": POSTS[0]}, expires_at=day(2, 20).isoformat())

    desk.sleeps_until(day(12, 30))

    assert len(desk.box.taken) == 1


def test_a_weekend_before_the_holiday_is_no_obstacle(desk: Desk) -> None:
    # Away from Monday 14 December at eight in the morning: Friday is the last day on which she is written to
    desk.grants(ends_at=day(12, 23))
    desk.is_away(day(12, 14, 7), day(12, 28))
    desk.sleeps_until(day(12, 14, 7))

    assert desk.asked == [(POSTS[0], 0, "2026-12-11")]


def test_a_short_holiday_changes_nothing(desk: Desk) -> None:
    desk.grants(ends_at=day(12, 22))
    desk.is_away(day(12, 11), day(12, 16))
    desk.sleeps_until(day(12, 12))

    assert desk.asked == []

    desk.sleeps_until(day(12, 17))

    assert [(rung, at) for _, rung, at in desk.asked] == [(1, "2026-12-16")]


def test_what_would_come_soon_goes_along(desk: Desk) -> None:
    desk.grants(POSTS[0], ends_at=day(12, 22))
    # Its window opens on the 10th, before the holiday, within the span of one message
    desk.grants(POSTS[1], ends_at=day(12, 20))
    desk.is_away(day(12, 11), day(12, 28))

    desk.sleeps_until(day(12, 28, 9))

    assert [(post, at) for post, _, at in desk.asked[:2]] == [(post, "2026-12-08") for post in POSTS]
    assert len(desk.box.taken) == 1


def test_what_no_ad_needs_is_not_asked_for_before_a_holiday_either(desk: Desk) -> None:
    desk.grants(ends_at=day(12, 22))
    desk.is_away(day(12, 11), day(12, 28))
    needed_until = day(12, 20).isoformat()
    desk.service.hears("authorization.requested", route="code", days=30, creator=ANA, needed_until=needed_until)
    desk.service.settles()

    desk.sleeps_until(day(12, 28, 9))

    assert desk.asked == []


def test_a_holiday_that_was_taken_back_brings_nothing_forward(desk: Desk) -> None:
    desk.grants(ends_at=day(12, 22))
    desk.is_away(day(12, 11), day(12, 28))
    desk.is_away(day(11, 23), day(11, 24))
    desk.sleeps_until(day(12, 11))

    assert desk.asked == []


@pytest.mark.parametrize("seed", range(3))
def test_whatever_the_holiday_no_rung_goes_twice_and_nothing_while_away(desk: Desk, seed: int) -> None:
    begins_at = day(12, 6 + 3 * seed, 5 + 4 * seed)
    ends_at = begins_at + timedelta(days=7 + 4 * seed)
    desk.grants(POSTS[0], ends_at=day(12, 22))
    desk.grants(POSTS[1], ends_at=day(12, 24), days=60)
    desk.is_away(begins_at, ends_at)

    desk.sleeps_until(day(12, 30))

    sent = [at for (at,) in desk.fetches("SELECT DISTINCT sent_at FROM asks WHERE sent_at IS NOT NULL ORDER BY 1")]
    assert sent
    assert not [at for at in sent if begins_at <= at < ends_at]
    assert all(sum(timedelta() <= at - other < timedelta(days=7) for other in sent) <= 4 for at in sent)
    assert all(8 <= at.hour < 19 for at in sent)
    [(doubles,)] = desk.fetches(
        "SELECT count(*) - count(DISTINCT (authorization_id, period_ends_at, rung)) FROM asks WHERE sent_at IS NOT NULL"
    )
    assert doubles == 0
