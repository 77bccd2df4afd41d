"""Where signed webhooks go out to: endpoints are added, listed, disabled, enabled, rotated and removed here.

The secret is shown once and sealed. After a rotation deliveries carry both signatures for a while, so that a receiver may
change over whenever it suits.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import psycopg
from sqlalchemy import update
from sqlmodel import Session, col, select

from infra.destinations import DestinationRefusedError
from infra.hooks import NOT_ENABLED, REMOVED, kind_of
from infra.posting import Courier
from infra.producers import LONGEST_NAME, NAME
from infra.signatures import new_secret, sign_standard
from infra.tables import Endpoint, Outbox
from infra.vault import Vault

DISABLED_AFTER = timedelta(days=5)
MOST_ENDPOINTS = 50


class EndpointError(Exception):
    """An endpoint that cannot be made as asked; the sentence names the remedy, never a secret."""


class UnknownEndpointError(EndpointError):
    """There is none of that name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Keys:
    """What an endpoint's deliveries are signed with: the secret and, for a while after a rotation, the one before."""

    secret: str = field(repr=False)
    previous: str | None = field(default=None, repr=False)
    previous_until: datetime | None = None

    def headers(self, webhook_id: str, body: bytes, *, now: datetime) -> dict[str, str]:
        """Those of Standard Webhooks; the signature may hold two marks, and receivers accept either."""
        headers = sign_standard(self.secret, webhook_id, now, body)
        if self.previous is not None and self.previous_until is not None and now < self.previous_until:
            before = sign_standard(self.previous, webhook_id, now, body)
            headers["webhook-signature"] += " " + before["webhook-signature"]
        return {
            "content-type": "application/json",
            "user-agent": "Everspark-Webhooks/1",
            **headers,
        }


def seal(vault: Vault, name: str, keys: Keys) -> bytes:
    until = keys.previous_until.isoformat() if keys.previous_until else None
    plain = json.dumps({"secret": keys.secret, "previous": keys.previous, "previous_until": until})
    return vault.seal(plain, context=f"endpoint:{name}")


def unseal(vault: Vault, name: str, sealed: bytes) -> Keys:
    """Raises UnsealError where it was sealed under another key, or for another endpoint."""
    kept = json.loads(vault.unseal(sealed, context=f"endpoint:{name}"))
    until = datetime.fromisoformat(kept["previous_until"]) if kept["previous_until"] else None
    return Keys(secret=kept["secret"], previous=kept["previous"], previous_until=until)


def check_new(name: str, url: str, courier: Courier) -> None:
    """Raises EndpointError for a name or an address that cannot be used. Asks the resolver: before any transaction."""
    if not NAME.fullmatch(name):
        raise EndpointError(
            f"An endpoint's name is 1 to {LONGEST_NAME} lower-case letters, digits and inner dashes, as `crm`."
        )
    try:
        courier.check(url)
    except DestinationRefusedError as refusal:
        raise EndpointError(str(refusal)) from None


def add(session: Session, vault: Vault, *, name: str, url: str, now: datetime) -> str:
    """Registers an endpoint that passed `check_new` and returns its secret, to be shown once."""
    known = listed(session)
    if any(endpoint.name == name for endpoint in known):
        raise EndpointError(f"There is already an endpoint {name}: remove it, or choose another name.")
    if len(known) >= MOST_ENDPOINTS:
        raise EndpointError(f"There are {MOST_ENDPOINTS} endpoints already: every event is owed to each of them.")
    secret = new_secret("standard")
    session.add(Endpoint(name=name, url=url, secret=seal(vault, name, Keys(secret=secret)), created_at=now))
    session.flush()
    return secret


def listed(session: Session) -> list[Endpoint]:
    return list(session.exec(select(Endpoint).order_by(col(Endpoint.name))).all())


def found(session: Session, name: str) -> Endpoint:
    """Raises UnknownEndpointError."""
    endpoint = session.exec(select(Endpoint).where(col(Endpoint.name) == name)).first()
    if endpoint is None:
        raise UnknownEndpointError(f"There is no endpoint {name}: see `everspark endpoint list`.")
    return endpoint


def rotate(session: Session, vault: Vault, *, name: str, overlap: timedelta, now: datetime) -> str:
    """A new secret; for `overlap` more, deliveries are signed with the one before as well."""
    endpoint = found(session, name)
    keys = Keys(
        secret=new_secret("standard"),
        previous=unseal(vault, name, endpoint.secret).secret,
        previous_until=now + overlap,
    )
    endpoint.secret = seal(vault, name, keys)
    session.add(endpoint)
    session.flush()
    return keys.secret


def disable(session: Session, *, name: str, now: datetime) -> int:
    """Nothing is owed to it from now on, and what was open is cancelled. Returns how many deliveries that were."""
    endpoint = found(session, name)
    endpoint.disabled_at = endpoint.disabled_at or now
    # Somebody knows now: what a person switched off is no trouble, however it had failed.
    endpoint.failing_since = None
    session.add(endpoint)
    session.flush()
    return _cancel(session, endpoint, NOT_ENABLED, now)


def enable(session: Session, *, name: str) -> None:
    """Owed to again, as if it had never failed. What it missed is brought by a replay."""
    endpoint = found(session, name)
    endpoint.disabled_at = endpoint.failing_since = None
    session.add(endpoint)
    session.flush()


def remove(session: Session, *, name: str, now: datetime) -> int:
    """Forgets the endpoint, and cancels what was open. Returns how many deliveries that were."""
    endpoint = found(session, name)
    session.delete(endpoint)
    # Waits for batches that are owing to it (see hooks.OWE), so that their rows are cancelled as well.
    session.flush()
    return _cancel(session, endpoint, REMOVED, now)


def _cancel(session: Session, endpoint: Endpoint, reason: str, now: datetime) -> int:
    cancelled = session.exec(
        update(Outbox)
        .where(col(Outbox.kind) == kind_of(endpoint.id), col(Outbox.status).in_(("owed", "paying")))
        .values(status="cancelled", settled_at=now, last_error=reason)
    )
    return cancelled.rowcount


def why_disabled(failing_since: datetime | None, disabled_at: datetime) -> str:
    """Why an endpoint was disabled: only its own word, a 410, does so before it has failed for DISABLED_AFTER."""
    if failing_since is None:
        return "by a person"
    return "it took nothing" if disabled_at - failing_since >= DISABLED_AFTER else "it answered 410"


def note_well(connection: psycopg.Connection[Any], endpoint_id: int) -> None:
    """It answered: whatever was wrong is over."""
    connection.execute(
        "UPDATE endpoints SET failing_since = NULL WHERE id = %s AND failing_since IS NOT NULL", [endpoint_id]
    )


NOTE_FAILING = """
UPDATE endpoints SET failing_since = coalesce(failing_since, %(now)s),
    disabled_at = CASE WHEN %(gone)s OR failing_since <= %(long_ago)s THEN %(now)s END
WHERE id = %(id)s AND disabled_at IS NULL
RETURNING disabled_at IS NOT NULL
"""


def note_failing(connection: psycopg.Connection[Any], endpoint_id: int, *, gone: bool, now: datetime) -> bool:
    """It did not take a delivery. True: it is disabled by this, because it said that it is `gone`, or has been failing,
    without one success, for DISABLED_AFTER.
    """
    values = {"id": endpoint_id, "gone": gone, "now": now, "long_ago": now - DISABLED_AFTER}
    row = connection.execute(NOTE_FAILING, values).fetchone()
    return row is not None and bool(row[0])
