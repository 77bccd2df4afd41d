"""What TikTok sends by itself: unsigned events of subscriptions, at least once and in any order, and signed events of apps.

Nothing here tells that an authorization ended: no such event exists.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.clock import Clock
from simulator.campaigns import Ad
from simulator.catalogue import ABSENT, NO_PERMISSION, Refused, parameter
from simulator.sending import Listener, Post, Sending, signature
from simulator.switches import Switches

# `object` of the envelope, by what is subscribed to; a suspension is sent flat, without an envelope.
OBJECTS = {
    "LEAD": 1,
    "AD_GROUP": 2,
    "AD": 3,
    "CREATIVE_FATIGUE": 8,
    "TCM_VIDEOS": 10,
    "REPORT_DATA_CHANGE": 11,
    "API_SERVICE_STATUS": 14,
    "AD_ACCOUNT_SUSPENSION": 0,
}
REASONS = range(6)


@dataclass(frozen=True, kw_only=True, slots=True)
class Subscription:
    """Who is told of what, for one advertiser, some, or a TikTok One account. It dies with its token."""

    subscription_id: str
    app_id: str
    entity: str
    callback_url: str
    token: str
    advertiser_ids: frozenset[str] = frozenset()
    detail: Mapping[str, Any] = field(default_factory=dict)


class Webhooks(Sending):
    """What there is to tell, and to whom."""

    def __init__(self, clock: Clock, switches: Switches | None = None, seed: int = 0) -> None:
        super().__init__(clock, switches, seed)
        self.subscriptions: dict[str, Subscription] = {}
        self.listeners: dict[str, Listener] = {}

    def subscribe(self, app_id: str, entity: str, callback_url: str, detail: Mapping[str, Any]) -> Subscription:
        """Raises when the entity, the token or the advertiser is not one to subscribe to."""
        if entity not in OBJECTS:
            raise parameter(f"subscribe_entity: {entity} is not one of: {', '.join(OBJECTS)}.")
        token = self.token(str(detail.get("access_token") or ""))
        single, several = detail.get("advertiser_id"), detail.get("advertiser_ids") or ()
        advertiser_ids = frozenset([*([single] if single else []), *several])
        if token.app_id != app_id or not advertiser_ids <= token.advertiser_ids:
            raise Refused(NO_PERMISSION, "subscription_detail: no permission to subscribe for this advertiser")
        if entity == "TCM_VIDEOS" and not detail.get("tto_tcm_account_id"):
            raise parameter("subscription_detail.tto_tcm_account_id: Missing data for required field.")
        if entity not in ("TCM_VIDEOS", "API_SERVICE_STATUS") and not advertiser_ids:
            raise parameter("subscription_detail.advertiser_id: Missing data for required field.")
        subscription = Subscription(
            subscription_id=self.number(),
            app_id=app_id,
            entity=entity,
            callback_url=callback_url,
            token=token.value,
            advertiser_ids=advertiser_ids,
            detail=dict(detail),
        )
        self.subscriptions[subscription.subscription_id] = subscription
        return subscription

    def unsubscribe(self, app_id: str, subscription_id: str) -> None:
        found = self.subscriptions.get(subscription_id)
        if found is None or found.app_id != app_id:
            raise Refused(ABSENT, f"subscription_id: {subscription_id} doesn't exist")
        del self.subscriptions[subscription_id]

    def living(self, app_id: str, entity: str | None = None) -> list[Subscription]:
        """The app's subscriptions whose tokens still live."""
        return [
            each
            for each in list(self.subscriptions.values())
            if each.app_id == app_id and entity in (None, each.entity) and self._is_token_live(each.token)
        ]

    def suspend(self, advertiser_id: str, *, status: str = "STATUS_LIMIT", reason: str = "Suspicious activity") -> None:
        """An account is limited, or free again (STATUS_ENABLE). Sent flat; the misspelt key is TikTok's."""
        advertiser = self.advertiser(advertiser_id)
        for each in self._hearing("AD_ACCOUNT_SUSPENSION", advertiser_id):
            self._queue(
                each,
                {
                    "advertiser_id": advertiser_id,
                    "advertiser_name": advertiser.name,
                    "owner_bc_id": next(
                        (c.bc_id for c in self.centers.values() if advertiser_id in c.advertiser_ids), ""
                    ),
                    "status": status,
                    "status_change_time": f"{self.now():%Y-%m-%d %H:%M:%S}",
                    "suspension_reasion": reason,
                    "subscription_id": each.subscription_id,
                },
            )

    def announce_video(self, tcm_account_id: str, video_id: str, *, event: str = "tto_video_published") -> None:
        """A creator uploaded or published a video of a TikTok One campaign."""
        entry = {
            "event_type": "tto_campaign_webhook",
            "tto_campaign_event_type": event,
            "video_id": video_id,
            "event_time": f"{self.now():%Y-%m-%dT%H:%M:%S.%fZ}",
            "handle_name": self.creator(self.post(video_id).creator_id).handle,
            "campaign_id": "",
            "tto_tcm_account_id": tcm_account_id,
            "log_id": self.words(32),
        }
        for each in list(self.subscriptions.values()):
            if each.entity == "TCM_VIDEOS" and each.detail.get("tto_tcm_account_id") == tcm_account_id:
                self._queue(each, self._envelope(each.entity, [entry]))

    def announce_revision(self, advertiser_id: str, changed: Mapping[str, str]) -> None:
        """Figures of past days have changed; `changed` by metric."""
        entry = {"data_level": "AUCTION_ADVERTISER", "message": "report data has been changed"}
        for each in self._hearing("REPORT_DATA_CHANGE", advertiser_id):
            body = {**entry, "changed_metrics_values": {advertiser_id: dict(changed)}}
            self._queue(each, self._envelope(each.entity, [body]))

    def announce_reviews(self) -> None:
        """Tells of the ads whose review has ended since the last time, and of their ad groups."""
        now = self.now()
        for advertiser_id in list(self.ads):
            for ad in self.ads_of(advertiser_id):
                if not ad.is_announced and ad.reviewed_at <= now:
                    ad.is_announced = True
                    self._announce_review(ad)

    def deliver_due(self, post: Post) -> int:
        with self.lock:
            self.announce_reviews()
        return super().deliver_due(post)

    def announce_removal(self, client_key: str, business_id: str, reason: int, *, flaw: str | None = None) -> None:
        """A creator's link to the app ended. `flaw`: "signature" signs wrongly, "time" an hour too early."""
        if reason not in REASONS:
            raise parameter(f"reason: {reason} is not one of 0 to 5")
        listener = self.listeners.get(client_key)
        if listener is None:
            raise Refused(ABSENT, f"client_key: {client_key} has no callback")
        event = {
            "client_key": client_key,
            "event": "authorization.removed",
            "create_time": int(self.now().timestamp()),
            "user_openid": business_id,
            "content": json.dumps({"reason": reason}),
        }
        self._send(listener.callback_url, event, sign=lambda now, body: signature(listener, now, body, flaw=flaw))

    def add_listener(self, client_key: str, client_secret: str, callback_url: str) -> Listener:
        """Where an app of TikTok for Developers wants its events."""
        self.listeners[client_key] = Listener(
            client_key=client_key, client_secret=client_secret, callback_url=callback_url
        )
        return self.listeners[client_key]

    def _announce_review(self, ad: Ad) -> None:
        group_entry = {
            "log_id": self.words(32),
            "adv_id": int(ad.advertiser_id),
            "campaign_id": ad.campaign.campaign_id,
            "campaign_name": ad.campaign.name,
            "adgroup_id": ad.group.adgroup_id,
            "adgroup_name": ad.group.name,
            "reject_reason": ad.reject_reason or "",
        }
        for each in self._hearing("AD", ad.advertiser_id):
            entry = {**group_entry, "ad_id": ad.ad_id, "ad_name": ad.name}
            self._queue(each, self._envelope("AD", [entry]))
        for each in self._hearing("AD_GROUP", ad.advertiser_id):
            self._queue(each, self._envelope("AD_GROUP", [group_entry]))

    def _hearing(self, entity: str, advertiser_id: str) -> list[Subscription]:
        return [
            each
            for each in list(self.subscriptions.values())
            if each.entity == entity and advertiser_id in each.advertiser_ids
        ]

    def _envelope(self, entity: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
        now = int(self.now().timestamp())
        return {"request_id": self.words(32), "object": OBJECTS[entity], "time": now, "entry": entries}

    def _queue(self, subscription: Subscription, event: Mapping[str, Any]) -> None:
        self._send_loosely(subscription.callback_url, event, token=subscription.token)
