"""subscription/*: where apps want to be told. The app's credentials come in the call, no token in its header."""

from __future__ import annotations

from simulator.asked import Asked
from simulator.catalogue import parameter
from simulator.transport import Auth, Endpoint
from simulator.webhooks import OBJECTS, Subscription
from simulator.world import World


def subscribe(world: World, asked: Asked) -> object:
    app = world.check_app(asked.text("app_id"), asked.text("secret"))
    callback_url = asked.text("callback_url")
    if not callback_url.startswith(("https://", "http://")):
        raise parameter("callback_url: Not a valid URL.")
    detail = asked.document("subscription_detail")
    subscription = world.subscribe(app.app_id, asked.text("subscribe_entity"), callback_url, detail)
    return {"subscription_id": subscription.subscription_id}


def get(world: World, asked: Asked) -> object:
    app = world.check_app(asked.text("app_id"), asked.text("secret"))
    entity = asked.choice("subscribe_entity", tuple(OBJECTS))
    rows, page_info = asked.page(world.living(app.app_id, entity), default=10, most=1000)
    return {"subscriptions": [_shown(each) for each in rows], "page_info": page_info}


def unsubscribe(world: World, asked: Asked) -> object:
    app = world.check_app(asked.text("app_id"), asked.text("secret"))
    subscription_id = asked.text("subscription_id")
    world.unsubscribe(app.app_id, subscription_id)
    return {"subscription_id": subscription_id}


def _shown(subscription: Subscription) -> dict[str, object]:
    return {
        "subscription_id": subscription.subscription_id,
        "subscribe_entity": subscription.entity,
        "callback_url": subscription.callback_url,
        "subscription_detail": {name: value for name, value in subscription.detail.items() if name != "access_token"},
    }


ENDPOINTS = [
    Endpoint(path="subscription/subscribe", method="POST", handler=subscribe, auth=Auth.NONE),
    Endpoint(path="subscription/get", method="GET", handler=get, auth=Auth.NONE),
    Endpoint(path="subscription/unsubscribe", method="POST", handler=unsubscribe, auth=Auth.NONE),
]
