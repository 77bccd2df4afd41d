"""Whether an ad is delivered at a moment, and the times it was: read from the clock, written down before anything changes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from infra.clock import Clock
from simulator.accounts import AUTH_CODE, BC_AUTH_TT, Binding, Code, Grant
from simulator.ads import Ads
from simulator.campaigns import DELETE, DISABLE, ENABLE, Ad, AdGroup, Campaign, amount
from simulator.catalogue import parameter
from simulator.codes import DEFAULT_DAYS
from simulator.switches import Switches

OPERATIONS = (ENABLE, DISABLE, DELETE)
NEVER, EVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """An ad's `primary_status` and `secondary_status`."""

    primary: str
    secondary: str


NOT_DELIVERY = "STATUS_NOT_DELIVERY"
DELIVERING = Standing(primary="STATUS_DELIVERY_OK", secondary="AD_STATUS_DELIVERY_OK")
OVER = Standing(primary="STATUS_TIME_DONE", secondary="AD_STATUS_DONE")
IN_REVIEW = Standing(primary=NOT_DELIVERY, secondary="AD_STATUS_AUDIT")
DENIED = Standing(primary=NOT_DELIVERY, secondary="AD_STATUS_AUDIT_DENY")
LOST = Standing(primary=NOT_DELIVERY, secondary="AD_STATUS_ASSET_AUTHORIZATION_LOST")
SILENT = Standing(primary=NOT_DELIVERY, secondary="AD_STATUS_MUSIC_AUTHORIZATION_MISSING")
NOT_STARTED = Standing(primary=NOT_DELIVERY, secondary="AD_STATUS_NOT_START")
OFF_WORDS = {DISABLE: "STATUS_DISABLE", DELETE: "STATUS_DELETE"}


class Delivery(Ads):
    """What delivery means. Nobody is told when it stops: who wants to know has to read."""

    def __init__(self, clock: Clock, switches: Switches | None = None, seed: int = 0) -> None:
        super().__init__(clock, switches, seed)
        self.uses = self.is_used

    def ad_standing(self, ad: Ad) -> Standing:
        """The ad's status now. What was switched off or ended comes before what was lost."""
        self.settle(ad)
        now = self.now()
        if (off := _switched_off(ad, DELETE)) is not None:
            return off
        if ad.group.ends_at is not None and ad.group.ends_at <= now:
            return OVER
        if (off := _switched_off(ad, DISABLE)) is not None:
            return off
        if now < ad.reviewed_at:
            return IN_REVIEW
        if ad.reject_reason:
            return DENIED
        if ad.lost_at is not None:
            return LOST
        if self._is_silent(ad):
            return SILENT
        if ad.held_by:
            return Standing(primary=NOT_DELIVERY, secondary=ad.held_by)
        return NOT_STARTED if now < ad.group.starts_at else DELIVERING

    def is_used(self, item_id: str) -> bool:
        """Whether an ad that is neither deleted nor over runs the post."""
        now = self.now()
        return any(
            _switched_off(ad, DELETE) is None and (ad.group.ends_at is None or now < ad.group.ends_at)
            for ad in self.ads_of_items.get(item_id, ())
        )

    def operate(self, things: Iterable[Campaign | AdGroup | Ad], operation_status: str) -> None:
        """Enables, disables or deletes. Enabling an ad by hand also lets it run again after its authorization came back."""
        if operation_status not in OPERATIONS:
            raise parameter(f"operation_status: must be one of {', '.join(OPERATIONS)}")
        self.settle_all()
        for thing in things:
            if thing.operation_status == DELETE:
                raise parameter("operation_status: what was deleted can't be changed")
            thing.operation_status = operation_status
            if isinstance(thing, Ad) and operation_status == ENABLE and self._right_until(thing) > self.now():
                thing.lost_at = None

    def reschedule(self, group: AdGroup, *, ends_at: datetime | None, budget: object = None) -> None:
        """Another end of the flight, another budget; checked as a new plan. Ads made earlier keep their share."""
        money = group.budget if budget is None else amount(budget, "budget")
        self.check_plan(replace(group, ends_at=ends_at, budget=money))
        self.settle_all()
        group.ends_at, group.budget = ends_at, money

    def review(self, ad: Ad, *, reject_reason: str | None = None) -> None:
        """The review ends now, for or against the ad."""
        self.settle(ad)
        ad.reviewed_at, ad.reject_reason = self.now(), reject_reason

    def review_ad(self, advertiser_id: str, ad_id: str, *, reject_reason: str | None = None) -> None:
        """As `review`, by ids."""
        self.review(self.ad(advertiser_id, ad_id), reject_reason=reject_reason)

    def hold_ad(self, advertiser_id: str, ad_id: str, *, status: str | None = None) -> None:
        """The ad stops for another reason than its post's, by any of TikTok's words; None lets it go on."""
        ad = self.ad(advertiser_id, ad_id)
        self.settle(ad)
        ad.held_by = status

    def operate_ad(self, advertiser_id: str, ad_id: str, operation_status: str) -> None:
        """As `operate`, by ids, for one ad."""
        self.operate([self.ad(advertiser_id, ad_id)], operation_status)

    def settle(self, ad: Ad) -> None:
        """Writes down when the ad was delivered since the last time, while what it hangs on is as it was."""
        now, since, until = self.now(), ad.settled_at, self._right_until(ad)
        self._notice(ad, until, now)
        start = max(since, ad.reviewed_at, ad.group.starts_at)
        end = min(now, until, ad.group.ends_at or now, ad.lost_at or now)
        if start < end and self._is_willing(ad):
            _add(ad.spans, start, end)
        ad.settled_at = max(now, since)

    def settle_item(self, item_id: str) -> None:
        for ad in self.ads_of_items.get(item_id, ()):
            self.settle(ad)

    def settle_all(self) -> None:
        for ads in list(self.ads.values()):
            for ad in list(ads.values()):
                self.settle(ad)

    def _notice(self, ad: Ad, until: datetime, now: datetime) -> None:
        """The loss of the authorization, or its return."""
        if until <= now:
            ad.lost_at = ad.lost_at or max(until, ad.settled_at)
        elif self.switches.do_ads_resume_after_extension:
            ad.lost_at = None

    def _is_willing(self, ad: Ad) -> bool:
        is_on = all(each.operation_status == ENABLE for each in (ad, ad.group, ad.campaign))
        return is_on and not ad.reject_reason and not ad.held_by and not self._is_silent(ad)

    def _is_silent(self, ad: Ad) -> bool:
        return ad.item_id is not None and self.posts[ad.item_id].is_music_missing

    def _right_until(self, ad: Ad) -> datetime:
        """Until when the ad may run its post, as things stand; the past when it may not."""
        if ad.item_id is not None and not self.is_showable(ad.item_id):
            return NEVER
        if ad.identity.identity_type != AUTH_CODE:
            return EVER if self._is_account_granted(ad) else NEVER
        code = self._code_of_ad(ad)
        return NEVER if code is None or code.is_deleted else code.end_at

    def _code_of_ad(self, ad: Ad) -> Code | None:
        """The code of the binding; without one the code that the ad was made with, if ads outlive it (switch)."""
        binding = self.binding_of(ad.advertiser_id, ad.item_id or "")
        if binding is not None:
            return self.codes[binding.code]
        return self.codes.get(ad.code or "") if self.switches.do_ads_outlive_unbinding else None

    def _is_account_granted(self, ad: Ad) -> bool:
        """By looking at the grant itself: an identity may have been asked for thousands of ads."""
        creator_id = ad.identity.creator_id
        if ad.identity.identity_type != BC_AUTH_TT:
            return creator_id in self.advertisers[ad.advertiser_id].own_creator_ids
        center = self.centers.get(ad.identity.bc_id or "")
        grant = center.grants.get(creator_id) if center else None
        return grant is not None and ad.advertiser_id in grant.advertiser_ids


class Watched(Delivery):
    """Whatever changes what ads hang on: first it is written down how far they came, then it happens."""

    def extend(self, item_id: str, *, days: int = DEFAULT_DAYS) -> Code:
        self.settle_item(item_id)
        return super().extend(item_id, days=days)

    def mint(self, item_id: str, *, days: int = DEFAULT_DAYS, value: str | None = None) -> Code:
        self.settle_item(item_id)
        return super().mint(item_id, days=days, value=value)

    def delete_code(self, item_id: str) -> Code:
        self.settle_item(item_id)
        return super().delete_code(item_id)

    def switch_off(self, item_id: str) -> None:
        self.settle_item(item_id)
        super().switch_off(item_id)

    def revoke(self, item_id: str) -> None:
        self.settle_item(item_id)
        super().revoke(item_id)

    def delete_post(self, item_id: str, *, is_forced: bool = False) -> None:
        self.settle_item(item_id)
        super().delete_post(item_id, is_forced=is_forced)

    def set_status(self, item_id: str, status: str) -> None:
        self.settle_item(item_id)
        super().set_status(item_id, status)

    def set_music_missing(self, item_id: str, *, is_missing: bool = True) -> None:
        self.settle_item(item_id)
        super().set_music_missing(item_id, is_missing=is_missing)

    def ban(self, creator_id: str, *, is_banned: bool = True) -> None:
        for post in self.posts_of(creator_id):
            self.settle_item(post.item_id)
        super().ban(creator_id, is_banned=is_banned)

    def authorize(self, advertiser_id: str, auth_code: str, original: str | None = None) -> Binding:
        if (code := self.codes.get(auth_code)) is not None:
            self.settle_item(code.item_id)
        return super().authorize(advertiser_id, auth_code, original)

    def unbind(self, advertiser_id: str, item_id: str) -> None:
        self.settle_item(item_id)
        super().unbind(advertiser_id, item_id)

    def grant(self, bc_id: str, creator_id: str, *, can_pull: bool = True, can_push: bool = False) -> Grant:
        self.settle_all()
        return super().grant(bc_id, creator_id, can_pull=can_pull, can_push=can_push)

    def remove_access(self, bc_id: str, creator_id: str) -> None:
        self.settle_all()
        super().remove_access(bc_id, creator_id)

    def assign(self, bc_id: str, asset_id: str, advertiser_id: str) -> None:
        self.settle_all()
        super().assign(bc_id, asset_id, advertiser_id)

    def unassign(self, bc_id: str, asset_id: str, advertiser_id: str) -> None:
        self.settle_all()
        super().unassign(bc_id, asset_id, advertiser_id)

    def link_own_account(self, advertiser_id: str, creator_id: str) -> None:
        self.settle_all()
        super().link_own_account(advertiser_id, creator_id)

    def unlink_own_account(self, advertiser_id: str, creator_id: str) -> None:
        self.settle_all()
        super().unlink_own_account(advertiser_id, creator_id)


def _switched_off(ad: Ad, word: str) -> Standing | None:
    """The status of an ad that is disabled or deleted, by itself, its ad group or its campaign."""
    levels = (("", ad), ("ADGROUP_", ad.group), ("CAMPAIGN_", ad.campaign))
    for prefix, thing in levels:
        if thing.operation_status == word:
            return Standing(primary=OFF_WORDS[word], secondary=f"AD_STATUS_{prefix}{word}")
    return None


def _add(spans: list[tuple[datetime, datetime]], start: datetime, end: datetime) -> None:
    """A span that continues the last one lengthens it."""
    if spans and spans[-1][1] == start:
        spans[-1] = (spans[-1][0], end)
    else:
        spans.append((start, end))
