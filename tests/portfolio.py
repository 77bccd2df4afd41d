"""Authorizations in force, written straight into the rows with the plan that the worker would have given them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import Engine

from domain.authorization import Authorization, Flight, State, changed
from domain.events import Ad, Creator, Route
from domain.renewal import Policy, law_of, plan
from infra import authorizations
from infra.database import hot

DAY = timedelta(days=1)
POLICY = Policy()


@dataclass(frozen=True, kw_only=True, slots=True)
class Post:
    """A post of `creator` (None: nobody knows whose), in days from now; `flight` None: its ad has no end."""

    number: int = 1
    creator: str | None = "maya.moves"
    advertiser: str = "7200000000000000001"
    ends: float = 12
    days: int = 30
    flight: float | None = None
    spend: str = "100"
    currency: str = "EUR"
    zone: str | None = "Europe/Paris"
    has_email: bool = True

    @property
    def key(self) -> str:
        return f"{self.advertiser}/{7300000000000000000 + self.number}"


def holds(engine: Engine, posts: Sequence[Post], *, now: datetime) -> None:
    known = [authorization_of(post, now) for post in posts]
    people = {post.creator: (person_of(post), now) for post in posts if post.creator}
    handles = {post.key: post.creator for post in posts if post.creator}
    with hot(engine) as connection:
        authorizations.save_creators(connection, people)
    saved(engine, known, handles, now=now)


def saved(engine: Engine, known: Sequence[Authorization], handles: Mapping[str, str], *, now: datetime) -> None:
    """With their ads; `handles` names creators, who are known, by authorization key."""
    flights = {(each.key, ad_id): flight for each in known for ad_id, flight in each.flights.items()}
    with hot(engine) as connection:
        authorizations.save(connection, known, handles, now=now)
        authorizations.save_ads(connection, flights)


def person_of(post: Post) -> Creator:
    email = f"{post.creator}@creators.test" if post.has_email else None
    return Creator(handle=post.creator or "", email=email, timezone=post.zone)


def authorization_of(post: Post, now: datetime) -> Authorization:
    """Active since its period began, its past rungs used up, and planned."""
    ends_at = now + post.ends * DAY
    begins_at = ends_at - post.days * DAY
    flight_end = now + post.flight * DAY if post.flight is not None else None
    ad = Ad(ad_id=str(post.number), flight_end=flight_end, daily_spend=Decimal(post.spend), currency=post.currency)
    known = Authorization(
        key=post.key,
        route=Route.CODE,
        state=State.ACTIVE,
        state_reason="ad_started",
        state_since=begins_at,
        days=post.days,
        starts_at=begins_at,
        expires_at=ends_at,
        rung=sum(ends_at - before < now for before in law_of(begins_at, ends_at).rungs),
        flights={ad.ad_id: Flight(ad=ad, started_at=begins_at)},
    )
    return changed(known, plan=plan(known, now=now, policy=POLICY))
