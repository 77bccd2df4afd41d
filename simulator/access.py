"""Access to whole accounts: a business center's link, the creator's grant, its advertisers, and the identities that follow."""

from __future__ import annotations

from datetime import timedelta

from simulator.accounts import (
    AUTH_CODE,
    BC_AUTH_TT,
    CUSTOMIZED_USER,
    TT_USER,
    Advertiser,
    Center,
    Grant,
    Identity,
    Link,
)
from simulator.bindings import Bindings
from simulator.catalogue import ABSENT, Refused, parameter

LINK = "https://www.tiktok.com/business/authorize?token="
IDENTITY_TYPES = (CUSTOMIZED_USER, AUTH_CODE, TT_USER, BC_AUTH_TT)


class Access(Bindings):
    """The rules of account access. It lasts until either side removes it."""

    def add_advertiser(self, name: str, **more: object) -> Advertiser:
        """`more`: fields of Advertiser; without `advertiser_id` one is made."""
        advertiser_id = str(more.pop("advertiser_id", "") or self.number())
        advertiser = Advertiser(advertiser_id=advertiser_id, name=name, **more)  # type: ignore[arg-type]
        self.advertisers[advertiser_id] = advertiser
        return advertiser

    def add_center(self, name: str, *, advertiser_ids: set[str] | None = None, bc_id: str | None = None) -> Center:
        center = Center(bc_id=bc_id or self.number(), name=name, advertiser_ids=set(advertiser_ids or ()))
        self.centers[center.bc_id] = center
        return center

    def account_link(self, bc_id: str) -> Link:
        """A fresh link for a creator to scan; it ends after `qr_minutes`."""
        self.center(bc_id)
        ends_at = self.after(timedelta(minutes=self.switches.qr_minutes))
        link = Link(bc_id=bc_id, url=LINK + self.words(), ends_at=ends_at)
        self.links[link.url] = link
        return link

    def scan(self, url: str, creator_id: str, *, can_pull: bool = True, can_push: bool = False) -> Grant:
        """The creator scans the link and grants. Refused when the link has ended."""
        link = self.links.get(url)
        if link is None or link.ends_at <= self.now():
            raise Refused(ABSENT, "The QR code has expired, ask for a new one")
        return self.grant(link.bc_id, creator_id, can_pull=can_pull, can_push=can_push)

    def grant(self, bc_id: str, creator_id: str, *, can_pull: bool = True, can_push: bool = False) -> Grant:
        """The account is granted to the center; a second time changes what it may do."""
        center = self.center(bc_id)
        self.creator(creator_id)
        grant = center.grants.get(creator_id)
        if grant is None:
            grant = Grant(creator_id=creator_id, identity_id=self.uuid(), granted_at=self.now())
            center.grants[creator_id] = grant
        grant.can_pull, grant.can_push = can_pull, can_push
        return grant

    def remove_access(self, bc_id: str, creator_id: str) -> None:
        """Either side ends it; the assigned advertisers lose it at once."""
        self._grant(bc_id, creator_id)
        del self.center(bc_id).grants[creator_id]

    def assign(self, bc_id: str, asset_id: str, advertiser_id: str) -> None:
        """Gives an advertiser of the same center the account. A second time changes nothing."""
        grant = self._grant(bc_id, asset_id)
        if advertiser_id not in self.center(bc_id).advertiser_ids:
            raise parameter(f"advertiser_id: {advertiser_id} is not in the Business Center {bc_id}")
        grant.advertiser_ids.add(advertiser_id)

    def unassign(self, bc_id: str, asset_id: str, advertiser_id: str) -> None:
        grant = self._grant(bc_id, asset_id)
        if advertiser_id not in grant.advertiser_ids:
            raise parameter(f"advertiser_id: {advertiser_id} is not assigned to {asset_id}")
        grant.advertiser_ids.discard(advertiser_id)

    def link_own_account(self, advertiser_id: str, creator_id: str) -> None:
        """The advertiser's own TikTok account: an identity of type TT_USER."""
        self.creator(creator_id)
        self.advertiser(advertiser_id).own_creator_ids.add(creator_id)

    def unlink_own_account(self, advertiser_id: str, creator_id: str) -> None:
        self.advertiser(advertiser_id).own_creator_ids.discard(creator_id)

    def rename(self, creator_id: str, handle: str) -> None:
        """The account goes by another name; its identities keep their ids."""
        self.creator(creator_id).handle = handle

    def identities_of(
        self, advertiser_id: str, identity_type: str | None = None, bc_id: str | None = None
    ) -> list[Identity]:
        """Under which names the advertiser may run ads; `bc_id` narrows those of account access."""
        by_code = [each for (holder, _), each in list(self.identities.items()) if holder == advertiser_id]
        found = by_code + self._own(advertiser_id) + self._granted(advertiser_id, bc_id)
        return [each for each in found if identity_type in (None, each.identity_type)]

    def identity(
        self, advertiser_id: str, identity_id: str, identity_type: str | None = None, bc_id: str | None = None
    ) -> Identity:
        """Raises the refusal when the advertiser has no such identity."""
        for each in self.identities_of(advertiser_id, identity_type, bc_id):
            if each.identity_id == identity_id:
                return each
        raise Refused(ABSENT, f"identity_id: {identity_id} doesn't exist for this advertiser")

    def _own(self, advertiser_id: str) -> list[Identity]:
        return [
            Identity(identity_id=creator_id, identity_type=TT_USER, creator_id=creator_id, can_push=True)
            for creator_id in sorted(self.advertiser(advertiser_id).own_creator_ids)
        ]

    def _granted(self, advertiser_id: str, bc_id: str | None) -> list[Identity]:
        return [
            Identity(
                identity_id=grant.identity_id,
                identity_type=BC_AUTH_TT,
                creator_id=grant.creator_id,
                bc_id=center.bc_id,
                can_pull=grant.can_pull,
                can_push=grant.can_push,
            )
            for center in list(self.centers.values())
            for grant in list(center.grants.values())
            if advertiser_id in grant.advertiser_ids and bc_id in (None, center.bc_id)
        ]

    def _grant(self, bc_id: str, creator_id: str) -> Grant:
        center = self.center(bc_id)
        if creator_id not in center.grants:
            raise Refused(ABSENT, f"asset_id: {creator_id} is not an asset of the Business Center {bc_id}")
        return center.grants[creator_id]
