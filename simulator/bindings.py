"""Posts bound to advertisers: what tt_video/* does, and whether an ad may run a post at this moment."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from simulator.accounts import (
    AUTH_CODE,
    CAROUSEL,
    DELETED,
    PENDING,
    PUBLIC,
    REMOVED,
    REMOVED_IN_REVIEW,
    Binding,
    Code,
    Identity,
    Post,
)
from simulator.catalogue import NO_PERMISSION, Refused, spark
from simulator.codes import Creators

AUTHORIZED, EXPIRED = "AUTHORIZED", "EXPIRED"
LONGEST_SECONDS = 600
REFUSED_STATUSES = {
    DELETED: "video_deleted",
    REMOVED_IN_REVIEW: "video_unavailable",
    REMOVED: "illegal_item_status_error",
    PENDING: "video_unavailable",
}


class Bindings(Creators):
    """The rules of binding: one advertiser, one post, one code at a time."""

    def looked_up(self, advertiser_id: str, auth_code: str) -> tuple[Post, Code]:
        """What tt_video/info shows; it binds nothing."""
        code = self.checked_code(auth_code)
        if self.switches.info_refuses_expired and self.standing_of(code) == EXPIRED:
            raise spark("auth_code_expired", self.switches)
        post = self.post(code.item_id)
        if self.switches.info_checks_post:
            self.check_post(post, advertiser_id, original=None, is_original_needed=False)
        return post, code

    def authorize(self, advertiser_id: str, auth_code: str, original: str | None = None) -> Binding:
        """Binds. `original` is the code of the post that a duet, stitch or mention was made from."""
        code = self.checked_code(auth_code)
        if self.standing_of(code) == EXPIRED:
            raise spark("auth_code_expired", self.switches)
        post = self.post(code.item_id)
        self.check_post(post, advertiser_id, original=original)
        return self._bound(advertiser_id, post, code)

    def unbind(self, advertiser_id: str, item_id: str) -> None:
        """The row goes. What is not bound cannot be unbound."""
        binding = self.bindings.get(advertiser_id, {}).get(item_id)
        if binding is None:
            raise Refused(self.switches.absent_unbind_code, f"item_id: {item_id} is not bound to this advertiser")
        if self.switches.is_unbind_refused_in_use and self.uses(item_id) and self.standing(binding) == AUTHORIZED:
            raise Refused(NO_PERMISSION, "The post can't be unbound: an active ad uses it")
        del self.bindings[advertiser_id][item_id]

    def rows(self, advertiser_id: str, *, item_types: Iterable[str], keyword: str = "") -> Sequence[Binding]:
        """The bound posts, the newest first. `keyword`: part of the caption, or an item id of 19 digits and more."""
        held = list(self.bindings.get(advertiser_id, {}).values())
        held.reverse()
        kinds = frozenset(item_types)
        return [
            each
            for each in held
            if self.posts[each.item_id].item_type in kinds
            and _matches(self.posts[each.item_id], keyword)
            and (self.switches.is_revoked_row_kept or not self.codes[each.code].is_deleted)
        ]

    def standing_of(self, code: Code) -> str:
        """`ad_auth_status` of a code at this moment."""
        if code.is_deleted:
            return self.switches.revoked_status
        return AUTHORIZED if self.now() < code.end_at else EXPIRED

    def standing(self, binding: Binding) -> str:
        """`ad_auth_status` of a bound post at this moment."""
        return self.standing_of(self.codes[binding.code])

    def binding_of(self, advertiser_id: str, item_id: str) -> Binding | None:
        return self.bindings.get(advertiser_id, {}).get(item_id)

    def is_showable(self, item_id: str) -> bool:
        """Neither deleted nor taken down nor of a banned account. Private posts turn public in a campaign."""
        post = self.posts[item_id]
        return post.status not in REFUSED_STATUSES and not self.creators[post.creator_id].is_banned

    def check_post(
        self, post: Post, advertiser_id: str, *, original: str | None, is_original_needed: bool = True
    ) -> None:
        """Raises the refusal of a post that cannot be used in ads, whatever its code is."""
        if (symbol := self._trouble(post, advertiser_id)) is not None:
            raise spark(symbol, self.switches)
        if post.originals and is_original_needed:
            self._check_original(post, original)

    def _trouble(self, post: Post, advertiser_id: str) -> str | None:
        creator, switches = self.creators[post.creator_id], self.switches
        if creator.is_banned:
            return "video_unavailable"
        if post.status in REFUSED_STATUSES:
            return REFUSED_STATUSES[post.status]
        if post.is_story:
            return "story_video_not_supported"
        if post.item_type == CAROUSEL and post.duet_of:
            return "carousel_duet_not_supported"
        if post.is_chain:
            return "multi_duet_stitch_refused"
        if len(post.mentions) > 1:
            return "mention_multiple_videos"
        if switches.is_private_refused and post.status != PUBLIC:
            return "not_public_video"
        if switches.is_long_video_refused and post.duration > LONGEST_SECONDS:
            return "video_too_long"
        if switches.is_region_checked and creator.region != self.advertisers[advertiser_id].region:
            return "region_mismatch"
        return None

    def _check_original(self, post: Post, original: str | None) -> None:
        """A duet, stitch or mention runs only with the code of the post it was made from."""
        if not original:
            raise spark("original_code_needed", self.switches)
        code = self.checked_code(original)
        if self.standing_of(code) == EXPIRED:
            raise spark("auth_code_expired", self.switches)
        if code.item_id not in post.originals:
            raise spark("original_code_needed", self.switches)

    def _bound(self, advertiser_id: str, post: Post, code: Code) -> Binding:
        held = self.binding_of(advertiser_id, post.item_id)
        if held is not None and held.code == code.value and self.switches.is_same_code_twice_refused:
            raise spark("already_authorized", self.switches)
        if self.switches.is_other_advertiser_refused and self._is_elsewhere(advertiser_id, post.item_id):
            raise spark("used_by_another_advertiser", self.switches)
        if self.switches.rebind_needs_new_code and self._was_bound(advertiser_id, post.item_id, code):
            raise spark("auth_code_not_found", self.switches)
        if held is not None and held.code == code.value:
            return held
        return self._commit(advertiser_id, post, code)

    def _commit(self, advertiser_id: str, post: Post, code: Code) -> Binding:
        binding = Binding(
            advertiser_id=advertiser_id,
            item_id=post.item_id,
            code=code.value,
            identity_id=self.identity_by_code(advertiser_id, post.creator_id).identity_id,
            bound_at=self.now(),
        )
        self.bindings.setdefault(advertiser_id, {})[post.item_id] = binding
        self.binds[advertiser_id, post.item_id] += 1
        self.bound_codes.add((advertiser_id, code.value))
        return binding

    def identity_by_code(self, advertiser_id: str, creator_id: str) -> Identity:
        """The identity that binding a creator's first post makes: one for each creator and advertiser."""
        key = (advertiser_id, creator_id)
        if key not in self.identities:
            self.identities[key] = Identity(
                identity_id=self.identity_shown(*key), identity_type=AUTH_CODE, creator_id=creator_id
            )
        return self.identities[key]

    def identity_shown(self, advertiser_id: str, creator_id: str) -> str:
        """The numeric id that this identity has, or will have once a post is bound: tt_video/info shows it before."""
        digest = hashlib.sha256(f"{self.seed}:{advertiser_id}:{creator_id}".encode()).hexdigest()
        return f"7{int(digest, 16) % 10**18:018d}"

    def _is_elsewhere(self, advertiser_id: str, item_id: str) -> bool:
        return any(item_id in rows for other, rows in list(self.bindings.items()) if other != advertiser_id)

    def _was_bound(self, advertiser_id: str, item_id: str, code: Code) -> bool:
        return (advertiser_id, code.value) in self.bound_codes and self.binding_of(advertiser_id, item_id) is None


def _matches(post: Post, keyword: str) -> bool:
    if not keyword:
        return True
    if keyword.isdigit() and len(keyword) >= 19:  # noqa: PLR2004 - the length of an item id
        return post.item_id == keyword
    return keyword.casefold() in post.text.casefold()
