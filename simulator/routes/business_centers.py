"""bc/asset/*: access to whole accounts through a business center. Only its administrators may ask."""

from __future__ import annotations

from simulator.accounts import Grant
from simulator.asked import Asked
from simulator.transport import Endpoint, check_advertiser, check_center
from simulator.world import World

ACCOUNT = "TT_ACCOUNT"
ACCOUNT_TYPES = (ACCOUNT, "MANAGED_BUSINESS_ACCOUNT")
ASSET_TYPES = (*ACCOUNT_TYPES, "ADVERTISER", "CATALOG", "PIXEL", "LEAD", "STOREFRONT", "TT_SHOP")


def authorization(world: World, asked: Asked) -> object:
    return {"bc_auth_qr_code": world.account_link(_center(world, asked)).url}


def get(world: World, asked: Asked) -> object:
    bc_id = _center(world, asked)
    is_accounts = asked.choice("asset_type", ASSET_TYPES) == ACCOUNT
    grants = list(world.center(bc_id).grants.values()) if is_accounts else []
    rows, page_info = asked.page(grants, default=10, most=50)
    return {"list": [_account(world, each) for each in rows], "page_info": page_info}


def assign(world: World, asked: Asked) -> object:
    bc_id = _center(world, asked)
    world.assign(bc_id, asked.text("asset_id"), asked.text("advertiser_id"))
    return {}


def unassign(world: World, asked: Asked) -> object:
    bc_id = _center(world, asked)
    world.unassign(bc_id, asked.text("asset_id"), asked.text("advertiser_id"))
    return {}


def assigned(world: World, asked: Asked) -> object:
    bc_id, asset_id = _center(world, asked), asked.text("asset_id")
    asked.choice("asset_type", ACCOUNT_TYPES)
    grant = world.center(bc_id).grants.get(asset_id)
    rows, page_info = asked.page(sorted(grant.advertiser_ids) if grant else [], default=10, most=50)
    shown = [{"advertiser_id": each, "advertiser_name": world.advertisers[each].name} for each in rows]
    return {"list": shown, "page_info": page_info}


def _center(world: World, asked: Asked) -> str:
    bc_id = asked.text("bc_id")
    check_center(world, asked.token, bc_id)
    if asked.token and asked.has("advertiser_id"):
        check_advertiser(world, asked.token, asked.text("advertiser_id"))
    return bc_id


def _account(world: World, grant: Grant) -> dict[str, object]:
    return {
        "asset_id": grant.creator_id,
        "asset_name": world.creators[grant.creator_id].handle.removeprefix("@"),
        "asset_type": ACCOUNT,
        "relation_type": "PARTNER",
        "tt_account_roles": [role for role, has in (("VIEW_POST", grant.can_pull), ("POST", grant.can_push)) if has],
    }


ENDPOINTS = [
    Endpoint(path="bc/asset/account/authorization", method="GET", handler=authorization),
    Endpoint(path="bc/asset/get", method="GET", handler=get),
    Endpoint(path="bc/asset/advertiser/assign", method="POST", handler=assign),
    Endpoint(path="bc/asset/advertiser/unassign", method="POST", handler=unassign),
    Endpoint(path="bc/asset/advertiser/assigned", method="GET", handler=assigned),
]
