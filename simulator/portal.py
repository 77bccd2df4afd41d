"""The page where people agree, without the page: it agrees at once and sends the browser back with an auth code."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from simulator.catalogue import Refused
from simulator.world import World


def agreeing(world: World) -> Callable[[Request], Response]:
    """GET /portal/auth for advertisers (all of them agree); with `creator_id` the consent of that TikTok account."""

    def agree(request: Request) -> Response:
        asked = request.query_params
        app_id = asked.get("app_id") or asked.get("client_key") or ""
        if app_id not in world.apps or "redirect_uri" not in asked:
            return PlainTextResponse("The app or the redirect_uri is missing or unknown.", status_code=400)
        try:
            with world.lock:
                code = _consent(world, app_id, asked.get("creator_id"))
        except Refused as refused:
            return PlainTextResponse(refused.message, status_code=400)
        back = urlencode({"auth_code": code, "code": code, "state": asked.get("state", "")})
        joint = "&" if "?" in asked["redirect_uri"] else "?"
        return RedirectResponse(f"{asked['redirect_uri']}{joint}{back}", status_code=302)

    return agree


def _consent(world: World, app_id: str, creator_id: str | None) -> str:
    if creator_id:
        return world.creator_consent(app_id, creator_id)
    return world.consent(app_id, world.advertisers, bc_ids=world.centers)
