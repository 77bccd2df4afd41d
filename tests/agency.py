"""A house with something to show: two brands, three creators, a renewal that came late, one that lapsed, and one under way."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine

from domain.posts import AdDay
from domain.sightings import Sighting
from infra import advertisers, kpis, links, sightings
from infra.clock import HandClock
from infra.database import hot
from infra.vault import Vault
from tests.portfolio import Post, holds
from tests.postbox import postbox
from tests.service import ADVERTISER, KEY, POST, Service, service

DAY = timedelta(days=1)
MAYA = {
    "handle": "maya.moves",
    "name": "Maya",
    "email": "maya@creators.test",
    "timezone": "Europe/Paris",
    "locale": "fr",
}
OTHER_ADVERTISER = "7200000000000000002"


def opens(engine: Engine, clock: HandClock, vault: Vault) -> None:
    """Forty days of it, lived through; it is then some day at the end of the year."""
    with postbox() as letters, service(engine=engine, clock=clock, vault=vault, smtp_url=letters.url) as everspark:
        lives(everspark, clock)
    now = clock.now()
    others = [
        Post(number=number, creator=f"creator.{number % 3}", ends=3 + number * 4.7, flight=30 + number, spend="80")
        for number in range(2, 12)
    ]
    others.append(Post(number=1, advertiser=OTHER_ADVERTISER, ends=5, flight=60, spend="340", currency="USD"))
    holds(engine, others, now=now)
    with hot(engine) as connection:
        advertisers.connect(connection, vault, advertiser_id=ADVERTISER, token="t", now=now, name="Maison Alba")
        advertisers.connect(connection, vault, advertiser_id=OTHER_ADVERTISER, token="u", now=now, name="Northwind")
        advertisers.note_trouble(connection, OTHER_ADVERTISER, "The token was revoked: connect the advertiser again.")
        sightings.save(connection, [seen(now)])
        kpis.save(connection, ADVERTISER, figures(now))
        ((creator,),) = connection.execute("SELECT id FROM creators WHERE handle = 'maya.moves'").fetchall()
        links.issue(connection, vault, creator_id=creator, now=now - 40 * DAY)
        links.issue(connection, vault, creator_id=creator, now=now - DAY)


def lives(everspark: Service, clock: HandClock) -> None:
    """Asked, granted, advertised, asked again, silent, over, renewed late, and needed beyond the new end."""
    everspark.hears("authorization.requested", route="code", days=30, creator=MAYA, reference="Winter 26")
    everspark.settles()
    granted(everspark, clock, days=30)
    flies(everspark, clock, "9001", days=80, amount="120")
    flies(everspark, clock, "9002", days=20, amount="45.50")
    everspark.settles()
    everspark.sleeps(31 * DAY, step=12 * timedelta(hours=1))
    everspark.hears("authorization.extended", expires_at=(clock.now() + 30 * DAY).isoformat())
    everspark.hears("ad.stopped", ad={"ad_id": "9002"})
    everspark.settles()
    everspark.sleeps(9 * DAY, step=DAY)


def granted(everspark: Service, clock: HandClock, *, days: int) -> None:
    now = clock.now()
    everspark.hears("code.granted", starts_at=now.isoformat(), expires_at=(now + days * DAY).isoformat())


def flies(everspark: Service, clock: HandClock, ad_id: str, *, days: int, amount: str) -> None:
    ad: dict[str, Any] = {"ad_id": ad_id, "flight_end": (clock.now() + days * DAY).isoformat()}
    everspark.hears("ad.started", ad=ad | {"daily_spend": {"amount": amount, "currency": "EUR"}})


def seen(now: datetime) -> Sighting:
    """What TikTok shows of the post."""
    return Sighting(
        key=KEY,
        auth_status="AUTHORIZED",
        starts_at=now - 40 * DAY,
        ends_at=now + 21 * DAY,
        status="ITEM_STATUS_HESITATE_RECOMMEND",
        facts={"caption": "Winter coats, three ways", "creator": "maya.moves", "seconds": 21.0, "item_type": "VIDEO"},
        seen_at=now - timedelta(minutes=12),
    )


def figures(now: datetime) -> list[AdDay]:
    """Three weeks of an ad."""
    return [
        AdDay(
            ad_id="9001",
            day=(now - back * DAY).date(),
            currency="EUR",
            spend=Decimal(60 + back * 37 % 90),
            impressions=20_000 + back * 7_919 % 9_000,
            clicks=200 + back * 53 % 140,
            conversions=Decimal(back * 7 % 12),
        )
        for back in range(1, 22)
        if back not in (9, 10)
    ]


__all__ = ["ADVERTISER", "KEY", "OTHER_ADVERTISER", "POST", "opens"]
