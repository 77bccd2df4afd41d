"""Signing in by OpenID Connect: the code flow with state, nonce and PKCE, by Authlib; the ID token's signature is checked.

What has to survive the way to the issuer and back is sealed into a cookie of that browser.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
import psycopg
import structlog
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from joserfc import jwt
from joserfc.errors import InvalidClaimError, JoseError
from joserfc.jwk import KeySet

from domain.people import Role
from infra import audit, invitations, people
from infra.people import Person
from infra.settings import Settings
from infra.vault import UnsealError, Vault
from web.room.guard import SIGN_IN

log = structlog.get_logger()

LEAVE, BACK = f"{SIGN_IN}/oidc", f"{SIGN_IN}/oidc/back"
CONTEXT = "oidc"
PATIENCE = timedelta(minutes=10)
KEPT_FOR = timedelta(hours=1)
# No shared secrets, and not `none`: who signs is the issuer, and nobody else can.
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
CLOCKS_DIFFER_BY = 60
TIMEOUT_SECONDS = 10


class NotLetInError(Exception):
    """Nobody comes in this way now; the sentence says why, and what to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Left:
    """Where the browser is sent, and the sealed text that it has to bring back."""

    address: str
    cookie: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrived:
    """Whom the issuer vouches for. `email` only where it says that it has checked it."""

    subject: str
    email: str | None
    name: str | None
    wanted: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What the issuer says of itself, and its keys."""

    metadata: Mapping[str, Any]
    keys: KeySet
    read_at: datetime


class Issuer:
    """One issuer."""

    def __init__(
        self,
        *,
        address: str,
        client_id: str,
        client_secret: str,
        back: str,
    ) -> None:
        self._address, self._client_id, self._client_secret = address, client_id, client_secret
        self._back = back
        self._known: Known | None = None

    @classmethod
    def of(cls, settings: Settings) -> Issuer | None:
        """The configured one."""
        if not settings.oidc_issuer:
            return None
        return cls(
            address=settings.oidc_issuer,
            client_id=settings.oidc_client_id,
            client_secret=settings.oidc_client_secret.get_secret_value(),
            back=settings.public_url + BACK,
        )

    def leave(self, vault: Vault, wanted: str, *, now: datetime) -> Left:
        """Raises NotLetInError where the issuer does not answer."""
        known, (state, nonce, verifier) = self._about(now), (secrets.token_urlsafe(48) for _ in range(3))
        with self._client() as client:
            address, _ = client.create_authorization_url(
                known.metadata["authorization_endpoint"], state=state, nonce=nonce, code_verifier=verifier
            )
        packed = json.dumps([state, nonce, verifier, wanted, int(now.timestamp())])
        return Left(address=address, cookie=vault.seal(packed, context=CONTEXT).hex())

    def arrive(self, vault: Vault, query: Mapping[str, str], cookie: str, *, now: datetime) -> Arrived:
        """Who came back. Raises NotLetInError."""
        state, nonce, verifier, wanted = _unpacked(vault, cookie, now)
        if not secrets.compare_digest(query.get("state", "").encode(), state.encode()):
            raise NotLetInError("This answer is not to a sign-in of this browser. Begin again.")
        if "code" not in query:
            log.info("issuer_refused", reason=query.get("error", "")[:60])
            raise NotLetInError("The sign-in was not finished at the issuer. Begin again.")
        claims = self._claims(self._token(query["code"], verifier, now), nonce, now)
        email = _text(claims, "email") if claims.get("email_verified") is True else None
        subject = f"{claims['iss']} {claims['sub']}"
        return Arrived(subject=subject, email=email, name=_text(claims, "name"), wanted=wanted)

    def person_of(
        self, connection: psycopg.Connection, arrived: Arrived, default_role: str, *, now: datetime
    ) -> Person:
        """By who they were before, else by their checked address, an invitation, or the role for everybody there."""
        found = people.by_subject(connection, arrived.subject)
        if found is None:
            found = self._newcomer(connection, arrived, default_role, now=now)
        if found.disabled_at:
            raise NotLetInError("Your account is not open. An admin can enable it.")
        return found

    def _newcomer(
        self, connection: psycopg.Connection, arrived: Arrived, default_role: str, *, now: datetime
    ) -> Person:
        if arrived.email is None:
            raise NotLetInError("The issuer does not vouch for your e-mail address. Have it checked there.")
        if person := people.by_email(connection, arrived.email):
            if person.subject is not None:
                raise NotLetInError("Your address belongs to another identity of the issuer. Ask an admin.")
            people.bind(connection, person, arrived.subject, now=now)
            return person
        role = invitations.take(connection, arrived.email, now=now) or default_role
        if not role:
            raise NotLetInError("You were not invited. An admin can make you a link, or add your address.")
        email, name, subject = arrived.email, arrived.name, arrived.subject
        person = people.add(connection, email=email, name=name, role=Role(role), subject=subject, now=now)
        audit.note(connection, at=now, actor=f"user:{person.email}", act="person.joined", subject=person.email)
        return person

    def _token(self, code: str, verifier: str, now: datetime) -> str:
        try:
            with self._client() as client:
                endpoint = self._about(now).metadata["token_endpoint"]
                answer = client.fetch_token(
                    endpoint, code=code, code_verifier=verifier, grant_type="authorization_code"
                )
            return str(answer["id_token"])
        except (httpx.HTTPError, OAuthError, KeyError, ValueError) as error:
            log.warning("issuer_not_read", error=type(error).__name__)
            raise NotLetInError("The issuer did not confirm this sign-in. Begin again.") from None

    def _claims(self, token: str, nonce: str, now: datetime) -> dict[str, Any]:
        known = self._about(now)
        rules = jwt.JWTClaimsRegistry(
            now=int(now.timestamp()),
            leeway=CLOCKS_DIFFER_BY,
            iss={"essential": True, "value": known.metadata["issuer"]},
            aud={"essential": True, "value": self._client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            read = self._decoded(token, now)
            rules.validate(read.claims)
            if read.claims.get("azp", self._client_id) != self._client_id:
                raise InvalidClaimError("azp")
        except (JoseError, ValueError) as error:
            # What a claim holds may tell of a person: its name alone is written down.
            log.warning("issuer_not_believed", error=type(error).__name__, claim=getattr(error, "claim", None))
            raise NotLetInError("The issuer's word on who you are cannot be trusted. Begin again.") from None
        return read.claims

    def _decoded(self, token: str, now: datetime) -> jwt.Token:
        """Keys are changed now and then: a signature by one that is not known asks for them once more."""
        try:
            return jwt.decode(token, self._about(now).keys, algorithms=ALGORITHMS)
        except (JoseError, ValueError):
            self._known = None
            return jwt.decode(token, self._about(now).keys, algorithms=ALGORITHMS)

    def _about(self, now: datetime) -> Known:
        # Another thread may forget it at any moment, so that it is looked at once.
        known = self._known
        if known is None or now - known.read_at > KEPT_FOR:
            try:
                self._known = known = self._read(now)
            except (httpx.HTTPError, JoseError, KeyError, ValueError) as error:
                log.warning("issuer_not_read", error=type(error).__name__)
                raise NotLetInError("The issuer does not answer. Try again, or sign in with a password.") from None
        return known

    def _read(self, now: datetime) -> Known:
        with httpx.Client(timeout=TIMEOUT_SECONDS) as http:
            metadata = http.get(f"{self._address}/.well-known/openid-configuration").raise_for_status().json()
            if metadata["issuer"].rstrip("/") != self._address:
                raise ValueError("it says that it is another issuer")
            if not {"authorization_endpoint", "token_endpoint"} <= set(metadata):
                raise ValueError("it does not say where to sign in")
            keys = KeySet.import_key_set(http.get(metadata["jwks_uri"]).raise_for_status().json())
        return Known(metadata=metadata, keys=keys, read_at=now)

    def _client(self) -> OAuth2Client:
        return OAuth2Client(
            client_id=self._client_id,
            client_secret=self._client_secret,
            scope="openid email profile",
            redirect_uri=self._back,
            code_challenge_method="S256",
            timeout=TIMEOUT_SECONDS,
        )


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    value = claims.get(name)
    return value if isinstance(value, str) else None


def _unpacked(vault: Vault, cookie: str, now: datetime) -> tuple[str, str, str, str]:
    try:
        state, nonce, verifier, wanted, at = json.loads(vault.unseal(bytes.fromhex(cookie), context=CONTEXT))
    except (UnsealError, ValueError):
        raise NotLetInError("This sign-in was not begun in this browser. Begin again.") from None
    if now.timestamp() - at > PATIENCE.total_seconds():
        raise NotLetInError("This sign-in took too long. Begin again.")
    return state, nonce, verifier, wanted
