"""What people do to producers, each with its line in the audit log: as the room and `everspark producer` do it."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Engine
from sqlmodel import Session

from infra import audit, producers
from infra.database import bare, transaction
from infra.vault import Vault


def register(
    engine: Engine, vault: Vault, *, name: str, scheme: str, secret: str | None = None, actor: str, now: datetime
) -> str:
    """Its secret, to be shown once. Raises ProducerError."""
    with transaction(engine) as session:
        return register_in(session, vault, name=name, scheme=scheme, secret=secret, actor=actor, now=now)


def register_in(
    session: Session, vault: Vault, *, name: str, scheme: str, secret: str | None = None, actor: str, now: datetime
) -> str:
    """The same in somebody's transaction."""
    plain = producers.add(session, vault, name=name, scheme=scheme, secret=secret, now=now)
    audit.note(bare(session), at=now, actor=actor, act="producer.added", subject=name, about={"scheme": scheme})
    return plain


def rotate(
    engine: Engine, vault: Vault, *, name: str, overlap: timedelta, secret: str | None = None, actor: str, now: datetime
) -> str:
    """The new secret; the one before stays valid for `overlap` more. Raises ProducerError."""
    with transaction(engine) as session:
        return rotate_in(session, vault, name=name, overlap=overlap, secret=secret, actor=actor, now=now)


def rotate_in(
    session: Session,
    vault: Vault,
    *,
    name: str,
    overlap: timedelta,
    secret: str | None = None,
    actor: str,
    now: datetime,
) -> str:
    """The same in somebody's transaction."""
    plain = producers.rotate(session, vault, name=name, overlap=overlap, secret=secret, now=now)
    about = {"overlap_hours": overlap / timedelta(hours=1)}
    audit.note(bare(session), at=now, actor=actor, act="producer.rotated", subject=name, about=about)
    return plain


def disable(engine: Engine, *, name: str, actor: str, now: datetime) -> None:
    """Its deliveries are refused from now on. Raises ProducerError."""
    with transaction(engine) as session:
        disable_in(session, name=name, actor=actor, now=now)


def disable_in(session: Session, *, name: str, actor: str, now: datetime) -> None:
    """The same in somebody's transaction."""
    producers.disable(session, name=name, now=now)
    audit.note(bare(session), at=now, actor=actor, act="producer.disabled", subject=name)


def enable(engine: Engine, *, name: str, actor: str, now: datetime) -> None:
    """Its deliveries are taken again. Raises ProducerError."""
    with transaction(engine) as session:
        enable_in(session, name=name, actor=actor, now=now)


def enable_in(session: Session, *, name: str, actor: str, now: datetime) -> None:
    """The same in somebody's transaction."""
    producers.enable(session, name=name)
    audit.note(bare(session), at=now, actor=actor, act="producer.enabled", subject=name)
