"""What every calm answer carries: nothing is loaded, framed, run or sent elsewhere that is not this service's own."""

from __future__ import annotations

from typing import Any

from web.reading import Receive, Scope, Send

SECURITY = {
    "content-security-policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Not no-referrer: under it a browser calls its own forms' origin null, and forms of others could not be told apart.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "x-robots-tag": "noindex, nofollow, noarchive",
}
# Of answers that no browser shows: the ingress gives them on its hot path, where each header costs.
FOR_PROGRAMS = [
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
]
ONLY_HTTPS = {"strict-transport-security": "max-age=31536000"}
# Pages hold what is nobody else's; styles and modules may be kept, and are asked for again.
STATIC = "/static/"


def security(*, is_https: bool) -> dict[str, str]:
    """Of every answer that a browser shows."""
    return SECURITY | (ONLY_HTTPS if is_https else {})


class SecurityHeaders:
    """Adds them around an ASGI application."""

    def __init__(self, app: Any, *, is_https: bool) -> None:
        self._app = app
        self._headers = [(name.encode(), value.encode()) for name, value in security(is_https=is_https).items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        caching = b"no-cache" if scope["path"].startswith(STATIC) else b"no-store"
        headers = [*self._headers, (b"cache-control", caching)]

        async def secured(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *headers]
            await send(message)

        await self._app(scope, receive, secured)
