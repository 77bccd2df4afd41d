"""The plain build: what a competent user writes with SQLModel, one session and one commit for each event.

The three baselines (dramatiq, Celery, FastAPI) share it and differ only in what carries the event here.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col, create_engine, select

from infra.inbox import mailbox_of
from infra.tables import AdRow, AuthorizationRow, CreatorRow, Grant, History, Inbox

REASONS = {
    "authorization.requested": "requested",
    "code.granted": "granted",
    "ad.started": "ad_started",
    "ad.stopped": "ads_stopped",
    "period.ended": "period_ended",
}


def make_engine() -> Engine:
    url = os.environ["EVERSPARK_DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://")
    return create_engine(url)


def take(engine: Engine, message: dict[str, Any]) -> None:
    """Stores an event and applies it, in one commit."""
    with Session(engine) as session:
        event = stored(message)
        session.add(event)
        session.flush()
        apply(session, event)
        session.commit()


def stored(message: dict[str, Any]) -> Inbox:
    return Inbox(
        sender=message["sender"],
        event_id=message["event_id"],
        type=message["type"],
        key=message["key"],
        mailbox=mailbox_of(message["key"]),
        occurred_at=_instant(message["occurred_at"]),
        received_at=_instant(message["received_at"]),
        data=message["data"],
    )


def apply(session: Session, event: Inbox) -> None:
    """Moves the authorization, keeps the facts, writes the history, and marks the event as handled."""
    now = datetime.now(UTC)
    found = select(AuthorizationRow).where(col(AuthorizationRow.key) == event.key).with_for_update()
    authorization = session.exec(found).one_or_none() or _adopted(event, now)
    before = authorization.state if authorization.id else None
    _move(session, authorization, event, now)
    session.add(authorization)
    session.flush()
    _keep_facts(session, authorization, event)
    session.add(_entry(authorization, event, before, now))
    event.outcome, event.reason, event.handled_at = "moved", authorization.state_reason, now


def _adopted(event: Inbox, now: datetime) -> AuthorizationRow:
    return AuthorizationRow(
        key=event.key,
        advertiser_id=event.data["advertiser_id"],
        item_id=event.data["post"]["item_id"],
        route="code",
        state="requested",
        state_reason="requested",
        state_since=event.occurred_at,
        why="waiting",
        version=0,
        created_at=now,
        updated_at=now,
    )


def _move(session: Session, authorization: AuthorizationRow, event: Inbox, now: datetime) -> None:
    data = event.data
    match event.type:
        case "authorization.requested":
            authorization.route, authorization.days = data["route"], data["days"]
            authorization.reference, authorization.requested_at = data["reference"], event.occurred_at
            authorization.creator_id = _creator(session, data["creator"], now)
        case "code.granted":
            authorization.state = "authorized"
            authorization.starts_at, authorization.expires_at = (
                _instant(data["starts_at"]),
                _instant(data["expires_at"]),
            )
            authorization.period_source = event.type
        case "ad.started":
            authorization.state = "active"
        case "ad.stopped":
            authorization.state = "authorized"
        case "period.ended":
            authorization.state = "expired"
    authorization.state_reason, authorization.state_since = REASONS[event.type], event.occurred_at
    authorization.version += 1
    authorization.updated_at = now


def _creator(session: Session, creator: dict[str, str], now: datetime) -> int:
    """One statement, so that two workers meeting the same creator do not collide."""
    facts = creator | {"updated_at": now}
    statement = insert(CreatorRow).values(facts).on_conflict_do_update(index_elements=["handle"], set_=facts)
    return int(session.execute(statement.returning(col(CreatorRow.id))).scalar_one())


def _keep_facts(session: Session, authorization: AuthorizationRow, event: Inbox) -> None:
    assert authorization.id is not None
    assert event.seq is not None
    match event.type:
        case "code.granted" if authorization.starts_at:
            grant = Grant(
                authorization_id=authorization.id, starts_at=authorization.starts_at, source=event.type, seq=event.seq
            )
            grant.ends_at = authorization.expires_at
            session.add(grant)
        case "ad.started":
            session.merge(_ad(authorization.id, event.data["ad"], event.occurred_at))
        case "ad.stopped":
            ad = session.get(AdRow, (authorization.id, event.data["ad"]["ad_id"]))
            if ad is not None:
                ad.stopped_at = event.occurred_at


def _ad(authorization_id: int, ad: dict[str, Any], at: datetime) -> AdRow:
    return AdRow(
        authorization_id=authorization_id,
        ad_id=ad["ad_id"],
        started_at=at,
        flight_end=_instant(ad["flight_end"]),
        daily_spend=Decimal(ad["daily_spend"]["amount"]),
        currency=ad["daily_spend"]["currency"],
        objective=ad["objective"],
        billing_event=ad["billing_event"],
    )


def _entry(authorization: AuthorizationRow, event: Inbox, before: str | None, now: datetime) -> History:
    assert authorization.id is not None
    assert event.seq is not None
    return History(
        authorization_id=authorization.id,
        seq=event.seq,
        at=event.occurred_at,
        recorded_at=now,
        event=event.type,
        outcome="moved",
        from_state=before,
        to_state=authorization.state,
        reason=authorization.state_reason,
    )


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
