"""What people do to producers, each with its line in the audit log: as the room, the API and `everspark producer` do it."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlmodel import Session

from infra import audit, producers
from infra.database import bare
from infra.vault import Vault


def register(
    session: Session, vault: Vault, *, name: str, scheme: str, secret: str | None = None, actor: str, now: datetime
) -> str:
    """Its secret, to be shown once. Raises ProducerError."""
    plain = producers.add(session, vault, name=name, scheme=scheme, secret=secret, now=now)
    audit.note(bare(session), at=now, actor=actor, act="producer.added", subject=name, about={"scheme": scheme})
    return plain


def rotate(
    session: Session,
    vault: Vault,
    *,
    name: str,
    overlap: timedelta,
    secret: str | None = None,
    stops_older: bool = False,
    actor: str,
    now: datetime,
) -> str:
    """The new secret; the one before stays valid for `overlap` more. Raises ProducerError, also while an older one is valid that
    may not be stopped.
    """
    plain = producers.rotate(
        session, vault, name=name, overlap=overlap, secret=secret, stops_older=stops_older, now=now
    )
    about = {"overlap_hours": overlap / timedelta(hours=1)}
    audit.note(bare(session), at=now, actor=actor, act="producer.rotated", subject=name, about=about)
    return plain


def disable(session: Session, *, name: str, actor: str, now: datetime) -> None:
    """Its deliveries are refused from now on. Raises UnknownProducerError."""
    producers.disable(session, name=name, now=now)
    audit.note(bare(session), at=now, actor=actor, act="producer.disabled", subject=name)


def enable(session: Session, *, name: str, actor: str, now: datetime) -> None:
    """Its deliveries are taken again. Raises UnknownProducerError."""
    producers.enable(session, name=name)
    audit.note(bare(session), at=now, actor=actor, act="producer.enabled", subject=name)
