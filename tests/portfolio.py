"""Authorizations in force, written straight into the rows with the plan that the worker would have given them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import Engine

from domain.authorization import Authorization, Flight, State, changed
from domain.events import Ad, Creator, Route
from domain.reasons import Reason
from domain.renewal import Policy, Urgency, law_of, plan
from infra import authorizations
from infra.database import hot
from infra.owed import AskOwed, owe_asks

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


def takes_back(engine: Engine, post: Post, *, at: datetime) -> None:
    """Its authorization was withdrawn then."""
    withdrawn = "state = 'revoked', state_reason = 'withdrawn', state_since = %(at)s, revoked_at = %(at)s"
    with hot(engine) as connection:
        query = f"UPDATE authorizations SET {withdrawn} WHERE key = %(key)s"
        connection.execute(query.encode(), {"at": at, "key": post.key})


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


def owes_message(engine: Engine, post: Post, *, now: datetime, due_at: datetime, reason: str | None) -> None:
    """The last ask of the post's period is in a message that waits until `due_at`."""
    ask = AskOwed(
        key=post.key,
        period_ends_at=authorization_of(post, now).expires_at or now,
        rung=3,
        urgency=Urgency.EMERGENCY,
        days=post.days,
        why=Reason.RENEWAL_NEEDED,
    )
    with hot(engine) as connection:
        owe_asks(connection, [ask], now=now)
        connection.execute("UPDATE outbox SET due_at = %s, last_error = %s WHERE kind = 'ask.mail'", [due_at, reason])
        climbed = (
            "UPDATE authorizations SET next_action = 'expire', next_action_at = expires_at, why = %s WHERE key = %s"
        )
        connection.execute(climbed, [Reason.LADDER_CLIMBED, post.key])
