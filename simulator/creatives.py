"""What TikTok checks in the creative of a new ad: its identity, its post, its authorization, and what fits together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulator.accounts import AUTH_CODE, CAROUSEL, CUSTOMIZED_USER, VIDEO, Creator, Identity
from simulator.bindings import EXPIRED
from simulator.catalogue import parameter, spark
from simulator.tokens import Tokens

FORMATS = {"SINGLE_VIDEO": VIDEO, "CAROUSEL_ADS": CAROUSEL}


class Creatives(Tokens):
    """The rules of creatives: pull runs an existing post, push publishes a new one."""

    def checked_creative(self, advertiser_id: str, wanted: Mapping[str, Any]) -> Identity:
        """The identity of a creative that may be made. Raises the refusal of one that may not."""
        for name in ("ad_name", "ad_format", "identity_type", "identity_id"):
            if not wanted.get(name):
                raise parameter(f"creatives.{name}: Missing data for required field.")
        if wanted["identity_type"] == CUSTOMIZED_USER:
            raise parameter(
                "tiktok_item_id: not allowed when identity_type is CUSTOMIZED_USER"
                if wanted.get("tiktok_item_id")
                else "identity_type: custom identities are no longer supported for TikTok placements"
            )
        identity = self.identity(
            advertiser_id, wanted["identity_id"], wanted["identity_type"], wanted.get("identity_authorized_bc_id")
        )
        creator = self.creator(identity.creator_id)
        if creator.is_political:
            raise parameter("identity_id: accounts of governments, politicians and parties can't be used in ads")
        if wanted.get("tiktok_item_id"):
            self._check_pull(advertiser_id, wanted, identity)
        else:
            self._check_push(wanted, identity, creator)
        return identity

    def _check_pull(self, advertiser_id: str, wanted: Mapping[str, Any], identity: Identity) -> None:
        for name in ("ad_text", "video_id", "image_ids"):
            if wanted.get(name):
                raise parameter(f"{name}: not allowed together with tiktok_item_id")
        if wanted.get("dark_post_status") and self.switches.is_dark_post_refused_for_existing_posts:
            raise parameter("dark_post_status: not allowed together with tiktok_item_id")
        post = self.post(wanted["tiktok_item_id"])
        if post.creator_id != identity.creator_id:
            raise parameter("tiktok_item_id: the post doesn't belong to this identity")
        if FORMATS.get(wanted["ad_format"]) != post.item_type:
            raise parameter(f"ad_format: {wanted['ad_format']} doesn't fit a post of the type {post.item_type}")
        if identity.identity_type == AUTH_CODE:
            self._check_code(advertiser_id, post.item_id)
        elif not identity.can_pull:
            raise parameter("identity_id: existing posts of this account have not been granted")
        self.check_post(post, advertiser_id, original=None, is_original_needed=False)

    def _check_code(self, advertiser_id: str, item_id: str) -> None:
        binding = self.binding_of(advertiser_id, item_id)
        if binding is None:
            raise parameter("tiktok_item_id: the post has not been authorized to this advertiser")
        if (code := self.codes[binding.code]).is_deleted:
            raise spark("auth_code_not_found", self.switches)
        if self.standing_of(code) == EXPIRED:
            raise spark("auth_code_expired", self.switches)

    def _check_push(self, wanted: Mapping[str, Any], identity: Identity, creator: Creator) -> None:
        if not identity.can_push:
            raise parameter("identity_id: this identity can't publish posts, tiktok_item_id is required")
        for name in ("ad_text", "video_id", "image_ids"):
            if not wanted.get(name):
                raise parameter(f"creatives.{name}: Missing data for required field.")
        if wanted.get("dark_post_status") not in (None, "ON", "OFF"):
            raise parameter("dark_post_status: must be ON or OFF")
        if wanted.get("dark_post_status") == "OFF" and creator.ads_only_mode:
            raise parameter("dark_post_status: can't be OFF when the identity is in ads-only mode")
