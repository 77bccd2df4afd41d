"""OAuth: consents that become tokens, of advertisers without an end, of TikTok accounts for a day with a refresh token."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from datetime import timedelta

from simulator.access import Access
from simulator.accounts import EVERY_SCOPE, SPARK_SCOPE, App, Consent, Refresher, Token
from simulator.catalogue import Refused

CONSENT = timedelta(hours=1)
ACCOUNT_TOKEN = timedelta(hours=24)
REFRESH_TOKEN = timedelta(days=365)


class Tokens(Access):
    """The rules of OAuth."""

    def add_app(self, app_id: str, secret: str, *, level: str = "basic") -> App:
        self.apps[app_id] = App(app_id=app_id, secret=secret, level=level)
        return self.apps[app_id]

    def consent(
        self,
        app_id: str,
        advertiser_ids: Iterable[str],
        *,
        bc_ids: Iterable[str] = (),
        scopes: Iterable[int | str] = EVERY_SCOPE,
    ) -> str:
        """An advertiser agrees; the auth code that the redirect would carry."""
        return self._agreed(
            app_id, advertiser_ids=frozenset(advertiser_ids), bc_ids=frozenset(bc_ids), scopes=frozenset(scopes)
        )

    def creator_consent(self, app_id: str, creator_id: str, *, scopes: Iterable[str] = (SPARK_SCOPE,)) -> str:
        """A creator agrees; the auth code for tt_user/oauth2/token."""
        self.creator(creator_id)
        return self._agreed(app_id, business_id=creator_id, scopes=frozenset(scopes))

    def issue(
        self,
        app_id: str,
        advertiser_ids: Iterable[str] = (),
        *,
        bc_ids: Iterable[str] = (),
        scopes: Iterable[int | str] = EVERY_SCOPE,
        value: str | None = None,
    ) -> Token:
        """An advertiser's token without the round through the browser, for tests and the demo."""
        token = Token(
            value=value or self.words(),
            app_id=app_id,
            advertiser_ids=set(advertiser_ids),
            bc_ids=set(bc_ids),
            scopes=frozenset(scopes),
        )
        self.tokens[token.value] = token
        return token

    def issue_for_creator(self, app_id: str, creator_id: str, *, scopes: Iterable[str] = (SPARK_SCOPE,)) -> Token:
        """A TikTok account's token of 24 hours, without the round through the browser."""
        return self._account_token(app_id, creator_id, frozenset(scopes))

    def exchange(self, app_id: str, secret: str, auth_code: str) -> Token:
        """oauth2/access_token."""
        self.check_app(app_id, secret)
        consent = self._spent(app_id, auth_code, is_creators=False)
        return self.issue(app_id, consent.advertiser_ids, bc_ids=consent.bc_ids, scopes=consent.scopes)

    def exchange_for_creator(self, app_id: str, secret: str, auth_code: str) -> tuple[Token, Refresher]:
        """tt_user/oauth2/token with grant_type authorization_code."""
        self.check_app(app_id, secret)
        consent = self._spent(app_id, auth_code, is_creators=True)
        return self._pair(app_id, str(consent.business_id), consent.scopes)

    def refresh(self, app_id: str, secret: str, refresh_token: str) -> tuple[Token, Refresher]:
        """tt_user/oauth2/refresh_token: a new pair; the old refresh token is used up."""
        self.check_app(app_id, secret)
        held = self.refreshers.get(refresh_token)
        if held is None or held.app_id != app_id:
            raise Refused(40107, "The refresh token is invalid")
        if held.ends_at <= self.now():
            raise Refused(40103, "The refresh token has expired")
        del self.refreshers[refresh_token]
        return self._pair(app_id, held.business_id, held.scopes)

    def revoke_token(self, value: str) -> None:
        """The consent is withdrawn: from now on 40105."""
        if value not in self.tokens:
            raise Refused(40105, "The access token is invalid")
        token = self.tokens[value]
        token.is_revoked = True
        if token.business_id:
            self._forget_refreshers(token.business_id, token.app_id)

    def token(self, value: str) -> Token:
        """The live token that `value` is. Raises 40104 for none, 40105 for unknown and revoked, 40102 for expired."""
        if not value:
            raise Refused(40104, "Access token is null. Please set the Access-Token header.")
        token = self.tokens.get(value)
        if token is None or token.is_revoked:
            raise Refused(40105, "Access token is incorrect or has been revoked.")
        if token.expires_at is not None and token.expires_at <= self.now():
            raise Refused(40102, "Access token has expired.")
        return token

    def check_app(self, app_id: str, secret: str) -> App:
        """Raises 40113 for an unknown app, 40101 for a wrong secret."""
        app = self.apps.get(app_id)
        if app is None:
            raise Refused(40113, "The app doesn't exist or is blocked")
        if not hmac.compare_digest(app.secret.encode(), secret.encode()):
            raise Refused(40101, "Bad auth parameters: app_id and secret don't match")
        return app

    def _agreed(
        self,
        app_id: str,
        *,
        advertiser_ids: frozenset[str] = frozenset(),
        bc_ids: frozenset[str] = frozenset(),
        scopes: frozenset[int | str],
        business_id: str | None = None,
    ) -> str:
        consent = Consent(
            auth_code=self.words(),
            app_id=app_id,
            ends_at=self.after(CONSENT),
            advertiser_ids=advertiser_ids,
            bc_ids=bc_ids,
            scopes=scopes,
            business_id=business_id,
        )
        self.consents[consent.auth_code] = consent
        return consent.auth_code

    def _spent(self, app_id: str, auth_code: str, *, is_creators: bool) -> Consent:
        consent = self.consents.get(auth_code)
        if consent is None or (consent.business_id is not None) != is_creators:
            raise Refused(40101, "Bad auth parameters: auth_code is incorrect")
        if consent.app_id != app_id:
            raise Refused(40113, "The auth_code belongs to another app")
        if consent.is_used or consent.ends_at <= self.now():
            raise Refused(40110, "Auth_code is used, cancelled or expired. Please authorize again.")
        consent.is_used = True
        return consent

    def _pair(self, app_id: str, business_id: str, scopes: frozenset[int | str]) -> tuple[Token, Refresher]:
        refresher = Refresher(
            value=self.words(),
            app_id=app_id,
            business_id=business_id,
            scopes=scopes,
            ends_at=self.after(REFRESH_TOKEN),
        )
        self.refreshers[refresher.value] = refresher
        return self._account_token(app_id, business_id, scopes), refresher

    def _account_token(self, app_id: str, business_id: str, scopes: frozenset[int | str]) -> Token:
        token = Token(
            value=self.words(),
            app_id=app_id,
            scopes=scopes,
            business_id=business_id,
            expires_at=self.after(ACCOUNT_TOKEN),
        )
        self.tokens[token.value] = token
        return token

    def _forget_refreshers(self, business_id: str, app_id: str) -> None:
        for value, held in list(self.refreshers.items()):
            if (held.business_id, held.app_id) == (business_id, app_id):
                del self.refreshers[value]
