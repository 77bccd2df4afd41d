"""A small issuer of OpenID Connect on this machine: it signs in whoever it is told to, and keeps to the code flow with PKCE."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from infra.clock import Clock

CLIENT_ID, CLIENT_SECRET = "everspark", "the client's secret"


@dataclass
class Issuer:
    """`claims` is what it says of whoever signs in next; `changes` are told beside, or instead of, what is true."""

    clock: Clock
    url: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    changes: dict[str, Any] = field(default_factory=dict)
    refuses: bool = False
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "1"}))
    signing_key: RSAKey | None = None
    asked: dict[str, str] = field(default_factory=dict)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._metadata),
                Route("/keys", self._keys),
                Route("/authorize", self._authorize),
                Route("/token", self._token, methods=["POST"]),
            ]
        )

    async def _metadata(self, _request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
            }
        )

    async def _keys(self, _request: Request) -> Response:
        return JSONResponse(KeySet([self.key]).as_dict(private=False))

    async def _authorize(self, request: Request) -> Response:
        self.asked = dict(request.query_params)
        assert self.asked["code_challenge_method"] == "S256"
        given = {"error": "access_denied"} if self.refuses else {"code": "once"}
        back = urlencode(given | {"state": self.asked["state"]})
        return RedirectResponse(f"{self.asked['redirect_uri']}?{back}", status_code=302)

    async def _token(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=")
        user = base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode()
        if challenge.decode() != self.asked["code_challenge"] or not user.startswith(f"{CLIENT_ID}:"):
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        return JSONResponse({"access_token": "a", "token_type": "Bearer", "id_token": self._id_token()})

    def _id_token(self) -> str:
        now = int(self.clock.now().timestamp())
        told = {"iss": self.url, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": self.asked["nonce"]}
        return jwt.encode({"alg": "RS256", "kid": "1"}, told | self.claims | self.changes, self.signing_key or self.key)
