"""oauth2/* of advertisers and tt_user/* of TikTok accounts."""

from __future__ import annotations

from simulator.accounts import Refresher, Token
from simulator.asked import Asked
from simulator.catalogue import Refused
from simulator.tokens import ACCOUNT_TOKEN, REFRESH_TOKEN
from simulator.transport import Auth, Endpoint
from simulator.world import World


def access_token(world: World, asked: Asked) -> object:
    token = world.exchange(asked.text("app_id"), asked.text("secret"), asked.text("auth_code"))
    return {
        "access_token": token.value,
        "advertiser_ids": sorted(token.advertiser_ids),
        "scope": sorted(each for each in token.scopes if isinstance(each, int)),
    }


def advertisers(world: World, asked: Asked) -> object:
    app = world.check_app(asked.text("app_id"), asked.text("secret"))
    if asked.token is None or asked.token.app_id != app.app_id:
        raise Refused(40113, "The access token belongs to another app")
    shown = [
        {"advertiser_id": each, "advertiser_name": world.advertisers[each].name}
        for each in sorted(asked.token.advertiser_ids)
    ]
    return {"list": shown}


def revoke(world: World, asked: Asked) -> object:
    world.check_app(asked.text("app_id"), asked.text("secret"))
    world.revoke_token(asked.text("access_token"))
    return {}


def account_token(world: World, asked: Asked) -> object:
    _grant_type(asked, "authorization_code")
    return _pair(
        *world.exchange_for_creator(asked.text("client_id"), asked.text("client_secret"), asked.text("auth_code"))
    )


def refresh(world: World, asked: Asked) -> object:
    _grant_type(asked, "refresh_token")
    return _pair(*world.refresh(asked.text("client_id"), asked.text("client_secret"), asked.text("refresh_token")))


def revoke_account(world: World, asked: Asked) -> object:
    world.check_app(asked.text("client_id"), asked.text("client_secret"))
    world.revoke_token(asked.text("access_token"))
    return {}


def token_info(world: World, asked: Asked) -> object:
    token = world.token(asked.text("access_token"))
    if token.app_id != asked.text("app_id"):
        raise Refused(40113, "The access token belongs to another app")
    return {"app_id": token.app_id, "creator_id": token.business_id, "scope": _scope(token)}


def _grant_type(asked: Asked, wanted: str) -> None:
    if asked.text("grant_type") != wanted:
        raise Refused(40108, f"grant_type: must be {wanted}")


def _pair(token: Token, refresher: Refresher) -> dict[str, object]:
    return {
        "access_token": token.value,
        "token_type": "Bearer",
        "scope": _scope(token),
        "expires_in": int(ACCOUNT_TOKEN.total_seconds()),
        "refresh_token": refresher.value,
        "refresh_token_expires_in": int(REFRESH_TOKEN.total_seconds()),
        "open_id": token.business_id,
    }


def _scope(token: Token) -> str:
    return ",".join(sorted(str(each) for each in token.scopes))


ENDPOINTS = [
    Endpoint(path="oauth2/access_token", method="POST", handler=access_token, auth=Auth.NONE),
    Endpoint(path="oauth2/advertiser/get", method="GET", handler=advertisers),
    Endpoint(path="oauth2/revoke_token", method="POST", handler=revoke, auth=Auth.NONE),
    Endpoint(path="tt_user/oauth2/token", method="POST", handler=account_token, auth=Auth.NONE),
    Endpoint(path="tt_user/oauth2/refresh_token", method="POST", handler=refresh, auth=Auth.NONE),
    Endpoint(path="tt_user/oauth2/revoke", method="POST", handler=revoke_account, auth=Auth.NONE),
    Endpoint(path="tt_user/token_info/get", method="POST", handler=token_info, auth=Auth.NONE),
]
