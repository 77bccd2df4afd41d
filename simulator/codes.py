"""Spark codes and what creators do: mint, extend, delete, switch off, hide, delete a post, be banned."""

from __future__ import annotations

import base64
import re
from datetime import timedelta
from random import Random

from simulator.accounts import (
    DELETED,
    PUBLIC,
    Code,
    Creator,
    Post,
)
from simulator.catalogue import ABSENT, NO_PERMISSION, Refused, parameter, spark
from simulator.state import State

SHAPE = re.compile(r"#[A-Za-z0-9+/]{63}=")
DEFAULT_DAYS = 30
STATUSES = (
    "HESITATE_RECOMMEND",
    "ONLY_AUTHOR_SEE",
    "ONLY_FRIEND_SEE",
    "USER_DELETE",
    "AUDIT_DELETE",
    "ONLY_USER_PASS",
    "REVIEW_PENDING",
)


class Creators(State):
    """Creators, their posts and codes. Every action takes effect at once and tells nobody."""

    def add_creator(self, handle: str, **more: object) -> Creator:
        """`more`: fields of Creator."""
        name = str(more.pop("display_name", handle.removeprefix("@")))
        creator_id = str(more.pop("creator_id", "") or self.number(first="6"))
        creator = Creator(creator_id=creator_id, handle=handle, display_name=name, **more)  # type: ignore[arg-type]
        self.creators[creator_id] = creator
        return creator

    def add_post(self, creator_id: str, **more: object) -> Post:
        """`more`: fields of Post; without `item_id` one is made."""
        item_id = str(more.pop("item_id", "") or self.number())
        post = Post(item_id=item_id, creator_id=creator_id, created_at=self.now(), **more)  # type: ignore[arg-type]
        self.posts[item_id] = post
        return post

    # Codes

    def mint(self, item_id: str, *, days: int = DEFAULT_DAYS, value: str | None = None) -> Code:
        """Switches ad authorization on. A post that has a code keeps it; its window starts at its minting."""
        post = self.post(item_id)
        self._check_days(days)
        post.is_promotable = True
        if (code := self.code_of(item_id)) is not None:
            return code
        return self._new_code(item_id, days=days, value=value)

    def code_of(self, item_id: str) -> Code | None:
        """The post's code, expired or not; None when none was minted or it was deleted."""
        value = self.current_codes.get(item_id)
        code = self.codes.get(value) if value else None
        return code if code and not code.is_deleted else None

    def extend(self, item_id: str, *, days: int = DEFAULT_DAYS) -> Code:
        """Adds days to what is left; an expired code gets them from now on."""
        self.post(item_id)
        self._check_days(days)
        code = self.code_of(item_id)
        if code is None:
            if item_id in self.current_codes and self.switches.is_deleted_code_regenerated:
                return self._new_code(item_id, days=days)
            raise self._without_code(item_id)
        code.end_at = max(code.end_at, self.now()) + timedelta(days=days)
        code.days = days
        return code if self.switches.is_code_kept_on_extension else self._renamed(code)

    def delete_code(self, item_id: str) -> Code:
        """Refused while an ad uses the post (switch)."""
        code = self.code_of(item_id)
        if code is None:
            raise self._without_code(item_id)
        if self.switches.is_deletion_of_code_refused_in_use and self.uses(item_id):
            raise Refused(NO_PERMISSION, "The authorization code can't be deleted: an active ad uses the post")
        code.is_deleted = True
        return code

    def switch_off(self, item_id: str) -> None:
        """Ad authorization off: the code goes with it. Refused while the post is used in ads (switch)."""
        post = self.post(item_id)
        if self.switches.is_off_refused_in_use and self.uses(item_id):
            raise Refused(NO_PERMISSION, "Ad authorization can't be switched off: the post is used in Spark Ads")
        post.is_promotable = False
        if (code := self.code_of(item_id)) is not None:
            code.is_deleted = True

    def revoke(self, item_id: str) -> None:
        """The code is gone, whatever uses it: what a silent revocation looks like from outside."""
        if (code := self.code_of(item_id)) is None:
            raise self._without_code(item_id)
        code.is_deleted = True
        self.post(item_id).is_promotable = False

    # Posts and accounts

    def delete_post(self, item_id: str, *, is_forced: bool = False) -> None:
        """Refused while an ad uses it (switch), unless forced, as when TikTok removes an account."""
        post = self.post(item_id)
        if self.switches.is_deletion_of_post_refused_in_use and not is_forced and self.uses(item_id):
            raise Refused(NO_PERMISSION, "The post can't be deleted: it is used in ads")
        post.status = DELETED

    def set_status(self, item_id: str, status: str) -> None:
        """Public, private, under review, removed: one of STATUSES."""
        if status not in STATUSES:
            raise parameter(f"status: {status} is not one of {', '.join(STATUSES)}")
        self.post(item_id).status = status

    def set_auth_words(self, item_id: str, *, word: str | None = None, has_end: bool | None = None) -> None:
        """Any `ad_auth_status` for the post, with an end or without one; by default the truth again."""
        is_true = word is None and has_end is None
        self.post(item_id).auth_words = None if is_true else (word, bool(has_end))

    def make_public(self, item_id: str) -> None:
        self.set_status(item_id, PUBLIC)

    def make_private(self, item_id: str) -> None:
        self.set_status(item_id, "ONLY_AUTHOR_SEE")

    def moderate(self, item_id: str, *, status: str = "ONLY_USER_PASS") -> None:
        """TikTok takes the post down."""
        self.set_status(item_id, status)

    def set_music_missing(self, item_id: str, *, is_missing: bool = True) -> None:
        self.post(item_id).is_music_missing = is_missing

    def ban(self, creator_id: str, *, is_banned: bool = True) -> None:
        """A banned account's posts cannot be seen; their ads stop."""
        self.creator(creator_id).is_banned = is_banned

    def _check_days(self, days: int) -> None:
        if days not in self.switches.days():
            raise parameter(f"authorization_days: must be one of {', '.join(map(str, self.switches.days()))}")

    def _new_code(self, item_id: str, *, days: int, value: str | None = None) -> Code:
        value = value or self._value()
        now = self.now()
        code = Code(
            value=value, item_id=item_id, start_at=now, end_at=now + timedelta(days=days), days=days, invited_at=now
        )
        self.codes[value] = code
        self.current_codes[item_id] = value
        return code

    def _value(self) -> str:
        """`#`, 63 characters of base64, `=`: 47 bytes, the same for the same seed and number."""
        source = Random(f"{self.seed}:{len(self.codes)}")  # noqa: S311 - the same seed gives the same codes
        return "#" + base64.b64encode(source.randbytes(47)).decode()

    def _renamed(self, code: Code) -> Code:
        """After the extension another code counts; who was bound by the old one has lost it."""
        renewed = self._new_code(code.item_id, days=code.days)
        renewed.end_at = code.end_at
        code.is_deleted = True
        return renewed

    def _without_code(self, item_id: str) -> Refused:
        return Refused(ABSENT, f"item_id: the post {item_id} has no authorization code")

    def checked_code(self, text: str) -> Code:
        """The code that `text` is. Raises the refusal of a wrong shape, or of a code that is not (or no more) there."""
        if not SHAPE.fullmatch(text):
            raise spark("auth_code_format_error", self.switches)
        code = self.codes.get(text)
        if code is None or code.is_deleted:
            raise spark("auth_code_not_found", self.switches)
        return code
