"""What one reading of TikTok showed of one authorization: a post with its authorization, or access to an account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from domain.events import Code, Condition
from domain.posts import AUTHORIZED, CONDITIONS, DELETED, Identity, Post, plain_status

NEVER = datetime.min.replace(tzinfo=UTC)
ACCOUNT_CONDITIONS = {"AVAILABLE": Condition.PUBLIC, "IS_PRIVATE_ACCOUNT": Condition.PRIVATE}


@dataclass(frozen=True, kw_only=True, slots=True)
class Sighting:
    """What one reading showed of one authorization; a code only by its fingerprint.

    `facts` are what else is worth keeping of the post, as plain JSON values; links that change with each reading are not.
    `missing_since` is the reading that no longer found it.
    """

    key: str
    auth_status: str | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    status: str | None = None
    code_fingerprint: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    seen_at: datetime
    missing_since: datetime | None = None

    @property
    def is_account(self) -> bool:
        """Whether this is access to an account, which has no end."""
        return is_account(self.key)

    @property
    def is_authorized(self) -> bool:
        return self.auth_status == AUTHORIZED

    @property
    def is_deleted(self) -> bool:
        """Whether the creator deleted the post."""
        return plain_status(self.status or "") == DELETED

    @property
    def condition(self) -> Condition | None:
        """What the status means; None for a status that is not known here."""
        status = self.status or ""
        return CONDITIONS.get(plain_status(status)) or ACCOUNT_CONDITIONS.get(status)

    @property
    def code(self) -> Code | None:
        if self.code_fingerprint is None:
            return None
        return Code(fingerprint=self.code_fingerprint, last=str(self.facts.get("code_last", "")))

    def is_in_force(self, at: datetime) -> bool:
        """Whether TikTok lets the post (or the account) be used at `at`. A deleted post keeps its authorization in vain."""
        lasts = self.is_account if self.ends_at is None else self.ends_at > at
        return self.is_authorized and not self.is_deleted and lasts and self.missing_since is None

    def rank(self, at: datetime) -> tuple[bool, datetime]:
        """Of two rows of one post the one of the higher rank counts: what is in force, and what lasts longest."""
        return self.is_in_force(at), self.ends_at or NEVER

    def shows_the_same_as(self, other: Sighting | None) -> bool:
        """Whether two readings differ in nothing but their time."""
        return other is not None and replace(self, seen_at=other.seen_at) == other


def is_account(key: str) -> bool:
    """Whether an authorization's key names an account, not a post."""
    return "/@" in key


def of_post(key: str, post: Post, *, at: datetime, code: Code | None) -> Sighting:
    """The sighting of a post."""
    facts = {
        "item_type": post.item_type,
        "caption": post.caption,
        "creator": post.creator,
        "identity_id": post.identity_id,
        "identity_type": post.identity_type,
        "seconds": post.duration.total_seconds() if post.duration is not None else None,
        "duet_of": post.duet_of,
        "stitch_of": post.stitch_of,
        "is_chain": post.is_chain,
        "mentions": list(post.mentions),
        "has_anchors": post.has_anchors,
        "code_last": code.last if code else None,
    }
    return Sighting(
        key=key,
        auth_status=post.auth_status,
        starts_at=post.starts_at,
        ends_at=post.ends_at,
        status=post.status,
        code_fingerprint=code.fingerprint if code else None,
        facts={name: value for name, value in facts.items() if value not in (None, "", [], False)},
        seen_at=at,
    )


def of_account(key: str, identity: Identity, *, at: datetime) -> Sighting:
    """The sighting of an account. A private one is still held; what other words mean is `domain.findings` to say."""
    status = identity.available_status
    facts = {
        "identity_id": identity.identity_id,
        "identity_type": identity.identity_type,
        "creator": identity.username,
        "name": identity.display_name,
        "is_political": identity.is_political,
        "ads_only_mode": identity.ads_only_mode,
    }
    return Sighting(
        key=key,
        auth_status=AUTHORIZED if status in ACCOUNT_CONDITIONS else status,
        status=status,
        facts={name: value for name, value in facts.items() if value not in (None, "", False)},
        seen_at=at,
    )
