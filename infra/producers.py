"""The registered senders of webhooks: added, listed, rotated with an overlap, disabled and enabled; looked up without a query."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Engine, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col, select

from infra.database import transaction
from infra.signatures import Secret, key_of_standard, new_secret
from infra.tables import Producer, Scheme
from infra.vault import UnsealError, Vault

log = structlog.get_logger()

NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
LONGEST_NAME = 64
SEEN_EVERY = timedelta(minutes=1)
SHORTEST_KEY, LONGEST_KEY = 16, 128


class ProducerError(Exception):
    """A registration that cannot be made as asked; the sentence names the remedy, never a secret."""


class UnknownProducerError(ProducerError):
    """There is none of this name."""


class OverlapError(ProducerError):
    """A new secret would stop one whose time was promised."""

    def __init__(self, name: str, until: datetime) -> None:
        super().__init__(
            f"The secret of {name} before the present one is valid until {until:%Y-%m-%d %H:%M} UTC, and another rotation would"
            " stop it now: wait until then, or say that it may stop."
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """A producer as the ingress needs it: ready keys instead of sealed secrets."""

    name: str
    scheme: str
    secrets: tuple[Secret, ...] = field(repr=False)
    keys: tuple[tuple[bytes, datetime | None], ...] = field(repr=False)

    def valid_keys(self, now: datetime) -> list[bytes]:
        return [key for key, valid_until in self.keys if valid_until is None or now < valid_until]

    def valid_tokens(self, now: datetime) -> list[str]:
        return [secret.text for secret in self.secrets if secret.valid_until is None or now < secret.valid_until]


def add(
    session: Session, vault: Vault, *, name: str, scheme: str = "standard", secret: str | None = None, now: datetime
) -> str:
    """Registers a producer and returns its secret, to be shown once. TikTok's client secret is given, not made."""
    _check_name(name)
    if scheme not in set(Scheme):
        raise ProducerError(f"The scheme {scheme!r} is not known: use one of {', '.join(Scheme)}.")
    plain = _checked_secret(scheme, secret)
    new = insert(Producer).values(name=name, scheme=scheme, secret=_sealed(vault, name, plain), created_at=now)
    if session.scalar(new.on_conflict_do_nothing().returning(col(Producer.id))) is None:
        raise ProducerError(f"There is already a producer {name}: rotate its secret, or choose another name.")
    return plain


def listed(session: Session) -> list[Producer]:
    return list(session.exec(select(Producer).order_by(col(Producer.name))).all())


def need(session: Session, name: str) -> Producer:
    """The producer of this name. Raises UnknownProducerError."""
    producer = session.exec(select(Producer).where(col(Producer.name) == name)).first()
    if producer is None:
        raise UnknownProducerError(f"There is no producer {name}: see `everspark producer list`.")
    return producer


def rotate(
    session: Session,
    vault: Vault,
    *,
    name: str,
    overlap: timedelta,
    secret: str | None = None,
    stops_older: bool = False,
    now: datetime,
) -> str:
    """A new secret; the one before stays valid for `overlap` more. Two are kept: while an older one is still valid, as was
    promised, only who `stops_older` makes another. Raises ProducerError.
    """
    producer = need(session, name)
    older_until = producer.previous_valid_until
    if older_until is not None and older_until > now and not stops_older:
        raise OverlapError(name, older_until)
    plain = _checked_secret(producer.scheme, secret)
    producer.previous_secret, producer.previous_valid_until = producer.secret, now + overlap
    producer.secret = _sealed(vault, name, plain)
    session.add(producer)
    session.flush()
    return plain


def disable(session: Session, *, name: str, now: datetime) -> None:
    """Refuses the producer's deliveries from now on; its events stay."""
    producer = need(session, name)
    producer.disabled_at = producer.disabled_at or now
    session.add(producer)
    session.flush()


def enable(session: Session, *, name: str) -> None:
    """Takes its deliveries again, by the secrets that it had."""
    producer = need(session, name)
    producer.disabled_at = None
    session.add(producer)
    session.flush()


def path_of(name: str, scheme: str, secret: str) -> str:
    """Where the producer posts to; for `path` this is the secret."""
    return f"/webhooks/{name}.{secret}" if scheme == "path" else f"/webhooks/{name}"


class Registry:
    """The producers as of the last `refresh`: a request asks memory, never the database."""

    def __init__(self, engine: Engine, vault: Vault) -> None:
        self._engine = engine
        self._vault = vault
        self._known: dict[str, Known] = {}
        self._seen: dict[str, datetime] = {}

    def refresh(self) -> None:
        """Reads them again. Raises what the database raises; then the ones known before stay."""
        with transaction(self._engine) as session:
            enabled = session.exec(select(Producer).where(col(Producer.disabled_at).is_(None))).all()
        self._known = {each.name: each for producer in enabled if (each := self._opened(producer))}

    def _opened(self, producer: Producer) -> Known | None:
        try:
            return known(producer, self._vault)
        except (UnsealError, ValueError):
            # One producer that was sealed under another key must not silence the others.
            log.error("producer_unreadable", producer=producer.name)  # noqa: TRY400  a traceback adds nothing
            return None

    def find(self, slug: str) -> tuple[Known | None, str]:
        """The producer that `slug` (`name` or `name.token`) names, and the token."""
        name, _, token = slug.partition(".")
        return self._known.get(name), token

    def note_seen(self, names: Iterable[str], *, now: datetime) -> None:
        """Keeps `last_seen_at`, at most once a minute for each producer."""
        late = now - SEEN_EVERY
        due = [name for name in names if self._seen.get(name, late) <= late]
        if not due:
            return
        self._seen |= dict.fromkeys(due, now)
        with transaction(self._engine) as session:
            session.exec(update(Producer).where(col(Producer.name).in_(due)).values(last_seen_at=now))


def known(producer: Producer, vault: Vault) -> Known:
    opened = [Secret(text=vault.unseal(producer.secret, context=f"producer:{producer.name}"))]
    if producer.previous_secret is not None:
        before = vault.unseal(producer.previous_secret, context=f"producer:{producer.name}")
        opened.append(Secret(text=before, valid_until=producer.previous_valid_until))
    keys = tuple((_key(producer.scheme, secret.text), secret.valid_until) for secret in opened)
    return Known(name=producer.name, scheme=producer.scheme, secrets=tuple(opened), keys=keys)


def _key(scheme: str, secret: str) -> bytes:
    return key_of_standard(secret) if scheme == "standard" else secret.encode()


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise ProducerError(
            f"A producer's name is part of an address: 1 to {LONGEST_NAME} lower-case letters, digits and inner dashes."
        )


def _checked_secret(scheme: str, secret: str | None) -> str:
    if secret is None:
        if scheme == "tiktok-developer":
            raise ProducerError(
                "TikTok signs with your app's client secret: give it, by --secret-stdin on the command line."
            )
        return new_secret(scheme)
    try:
        key = _key(scheme, secret)
    except ValueError as error:
        raise ProducerError(f"The secret cannot be used: {error}.") from None
    if not SHORTEST_KEY <= len(key) <= LONGEST_KEY:
        raise ProducerError(f"The secret must hold {SHORTEST_KEY} to {LONGEST_KEY} bytes.")
    return secret


def _sealed(vault: Vault, name: str, plain: str) -> bytes:
    return vault.seal(plain, context=f"producer:{name}")
