"""The simulated TikTok: its state and its rules without HTTP. Time passes by its clock; what ended is noticed when read.

Creators and codes: `codes.Creators`; binding: `bindings.Bindings`; account access: `access.Access`; OAuth: `tokens.Tokens`;
ads: `creatives.Creatives`, `ads.Ads`, `delivery.Delivery`; `reports.Reports`; TikTok One: `tcm.Tcm`; `webhooks.Webhooks`.
"""

from __future__ import annotations

from simulator.accounts import Call
from simulator.webhooks import Webhooks


class World(Webhooks):
    """A TikTok. Operations return values or raise `catalogue.Refused`; the same seed and deeds give the same ids."""

    def note(self, path: str, *, method: str, advertiser_id: str | None, code: int | None) -> None:
        """Writes a call down, for those who count."""
        self.calls.append(
            Call(path=path.strip("/"), method=method, advertiser_id=advertiser_id, code=code, at=self.wall.now())
        )

    def calls_of(self, path: str) -> list[Call]:
        """The calls of one path, "tt_video/list" for instance."""
        return [call for call in list(self.calls) if call.path == path.strip("/")]

    def furnish(self, app_id: str) -> dict[str, str]:
        """An advertiser in a center, a creator with a post, and a token: what a first try needs."""
        advertiser = self.add_advertiser("First advertiser")
        center = self.add_center("First center", advertiser_ids={advertiser.advertiser_id})
        creator = self.add_creator("@first", display_name="First creator")
        post = self.add_post(creator.creator_id, text="A first post")
        token = self.issue(app_id, [advertiser.advertiser_id], bc_ids=[center.bc_id])
        return {
            "advertiser_id": advertiser.advertiser_id,
            "item_id": post.item_id,
            "access_token": token.value,
            "bc_id": center.bc_id,
        }
